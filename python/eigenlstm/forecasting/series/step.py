"""The step between the values of a series: seconds, business days or calendar months."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

_UNITS = ((604_800, "week"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_BUSINESS_DAY = "business day"


class SeriesError(ValueError):
    """What is wrong with a series, in one line that says what to do."""


@dataclass(frozen=True)
class Step:
    """The time between two values: a number of seconds, of business days (Monday to Friday) or of calendar months.

    Attributes
    ----------
    count : int
    unit : "s", "business day" or "month"
    month_ends : bool
        Months are counted from end to end: 31 January is followed by 28 or 29 February.
    """

    count: int
    unit: str
    month_ends: bool = False

    def after(self, last, steps):
        """The times that follow `last`, ``datetime64[s]`` (steps,)."""
        ahead = np.arange(1, steps + 1) * self.count
        if self.unit == "s":
            return last + ahead.astype("timedelta64[s]")
        if self.unit == _BUSINESS_DAY:
            day = last.astype("M8[D]")
            return np.busday_offset(day, ahead).astype("M8[s]") + (last - day)
        month, rest = month_and_rest(np.array([last]))
        if self.month_ends:
            ends = (month + ahead + 1).astype("M8[M]").astype("M8[D]") - np.timedelta64(1, "D")
            return ends.astype("M8[s]") + (last - last.astype("M8[D]"))
        return (month + ahead).astype("M8[M]").astype("M8[s]") + rest

    def positions(self, times):
        """How many steps each of `times` (n,) is after the first, float64 (n,), fractions included."""
        if self.unit == "s":
            return (times - times[0]).astype(np.int64) / self.count
        if self.unit == _BUSINESS_DAY:
            days = times.astype("M8[D]")
            return np.busday_count(days[0], days) / self.count
        month = times.astype("M8[M]").astype(np.int64)
        return (month - month[0]) / self.count

    @property
    def seconds(self):
        """Its length in seconds; of a month or a business day, the mean over the years."""
        return self.count * {"s": 1.0, _BUSINESS_DAY: 86_400 * 7 / 5, "month": 31_556_952 / 12}[self.unit]

    def whole(self, unit):
        """Whether the step is a whole number of days ("M8[D]") or minutes ("M8[m]")."""
        return self.unit != "s" or self.count % (86_400 if unit == "M8[D]" else 60) == 0

    def __str__(self):
        count, name = self.count, self.unit
        if self.unit == "month":
            if count % 12 == 0:
                count, name = count // 12, "year"
        elif self.unit == "s":
            size, name = next((size, name) for size, name in _UNITS if count % size == 0)
            count //= size
        return f"{count} {name}" if count == 1 else f"{count} {name}s"

    @property
    def each(self):
        """As in "one each …"."""
        return str(self).removeprefix("1 ")


def step_of(times):
    """The `Step` of `times`, ``datetime64[s]`` (n,), ascending, no two the same, and their positions on its grid (n,).

    Raises
    ------
    SeriesError
        No step fits them all.
    """
    ahead = np.diff(times).astype(np.int64)
    if len(times) < 2:
        raise SeriesError("one row has no step; give more rows")
    seconds = _most_common(ahead)
    days = times.astype("M8[D]")
    weekends = (days[-1] - days[0]).astype(np.int64) - np.busday_count(days[0], days[-1]) > 2  # two or more lie between
    if seconds == 86_400 and weekends and np.is_busday(days).all() and len(set((times - days).tolist())) == 1:
        return _placed(Step(1, _BUSINESS_DAY), times)
    even = not ((times - times[0]).astype(np.int64) % seconds).any()
    step = _months(times) if seconds >= 28 * 86_400 or not even else None
    if step is not None or even:
        return _placed(step or Step(seconds, "s"), times)
    i = int(np.argmax((times - times[0]).astype(np.int64) % seconds != 0))
    raise SeriesError(
        f"the times are not evenly spaced: {text_of(times[i - 1])} is followed by {text_of(times[i])}, while most rows "
        f"are {Step(seconds, 's')} apart; resample them, or leave --time-column out to count rows as steps"
    )


def _placed(step, times):
    return step, np.rint(step.positions(times)).astype(np.int64)


def _months(times):
    """The step in calendar months that fits `times`, or None: the same day, month ends, or one row a month at any
    time of its last or first days (trading days, say)."""
    month, rest = month_and_rest(times)
    apart = np.diff(month)
    if (apart <= 0).any():
        return None
    count = _most_common(apart)
    if ((month - month[0]) % count).any():
        return None
    days_left = ((month + 1).astype("M8[M]").astype("M8[D]") - times.astype("M8[D]")).astype(np.int64) - 1
    if (days_left == 0).all():
        return Step(count, "month", month_ends=True)
    if len(set(rest.tolist())) == 1:
        return Step(count, "month")
    if len(set((times - times.astype("M8[D]")).tolist())) > 1:
        return None
    if (days_left < 4).all():
        return Step(count, "month", month_ends=True)
    return Step(count, "month") if (rest.astype(np.int64) < 5 * 86_400).all() else None


def _most_common(numbers):
    return Counter(numbers.tolist()).most_common(1)[0][0]


def month_and_rest(times):
    """Of each of `times` (n,), the months since 1970, int64 (n,), and the time since the month began (n,)."""
    month = times.astype("M8[M]")
    return month.astype(np.int64), times - month.astype("M8[s]")


def text_of(time):
    """`time` in ISO 8601, without zeros at its end."""
    text = str(time.astype("M8[s]")).replace("T", " ")
    return text.removesuffix(" 00:00:00").removesuffix(":00") if text.endswith(":00") else text
