"""Series from tables: values, times, the step between them, gaps and what goes with them."""

from dataclasses import dataclass, field
from datetime import tzinfo

import numpy as np

from .numbers import parse_numbers
from .step import SeriesError, Step, step_of, text_of
from .table_files import read_table
from .times import counts_rows, parse_times
from .zones import localised_in, wall_times

DUPLICATES = ("mean", "first", "last")


@dataclass
class Series:
    """Evenly spaced values of one column, with the columns that go with it.

    Attributes
    ----------
    name : str
        Of the column.
    values : float64 (n,)
    times : datetime64[s] (n,) or None
        In UTC where there is a `zone`, else as they are written.
    step : Step or None
    exog : float64 (n, E)
        Covariates, one column each of `exog_names`.
    observed : bool (n,)
        False where the value was interpolated.
    zone : tzinfo or None
    id : str or None
        Which of the series of a table in long format.
    notes : list of str
        What the reader did to the rows, or had to assume.
    """

    name: str
    values: np.ndarray
    times: np.ndarray | None
    step: Step | None
    exog: np.ndarray
    exog_names: list = field(default_factory=list)
    observed: np.ndarray | None = None
    zone: tzinfo | None = None
    id: str | None = None
    notes: list = field(default_factory=list)

    def __post_init__(self):
        if self.observed is None:
            self.observed = np.ones(len(self.values), bool)

    @property
    def filled(self):
        """How many values were interpolated."""
        return int((~self.observed).sum())

    @property
    def wall_times(self):
        """The times on the clock on the wall (n,), which people's days follow; None without times."""
        return self.times if self.times is None or self.zone is None else wall_times(self.times, self.zone)[0]

    def future_times(self, steps):
        """The next `steps` times; None for a series without times."""
        if self.times is None:
            return None
        if self.zone is None or self.step.whole("M8[D]") is False:
            return self.step.after(self.times[-1], steps)
        # Days and months begin at midnight on the wall, whatever the offset from UTC is.
        last, _ = wall_times(self.times[-1:], self.zone)
        return localised_in(self.step.after(last[0], steps), self.zone)

    def time_text(self, time):
        """`time` as text, with its offset from UTC where the file has offsets, and without the parts that are zero in
        all times of the series."""
        offset = ""
        if self.zone is not None:
            walls, offsets = wall_times(np.array([time], "M8[s]"), self.zone)
            time, minutes = walls[0], int(offsets[0]) // 60
            offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
        text = str(time.astype("M8[s]")).replace("T", " ")
        return text[: self._shown] + offset

    @property
    def _shown(self):
        """How many characters of a time are shown: those of the day, the minute or the second."""
        if not hasattr(self, "_characters"):
            walls = self.wall_times
            for unit, characters in (("M8[D]", 10 if self.zone is None else 16), ("M8[m]", 16), ("M8[s]", 19)):
                if (walls == walls.astype(unit)).all() and self.step.whole(unit):
                    break
            self._characters = characters
        return self._characters


