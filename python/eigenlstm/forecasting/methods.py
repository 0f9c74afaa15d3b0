"""The methods that a forecaster weighs against each other: classical ones beside its LSTM, and what the LSTM
corrects.
"""

import numpy as np

from .classical import Smoothing, Theta, drift
from .network import Network
from .seasons import best_naive_period, season_candidates
from .windows import evenly_spread, mean_of_known, naive, targets


class Methods(Network):
    """Base of `Forecaster`: persistence, seasonal naive, drift, Theta and smoothing, all on transformed values."""

    weights, theta = None, None  # as in files of version 0.1
    _smoothing = None  # the method, whether the LSTM corrects it or not
    seasonal_period = None  # of the seasonal naive forecast; None: there is none

    def _fit_classical(self, z, observed):
        self._smoothing = Smoothing.fit(z, self.season, self.horizon, observed)
        self.theta = Theta.fit(z, self.season, observed)

    def _choose_naive(self, z, scored, times):
        """The naive forecasts: persistence, and the best of the seasons found and of those of the calendar."""
        periods = [season for season in self.seasons if season > 1]
        if times is not None:
            periods += season_candidates(times, len(z))
        best = best_naive_period(z, self.horizon, [1, *periods], scored=scored)
        if self.season > 1 and best == 1:
            best = best_naive_period(z, self.horizon, periods, scored=scored)
            best = self.season if best == 1 else best
        self.seasonal_period = None if best == 1 else best

    def _choose_base(self, z, scored):
        """What the LSTM corrects: the best of persistence, seasonal naive and smoothing over the training part.
        `scored` (n,) is `z` with NaN where no error counts."""
        last = len(z) - self.horizon
        periods = [1] if self.seasonal_period is None else [1, self.seasonal_period]
        periods = [period for period in periods if len(z) >= self._least_known(self.horizon, period)]
        origins = np.unique(np.linspace(min(max(*periods, self.season, len(z) // 4), last), last, 300).astype(np.int64))
        self.period = best_naive_period(z, self.horizon, periods, scored=scored, origins=origins)
        truth = targets(scored, origins, self.horizon)

        def cost(forecasts):
            return mean_of_known(np.abs(forecasts - truth))

        smoothed = cost(self._smoothing.forecasts(z, origins, self.horizon))
        self.smoothing = self._smoothing if smoothed < cost(naive(z, origins, self.horizon, self.period)) else None

    @property
    def _first(self):
        """The first origin that everything is there for."""
        least = 1 if self._smoothing is None else self._smoothing.least
        return max(self.window + self._lag, self.season, self.seasonal_period or 1, least)

    def _methods(self, z, times, exog, origins):
        """dict from each method to its forecasts from `origins` (N, horizon), in transformed values."""
        return {"LSTM": self._lstm_forecasts(z, times, exog, origins), **self._classical(z, origins)}

    def _classical(self, z, origins):
        """As `_methods`, but for the LSTM."""
        found = {"persistence": naive(z, origins, self.horizon)}
        if self.seasonal_period is not None:
            found["seasonal naive"] = naive(z, origins, self.horizon, self.seasonal_period)
        if self._smoothing is not None:  # else of a file of version 0.1
            found["drift"] = drift(z, origins, self.horizon)
            found["Theta"] = self.theta.forecasts(z, origins, self.horizon)
            found["smoothing"] = self._smoothing.forecasts(z, origins, self.horizon)
        return found

    def _earlier(self, z, scored, split):
        """Errors of the classical methods over the training part (M − 1, N, horizon), None where it is too short."""
        first, last = max(self._first, split // 2), split - self.horizon
        if first > last:
            return None
        origins = evenly_spread(first, last, 500)
        truth = targets(scored, origins, self.horizon)
        return np.stack([each - truth for each in self._classical(z, origins).values()])

    def _mean(self, found):
        """The weighted mean of the forecasts of all methods (N, horizon)."""
        weights = self.weights or {"LSTM": 1.0}
        return sum(weight * found[name] for name, weight in weights.items() if weight)
