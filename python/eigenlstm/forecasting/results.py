"""What a forecaster gives: a forecast, a backtest."""

from dataclasses import dataclass

import numpy as np

from .frames import pandas_frame, polars_frame
from .windows import mean_of_known

LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)  # of the quantiles of the errors that are kept
FORECAST = "forecast"  # what a backtest calls the forecast itself, beside those that it is made of


@dataclass
class Forecast:
    """The next values of a series: `values`, `lower` and `upper` (horizon,), the range's `coverage`, and
    `quantiles`, a function of a level in 0.025..0.975. `weights` says which methods it is the mean of. `to_pandas` and
    `to_polars` make a table of it, whose `index` goes on from that of the series."""

    values: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    coverage: float
    errors: np.ndarray  # quantiles of y − forecast at LEVELS: (levels, horizon)
    weights: dict | None = None  # method -> its share; None: the LSTM alone
    index: object = None  # of pandas, polars or datetime64 (horizon,), which goes on from that of the series

    def quantiles(self, level):
        """The quantile of each step at `level` (horizon,)."""
        if not LEVELS[0] <= level <= LEVELS[-1]:
            raise ValueError(f"Forecast.quantiles: level must lie in {LEVELS[0]}..{LEVELS[-1]}, got {level}")
        return self.values + between_levels(self.errors, level)

    def to_pandas(self, quantiles=()):
        """A DataFrame (horizon, …) with the columns forecast, lower, upper and q0.05 … for each of `quantiles`."""
        return pandas_frame(self._columns(quantiles), self.index)

    def to_polars(self, quantiles=()):
        """As `to_pandas`, for polars: the times, where there are any, are the first column."""
        return polars_frame(self._columns(quantiles), self.index)

    def _columns(self, quantiles):
        columns = {"forecast": self.values, "lower": self.lower, "upper": self.upper}
        return columns | {f"q{level:g}": self.quantiles(level) for level in quantiles}


@dataclass
class Backtest:
    """Errors of forecasts from many points of a known series.

    Attributes
    ----------
    errors : dict name -> (N, horizon)
        forecast − truth, NaN where the truth was not observed; "forecast", then each method that it is made of,
        whatever its weight: "LSTM", "persistence", "seasonal naive" with a season, "drift", "Theta", "smoothing".
    inside : bool (N, horizon)
        Whether the truth lay in the range.
    origins : (N,)
        Where the forecasts start.
    values, lower, upper : (N, horizon)
        The forecasts and their ranges.
    """

    errors: dict
    inside: np.ndarray
    origins: np.ndarray
    values: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def mae(self, name):
        """Mean absolute error of each step (horizon,)."""
        return mean_of_known(np.abs(self.errors[name]), 0)

    def rmse(self, name):
        """Root mean squared error of each step (horizon,)."""
        return np.sqrt(mean_of_known(np.square(self.errors[name]), 0))

    @property
    def coverage(self):
        """The share of the observed values that lay in the range."""
        return float(self.inside[~np.isnan(self.errors[FORECAST])].mean())


def between_levels(quantiles, level):
    """The rows of `quantiles` (levels, horizon) interpolated at `level`."""
    return np.array([np.interp(level, LEVELS, column) for column in quantiles.T])
