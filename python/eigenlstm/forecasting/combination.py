"""From the errors of several forecasts on the validation part: weights to average them with, and a range."""

import numpy as np

from .results import LEVELS
from .windows import mean_of_known

_PRIOR = 4  # the weights that little evidence gives: one over this power of the mean absolute error
_STRETCHES = 4  # origins within one horizon that count as much as independent ones would
_STEPS = 300


def combination_weights(errors, earlier=None):
    """The weights (M,), positive and of sum 1, with which the mean of M forecasts has the least squared error.

    `errors` (M, N, horizon), NaN where none counts; `earlier` (M − 1, N', horizon), those that all but the first made
    before. Little
    evidence leaves them near the inverse power of each error: the fewer forecasts, the nearer (ridge towards it, as
    Bates, Granger 1969 and the combinations of the M4 competition advise to shrink).
    """
    count, _, horizon = errors.shape
    errors = errors[:, ~np.isnan(errors[0])]
    origins = errors.shape[1] / horizon
    absolute = np.abs(errors).mean(axis=1)
    best = absolute.min()
    if best == 0:  # someone is always right
        return (absolute == 0) / (absolute == 0).sum()
    typical = absolute if earlier is None else _typical(absolute, origins, earlier)
    prior = (typical.min() / typical) ** _PRIOR
    prior /= prior.sum()
    scaled = errors / best
    products = np.array([[(a * b).mean() for b in scaled] for a in scaled])
    pull = 3 * products.diagonal().min() * horizon / (_STRETCHES * origins)
    weights = prior.copy()
    for step in range(1, _STEPS + 1):  # exponentiated gradient (Kivinen, Warmuth 1997)
        slope = (products * weights).sum(1) + pull * (weights - prior)
        slope -= (weights * slope).sum()
        weights = weights * np.exp(-10 / (20 + step) * slope / max(np.abs(slope).max(), 1e-12))
        weights /= weights.sum()
    weights[weights < 0.01] = 0.0
    return weights / weights.sum()


def _typical(absolute, origins, earlier):
    """Mean absolute errors (M,) over `earlier`, too; the first method, which has none, goes with the others."""
    before = mean_of_known(np.abs(earlier), (1, 2))
    share = origins / (origins + (~np.isnan(earlier[0])).sum() / earlier.shape[2])
    others = share * absolute[1:] + (1 - share) * before
    if not (others > 0).all():
        return absolute
    return np.concatenate([absolute[:1] * np.exp(np.log(others / absolute[1:]).mean()), others])


def error_quantiles(errors):
    """Quantiles of `errors` (N, horizon), y − forecast, at LEVELS, by step of the horizon: (levels, horizon). NaN: no
    error counts.

    Split conformal prediction (Lei et al. 2018) by step where there are many forecasts. Where there are few, all steps
    share the quantiles of errors divided by their spread, which grows smoothly with the step; and as forecasts from
    neighbouring origins miss alike, the range is widened by a share that falls with the number of whole horizons
    among them. Zero lies between the quantiles below and above the median: the point forecast is always inside.
    """
    horizon = errors.shape[1]
    known = ~np.isnan(errors)
    whole = known.sum() / horizon**2
    counts = known.any(axis=0)  # a step of the horizon that was never observed has the quantiles that all steps share
    by_step = np.zeros((len(LEVELS), horizon))
    by_step[:, counts] = np.nanquantile(errors[:, counts], LEVELS, axis=0)
    spread = np.sqrt(mean_of_known(np.square(errors), 0)) + 1e-300
    steps = np.log(np.arange(1, horizon + 1))
    slope = np.polyfit(steps[counts], np.log(spread[counts]), 1)[0] if counts.sum() > 1 else 0.0
    growth = max(slope, 0.0)
    smooth = np.exp(growth * (steps - steps[counts].mean()) + np.log(spread[counts]).mean())
    spread = np.where(counts, spread, smooth)
    trust = (2 * whole + 1) / (2 * whole + 5)
    spread = np.exp(trust * np.log(spread) + (1 - trust) * np.log(smooth))
    shared = np.quantile((errors / spread)[known], LEVELS)[:, None] * spread
    trust = np.where(counts, whole / (whole + 10), 0.0)
    found = (trust * by_step + (1 - trust) * shared) * (1 + 1 / (whole + 1))
    middle = LEVELS.index(0.5)
    found[:middle], found[middle + 1 :], found[middle] = (
        np.minimum(found[:middle], 0),
        np.maximum(found[middle + 1 :], 0),
        0,
    )
    return found
