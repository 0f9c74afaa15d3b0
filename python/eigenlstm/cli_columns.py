"""What ``python -m eigenlstm forecast FILE`` says of a file: its columns, and a command that forecasts one."""

import shlex

import numpy as np

from .forecasting.seasons import season_candidates
from .forecasting.series import SeriesError, parse_numbers, parse_times, read_series

_MOST_COLUMNS = 40


class Column:
    """A column of a table: its cells, and what they are: "times", "numbers" or "text"."""

    def __init__(self, table, name, missing):
        self.name, self.cells = name, table.column(name)
        self.times = self.numbers = None
        lines = table.lines
        try:
            self.numbers = parse_numbers(
                self.cells, name, lines, missing=missing, comma_hint=table.delimiter == ";", notes=[]
            )
        except SeriesError:
            pass
        try:
            self.times = parse_times(self.cells, name, lines).utc
        except SeriesError:
            pass
        if self.times is not None and self.numbers is not None and not _are_a_clock(self.times):
            self.times = None
        self.kind = "times" if self.times is not None else "numbers" if self._has_numbers() else "text"

    def _has_numbers(self):
        return self.numbers is not None and bool(np.isfinite(self.numbers).any())

    def describe(self):
        if self.kind == "times":
            return f"{_day(self.times.min())} to {_day(self.times.max())}"
        if self.kind == "numbers":
            present = self.numbers[np.isfinite(self.numbers)]
            missing = len(self.numbers) - len(present)
            return f"{present.min():.5g} to {present.max():.5g}" + (f", {missing:,} missing" if missing else "")
        distinct = list(dict.fromkeys(self.cells))
        shown = ", ".join(repr(cell[:20]) for cell in distinct[:3])
        return shown + (f", … ({len(distinct):,} in all)" if len(distinct) > 3 else "")


def _are_a_clock(times):
    """Whether numbers that may be times go one way, as times do, in stretches of three rows or more."""
    turns = np.diff(times).astype(np.int64)
    return (
        len(times) > 2
        and (np.sum(turns > 0) <= len(times) // 3 or np.sum(turns < 0) <= len(times) // 3)
        and turns.any()
    )


def _day(time):
    return str(time).replace("T", " ").removesuffix(" 00:00:00").removesuffix(":00")


def overview(table, options):
    """Lines that list the columns of `table` and propose the command."""
    columns = [
        Column(table, name, options.missing)
        for name in dict.fromkeys(table.header[:_MOST_COLUMNS])
        if table.header.count(name) == 1
    ]
    width = max(len(column.name) for column in columns)
    lines = [f"{table.path}: {len(table.rows):,} rows, {len(table.header)} columns", ""]
    lines += [f"  {column.name.ljust(width)}  {column.kind:7}  {column.describe()}" for column in columns]
    if len(table.header) > _MOST_COLUMNS:
        lines.append(f"  … and {len(table.header) - _MOST_COLUMNS} more")
    lines += ["", *table.notes] if table.notes else []
    command, why = proposal(table, columns, options)
    if command is None:
        return [*lines, "", why]
    lines += [
        "",
        "To forecast one of them:" if why is None else f"To forecast one of them ({why}):",
        "",
        f"  {command}",
    ]
    return lines


def proposal(table, columns, options):
    """``(command, remark)``; without a command, the remark says why there is none."""
    clocks = [column for column in columns if column.kind == "times"]
    clock = clocks[0] if clocks else None
    ids = None
    if clock is not None and len(np.unique(clock.times)) < len(clock.times):
        ids = next(
            (
                column
                for column in columns
                if column is not clock and column.kind != "times" and _tells_apart(column, clock)
            ),
            None,
        )
    series = [column for column in columns if column.kind == "numbers" and column is not ids and not _counts(column)]
    if not series:
        return (None, "No column has numbers to forecast; if they are written in an unusual way, see --help.")
    target, n = series[0], len(table.rows)
    arguments = {"time_column": clock and clock.name, "id_column": ids and ids.name}
    words = [str(table.path) if table.path != "standard input" else "-"]
    for flag, name in (("--time-column", clock), ("--id-column", ids), ("--column", target)):
        words += [flag, name.name] if name is not None else []
    remark, found = None, None
    for more in ({}, {"fill": True}, {"duplicates": "mean"}, {"fill": True, "duplicates": "mean"}):
        try:
            found = read_series(table, target.name, missing=options.missing, **arguments, **more)
            break
        except SeriesError as error:
            remark = remark or str(error)
    if found is None:
        arguments, more, words = (
            {},
            {},
            [word for word in words if clock is None or word not in ("--time-column", clock.name)],
        )
        remark = f"without times: {remark}"
    else:
        found = min(found, key=lambda one: len(one.values)) if isinstance(found, list) else found
        n, remark = len(found.values), None
    step = getattr(found, "step", None)
    words += ["--horizon", str(likely_horizon(n, step))]
    words += ["--fill"] * ("fill" in more) + ["--duplicates", "mean"] * ("duplicates" in more)
    for value in options.missing:
        words += ["--missing", value]
    if options.encoding:
        words += ["--encoding", options.encoding]
    return "python -m eigenlstm forecast " + " ".join(map(shlex.quote, words)), remark


def likely_horizon(n, step):
    """A horizon that people ask for: a year of months or quarters, two weeks of days, a day of hours; of a short series
    at most a fifth."""
    candidates = season_candidates(step, n) if step is not None else []
    first = candidates[0] if candidates else max(n // 10, 1)
    wanted = 2 * first if first in (4, 5, 7) else min(first, 96)
    return max(1, min(wanted, n // 5))


def _tells_apart(column, clock):
    """Whether no time comes twice among the rows of one value of the column, of which there are few."""
    pairs = set(zip(column.cells, clock.times.tolist()))
    return len(pairs) == len(column.cells) and len(set(column.cells)) <= len(column.cells) // 3


def _counts(column):
    """Whether a column only counts the rows, as R's and pandas' names of rows do."""
    numbers = column.numbers
    return len(numbers) > 1 and bool((np.diff(numbers) == 1).all()) and numbers[0] in (0, 1)
