"""Mean and spread of columns, gathered batch by batch, with a test for "does not vary" that rounding cannot fool."""

from dataclasses import dataclass

import numpy as np

_ROUNDING = 8 * np.finfo(np.float64).eps  # a range below this share of the largest value is rounding


def varies(low, high):
    """Whether columns with values from `low` to `high` vary by more than rounding explains."""
    return high - low > _ROUNDING * np.maximum(np.abs(low), np.abs(high))


@dataclass
class Moments:
    """Count (or Σ weight), mean and Σ weight · (value − mean)² of each column, and its lowest and highest value.

    Two of them add up without cancellation (Chan, Golub, LeVeque 1983).
    """

    count: float = 0
    mean: np.ndarray = 0.0
    squares: np.ndarray = 0.0
    low: np.ndarray = np.inf
    high: np.ndarray = -np.inf

    @classmethod
    def of(cls, values, weight=None):
        """Those of `values` (n, …) in float64; `weight` (n,) is positive, None counts each value once."""
        if not len(values):
            return cls()
        if weight is None:
            count, mean = len(values), values.mean(axis=0, dtype=np.float64)
            squares = np.square(values - mean).sum(axis=0)
        else:
            weight = weight.reshape(-1, *[1] * (values.ndim - 1))
            count = float(weight.sum())
            mean = (weight * values).sum(axis=0) / count
            squares = (weight * np.square(values - mean)).sum(axis=0)
        return cls(count, mean, squares, values.min(axis=0), values.max(axis=0))

    def __add__(self, other):
        if not self.count or not other.count:
            return self if self.count else other
        count, shift = self.count + other.count, other.mean - self.mean
        return Moments(
            count,
            self.mean + shift * (other.count / count),
            self.squares + other.squares + np.square(shift) * (self.count * other.count / count),
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
        )

    @property
    def std(self):
        """The standard deviation; exactly 0 for a column that does not vary."""
        return np.where(varies(self.low, self.high), np.sqrt(self.squares / max(self.count, 1)), 0.0)
