"""The command line: ``python -m eigenlstm demo | forecast | convert | amp | latency | info``."""

import argparse
import os
import sys

from .cli_amp import add_amp
from .cli_convert import add_convert
from .cli_forecast import add_forecast
from .cli_input import CommandError
from .cli_latency import add_latency
from .forecasting.series import SeriesError
from .safetensors_files import FileError


def main(arguments=None):
    """Run the command line and return its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        options.command(options)
    except (CommandError, SeriesError, FileError) as error:
        print(f"{parser.prog} {options.name}: error: {error}", file=sys.stderr)
        return 2
    except MemoryError as error:
        print(
            f"{parser.prog} {options.name}: error: there is not enough memory ({error}); use fewer hidden units or "
            "a shorter window",
            file=sys.stderr,
        )
        return 2
    except BrokenPipeError:  # the reader of our output is gone; Python would complain of it again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        print(f"{parser.prog} {options.name}: stopped", file=sys.stderr)
        return 130
    return 0


class _Parser(argparse.ArgumentParser):
    """A parser that reports wrong arguments in one line, as all errors are reported."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def _parser():
    parser = _Parser(prog="python -m eigenlstm", description="LSTMs for CPUs.")
    commands = parser.add_subparsers(dest="name", required=True, metavar="command")

    add_forecast(commands)
    add_convert(commands)
    add_amp(commands)
    add_latency(commands)

    info = commands.add_parser("info", help="versions, instruction sets and threads, for bug reports")
    info.set_defaults(command=_info)
    return parser


def _info(_):
    from . import info

    for name, value in info().items():
        print(f"{name + ':':16} {', '.join(value) if isinstance(value, (list, tuple)) else value}")
