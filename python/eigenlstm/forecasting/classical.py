"""Classical forecasts, beside which and with which the LSTM forecasts: drift, exponential smoothing, Theta.

Each is fitted once, to what is known, and then moved along the series: `forecasts(values, origins, horizon)` gives
(N, horizon), each row from what came before its origin. All is NumPy in float64.
"""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..moments import varies
from .windows import mean_of_known, targets

_FITTED_TO = 4000  # last values: more change the parameters little
_RATES = np.array([0.02, 0.1, 0.25, 0.5, 0.8, 0.98])


def drift(values, origins, horizon):
    """The last value and the mean change so far, (N, horizon) (Hyndman, Athanasopoulos, Forecasting: Principles and
    Practice, 5.2)."""
    origins = np.asarray(origins)
    last = values[origins - 1]
    slope = (last - values[0]) / np.maximum(origins - 1, 1)
    return last[:, None] + slope[:, None] * np.arange(1, horizon + 1)


@dataclass
class Smoothing:
    """Exponential smoothing of level, damped trend and season, all additive (Holt 1957, Winters 1960; Gardner,
    McKenzie 1985), in the form that corrects states by errors (Hyndman et al. 2008, the model ETS(A, Ad, A))."""

    season: int
    rates: np.ndarray  # alpha, beta, gamma, phi: of level, trend, season; how much of the trend is left a step later
    scale: float  # root mean squared error of one step ahead

    @classmethod
    def fit(cls, values, season=1, horizon=1, observed=None):
        """The rates of the least squared error of one step ahead. With or without trend and season: what forecasts
        `horizon` steps best over the second half of the values. No error counts where they were not `observed`."""
        values, observed = _last(values, observed, season)
        found = [
            cls.fit_rates(values, m, trended, observed)
            for m in sorted({1, season if len(values) >= 2 * season + 2 else 1})
            for trended in (False, True)
        ]
        last = len(values) - horizon
        origins = np.unique(np.linspace(min(max(len(values) // 2, season + 2), last), last, 200).astype(int))
        origins = origins[origins > 0]
        if not origins.size or last < season:  # nothing to choose by
            return found[-2]
        truth = targets(np.where(observed, values, np.nan), origins, horizon)
        cost = [mean_of_known(np.abs(each.forecasts(values, origins, horizon) - truth)) for each in found]
        return found[int(np.argmin(cost))]

    @classmethod
    def fit_rates(cls, values, season, trended, observed=None):
        """The rates of the least squared error of one step ahead: from a grid, then two finer ones around the best."""
        beta, phi = ((0.005, 0.03, 0.1, 0.3), (0.9, 0.98)) if trended else ((0.0,), (0.0,))
        gamma = (0.01, 0.1, 0.3, 0.7) if season > 1 else (0.0,)
        grid = np.array([(a, b, g, p) for a in _RATES for b in beta for g in gamma for p in phi])
        rng = np.random.default_rng(0)
        best = (math.inf, grid[0])
        for spread in (1.5, 0.5, 0.0):  # of the next grid, around the best: in odds, so that rates stay within 0..1
            cost = _one_step_errors(values, season, grid, observed)
            i = int(np.argmin(cost))
            best = min(best, (float(cost[i]), grid[i]), key=lambda each: each[0])
            grid = np.repeat(best[1][None], 48, 0)
            moved = 1 / (1 + (1 / np.clip(grid, 1e-4, 0.9999) - 1) * np.exp(rng.normal(0, spread, grid.shape)))
            grid = np.where(grid > 0, np.clip(moved, 1e-3, 0.999), 0.0)
            grid[:, 3] = np.where(grid[:, 3] > 0, np.clip(grid[:, 3], 0.8, 0.995), 0.0)
        return cls(season, best[1], math.sqrt(best[0]))

    @property
    def least(self):
        """Values that the first states are made of."""
        return 2 * self.season if self.season > 1 else 8

    def forecasts(self, values, origins, horizon):
        """The forecasts from each of `origins` (N, horizon)."""
        ahead = np.arange(horizon)
        damped = np.cumsum(self.rates[3] ** (ahead + 1.0))
        found = np.empty((len(origins), horizon))
        order = np.argsort(origins, kind="stable")
        at = 0
        for t, (level, trend, season) in enumerate(self._states(values[: int(max(origins))])):
            while at < len(order) and origins[order[at]] == t:
                found[order[at]] = level + trend * damped + np.take(season, (t + ahead) % self.season)
                at += 1
        return found

    def one_step_errors(self, values):
        """By how much each of `values` (n,) differs from its forecast one step before: (n,)."""
        phi, m = float(self.rates[3]), self.season
        errors = np.empty(len(values))
        for t, (y, (level, trend, season)) in enumerate(zip(values.tolist(), self._states(values))):
            errors[t] = y - level - phi * trend - season[t % m]
        return errors

    def _states(self, values):
        """Level, trend and season before each of `values` and after the last; the season is one list that changes."""
        a, b, g, phi = self.rates.tolist()
        level, trend, season = _first_states(values, self.season)
        trend, season = trend if phi else 0.0, season.tolist()
        yield level, trend, season
        for t, y in enumerate(values.tolist()):
            k = t % self.season
            error = y - level - phi * trend - season[k]
            level += phi * trend + a * error
            trend = phi * trend + a * b * error
            season[k] += g * (1 - a) * error
            yield level, trend, season


def _first_states(values, season):
    """Level, trend and season before the first value, from the first two seasons (without one: from eight values)."""
    m = season
    first = values[: 2 * m] if m > 1 else values[:8]
    steps = np.arange(1, len(first) + 1)
    if m == 1:
        trend = float(np.polyfit(steps, first, 1)[0]) if len(first) > 3 else 0.0
        return float(first.mean()) - trend * steps.mean(), trend, np.zeros(1)
    trend = float(first[m:].mean() - first[:m].mean()) / m if len(first) == 2 * m else 0.0
    level = float(first.mean()) - trend * steps.mean()
    rest = first - level - trend * steps
    return float(level), trend, np.array([rest[k::m].mean() if k < len(rest) else 0.0 for k in range(m)])


def _last(values, observed, season):
    """The last values, from the beginning of a season, and which of them were observed: None stands for all."""
    start = max(len(values) - _FITTED_TO, 0) // season * season
    return values[start:], np.ones(len(values) - start, bool) if observed is None else observed[start:]


def _one_step_errors(values, season, grid, observed=None):
    """The mean squared error of one step ahead with each row of `grid` (G, 4), over what was `observed`: (G,)."""
    a, b, g, phi = grid.T.copy()
    ab, ga = a * b, g * (1 - a)
    level, trend, start = _first_states(values, season)
    level, trend = np.full(len(grid), level), np.where(phi > 0, trend, 0.0)
    states = np.repeat(start[:, None], len(grid), 1)
    total = np.zeros(len(grid))
    counts = np.arange(len(values)) >= min(season, len(values) // 3)
    if observed is not None and (counts & observed).any():
        counts &= observed
    for t, y in enumerate(values.tolist()):
        k = t % season
        trend = trend * phi
        level = level + trend
        error = y - level - states[k]
        level = level + a * error
        trend = trend + ab * error
        states[k] += ga * error
        if counts[t]:
            total += error * error
    return total / counts.sum()


@dataclass
class Theta:
    """The Theta method, which won the M3 competition (Assimakopoulos, Nikolopoulos 2000): exponential smoothing with
    half the slope of the linear trend as its drift (Hyndman, Billah 2003), of the values freed of their season. Season
    and trend are estimated anew at every origin."""

    season: int
    alpha: float

    @classmethod
    def fit(cls, values, season=1, observed=None):
        """The rate of the least squared error of one step ahead; a season, which adds, only where it is clear."""
        values, observed = _last(values, observed, season)
        season = season if has_season(values, season) else 1
        plain = values - seasonal_indices(values, season)[np.arange(len(values)) % season]
        grid = np.linspace(0.02, 0.99, 50)
        for _ in range(2):
            rates = np.stack([grid, 0 * grid, 0 * grid, 0 * grid], 1)
            alpha = float(grid[np.argmin(_one_step_errors(plain, 1, rates, observed))])
            grid = np.clip(alpha + np.linspace(-0.02, 0.02, 9), 0.01, 0.99)
        return cls(season, alpha)

    def forecasts(self, values, origins, horizon):
        """The forecasts from each of `origins` (N, horizon)."""
        origins, a, m = np.asarray(origins), self.alpha, self.season
        index = _indices_at(values, origins, m)
        # level and slope are linear in the values: those of the values less those of each origin's season
        ones = np.ones(len(values))
        level, slope = (
            of(values, origins, m).sum(1) - (of(ones, origins, m) * index).sum(1)
            for of in (partial(_smoothed_by_phase, alpha=a), _slope_by_phase)
        )
        ahead = np.arange(horizon)
        drifts = slope[:, None] / 2 * (ahead + (1 - (1 - a) ** origins[:, None]) / a)
        then = np.take_along_axis(index, (origins[:, None] + ahead) % m, axis=1)
        return level[:, None] + drifts + then


def _by_phase(values, season):
    """`values` (n,) as (seasons + 1, season): sums over the first so many seasons of each phase."""
    padded = np.concatenate([values, np.zeros(-len(values) % season)]).reshape(-1, season)
    return np.concatenate([np.zeros((1, season)), np.cumsum(padded, axis=0)])


def _sums_before(values, origins, season):
    """Sums of the values before each of `origins` (N,) by phase (N, season)."""
    phases = np.arange(season)
    return _by_phase(values, season)[(origins[:, None] - phases + season - 1) // season, phases]


def _indices_at(values, origins, season):
    """The classical seasonal indices (N, season) from what comes before each of `origins`."""
    if season == 1:
        return np.zeros((len(origins), 1))
    inner, trend = _moving_average(values, season)
    rest, known = np.zeros((2, len(values)))
    rest[inner], known[inner] = values[inner] - trend, 1
    until = np.maximum(origins - inner.start, 0)  # a moving average needs half a season more
    sums, counts = (_sums_before(each, until, season) for each in (rest, known))
    whole = counts.min(axis=1, keepdims=True) > 0
    index = np.where(whole, sums / np.maximum(counts, 1), 0.0)
    return index - index.mean(axis=1, keepdims=True)


def _smoothed_by_phase(values, origins, season, alpha):
    """The exponentially weighted mean of what comes before each of `origins`, by phase: (N, season)."""
    now, found = np.zeros(season), np.empty((len(origins), season))
    now[0] = values[0]
    order = np.argsort(origins, kind="stable")
    at = 0
    for t, y in enumerate(values[: int(origins.max())].tolist() + [0.0]):
        while at < len(order) and origins[order[at]] == t:
            found[order[at]] = now
            at += 1
        now *= 1 - alpha
        now[t % season] += alpha * y
    return found


def _slope_by_phase(values, origins, season):
    """The slope of the least squares line through what comes before each of `origins`, by phase: (N, season)."""
    n = origins[:, None].astype(np.float64)
    moments = _sums_before(values * np.arange(len(values)), origins, season)
    centred = moments - (n - 1) / 2 * _sums_before(values, origins, season)
    return centred / np.maximum(n * (n * n - 1) / 12, 1e-300)


def has_season(values, season):
    """Whether the season explains more than chance would: its strength (Wang, Smith, Hyndman 2006) is above 0.4."""
    if season < 2 or len(values) < 2 * season + 2 or not varies(values.min(), values.max()):
        return False
    inner, trend = _moving_average(values, season)
    detrended = values[inner] - trend
    rest = detrended - seasonal_indices(values, season)[np.arange(len(values))[inner] % season]
    free = max(len(rest) - season, 1) / len(rest)  # of the rest's degrees of freedom
    return bool(np.square(rest).mean() / free < 0.6 * detrended.var())


def seasonal_indices(values, season):
    """The classical seasonal indices (season,): means over the seasons of the values less their moving average."""
    return _indices_at(values, np.array([len(values)]), season)[0]


def _moving_average(values, season):
    """``(inner, average)``: the centred moving average of one season, and the slice of `values` that has one."""
    width = season + (season + 1) % 2  # for an even season the ends count half
    weights = np.full(width, 1 / season)
    if season % 2 == 0:
        weights[[0, -1]] /= 2
    average = np.convolve(values, weights, "valid")
    return slice(width // 2, width // 2 + len(average)), average
