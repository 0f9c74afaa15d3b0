"""Cells of a column of times, in the forms that people write them in, as ``datetime64[s]``."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

import numpy as np

from .step import SeriesError, text_of
from .zones import localised, zone_of

_MONTHS = {
    name: i
    for i, name in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)
}
_MONTH = (
    r"(?P<b>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+)?"
_YEAR, _BETWEEN = r"(?P<y>[12]\d{3})", r"[\s,./:_-]*"
# Each form of a date as a pattern of named parts: y(ear), m(onth), d(ay), b (a month's name), q(uarter), w(eek) with u
# (its day), j (day of the year), Y (two digits of the year). A column has one of them: the first that fits all cells.
_FORMS = {
    name: re.compile(_WEEKDAY + pattern, re.IGNORECASE)
    for name, pattern in {
        "year-month-day": _YEAR + r"[-/.]?(?P<m>\d{2})[-/.]?(?P<d>\d{2})",
        "year/month/day": _YEAR + r"(?P<s>[-/. ])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})",
        "year-month": _YEAR + r"[-/.: ]?M?(?P<m>\d{1,2})",
        "year-quarter": _YEAR + r"[-/.: ]*Q(?P<q>[1-4])",
        "quarter-year": r"Q(?P<q>[1-4])" + r"[-/.: ]*" + _YEAR,
        "year-week": _YEAR + r"-?W(?P<w>\d{2})(?:-?(?P<u>[1-7]))?",
        "year-day": _YEAR + r"-(?P<j>\d{3})",
        "year": _YEAR + r"(?:\.0*)?",
        "day.month.year": r"(?P<d>\d{1,2})\.\s?(?P<m>\d{1,2})\.\s?(?:" + _YEAR + r"|(?P<Y>\d{2}))",
        "day/month/year": r"(?P<d>\d{1,2})(?P<s>[-/ ])(?P<m>\d{1,2})(?P=s)(?:" + _YEAR + r"|(?P<Y>\d{2}))",
        "month/day/year": r"(?P<m>\d{1,2})(?P<s>[-/ ])(?P<d>\d{1,2})(?P=s)(?:" + _YEAR + r"|(?P<Y>\d{2}))",
        "month/year": r"(?P<m>\d{1,2})[-/.]" + _YEAR,
        "day month year": r"(?P<d>\d{1,2})(?:st|nd|rd|th)?"
        + _BETWEEN
        + _MONTH
        + _BETWEEN
        + "(?:"
        + _YEAR
        + r"|'?(?P<Y>\d{2}))",
        "month day, year": _MONTH + _BETWEEN + r"(?P<d>\d{1,2})(?:st|nd|rd|th)?(?:,\s*|\s+)" + _YEAR,
        "year month day": _YEAR + _BETWEEN + _MONTH + _BETWEEN + r"(?P<d>\d{1,2})",
        "month year": _MONTH + _BETWEEN + "(?:" + _YEAR + r"|'?(?P<Y>\d{2}))",
        "year month": _YEAR + _BETWEEN + _MONTH,
    }.items()
}
_CLOCK = re.compile(
    r"(?P<date>.*?\S)(?:\s*T\s*|,?\s+|(?<=\d):(?=\d\d:))(?P<H>\d{1,2})(?::?(?P<M>\d{2}))?"
    r"(?::?(?P<S>\d{2})(?:[.,]\d*)?)?"
    r"\s*(?P<p>[ap]\.?m\.?)?\s*(?P<z>Z|UTC|GMT|(?:UTC|GMT)?[+-]\d{2}(?::?\d{2})?(?::\d{2})?)?(?:\[[\w/+-]+\])?",
    re.IGNORECASE,
)
_EPOCHS = {
    "seconds": (1e8, 2e10, 1),
    "milliseconds": (1e11, 2e13, 1e3),
    "microseconds": (1e14, 2e16, 1e6),
    "nanoseconds": (1e17, 9.3e18, 1e9),
}


@dataclass
class Times:
    """A column of times.

    Attributes
    ----------
    utc : datetime64[s] (n,)
        In UTC where there is a `zone`, else as the clock on the wall had them.
    zone : tzinfo or None
    notes : list of str
        What the reader had to assume.
    """

    utc: np.ndarray
    zone: tzinfo | None
    notes: list


def parse_times(cells, name, lines, *, time_format=None, time_zone=None):
    """The `Times` of a column's `cells`, which stand in the `lines` of the file.

    Known are ISO 8601 in all its forms, ``2012/01/31``, ``31.12.2020``, ``12/31/2020``, months by name, ``1974Q1``,
    ``2020M01``, years, seconds or milliseconds since 1970, decimal years, each with a time of day and an offset where
    there is one. Of day and month, the order is that in which all cells are dates, or in which they are evenly spaced;
    where that doesn't tell, the month comes first, and the notes say so.

    Raises
    ------
    SeriesError
    """
    notes = []
    if time_format is not None:
        moments = [_by_format(cell, time_format, name, line) for cell, line in zip(cells, lines)]
        wall = np.array([moment.replace(tzinfo=None, microsecond=0) for moment in moments], "M8[s]")
        offsets = [None if m.tzinfo is None else int(m.utcoffset().total_seconds()) for m in moments]
    else:
        wall = _numbers_as_times(cells, notes)
        if wall is not None:
            offsets = [None] * len(cells)
        else:
            wall, offsets = _by_form(cells, name, lines, notes)
    known = [offset is not None for offset in offsets]
    if any(known) and not all(known):
        i = known.index(not known[0])
        raise SeriesError(
            f"line {lines[i]}: column {name!r} has {short(cells[i])}, with{'' if known[i] else 'out'} a UTC offset, "
            "unlike the rows before; write all times with it or none"
        )
    if any(known):
        utc = wall - np.array(offsets, "m8[s]")
        return Times(utc, zone_of(utc, np.array(offsets), time_zone, notes), notes)
    if time_zone is not None:
        return Times(*localised(wall, time_zone, name, lines), notes)
    return Times(wall, None, notes)


def counts_rows(cells):
    """Whether whole numbers, each one more than the one before, are no years: those of rows, of days of a study."""
    try:
        numbers = np.array([int(cell) for cell in cells])
    except (ValueError, OverflowError):
        return False
    years = (numbers >= 1000) & (numbers < 3000)
    return len(numbers) > 1 and bool((np.diff(numbers) == 1).all()) and not years.all() and numbers[-1] < 10**7


def short(cell):
    """`cell` quoted, cut where it is long."""
    return repr(cell if len(cell) <= 30 else cell[:30] + "…")


def _by_format(cell, time_format, name, line):
    try:
        return datetime.strptime(cell, time_format)
    except ValueError:
        raise SeriesError(
            f"line {line}: column {name!r} has {short(cell)}, which is not in the format {time_format!r}; correct "
            "--time-format, or leave it out: common forms are recognised"
        ) from None


def _numbers_as_times(cells, notes):
    """Times that are numbers alone: since 1970, or years with a fraction; None where they are none."""
    try:
        numbers = np.array([float(cell) for cell in cells])
    except ValueError:
        return None
    if not np.isfinite(numbers).all():
        return None
    for unit, (least, most, size) in _EPOCHS.items():
        if (np.abs(numbers) < most).all() and np.median(np.abs(numbers)) >= least:
            exact = np.array([int(cell) for cell in cells]) if all(map(str.isdigit, cells)) else numbers
            notes.append(f"times are read as {unit} since 1970")
            return (exact // int(size)).astype("M8[s]")
    if (numbers % 1).any() and ((numbers >= 1000) & (numbers < 3000)).all() and len(numbers) > 2:
        return _decimal_years(numbers)
    return None


def _decimal_years(years):
    """R's times of a series, as 1949.0833: months, quarters, weeks or days, by how many there are in a year."""
    per_year = 1 / np.median(np.abs(np.diff(years)))
    months = np.rint(years * 12)
    if (np.abs(years * 12 - months) < 0.13).all() and per_year < 13:
        return (months.astype(np.int64) - 1970 * 12).astype("M8[M]").astype("M8[s]")
    start = np.array([np.datetime64(str(int(year)), "Y") for year in years])
    length = ((start + 1).astype("M8[s]") - start.astype("M8[s]")).astype(np.int64)
    first = start[0].astype("M8[s]") + np.timedelta64(int(round(years[0] % 1 * length[0])), "s")
    for each, unit in ((7, "M8[D]"), (1, "M8[D]")):
        if abs(per_year * each / 365.25 - 1) < 0.02:
            count = np.rint((years - years[0]) * 365.25 / each).astype(np.int64)
            return (first.astype(unit) + each * count).astype("M8[s]")
    raise SeriesError(
        f"the times are decimal years with {per_year:.4g} values a year, which is no step of the calendar; leave "
        f"--time-column out to count rows as steps, and give --season {max(1, round(per_year))}"
    )


