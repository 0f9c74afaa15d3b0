"""Powers of values (Box, Cox 1964), which make swings that grow with the level even."""

import numpy as np

from .classical import Smoothing

POWERS = (1.0, 0.5, 0.0)


def transform(values, power):
    """``(values ** power − 1) / power``, of the shape of `values`; the logarithm for power 0; for power 1 the
    values as they are.
    """
    if power == 1:
        return values
    return np.log(values) if power == 0 else (np.power(values, power) - 1) / power


def restore(values, power):
    """The inverse of `transform`, of the shape of `values`; what lies below its range becomes 0."""
    if power == 1:
        return values
    if power == 0:
        return np.exp(np.minimum(values, 230.0))  # below 1e100
    return np.power(np.maximum(power * values + 1, 0), 1 / power)


def best_power(values, season, observed=None):
    """The power of `POWERS` under which exponential smoothing explains the positive `values` (n,) best, by the
    likelihood of its errors one step ahead where they were `observed`. It is 1, no transform, unless another is clearly
    better (at 95%).
    """
    start = max(len(values) - 4000, 0) // season * season
    values = values[start:]
    observed = np.ones(len(values), bool) if observed is None else observed[start:]
    season = season if len(values) >= 2 * season + 2 else 1
    count, mean_log = observed.sum(), np.log(values[observed] if observed.any() else values).mean()
    likelihood = {}
    for power in POWERS:
        scale = Smoothing.fit_rates(transform(values, power), season, True, observed).scale
        likelihood[power] = count * ((power - 1) * mean_log - np.log(max(scale, 1e-300)))
    best = max(likelihood, key=likelihood.get)
    return best if likelihood[best] > likelihood[1.0] + 1.92 else 1.0
