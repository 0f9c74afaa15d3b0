"""Processor seconds of an application's training, beside those of its PyTorch twin.

    python -m bench.apps.training_time speech --epochs 2
    python -m bench.apps.training_time translation --epochs 1 --rounds 2 --data FOLDER

Both train in turns in this process on the same data, model and schedule, validation after each epoch included, and stop
before they are tested; the smallest of the rounds counts. Every epoch is the same work, so a few of them will do. The
other options are those of both programs. Set OMP_NUM_THREADS=1 and EIGENLSTM_NUM_THREADS=1 to compare single threads.
"""

import argparse
import importlib
import sys
import tempfile
from unittest import mock

from bench.apps import twin
from eigenlstm.apps import _common

NAMES = ("speech", "sentiment", "tagging", "translation", "images", "video")


class Trained(Exception):
    """Ends a program whose training is over."""


def stop(*given):
    raise Trained(given[-1])


def seconds_of(main, arguments):
    """The processor seconds that the training of a program takes."""
    with mock.patch.object(twin, "finished", stop), mock.patch.object(_common, "on_rank_0", stop):
        try:
            main(arguments)
        except Trained as trained:
            return trained.args[0]
    raise RuntimeError("the program ended without having trained")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        prog="python -m bench.apps.training_time",
    )
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--rounds", type=int, default=2, metavar="N", help="default: %(default)s")
    given, more = parser.parse_known_args()
    ours = importlib.import_module(f"eigenlstm.apps.{given.name}").main
    theirs = importlib.import_module(f"bench.apps.{given.name}_torch").main
    with tempfile.TemporaryDirectory() as folder:
        pairs = [(seconds_of(ours, [*more, "--out", folder]), seconds_of(theirs, more)) for _ in range(given.rounds)]
    least = [min(column) for column in zip(*pairs)]
    print(
        f"{given.name} {' '.join(more)}: {least[0]:.1f} s here, {least[1]:.1f} s in PyTorch, {least[1] / least[0]:.2f} times"
    )


if __name__ == "__main__":
    sys.exit(main())
