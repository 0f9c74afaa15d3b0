"""What the applications share: their options, their tables of scores and their pictures."""

import argparse
import atexit
import io
import json
import os
import sys
from pathlib import Path

import numpy as np

from .. import distributed, set_num_threads
from ..atomic_files import write_atomically


def application(
    module, description, epochs, quick_epochs, arguments=None, *, data=None, own=None, flags=None, loads=True
):
    """The parsed command line of an application.

    `data` is the help of ``--data``, which is left out without it, as ``--load`` is without `loads`; `own` maps the
    application's own options to their help, `flags` its switches. `given.epochs` is `epochs`, or `quick_epochs` with
    ``--quick``, unless ``--epochs`` says otherwise; `given.comm` is for `fit`, and None without ``--mpi``.
    """
    parser = _parser(module, description)
    parser.add_argument("--epochs", type=int, help=f"default: {epochs}, with --quick {quick_epochs}")
    parser.add_argument("--quick", action="store_true", help="a small part of the work, to see that it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the scores there")
    parser.add_argument("--mpi", action="store_true", help="train in all processes of mpirun, with one thread each")
    if data:
        parser.add_argument("--data", type=Path, metavar="PATH", help=data)
    if loads:
        parser.add_argument("--load", type=Path, metavar="MODEL", help="use a saved model on input of your own")
    for name, text in (own or {}).items():
        parser.add_argument(name, help=text)
    for name, text in (flags or {}).items():
        parser.add_argument(name, action="store_true", help=text)
    given = parser.parse_args(arguments)
    if given.epochs is None:
        given.epochs = quick_epochs if given.quick else epochs
    if given.mpi and getattr(given, "load", None):
        parser.error("--mpi is for training: leave it out with --load")
    given.comm = _joined() if given.mpi else None
    return _prepared(given)


def _parser(module, description):
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path("."), metavar="FOLDER", help="where to write; default: here")
    return parser


def _prepared(given):
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        sys.exit('the picture needs matplotlib: pip install "eigenlstm[apps]"')
    given.out.mkdir(parents=True, exist_ok=True)
    return given


def _joined():
    """This process as a rank of ``--mpi``: silent unless it is rank 0, and with one thread unless
    EIGENLSTM_NUM_THREADS says otherwise.

    A rank that ends before `on_rank_0`, by an exception or by sys.exit, ends all: the others would wait for it.
    """
    try:
        comm = distributed.mpi_comm()
    except ImportError as error:
        sys.exit(str(error))
    if "EIGENLSTM_NUM_THREADS" not in os.environ:
        set_num_threads(1)
    if comm.rank:
        sys.stdout = open(os.devnull, "w")
    if comm.size > 1:
        atexit.register(_abort, comm)
    return comm


def _abort(comm):
    comm.abort(f"rank {comm.rank} of {comm.size} ended before the training was done")


def on_rank_0(given, seconds):
    """The processor seconds of the training, those of all ranks together. The other ranks end here: what follows needs
    one process.
    """
    if given.comm is None:
        return seconds
    of_all = np.empty(given.comm.size)
    given.comm.all_gather(np.array([seconds]).view(np.uint8), of_all.view(np.uint8), [of_all.itemsize] * of_all.size)
    atexit.unregister(_abort)
    return sys.exit() if given.comm.rank else float(of_all.sum())


def report(given, scores, baselines, seconds):
    """Print a table of `scores` beside those of the `baselines` (name -> the same scores), and write them to
    ``--json``.

    `seconds` is the processor time of the training, all threads together."""
    print("\n" + " " * 34 + "".join(f"{name:>14}" for name in scores))
    for name, row in {**baselines, "LSTM": scores}.items():
        print(f"  {name:32}" + "".join(f"{row[key]:14.4f}" if key in row else " " * 14 for key in scores))
    print(f"\ntrained in {seconds:.0f} processor seconds")
    write_scores(given, scores, baselines, seconds)


def write_scores(given, scores, baselines, seconds):
    """Write what `report` shows to ``--json``, if that was given."""
    if given.json:
        text = json.dumps({**scores, "baselines": baselines, "seconds": seconds}, indent=2) + "\n"
        write_atomically(given.json, text.encode())


def likeliest(logits, names):
    """The name with the largest of `logits`; prints the three likeliest with their probabilities."""
    odds = np.exp(logits.astype(np.float64) - logits.max())
    for i in np.argsort(-odds)[:3]:
        print(f"{odds[i] / odds.sum():6.1%}  {names[i]}")
    return names[int(odds.argmax())]


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