def _by_form(cells, name, lines, notes):
    """``(wall-clock times, offsets in seconds or None)`` by the first form that fits all cells."""
    split = [_CLOCK.fullmatch(cell) for cell in cells]
    clocks = [m if m is not None and _is_clock(m[0][len(m["date"]) :]) and _is_date(m["date"]) else None for m in split]
    days = [cell if m is None else m["date"] for cell, m in zip(cells, clocks)]
    seconds = np.array([_second_of_day(m, cell, name, line) for m, cell, line in zip(clocks, cells, lines)], "m8[s]")
    found, furthest = {}, 0
    for form, pattern in _FORMS.items():
        parsed, at = _days(days, pattern)
        furthest = max(furthest, at)
        if parsed is not None:
            found[form] = parsed + seconds
            if form != "day/month/year":  # which a month that comes first may look like, too
                break
    if not found:
        example = f"{cells[furthest]}"
        raise SeriesError(
            f"line {lines[furthest]}: column {name!r} has {short(example)}, which is not a time like the others (as "
            "ISO 8601, 31.12.2020 or Jan 2020); correct it, or give its format, as --time-format '%d.%m.%Y %H:%M'"
            if furthest
            else f"line {lines[0]}: column {name!r} has {short(example)}, which is not a time that is known (ISO 8601, "
            "31.12.2020, Jan 2020, 2020Q1 and others are); give its format, as --time-format '%d.%m.%Y %H:%M', or "
            "leave --time-column out to count rows as steps"
        )
    if len(found) > 1:
        return _day_or_month_first(found, days, notes), _offsets(clocks)
    return next(iter(found.values())), _offsets(clocks)


