"""The options of the command line that say what a series is in a file, and how they are read."""

import argparse
from pathlib import Path

from .forecasting.series import DUPLICATES, read_series, read_table


class CommandError(Exception):
    """A mistake of the user's, which is explained in one line; the exit code is 2."""


def add_input(parser):
    """Add the file and the options of its columns and cells."""
    group = parser.add_argument_group("the series")
    group.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="a table with a header: CSV in any dress, also as .gz; .xlsx and Parquet where pandas is installed; - for "
        "standard input",
    )
    group.add_argument("--column", metavar="NAME", help="the column to forecast")
    group.add_argument(
        "--time-column",
        metavar="NAME",
        help="times, in any order; they are checked for gaps, and give the model the time of day, week and year",
    )
    group.add_argument(
        "--time-format", metavar="FORMAT", help="of the times, as of strptime; default: common forms are recognised"
    )
    group.add_argument(
        "--time-zone", metavar="ZONE", help="of local times, as Europe/Berlin: hours may be skipped and come twice"
    )
    group.add_argument(
        "--exog",
        "--covariate",  # its name until 0.2
        action="append",
        default=[],
        metavar="NAME",
        help="a further column that the model reads; may be given several times",
    )
    group.add_argument("--id-column", metavar="NAME", help="says which series a row belongs to; each is forecast")
    group.add_argument(
        "--id", action="append", metavar="VALUE", help="forecast this one of them; may be given several times"
    )
    group.add_argument("--fill", action="store_true", help="interpolate missing values and rows between others")
    group.add_argument(
        "--missing",
        action="append",
        default=[],
        metavar="VALUE",
        help="a cell that stands for no value, as -999; empty ones, NA, NaN, #N/A, - and . do anyway",
    )
    group.add_argument("--duplicates", choices=DUPLICATES, help="what to take of rows of the same time")
    group.add_argument("--encoding", metavar="NAME", help="of the text; default: UTF-8, or what its first bytes say")
    group.add_argument("--decimal", choices=(".", ","), help="the decimal mark, where numbers can be read in two ways")


def series_of(options, column, **other):
    """A list of the series in `column` of the file: one, or with ``--id-column`` all; `other` replaces options."""
    if options.id and not options.id_column:
        raise CommandError("--id says which series to forecast; give --id-column NAME, too")
    names = (
        "time_column",
        "time_format",
        "time_zone",
        "exog",
        "id_column",
        "id",
        "fill",
        "missing",
        "duplicates",
        "encoding",
        "decimal",
    )
    arguments = {name: getattr(options, name) for name in names}
    found = read_series(options.file, column, **{**arguments, **other})
    return found if isinstance(found, list) else [found]


def table_of(options):
    """The file as a table."""
    return read_table(options.file, encoding=options.encoding)


def at_least(least):
    """The type of an option that is a whole number from `least` on."""

    def number(text):
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}, got {value}")
        return value

    number.__name__ = "whole number"
    return number
