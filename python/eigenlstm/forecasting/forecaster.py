"""Forecasting one series: an LSTM, weighed against classical forecasts, with a calibrated range.

>>> forecaster = Forecaster(horizon=24).fit(values, times)
>>> forecast = forecaster.predict(values, times)      # the next 24 values, with a range
>>> forecast.values, forecast.lower, forecast.upper

A few LSTMs, trained side by side, read the last `window` steps, and from the last hidden state give all steps of the
horizon at once. They predict how the series departs from a base forecast: exponential smoothing's, which takes level,
trend and season off the LSTM (the idea of Smyl's hybrid, which won the M4 competition: International Journal of
Forecasting 36, 2020), or that of a period ago, where that is better. The forecast is the mean of the LSTM's, naive,
drift, Theta and smoothing's forecasts, with weights from the validation part: where there is nothing to be learnt, it
is as good as they are.
"""

import json
import math

import numpy as np

from .. import saving
from ..checks import KnownArguments, positive_int, unmasked
from ..moments import varies
from ..safetensors_files import FileError, parse_json, read_tensors
from .classical import Smoothing, Theta, drift
from .combination import combination_weights, error_quantiles
from .network import Network
from .results import FORECAST, LEVELS, Backtest, Forecast, between_levels
from .states import parameters_of, restored, state_of
from .transforms import best_power, restore, transform
from .windows import checked_times, evenly_spread, find_season, naive, targets

__all__ = ["LEVELS", "Backtest", "Forecast", "Forecaster", "validation_size"]
_MIN_WINDOW, _MIN_WINDOWS = 4, 4  # steps that the LSTM reads, windows that it is trained on: at least
_TOO_LARGE = 1e100  # squares of values must not overflow


