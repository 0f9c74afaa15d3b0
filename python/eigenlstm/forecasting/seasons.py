"""The seasons of a series: those of the calendar first, else those that its autocorrelation shows."""

import numpy as np

from ..moments import varies
from .series.step import SeriesError, Step, step_of
from .windows import evenly_spread, find_season, mean_of_known, naive, targets

_CALENDAR = (3600, 86_400, 604_800, 31_556_952)  # an hour, a day, a week, a year in seconds
_GAIN = 0.1  # the share of the remaining variance that a season must explain in the cycles that it wasn't taken from,
_CHANCE = 1.5  # and this over the root of how many values there are, which noise may explain
_LONGEST = 20_000  # values that are looked at
_CYCLES = 2  # of a season, at least


def season_candidates(times, n):
    """The seasons that the calendar suggests, in steps, shortest first: 12 for months, 24, 168 and 8766 for hours, 5
    and 261 for business days, and so on. Each occurs at least twice in the series.

    Parameters
    ----------
    times : datetime64 (n,), or Step
        When the values were measured, or the step between them.
    n : int
        The number of values.
    """
    if not isinstance(times, Step):
        try:
            times = step_of(np.asarray(times).astype("M8[s]"))[0]
        except SeriesError:  # no step fits: about how long it is tells as much
            apart = np.median(np.diff(np.asarray(times).astype("M8[s]").astype(np.int64)))
            times = Step(max(int(apart), 1), "s")
    if times.unit == "business day":
        lengths = [5 / times.count, 261 / times.count]
    else:
        lengths = [length / times.seconds for length in _CALENDAR]
    whole = (round(length) for length in lengths if length >= 1.5)
    # An hour of minutes is a season, one of quarters of an hour is none: people's days have no rhythm of 4 values.
    return [
        length for length in dict.fromkeys(whole) if 2 <= length <= n // _CYCLES and not _part_of_hour(length, times)
    ]


def _part_of_hour(length, step):
    return step.unit == "s" and abs(length * step.seconds - 3600) < 1 and length < 12


def find_seasons(values, times=None):
    """The seasons of `values` (n,) in steps, shortest first; () where there is none.

    Each season of the calendar is kept that explains, by the means of its phases over every other cycle, a tenth of the
    variance that is left in the cycles between (more where there are few values), after the trend (a moving average)
    and the shorter seasons. Where none does, or without `times`, it is the first one by `find_season`,
    and a longer one by the same test.
    """
    values = np.asarray(values, np.float64)
    values, times = values[-_LONGEST:], None if times is None else np.asarray(times)[-_LONGEST:]
    n = len(values)
    if n < 4 or not varies(values.min(), values.max()):
        return ()
    found, rest, least = [], values, _GAIN + _CHANCE / np.sqrt(n)
    for length in [] if times is None else season_candidates(times, n):
        gain, less = _explained(rest, length)
        if gain > least:
            found, rest = [*found, length], less
    if not found:
        length = find_season(values)
        if length is None:
            return ()
        found, rest = [length], _explained(values, length)[1]
        longer = find_season(rest, min(n // 2, 10 * length))
        if longer is not None and longer >= 2 * length and _explained(rest, longer)[0] > least:
            found.append(longer)
    return tuple(found)


def _explained(values, length):
    """How much of the variance of `values` about their moving average the means of the phases explain, each half of the
    cycles by the other half's, and `values` less these means."""
    n = len(values)
    around = values - _moving_average(values, length)
    phase, cycle = np.arange(n) % length, np.arange(n) // length
    total = np.square(around).sum()
    if not total > 0:
        return 0.0, values
    error = 0.0
    for half in (0, 1):
        told, telling = cycle % 2 == half, cycle % 2 != half
        counts = np.bincount(phase[telling], minlength=length)
        means = np.bincount(phase[telling], around[telling], length) / np.maximum(counts, 1)
        error += np.square(around[told] - means[phase[told]]).sum()
    means = np.bincount(phase, around, length) / np.maximum(np.bincount(phase, minlength=length), 1)
    return 1 - error / total, values - means[phase]


def _moving_average(values, length):
    """The mean of a season around each value (n,); beyond the ends the series goes on as a season before, along its
    trend."""
    half, n = length // 2, len(values)
    ahead = np.arange(1, half + 1)
    rise = [part[-length:].mean() - part[:length].mean() for part in (values[: 2 * length], values[-2 * length :])]
    before = values[length - ahead[::-1]] - rise[0]  # the values of a season on, and by how much they have risen since
    after = values[n - 1 + ahead - length] + rise[1]
    weights = np.ones(length) / length if length % 2 else np.r_[0.5, np.ones(length - 1), 0.5] / length
    return np.convolve(np.concatenate([before, values, after]), weights, "valid")


def best_naive_period(values, horizon, periods, *, scored=None, origins=None, most_origins=2000):
    """Which of `periods` (1: persistence) gives the naive forecasts over `horizon` with the lowest mean absolute error
    on `values` (n,), all measured from the same `origins`: by default `most_origins` of those that all can forecast.
    `scored` (n,): the values with NaN where no error counts."""
    if origins is None:
        periods = [period for period in dict.fromkeys(periods) if period + horizon <= len(values)]
        if not periods:
            return 1
        origins = np.unique(evenly_spread(max(periods), len(values) - horizon, most_origins))
    truth = targets(values if scored is None else scored, origins, horizon)
    cost = [mean_of_known(np.abs(naive(values, origins, horizon, period) - truth)) for period in periods]
    return periods[int(np.argmin(cost))]
