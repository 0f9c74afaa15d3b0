"""From the errors of several forecasts on the validation part: weights to average them with, and a range."""

import numpy as np

from .results import LEVELS

_PRIOR = 4  # the weights that little evidence gives: one over this power of the mean absolute error
_STRETCHES = 4  # origins within one horizon that count as much as independent ones would
_STEPS = 300


def combination_weights(errors):
    """The weights (M,), positive and of sum 1, with which the mean of M forecasts has the least squared error.

    `errors` (M, N, horizon). Little evidence leaves them near the inverse power of each error: the fewer forecasts,
    the nearer (ridge towards it, as Bates, Granger 1969 and the combinations of the M4 competition advise to shrink).
    """
    absolute = np.abs(errors).mean(axis=(1, 2))
    best = absolute.min()
    if best == 0:  # someone is always right
        return (absolute == 0) / (absolute == 0).sum()
    prior = (best / absolute) ** _PRIOR
    prior /= prior.sum()
    count, origins, horizon = errors.shape
    scaled = (errors / best).reshape(count, -1)
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


def error_quantiles(errors):
    """Quantiles of `errors` (N, horizon), y − forecast, at LEVELS, by step of the horizon: (levels, horizon).

    Split conformal prediction (Lei et al. 2018) by step where there are many forecasts. Where there are few, all steps
    share the quantiles of errors divided by their spread, which grows smoothly with the step; and as forecasts from
    neighbouring origins miss alike, the range is widened by a share that falls with the number of whole horizons
    among them. Zero lies between the quantiles below and above the median: the point forecast is always inside.
    """
    origins, horizon = errors.shape
    whole = origins / horizon
    by_step = np.quantile(errors, LEVELS, axis=0)
    spread = np.sqrt(np.square(errors).mean(axis=0)) + 1e-300
    steps = np.log(np.arange(1, horizon + 1))
    growth = max(np.polyfit(steps, np.log(spread), 1)[0], 0.0) if horizon > 1 else 0.0
    smooth = np.exp(growth * (steps - steps.mean()) + np.log(spread).mean())
    trust = (2 * whole + 1) / (2 * whole + 5)
    spread = np.exp(trust * np.log(spread) + (1 - trust) * np.log(smooth))
    shared = np.quantile(errors / spread, LEVELS)[:, None] * spread
    trust = whole / (whole + 10)
    found = (trust * by_step + (1 - trust) * shared) * (1 + 0.6 / (whole + 1))
    middle = LEVELS.index(0.5)
    found[:middle], found[middle + 1 :], found[middle] = (
        np.minimum(found[:middle], 0),
        np.maximum(found[middle + 1 :], 0),
        0,
    )
    return found
