"""A series from a CSV file: its values, its times, and the step between them."""

import csv
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timezone

import numpy as np

_MISSING = {"", "na", "n/a", "nan", "null", "none", "-", "?"}
_DELIMITERS = ",;\t|"
_YEAR_MONTH = re.compile(r"\d{4}-\d{2}")


class SeriesError(ValueError):
    """What is wrong with a series, in one line that says what to do."""


@dataclass(frozen=True)
class Step:
    """The time between two values: so many seconds, or so many calendar months."""

    count: int
    unit: str  # "s" or "month"

    def after(self, last, steps):
        """The `steps` times that follow `last`, as ``datetime64[s]``."""
        ahead = np.arange(1, steps + 1) * self.count
        if self.unit == "s":
            return last + ahead.astype("timedelta64[s]")
        month, rest = _month_and_rest(np.array([last]))
        start = month + ahead
        if _is_month_end(last):
            return (
                (start + 1).astype("M8[M]").astype("M8[D]").astype("M8[s]")
                - np.timedelta64(1, "D")
                + (last - last.astype("M8[D]"))
            )
        return start.astype("M8[M]").astype("M8[s]") + rest

    def __str__(self):
        if self.unit == "month":
            count, name = (self.count // 12, "year") if self.count % 12 == 0 else (self.count, "month")
        else:
            count, name = next((self.count // size, name) for size, name in _UNITS if self.count % size == 0)
        return f"{count} {name}" if count == 1 else f"{count} {name}s"

    def whole(self, unit):
        """Whether the step is a whole number of days ("M8[D]") or minutes ("M8[m]")."""
        return self.unit == "month" or self.count % (86_400 if unit == "M8[D]" else 60) == 0

    @property
    def each(self):
        """As in "one each …"."""
        return str(self).removeprefix("1 ")


_UNITS = ((604800, "week"), (86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


@dataclass
class Series:
    """Evenly spaced values of one column, with the columns that go with it.

    Attributes
    ----------
    name : str
    values : float64 (n,)
    times : datetime64[s] (n,) or None
    step : Step or None
    exog : float64 (n, E)
        Covariates, one column each of `exog_names`.
    filled : int
        How many values were interpolated.
    """

    name: str
    values: np.ndarray
    times: np.ndarray | None
    step: Step | None
    exog: np.ndarray
    exog_names: list = field(default_factory=list)
    filled: int = 0

    def future_times(self, steps):
        """The next `steps` times; None for a series without times."""
        return None if self.times is None else self.step.after(self.times[-1], steps)

    def time_text(self, time):
        """`time` as text, without the parts that are zero in all times of the series."""
        text = _text(time)
        for unit, end in (("M8[D]", 10), ("M8[m]", 16)):
            if (self.times == self.times.astype(unit)).all() and self.step.whole(unit):
                return text[:end]
        return text


def read_csv(path, column, *, time_column=None, time_format=None, exog=(), fill=False):
    """The series in `column` of the CSV file `path`.

    Parameters
    ----------
    path : path of UTF-8 text with a header row, cells divided by comma, semicolon, tab or bar
    column : str
    time_column : str, optional
        ISO 8601 times (a month may be 2017-01), or times in `time_format` (as of ``datetime.strptime``), ascending and
        evenly spaced; calendar months, quarters and years count as even. Times with an offset are
        turned into UTC.
    exog : names of further columns of numbers
    fill : bool
        Interpolate missing values and missing rows linearly instead of refusing them.

    Raises
    ------
    SeriesError
        With one line that names the row and says what to do.
    """
    header, rows = _read_rows(path)
    names = [column, *exog]
    columns = {
        name: _cells(path, header, rows, name)
        for name in dict.fromkeys(names if time_column is None else [*names, time_column])
    }
    data = np.column_stack([_numbers(columns[name], name, rows, fill) for name in names])
    times = step = None
    if time_column is not None:
        times = _times(columns[time_column], time_column, rows, time_format)
        step, positions = _spacing(times, rows, fill)
        data = _on_grid(data, positions)
        times = np.concatenate([times[:1], step.after(times[0], len(data) - 1)])
    missing = np.isnan(data)
    for j, name in enumerate(names):
        if missing[:, j].all():
            raise SeriesError(f"column {name!r} has no numbers; choose another column")
        if missing[:, j].any():
            present = ~missing[:, j]
            data[:, j] = np.interp(np.arange(len(data)), np.flatnonzero(present), data[present, j])
    return Series(column, data[:, 0].copy(), times, step, data[:, 1:].copy(), list(exog), int(missing[:, 0].sum()))


def _read_rows(path):
    """``(header, [(line number, cells)])`` of a CSV file."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            if not first.strip("\ufeff \t\r\n"):
                raise SeriesError(
                    f"{path} is empty or starts with an empty line; it needs a header row with the names of the columns"
                )
            delimiter = max(_DELIMITERS, key=first.count)
            reader = csv.reader(file, delimiter=delimiter)
            header = [name.strip() for name in next(reader)]
            rows = [(reader.line_num, cells) for cells in reader if any(c.strip() for c in cells)]
    except UnicodeDecodeError:
        raise SeriesError(f'{path} is not UTF-8 text; save it again as UTF-8 ("CSV UTF-8" in a spreadsheet)') from None
    except csv.Error as error:
        raise SeriesError(f"{path} cannot be read as CSV: {error}; save it again as CSV") from None
    except FileNotFoundError:
        raise SeriesError(f"{path} does not exist; check the path") from None
    except OSError as error:
        raise SeriesError(f"{path} cannot be read: {error.strerror}; check the path and its permissions") from None
    if not rows:
        raise SeriesError(f"{path} has a header but no rows; it needs one row a time step")
    return header, rows


def _cells(path, header, rows, name):
    """The cells of the column `name`."""
    if header.count(name) != 1:
        listed = ", ".join(map(repr, header[:12])) + (", …" if len(header) > 12 else "")
        problem = "twice" if name in header else "not"
        raise SeriesError(f"column {name!r} is {problem} in {path}; its columns are {listed}")
    index = header.index(name)
    for line, cells in rows:
        if len(cells) != len(header):
            raise SeriesError(
                f"line {line} of {path} has {len(cells)} cells, the header has {len(header)}; correct the line"
            )
    return [cells[index].strip() for _, cells in rows]


def _numbers(cells, name, rows, fill):
    """`cells` as float64, NaN where missing."""
    values = np.empty(len(cells))
    for i, cell in enumerate(cells):
        if cell.lower() in _MISSING:
            values[i] = np.nan
            continue
        try:
            values[i] = float(cell)
        except ValueError:
            hint = (
                "use a point as the decimal mark" if _has_decimal_comma(cell) else "correct it or choose another column"
            )
            raise SeriesError(
                f"line {rows[i][0]}: column {name!r} has {_short(cell)}, which is not a number; {hint}"
            ) from None
        if not np.isfinite(values[i]):
            raise SeriesError(
                f"line {rows[i][0]}: column {name!r} has {_short(cell)}, which is not "
                "finite; correct it or leave it empty and give --fill"
            )
    missing = np.flatnonzero(np.isnan(values))
    if missing.size and not fill:
        more = f" ({missing.size} values are missing in all)" if missing.size > 1 else ""
        raise SeriesError(
            f"line {rows[missing[0]][0]}: column {name!r} has no value{more}; fill it in, or give --fill to interpolate"
        )
    return values


def _has_decimal_comma(cell):
    whole, comma, rest = cell.lstrip("+-").partition(",")
    return bool(comma) and whole.isdigit() and rest.isdigit()


def _short(cell):
    return repr(cell if len(cell) <= 30 else cell[:30] + "…")


def _times(cells, name, rows, time_format):
    """`cells` as datetime64[s]; what has an offset becomes UTC."""
    times = np.empty(len(cells), "M8[s]")
    times_have_offsets = None  # as those of the rows before
    for i, cell in enumerate(cells):
        try:
            if time_format is not None:
                moment = datetime.strptime(cell, time_format)
            elif _YEAR_MONTH.fullmatch(cell):
                moment = datetime.fromisoformat(f"{cell}-01")
            else:  # before Python 3.11 fromisoformat did not take a Z
                moment = datetime.fromisoformat(cell[:-1] + "+00:00" if cell.endswith("Z") else cell)
        except ValueError:
            expected = (
                f"in the format {time_format!r}; correct --time-format"
                if time_format
                else "an ISO 8601 time such as 2017-01-31 18:00; give its format, "
                "for example --time-format '%d.%m.%Y %H:%M'"
            )
            raise SeriesError(
                f"line {rows[i][0]}: column {name!r} has {_short(cell)}, which is not {expected}"
            ) from None
        has_offset = moment.tzinfo is not None
        if times_have_offsets not in (None, has_offset):
            raise SeriesError(
                f"line {rows[i][0]}: column {name!r} has {_short(cell)}, with{'' if has_offset else 'out'} "
                "a UTC offset, unlike the rows before; write all times with it or none"
            )
        times_have_offsets = has_offset
        if has_offset:
            moment = moment.astimezone(timezone.utc).replace(tzinfo=None)
        times[i] = np.datetime64(moment.replace(microsecond=0), "s")
    return times


def _spacing(times, rows, fill):
    """The `Step` of `times` and their positions on its grid; `SeriesError` at a gap unless `fill`."""
    if len(times) < 3:
        raise SeriesError(f"{len(times)} rows are too few for a series; give more rows")
    ahead = np.diff(times).astype(np.int64)
    if (ahead <= 0).any():
        i = int(np.argmax(ahead <= 0))
        what = "comes twice (a clock set back in autumn?)" if ahead[i] == 0 else "is earlier than the one before"
        raise SeriesError(
            f"line {rows[i + 1][0]}: the time {_text(times[i + 1])} {what}; "
            "sort the rows, one a time, and write local times with their UTC offset"
        )
    step, positions = _grid(times, ahead)
    gaps = np.flatnonzero(np.diff(positions) > 1)
    if gaps.size and not fill:
        i = int(gaps[0])
        lost = int(positions[-1]) + 1 - len(positions)
        raise SeriesError(
            f"line {rows[i + 1][0]}: rows are missing between {_text(times[i])} and "
            f"{_text(times[i + 1])} ({lost} of {positions[-1] + 1:,} in all, one each {step.each}); "
            "add them, or give --fill to interpolate"
        )
    if len(positions) < 0.5 * (positions[-1] + 1):
        raise SeriesError(
            f"more than half of the rows are missing, at one each {step.each}; give a series that is more complete"
        )
    return step, positions


def _grid(times, ahead):
    """The step that fits all of `times`, and their positions in it."""
    seconds = Counter(ahead.tolist()).most_common(1)[0][0]
    since = (times - times[0]).astype(np.int64)
    if not (since % seconds).any():
        return Step(seconds, "s"), since // seconds
    month, rest = _month_and_rest(times)
    if len(set(rest.tolist())) == 1 or all(map(_is_month_end, times)):
        months = Counter(np.diff(month).tolist()).most_common(1)[0][0]
        since = month - month[0]
        if months > 0 and not (since % months).any():
            return Step(months, "month"), since // months
    i = int(np.argmax(since % seconds != 0))
    raise SeriesError(
        f"the times are not evenly spaced: {_text(times[i - 1])} is followed by "
        f"{_text(times[i])}, while most rows are {Step(seconds, 's')} apart; resample "
        "them, or leave --time-column out to count rows as steps"
    )


def _month_and_rest(times):
    """Months since 1970 of `times`, and the time since the month began."""
    month = times.astype("M8[M]")
    return month.astype(np.int64), times - month.astype("M8[s]")


def _is_month_end(time):
    day = time.astype("M8[D]")
    return (day + 1).astype("M8[M]") != day.astype("M8[M]")


def _on_grid(data, positions):
    """The rows of `data` at their `positions`, NaN in the others."""
    grid = np.full((int(positions[-1]) + 1, data.shape[1]), np.nan)
    grid[positions] = data
    return grid


def _text(time):
    return str(time).replace("T", " ")