class Forecaster(Network, KnownArguments):
    """Forecasts the next `horizon` values of an evenly spaced series, with a range.

    Parameters
    ----------
    horizon : int
        Steps to forecast, all at once.
    window : int, optional
        Steps that the LSTM reads. Default: three seasons or two horizons, but 32 to 192, and at most half of what is
        there to train on.
    season : int, optional
        Steps in a season; 1 for none. Default: `find_season` of the training part.
    hidden_size, num_layers, dropout
        Of each LSTM; dropout is on the last hidden state.
    members : int
        LSTMs that are trained side by side, from different weights; their mean counts.
    epochs, patience, batch_size, learning_rate
        Training ends after `epochs` (default: 10 to 30, for about 1,000 updates), or when the validation
        loss has not fallen for `patience` of them (default: half); the best epoch counts. The rate is
        Adam's highest, in one cycle.
    coverage : float
        Share of values that the range shall hold.
    max_windows : int
        Windows to train on; of a longer series evenly spread ones are taken.
    seed : int
        Of weights, order and dropout: the same seed gives the same forecast.

    Attributes (after `fit`)
    ------------------------
    model : Model (Sequential with one member)
    history : list of dict
    season, window : int
        As found or given.
    power : float
        Of the Box–Cox transform that everything happens in: 0 for logarithms, 1 for none. A positive series whose
        swings grow with its level has one below 1.
    period : int
        That of the best naive forecast of the training part.
    smoothing : Smoothing or None
        What the LSTM corrects; None: the naive forecast of `period`.
    weights : dict
        Method -> its share of the forecast.
    floor : float or None
        0 where no value is negative: forecasts and ranges don't go below.
    """

    power, weights, floor, theta = 1.0, None, None, None  # as in files of version 0.1
    _smoothing = None  # the method, whether the LSTM corrects it or not

    def __init__(
        self,
        horizon,
        *,
        window=None,
        season=None,
        hidden_size=64,
        num_layers=1,
        dropout=0.2,
        members=3,
        epochs=None,
        patience=None,
        batch_size=64,
        learning_rate=4e-3,
        coverage=0.8,
        max_windows=20_000,
        seed=0,
    ):
        self.horizon = positive_int(horizon, "Forecaster: horizon")
        self.window = None if window is None else positive_int(window, "Forecaster: window")
        self.season = None if season is None else positive_int(season, "Forecaster: season")
        if not 0 < coverage <= LEVELS[-1] - LEVELS[0]:
            raise ValueError(f"Forecaster: coverage must lie in 0..{LEVELS[-1] - LEVELS[0]:g}, got {coverage!r}")
        self.coverage = float(coverage)
        self.hidden_size, self.num_layers, self.dropout = hidden_size, num_layers, dropout
        self.members = positive_int(members, "Forecaster: members")
        self.epochs = None if epochs is None else positive_int(epochs, "Forecaster: epochs")
        self.patience = None if patience is None else positive_int(patience, "Forecaster: patience")
        self.batch_size, self.learning_rate = positive_int(batch_size, "Forecaster: batch_size"), learning_rate
        self.max_windows = positive_int(max_windows, "Forecaster: max_windows")
        self.seed = seed

    # -- training -------------------------------------------------------------------------------

    def fit(self, values, times=None, exog=None, *, verbose=0):
        """Train on a series, whose last 15 % serve for validation, for weights and range, before they are learnt, too.

        Parameters
        ----------
        values : (n,)
        times : datetime64 (n,), optional
            Gives the phase of day, week and year as features.
        exog : (n, E), optional
            Covariates, known up to the last value only.

        Returns
        -------
        self
        """
        values, times, exog = self._checked(values, times, exog, "fit")
        n = len(values)
        split = n - validation_size(n, self.horizon)
        self.season = self.season or find_season(values[: max(split, 0)]) or 1
        if split < max(self.season, self._least_known(self.horizon)):
            raise ValueError(self._too_few(n))
        known = values[:split]
        if not varies(known.min(), known.max()):
            raise ValueError(
                f"Forecaster.fit: the series is constant ({values[0]:g}) in the part to train on: there is nothing "
                "to learn"
            )
        self.power = best_power(known, self.season) if values.min() > 0 else 1.0
        self.floor = 0.0 if values.min() >= 0 else None
        z = transform(values, self.power)
        self._fit_classical(z[:split])
        self._choose_base(z[:split])
        self.window = self.window or self._default_window(split)
        train = evenly_spread(self.window + self._lag, split - self.horizon, self.max_windows)
        valid = evenly_spread(split, n - self.horizon, self.max_windows // 4 + 1)
        self._fit_scalers(z, times, exog, train)
        self._train(z, times, exog, train, valid, verbose)
        found = self._methods(z, times, exog, valid)
        truth = targets(z, valid, self.horizon)
        shares = combination_weights(np.stack([each - truth for each in found.values()]), self._earlier(z, split))
        self.weights = dict(zip(found, shares.tolist()))
        self._misses = truth - self._mean(found)
        self._errors = error_quantiles(self._misses)
        return self._learn(values, times, exog)

    def update(self, values, times=None, exog=None, *, backtest=None):
        """Learn a longer series to its end, without anything held out: weights of the methods stay.

        Parameters
        ----------
        values, times, exog
            As in `fit`, with what has come since.
        backtest : Backtest, optional
            Of `values`, from before this call: the range is then calibrated on its errors, too.

        Returns
        -------
        self
        """
        values, times, exog = self._checked(values, times, exog, "update", fitted=True)
        if self.power < 1 and values.min() <= 0:
            raise ValueError("Forecaster.update: the series was positive in fit, and is not any more: call fit again")
        if self.weights is None:
            raise ValueError("Forecaster.update: the forecaster is of a file of version 0.1; call fit")
        if backtest is not None:
            truth = targets(values, backtest.origins, self.horizon)
            misses = self._transformed(truth) - self._transformed(truth + backtest.errors[FORECAST])
            self._errors = error_quantiles(np.concatenate([getattr(self, "_misses", misses[:0]), misses]))
        return self._learn(values, times, exog)

    def _learn(self, values, times, exog):
        """Everything that is learnt but weights, season and range, from all of `values`."""
        z = transform(values, self.power)
        if self.floor is not None and values.min() < 0:
            self.floor = None
        corrects = self.smoothing is not None
        self._fit_classical(z)
        self.smoothing = self._smoothing if corrects else None
        if getattr(getattr(self, "history", None), "stopped", "") != "interrupted":
            origins = evenly_spread(self.window + self._lag, len(z) - self.horizon, self.max_windows)
            self._learn_all(z, times, exog, origins)
        return self

    def _fit_classical(self, z):
        self._smoothing = Smoothing.fit(z, self.season, self.horizon)
        self.theta = Theta.fit(z, self.season)

    def _choose_base(self, z):
        """What the LSTM corrects: the best of persistence, seasonal naive and smoothing over the training part."""
        last = len(z) - self.horizon
        origins = np.unique(np.linspace(min(max(self.season, len(z) // 4), last), last, 300).astype(np.int64))
        truth = targets(z, origins, self.horizon)
        cost = {
            period: np.abs(truth - naive(z, origins, self.horizon, period)).mean()
            for period in (1, self.season)
            if period <= origins[0] and len(z) >= self._least_known(self.horizon, period)
        }
        self.period = min(cost, key=cost.get)
        smoothed = np.abs(truth - self._smoothing.forecasts(z, origins, self.horizon)).mean()
        self.smoothing = self._smoothing if smoothed < cost[self.period] else None

    def _default_window(self, known):
        wanted = np.clip(max(3 * self.season * (self.season > 1), 2 * self.horizon), 32, 192)
        return int(max(min(wanted, (known - self.horizon - self._lag) // 2), _MIN_WINDOW))

    @property
    def _first(self):
        """The first origin that everything is there for."""
        least = 1 if self._smoothing is None else self._smoothing.least
        return max(self.window + self._lag, self.season, least)

    def _least_known(self, horizon, lag=1):
        """Values that there must be to train on."""
        return horizon + (self.window or _MIN_WINDOW) + lag + _MIN_WINDOWS - 1

    def _too_few(self, n):
        def needed(horizon):
            least = max(self.season, self._least_known(horizon))
            return next(m for m in range(least, 20 * least) if m - validation_size(m, horizon) >= least)

        shorter = next((h for h in range(self.horizon - 1, 0, -1) if needed(h) <= n), None)
        return (
            f"Forecaster.fit: {n} values are too few to train on with horizon {self.horizon}, "
            f"window {self.window or 'of any length'} and season {self.season}: give {needed(self.horizon)} values"
            + (f", or a horizon of at most {shorter}" if shorter else "")
            + (", or a shorter window" if self.window else "")
            + (", or a shorter season" if self.season > 1 else "")
        )

    # -- the methods ----------------------------------------------------------------------------

    def _methods(self, z, times, exog, origins):
        """dict from each method to its forecasts from `origins` (N, horizon), in transformed values."""
        return {"LSTM": self._lstm_forecasts(z, times, exog, origins), **self._classical(z, origins)}

    def _classical(self, z, origins):
        """As `_methods`, but for the LSTM."""
        found = {"persistence": naive(z, origins, self.horizon)}
        if self.season > 1:
            found["seasonal naive"] = naive(z, origins, self.horizon, self.season)
        if self._smoothing is not None:  # else of a file of version 0.1
            found["drift"] = drift(z, origins, self.horizon)
            found["Theta"] = self.theta.forecasts(z, origins, self.horizon)
            found["smoothing"] = self._smoothing.forecasts(z, origins, self.horizon)
        return found

    def _earlier(self, z, split):
        """Errors of the classical methods over the training part (M − 1, N, horizon), None where it is too short."""
        first, last = max(self._first, split // 2), split - self.horizon
        if first > last:
            return None
        origins = evenly_spread(first, last, 500)
        truth = targets(z, origins, self.horizon)
        return np.stack([each - truth for each in self._classical(z, origins).values()])

    def _mean(self, found):
        """The weighted mean of the forecasts of all methods (N, horizon)."""
        weights = self.weights or {"LSTM": 1.0}
        return sum(weight * found[name] for name, weight in weights.items() if weight)

    def _transformed(self, values):
        """`values`, forecasts among them, transformed: what is not positive counts as very small."""
        return values if self.power == 1 else transform(np.maximum(values, 1e-300), self.power)

    def _restored(self, z):
        values = restore(z, self.power)
        return values if self.floor is None else np.maximum(values, self.floor)

    def point_forecasts(self, values, times, exog, origins):
        """The forecasts from each of `origins` (N,), each from what came before: (N, horizon)."""
        return self._restored(self._mean(self._methods(self._transformed(values), times, exog, np.asarray(origins))))

    # -- use ------------------------------------------------------------------------------------

    def predict(self, values, times=None, exog=None):
        """The `Forecast` of the `horizon` values that follow `values`."""
        values, times, exog = self._checked(values, times, exog, "predict", fitted=True)
        z = self._mean(self._methods(self._transformed(values), times, exog, np.array([len(values)])))[0]
        point = self._restored(z)
        errors = self._restored(z + self._errors) - point
        lower, upper = (point + between_levels(errors, level) for level in self._tails())
        weights = dict(self.weights or {"LSTM": 1.0})
        return Forecast(point, lower, upper, self.coverage, errors, weights)

    def backtest(self, values, times=None, exog=None, *, start, max_origins=5000):
        """The `Backtest` of forecasts from `start` on, as if nothing later were known.

        Of more than `max_origins` possible forecasts, evenly spread ones are made.
        """
        values, times, exog = self._checked(values, times, exog, "backtest", fitted=True)
        start = max(start, self._first)
        if start + self.horizon > len(values):
            raise ValueError(
                f"Forecaster.backtest: {len(values)} values leave no forecast of {self.horizon} steps from {start} on"
            )
        origins = evenly_spread(start, len(values) - self.horizon, max_origins)
        truth = targets(values, origins, self.horizon)
        found = self._methods(self._transformed(values), times, exog, origins)
        z = self._mean(found)
        errors = {FORECAST: self._restored(z) - truth}
        errors.update((name, self._restored(each) - truth) for name, each in found.items())
        lower, upper = (self._restored(z + between_levels(self._errors, level)) for level in self._tails())
        return Backtest(errors, (truth >= lower) & (truth <= upper), origins)

    def _tails(self):
        tail = (1 - self.coverage) / 2
        return tail, 1 - tail

    def _checked(self, values, times, exog, method, fitted=False):
        where = f"Forecaster.{method}"
        if fitted and not hasattr(self, "model"):
            raise ValueError(f"{where}: call fit first")
        values = np.asarray(unmasked(values, where, "values"), np.float64)
        if values.ndim != 1:
            raise ValueError(f"{where}: values must have shape (n,), got {values.shape}")
        exog = np.empty((len(values), 0)) if exog is None else np.asarray(unmasked(exog, where, "exog"), np.float64)
        columns = len(self._exog.mean) if fitted else exog.shape[-1]
        if exog.shape != (len(values), columns):
            raise ValueError(f"{where}: exog must have shape ({len(values)}, {columns}), got {exog.shape}")
        for name, array in (("values", values), ("exog", exog)):
            if not (np.abs(array) < _TOO_LARGE).all():
                row = int(np.argwhere(~(np.abs(array) < _TOO_LARGE))[0][0])
                raise ValueError(
                    f"{where}: {name} must be finite and below {_TOO_LARGE:g} in size, got {array[row]} in row {row}"
                )
        if times is not None:
            times = checked_times(times, values.shape, where)
        if fitted and self.cycles and times is None:
            raise ValueError(f"{where}: times are needed, the forecaster was trained with them")
        if fitted and len(values) < self._first:
            raise ValueError(f"{where}: {len(values)} values are too few, a forecast needs {self._first}; give more")
        return values, times, exog

    # -- files ----------------------------------------------------------------------------------

    def save(self, path, **about):
        """Write model, scales and `about` (JSON values) as one safetensors file, whole or not at all."""
        saving.save(self.model, path, metadata={"forecaster": json.dumps({**state_of(self), "about": about})})

    @classmethod
    def load(cls, path):
        """``(forecaster, about)`` from a file of `save`; ``FileError`` if it is no such file."""
        metadata = read_tensors(path)[1]
        if "forecaster" not in metadata:
            raise FileError(f"{path}: holds no forecaster")
        state = parse_json(metadata["forecaster"].encode(), path, "its description of the forecaster")
        model = saving.load(path)
        try:
            forecaster = restored(cls(**parameters_of(state)), state, model)
            return forecaster, dict(state["about"])
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
            raise FileError(f"{path}: its forecaster does not fit its model: {error!r}") from None


def validation_size(n, horizon):
    """How many of `n` values to hold out for forecasts over `horizon`: 15 %, but enough for 16 forecasts; of a short
    series a fifth, but enough for 3 of them."""
    return min(max(math.ceil(0.15 * n), horizon + 15), max(horizon + 2, n // 5))