def read_series(
    path,
    column,
    *,
    time_column=None,
    time_format=None,
    time_zone=None,
    exog=(),
    fill=False,
    missing=(),
    duplicates=None,
    encoding=None,
    decimal=None,
    id_column=None,
    id=None,
):
    """The series in `column` of a file; a list of them with `id_column`.

    Parameters
    ----------
    path : path
        Text with a header row and cells divided by comma, semicolon, tab, bar or spaces, also packed with gzip; ``-``
        for standard input; .xlsx and Parquet where pandas is installed.
    column : str
    time_column : str, optional
        Times in one of the forms that `parse_times` knows, or in `time_format` (as of ``datetime.strptime``), in any
        order, evenly spaced: also business days, calendar months, quarters and years.
    time_zone : str, optional
        Of local times, which then may skip an hour in spring and repeat one in autumn; or of the forecast's offsets.
    exog : names of further columns of numbers
    fill : bool
        Interpolate missing values and missing rows linearly, instead of refusing them. Nothing is filled before the
        first value or after the last one: rows there are left out.
    missing : strings
        Further cells that stand for no value, as "-999".
    duplicates : "mean", "first" or "last", optional
        What to take of rows of the same time, which are refused otherwise.
    encoding, decimal : str, optional
        Of text that doesn't say so itself.
    id_column, id : str, optional
        The column that says which series a row belongs to, and those to read (a name or several; default: all).

    Raises
    ------
    SeriesError
        With one line that names the row and says what to do.
    """
    table = path if hasattr(path, "rows") else read_table(path, encoding=encoding)
    if duplicates not in (None, *DUPLICATES):
        raise SeriesError(f"--duplicates must be one of {', '.join(DUPLICATES)}, got {duplicates!r}")
    notes = list(table.notes)
    columns = _Columns(table, [column, *exog], time_column, time_format, time_zone, missing, decimal, notes)
    if id_column is None:
        return _series(columns, np.arange(len(table.rows)), None, fill, duplicates, notes)
    ids = np.array(table.column(id_column))
    wanted = list(dict.fromkeys(ids.tolist())) if id is None else [id] if isinstance(id, str) else list(id)
    found = []
    for name in wanted:
        rows = np.flatnonzero(ids == name)
        if not rows.size:
            known = ", ".join(repr(str(one)) for one in list(dict.fromkeys(ids.tolist()))[:8])
            raise SeriesError(f"--id {name!r} is not in column {id_column!r}, which has {known}")
        try:
            found.append(_series(columns, rows, name, fill, duplicates, notes if not found else []))
        except SeriesError as error:
            raise SeriesError(f"{id_column} {name!r}: {error}") from None
    return found


class _Columns:
    """The numbers and times of a table's columns, all rows of them."""

    def __init__(self, table, names, time_column, time_format, time_zone, missing, decimal, notes):
        self.names, self.lines = names, np.array(table.lines)
        cells = {name: table.column(name) for name in dict.fromkeys(names)}
        self.data = np.column_stack(
            [
                parse_numbers(
                    cells[name],
                    name,
                    table.lines,
                    missing=missing,
                    decimal=decimal,
                    comma_hint=table.delimiter == ";",
                    notes=notes,
                )
                for name in names
            ]
        )
        self.times = self.zone = None
        if time_column is not None:
            cells = table.column(time_column)
            empty = [i for i, cell in enumerate(cells) if not cell]
            if empty:
                raise SeriesError(
                    f"line {table.lines[empty[0]]}: column {time_column!r} has no time; fill it in, or delete the row"
                )
            if time_format is None and counts_rows(cells):
                notes.append(f"column {time_column!r} counts the rows, {cells[0]} to {cells[-1]}: there are no times")
                return
            parsed = parse_times(cells, time_column, table.lines, time_format=time_format, time_zone=time_zone)
            self.times, self.zone = parsed.utc, parsed.zone
            notes += parsed.notes


def _series(columns, rows, id, fill, duplicates, notes):
    """The `Series` of some `rows` of the columns."""
    data, lines, notes = columns.data[rows], columns.lines[rows], list(notes)
    times = step = None
    if columns.times is not None:
        times, data, lines = _in_order(columns.times[rows], data, lines, duplicates, notes)
        data, times, lines = _between_values(columns.names, data, times, lines, notes)
        step, times, data, lines = _on_grid(times, data, lines, columns.zone, fill)
    else:
        data, _, lines = _between_values(columns.names, data, None, lines, notes)
    data, observed = _filled(columns.names, data, lines, fill)
    return Series(
        columns.names[0],
        data[:, 0].copy(),
        times,
        step,
        data[:, 1:].copy(),
        columns.names[1:],
        observed,
        columns.zone,
        id,
        notes,
    )


def _in_order(times, data, lines, duplicates, notes):
    """Rows by ascending time, one a time."""
    if len(times) < 3:
        raise SeriesError(f"{len(times)} rows are too few for a series; give more rows")
    ahead = np.diff(times).astype(np.int64)
    if (ahead < 0).any():
        order = np.argsort(times, kind="stable")
        notes.append(
            "the rows go back in time and were turned round" if (ahead <= 0).all() else "the rows were sorted by time"
        )
        times, data, lines = times[order], data[order], lines[order]
    again = np.flatnonzero(np.diff(times).astype(np.int64) == 0) + 1
    if not again.size:
        return times, data, lines
    if duplicates is None:
        i = int(again[0])
        raise SeriesError(
            f"line {lines[i]}: the time {text_of(times[i])} comes twice, as in line {lines[i - 1]} ({again.size} rows "
            "in all); give --duplicates mean, first or last; where a column says which series a row belongs to, "
            "--id-column; for a clock set back in autumn, --time-zone"
        )
    first = np.flatnonzero(np.diff(times, prepend=times[:1] - np.timedelta64(1, "s")).astype(np.int64))
    last = np.append(first[1:], len(times)) - 1
    notes.append(f"{len(times) - len(first)} rows of times that had come before: --duplicates {duplicates}")
    if duplicates == "mean":
        with np.errstate(invalid="ignore"):
            sums = np.add.reduceat(np.nan_to_num(data), first, axis=0)
            data = sums / np.add.reduceat(~np.isnan(data), first, axis=0)
        return times[first], data, lines[first]
    kept = first if duplicates == "first" else last
    return times[kept], data[kept], lines[kept]


