"""Mean and spread of columns, gathered batch by batch, with a test for "does not vary" that rounding cannot fool."""

from dataclasses import dataclass

import numpy as np

_ROUNDING = 8 * np.finfo(np.float64).eps  # a range below this share of the largest value is rounding


def varies(low, high):
    """Whether columns with values from `low` to `high` vary by more than rounding explains."""
    return high - low > _ROUNDING * np.maximum(np.abs(low), np.abs(high))


@dataclass
class Moments:
    """Count (or Σ of the weights), mean and Σ weight · (value − mean)² of each column, and its lowest and highest
    value.

    Two of them add up without cancellation (Chan, Golub, LeVeque 1983).
    """

    count: float = 0
    mean: np.ndarray = 0.0
    squares: np.ndarray = 0.0
    low: np.ndarray = np.inf
    high: np.ndarray = -np.inf

    @classmethod
    def of(cls, values, weight=None):
        """Those of `values` (n, …) in float64; what has `weight` 0 (of the same shape) may be NaN."""
        if not len(values):
            return cls()
        if weight is None:
            mean = values.mean(axis=0, dtype=np.float64)
            squares = np.square(values - mean).sum(axis=0)
            return cls(len(values), mean, squares, values.min(axis=0), values.max(axis=0))
        seen = weight > 0
        values = np.where(seen, values, 0.0)
        count = weight.sum(axis=0)
        mean = (weight * values).sum(axis=0) / np.where(count > 0, count, 1)
        squares = (weight * np.square(values - mean)).sum(axis=0)
        low, high = np.where(seen, values, np.inf).min(axis=0), np.where(seen, values, -np.inf).max(axis=0)
        return cls(count, mean, squares, low, high)

    def __add__(self, other):
        count, shift = self.count + other.count, other.mean - self.mean
        some = np.where(count > 0, count, 1)
        return Moments(
            count,
            self.mean + shift * (other.count / some),
            self.squares + other.squares + np.square(shift) * (self.count * other.count / some),
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
        )

    @property
    def varies(self):
        """Whether each column varies, by more than rounding explains."""
        return varies(self.low, self.high)

    @property
    def std(self):
        """The standard deviation; exactly 0 for a column that does not vary."""
        return np.where(self.varies, np.sqrt(self.squares / np.where(self.count > 0, self.count, 1)), 0.0)
