"""The parts of a forecaster: windows, naive forecasts, seasons, the calendar, scaling. All are plain NumPy in
float64.
"""

import math
from dataclasses import dataclass

import numpy as np

from ..moments import Moments, varies

CYCLES = {"day": 86_400, "week": 604_800, "year": 31_556_952}  # seconds


def windows(values, origins, width):
    """The `width` rows of `values` (n, …) before each of `origins` (N,): (N, width, …)."""
    return values[np.asarray(origins)[:, None] + np.arange(-width, 0)]


def targets(values, origins, horizon):
    """The `horizon` values from each of `origins` (N,) on: (N, horizon)."""
    return values[np.asarray(origins)[:, None] + np.arange(horizon)]


def naive(values, origins, horizon, period=1):
    """The naive forecast from each of `origins` (N,): (N, horizon).

    Each step gets the last known value a whole number of periods earlier. With period 1 that is the last
    value (persistence), with a season's length it is the seasonal naive forecast
    (Hyndman, Athanasopoulos, Forecasting: Principles and Practice, 5.2).
    """
    ahead = np.arange(horizon)
    return values[np.asarray(origins)[:, None] + ahead - period * (1 + ahead // period)]


def find_season(values, max_season=None):
    """The length of the season of `values` (n,) in steps, by its autocorrelation; None if there is none.

    It is the shortest lag whose peak comes within 0.1 of the highest peak of the autocorrelation of the
    series less its linear trend, or failing that of its first differences. A peak counts from 0.3 on
    (more below 100 values), 0.1 above the lowest value before it, up to `max_season` (default: half of the series);
    beyond a fifth of the series only where values a season apart are nearer to each other than those half a season
    apart.
    """
    values = np.asarray(values, np.float64)
    max_lag = min(max_season or len(values) // 2, len(values) // 2)
    steps = np.arange(len(values))
    if max_lag < 2:
        return None
    least = max(0.3, 3 / math.sqrt(len(values)))  # three standard deviations of noise
    for series in (values - np.polyval(np.polyfit(steps, values, 1), steps), np.diff(values)):
        acf = autocorrelation(series, max_lag + 1)
        lag = np.arange(2, max_lag + 1)
        highest = (acf[lag] >= acf[lag - 1]) & (acf[lag] > acf[np.minimum(lag + 1, len(acf) - 1)])
        peaks = lag[highest & (acf[lag] > least) & (acf[lag] > np.minimum.accumulate(acf)[lag] + 0.1)]
        peaks = np.array([lag for lag in peaks if lag <= len(values) // 5 or _returns(values, lag)], int)
        if peaks.size:
            return int(peaks[acf[peaks] >= acf[peaks].max() - 0.1][0])
    return None


def _returns(values, lag):
    """Whether values `lag` apart are nearer to each other than those at half the distance: a random walk's aren't."""
    apart = [np.abs(values[k:] - values[:-k]).mean() for k in (lag, max(lag // 2, 1))]
    return apart[0] < 0.7 * apart[1]


def autocorrelation(values, max_lag):
    """The autocorrelation of `values` at the lags 0..max_lag; zeros for a constant series."""
    centred = values - values.mean()
    size = 2 ** math.ceil(math.log2(2 * len(values)))
    power = np.abs(np.fft.rfft(centred, size)) ** 2
    acf = np.fft.irfft(power, size)[: max_lag + 1]
    return acf / acf[0] if varies(values.min(), values.max()) and acf[0] > 0 else np.zeros(max_lag + 1)


def calendar_cycles(times):
    """Names of the cycles of `CYCLES` that are at least four steps long and occur twice in `times` (n,), datetime64."""
    seconds = times.astype("M8[s]").astype(np.int64)
    step, span = np.median(np.diff(seconds)), seconds[-1] - seconds[0]
    return [name for name, length in CYCLES.items() if 4 * step <= length <= span / 2]


def calendar_features(times, cycles):
    """Sine and cosine of the phase of `times` in each of `cycles`: (n, 2 · cycles)."""
    seconds = times.astype("M8[s]").astype(np.float64)
    phase = [2 * np.pi * (seconds % CYCLES[name]) / CYCLES[name] for name in cycles]
    return np.stack([wave(p) for p in phase for wave in (np.sin, np.cos)], 1) if phase else np.empty((len(times), 0))


def mean_of_known(errors, axis=None):
    """The mean of what is not NaN; NaN where nothing is known."""
    known = ~np.isnan(errors)
    with np.errstate(invalid="ignore"):
        return np.where(known, errors, 0.0).sum(axis) / known.sum(axis)


@dataclass
class Scaler:
    """Standardises by column: ``(values − mean) / scale``."""

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, values):
        """Mean and standard deviation of each column of `values` (n, …), NaN left out; 1 for a column that does not
        vary by more than rounding explains."""
        values = np.asarray(values, np.float64)
        missing = np.isnan(values)
        if missing.any():
            moments = Moments.of(values, (~missing).astype(np.float64))
            mean, scale = moments.mean, moments.std
        else:
            mean = values.mean(axis=0)
            scale = np.where(varies(values.min(axis=0), values.max(axis=0)), values.std(axis=0), 0.0)
        return cls(mean, np.where(scale > 0, scale, 1.0))

    def transform(self, values):
        return (values - self.mean) / self.scale

    def inverse(self, values):
        return values * self.scale + self.mean


def checked_observed(observed, shape, where):
    """`observed` as booleans of `shape`; all of them True for None."""
    observed = np.ones(shape, bool) if observed is None else np.asarray(observed)
    if observed.shape != shape or observed.dtype != bool:
        raise ValueError(f"{where}: observed must be bool of shape {shape}, got {observed.dtype} {observed.shape}")
    return observed


def checked_times(times, shape, where):
    """`times` as an array of datetime64 of `shape`."""
    times = np.asarray(times)
    first = times.flat[0] if times.dtype == object and times.size else None
    if getattr(first, "tzinfo", None) is not None:
        raise ValueError(
            f"{where}: times must have no time zone, got {first.tzinfo}; give those of the clock on the wall, "
            "times.tz_localize(None), or of one zone all year, times.tz_convert('UTC').tz_localize(None)"
        )
    if times.shape != shape or times.dtype.kind != "M":
        raise ValueError(f"{where}: times must be datetime64 of shape {shape}, got {times.dtype} {times.shape}")
    return times


def evenly_spread(first, last, most):
    """The origins first..last, int64 (N,); if they are more than `most`, `most` of them, evenly spread."""
    if last - first + 1 <= most:
        return np.arange(first, last + 1)
    return np.linspace(first, last, most).astype(np.int64)
