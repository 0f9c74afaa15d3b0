"""What the examples share: their options and their pictures."""

import argparse
import io
import sys
from pathlib import Path

from ..atomic_files import write_atomically


def options(module, description, epochs, arguments=None, **flags):
    """The parsed command line of an example; `flags` are names of further switches with their help."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--epochs", type=int, default=epochs, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path("."), metavar="FOLDER", help="where to write; default: here")
    for name, text in flags.items():
        parser.add_argument(f"--{name.replace('_', '-')}", action="store_true", help=text)
    parsed = parser.parse_args(arguments)
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        sys.exit('the picture needs matplotlib: pip install "eigenlstm[demo]"')
    parsed.out.mkdir(parents=True, exist_ok=True)
    return parsed


def new_figure(width, height):
    """A figure that needs no window and leaves matplotlib's global state alone."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def tidy(axes, title, xlabel="", ylabel=""):
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.spines[["top", "right"]].set_visible(False)


def write_figure(figure, path):
    """Write `figure` to `path` as PNG, whole or not at all."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    write_atomically(path, buffer.getvalue())
