from .numbers import parse_numbers as parse_numbers
from .reader import DUPLICATES as DUPLICATES
from .reader import Series as Series
from .reader import read_series as read_series
from .step import SeriesError as SeriesError
from .step import Step as Step
from .step import step_of as step_of
from .table_files import TableFile as TableFile
from .table_files import read_table as read_table
from .times import Times as Times
from .times import parse_times as parse_times

read_csv = read_series
