"""Series as people have them in files: read, put in order, and described."""

from .numbers import parse_numbers
from .reader import DUPLICATES, Series, read_series
from .step import SeriesError, Step, step_of
from .table_files import TableFile, read_table
from .times import Times, parse_times

read_csv = read_series  # its name until 0.2

__all__ = [
    "DUPLICATES",
    "Series",
    "SeriesError",
    "Step",
    "TableFile",
    "Times",
    "parse_numbers",
    "parse_times",
    "read_csv",
    "read_series",
    "read_table",
    "step_of",
]
