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
from ..cli_input import at_least
from ..safetensors_files import read_tensors
from ..saving import load


def application(
    module,
    description,
    epochs,
    quick_epochs,
    arguments=None,
    *,
    data=None,
    own=None,
    flags=None,
    needs=None,
    loads=True,
    splits=False,
):
    """The parsed command line of an application.

    `description` is the application's docstring, which ``--help`` shows as it is. `data` is the help of ``--data``,
    which is left out without it, as ``--load`` is without `loads` and ``--split`` without `splits`; `own` maps the
    application's own options to their help, `flags` its switches. Help that begins with "with --load" marks an option
    that is refused without ``--load``; without these words it is refused with it, like all that is for training.
    `needs` is the option that ``--load`` can't do without, and what is given with it.
    `given.epochs` is `epochs`, or `quick_epochs` with ``--quick``, unless ``--epochs`` says otherwise; `given.comm` is
    for `fit`, and None without ``--mpi``.
    """
    parser = _parser(module, description)
    parser.add_argument(
        "--epochs",
        type=at_least(1),
        metavar="N",
        help=f"train for N passes over the data; default: {epochs}, with --quick {quick_epochs}",
    )
    parser.add_argument("--quick", action="store_true", help="do a small part of the work, to see that it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the scores to FILE, as JSON")
    parser.add_argument("--mpi", action="store_true", help="train in all processes of mpirun, with one thread each")
    if data:
        parser.add_argument("--data", type=Path, metavar="PATH", help=data)
    if splits:
        parser.add_argument(
            "--split",
            type=at_least(0),
            metavar="N",
            help="which random split into parts; 0, the default, is the one that the settings were chosen on",
        )
    if loads:
        parser.add_argument("--load", type=Path, metavar="MODEL", help="don't train: use the saved MODEL on your input")
    for name, text in (own or {}).items():
        parser.add_argument(name, metavar=_attribute(name).upper(), help=text)
    for name, text in (flags or {}).items():
        parser.add_argument(name, action="store_true", help=text)
    given = parser.parse_args(arguments)
    training = ("--epochs", "--quick", "--json", "--mpi", "--data", "--split")
    _refuse(parser, given, {**dict.fromkeys(training, ""), **(own or {}), **(flags or {})})
    if needs and given.load is not None and not getattr(given, _attribute(needs.split()[0])):
        parser.error(f"--load needs {needs}")
    if given.epochs is None:
        given.epochs = quick_epochs if given.quick else epochs
    given.split = getattr(given, "split", None) or 0
    given.comm = _joined() if given.mpi else None
    return _prepared(given)


def _attribute(option):
    """What argparse calls the value of an option."""
    return option[2:].replace("-", "_")


def _parser(module, description):
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=at_least(0), default=0, help="of all random numbers; default: %(default)s")
    parser.add_argument(
        "--out", type=Path, default=Path("."), metavar="FOLDER", help="write the picture and the model there"
    )
    return parser


def _refuse(parser, given, options):
    """Refuse options that would be ignored: those of loading without ``--load``, those of training with it."""
    loading = getattr(given, "load", None) is not None
    for name, text in options.items():
        if getattr(given, _attribute(name), None) in (None, False):
            continue
        if loading and "with --load" not in text:
            parser.error(f"{name} is for training: leave it out with --load")
        if not loading and text.startswith("with --load"):
            parser.error(f"{name} needs --load MODEL")


def _prepared(given):
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        sys.exit('the picture needs matplotlib: pip install "eigenlstm[apps]"')
    if getattr(given, "load", None) is None:
        try:
            given.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            sys.exit(f"--out: {reason(given.out, error)}")
        writes = given.comm is None or given.comm.rank == 0
        if writes and given.json and not given.json.absolute().parent.is_dir():
            sys.exit(f"--json: there is no folder {given.json.parent} to write into")
    return given


def opened(path, *keys):
    """The model in the file `path`, and the file's metadata, which must have `keys`: those of another application's
    model are others."""
    try:
        model, (_, about) = load(path), read_tensors(path)
    except (OSError, ValueError) as error:
        sys.exit(f"--load: {reason(path, error)}")
    lacking = [key for key in keys if key not in about]
    if lacking:
        sys.exit(f"--load: {path} is no model of this application, it has no {lacking[0]!r}")
    return model, about


def reason(path, error):
    """Why the file `path` could not be read, in one line that names it."""
    text = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
    return text if str(path) in text else f"{path}: {text}"


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