def _between_values(names, data, times, lines, notes):
    """The rows from the first that has all values to the last that has one of the series itself."""
    present = np.flatnonzero(~np.isnan(data[:, 0]))
    if not present.size:
        raise SeriesError(f"column {names[0]!r} has no numbers; choose another column")
    complete = np.flatnonzero(~np.isnan(data).any(axis=1))
    first, last = int(complete[0]) if complete.size else 0, int(present[-1])
    for count, where in ((first, "before the first value"), (len(data) - 1 - last, "after the last value")):
        if count:
            notes.append(f"{count} row{'s' * (count > 1)} {where} {'are' if count > 1 else 'is'} left out")
    part = slice(first, last + 1)
    return data[part], None if times is None else times[part], lines[part]


def _on_grid(times, data, lines, zone, fill):
    """``(step, times, data, lines)`` with a row for each step, NaN where there was none; refused unless `fill`."""
    if len(times) < 3:
        raise SeriesError(f"{len(times)} rows with values are too few for a series; give more rows")
    step, positions, walls = _step(times, zone)
    gaps = np.flatnonzero(np.diff(positions) > 1)
    n = int(positions[-1]) + 1
    if gaps.size and not fill:
        i = int(gaps[0])
        raise SeriesError(
            f"line {lines[i + 1]}: rows are missing between {text_of(times[i])} and {text_of(times[i + 1])} "
            f"({n - len(positions)} of {n:,} in all, one each {step.each}); add them, or give --fill to interpolate"
        )
    if len(positions) < 0.5 * n:
        raise SeriesError(
            f"more than half of the rows are missing, at one each {step.each}; give a series that is more complete, or "
            "leave --time-column out to count rows as steps"
        )
    grid = np.concatenate([walls[:1], step.after(walls[0], n - 1)])
    grid = localised_in(grid, zone) if zone is not None and walls is not times else grid
    grid[positions] = times  # as they are written, also where trading days move about
    full, at = np.full((n, data.shape[1]), np.nan), np.zeros(n, lines.dtype)
    full[positions], at[positions] = data, lines
    return step, grid, full, at


def _step(times, zone):
    """The step, the positions, and the times that it was found with: in UTC, or on the wall, where days and months
    begin at midnight in summer and winter."""
    if zone is not None:
        walls = wall_times(times, zone)[0]
        try:
            step, positions = step_of(walls)
        except SeriesError:
            walls = None
        if walls is not None and step.whole("M8[D]"):
            return step, positions, walls
    return (*step_of(times), times)


def _filled(names, data, lines, fill):
    """``(data, observed)``, missing values interpolated between the values around them."""
    missing = np.isnan(data)
    for j, name in enumerate(names):
        rows = np.flatnonzero(missing[:, j])
        if not rows.size:
            continue
        if missing[:, j].all():
            raise SeriesError(f"column {name!r} has no numbers; choose another column")
        more = f" ({rows.size} values are missing in all)" if rows.size > 1 else ""
        if not fill:
            raise SeriesError(
                f"line {lines[rows[0]]}: column {name!r} has no value{more}; fill it in, or give --fill to interpolate"
            )
        present = ~missing[:, j]
        if not (present[0] and present[-1]):
            raise SeriesError(
                f"line {lines[rows[-1]]}: column {name!r} has no value at the end of the series, where there is "
                f"nothing to interpolate; fill it in, or leave --exog {name} out"
            )
        data[:, j] = np.interp(np.arange(len(data)), np.flatnonzero(present), data[present, j])
    return data, ~missing[:, 0]