def _is_clock(text):
    """Whether what follows a date is a time of day; 2020 is none, T2020 is."""
    return ":" in text or text.lstrip()[:1] in "Tt" or "m" in text.lower()


def _is_date(text):
    return any(pattern.fullmatch(text) for pattern in _FORMS.values())


def _days(texts, pattern):
    """The days of `texts` as ``datetime64[s]``, or None; and how many fit."""
    days, known = [], {}
    for i, text in enumerate(texts):
        if text not in known:
            match = pattern.fullmatch(text)
            try:
                known[text] = None if match is None else _day(match.groupdict())
            except ValueError:
                known[text] = None
        if known[text] is None:
            return None, i
        days.append(known[text])
    return np.array(days, "M8[D]").astype("M8[s]"), len(texts)


def _day(part):
    """The first day of what a form's parts name."""
    year = part.get("y")
    if year is None:
        short_year = int(part["Y"])
        year = short_year + (2000 if short_year < 30 else 1900)  # as spreadsheets have it, which write such dates
    year = int(year)
    if part.get("q"):
        return date(year, 3 * int(part["q"]) - 2, 1)
    if part.get("w"):
        return date.fromisocalendar(year, int(part["w"]), int(part["u"] or 1))
    if part.get("j"):
        day = date(year, 1, 1) + timedelta(int(part["j"]) - 1)
        if day.year != year or part["j"] == "000":
            raise ValueError(part["j"])
        return day
    month = _MONTHS[part["b"][:3].lower()] if part.get("b") else int(part.get("m") or 1)
    return date(year, month, int(part.get("d") or 1))


def _second_of_day(clock, cell, name, line):
    if clock is None:
        return 0
    hour, minute, second = (int(clock[part] or 0) for part in "HMS")
    if clock["p"] and 1 <= hour <= 12:
        hour = hour % 12 + 12 * (clock["p"][0] in "pP")
    if hour > 24 or minute > 59 or second > 60 or (hour == 24 and minute + second):
        raise SeriesError(
            f"line {line}: column {name!r} has {short(cell)}, whose time of day doesn't exist; correct it"
        )
    return hour * 3600 + minute * 60 + min(second, 59)


def _offsets(clocks):
    """Offsets from UTC in seconds, None where a time has none."""
    return [None if clock is None or not clock["z"] else _offset(clock["z"]) for clock in clocks]


def _offset(text):
    text = re.sub("^(UTC|GMT)", "", text.upper()).replace(":", "")
    if text in ("", "Z"):
        return 0
    hours, minutes, seconds = (int(text[i : i + 2] or 0) for i in (1, 3, 5))
    return (1 if text[0] == "+" else -1) * (hours * 3600 + minutes * 60 + seconds)


def _day_or_month_first(found, days, notes):
    """Of the two readings the evenly spaced one; where both or none are, that with the month first, said in a note."""
    even = {form: _roughness(times) for form, times in found.items()}
    best = min(even, key=even.get)
    if len(set(even.values())) == 1:
        best = "month/day/year"
        notes.append(
            f"{days[0]} is read as month/day/year ({text_of(found[best][0])}); where the day comes first, give "
            f"--time-format '%d{days[0].strip('0123456789')[0]}%m{days[0].strip('0123456789')[0]}%Y'"
        )
    return found[best]


def _roughness(times):
    """How uneven the distances of `times` are: how many differ from the most common one by more than a tenth."""
    apart = np.abs(np.diff(times).astype(np.int64))
    middle = np.median(apart) if apart.size else 0
    return int((np.abs(apart - middle) > 0.11 * middle).sum())
