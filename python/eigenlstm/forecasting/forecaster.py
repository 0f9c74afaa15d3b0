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
from .combination import combination_weights, error_quantiles
from .frames import arrays_of, continued
from .methods import Methods
from .results import FORECAST, LEVELS, Backtest, Forecast, between_levels
from .seasons import find_seasons
from .states import parameters_of, restored, state_of
from .transforms import best_power, restore, transform
from .windows import checked_observed, checked_times, evenly_spread, targets

__all__ = ["LEVELS", "Backtest", "Forecast", "Forecaster", "validation_size"]
_MIN_WINDOW, _MIN_WINDOWS = 4, 4  # steps that the LSTM reads, windows that it is trained on: at least
_MAX_WINDOW = 192  # by default; a season of which not two fit in is left to the calendar's phases and the base
_TOO_LARGE = 1e100  # squares of values must not overflow


class Forecaster(Methods, KnownArguments):
    """Forecasts the next `horizon` values of an evenly spaced series, with a range.

    Parameters
    ----------
    horizon : int
        Steps to forecast, all at once.
    window : int, optional
        Steps that the LSTM reads. Default: three seasons (where two fit in 192) or two horizons, but 32 to 192, and at
        most half of what is there to train on.
    season : int or several, optional
        Steps in a season, (24, 168) for a day and a week of hours; 1 for none. Default: `find_seasons` of the training
        part: those of the calendar first where there are times.
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
        As found or given; of several seasons the first, which smoothing and Theta follow.
    seasons : tuple of int
        All of them, (1,) for none.
    power : float
        Of the Box–Cox transform that everything happens in: 0 for logarithms, 1 for none. A positive series whose
        swings grow with its level has one below 1.
    seasonal_period : int or None
        Of the seasonal naive forecast: the best of `seasons` and of those that the calendar suggests, over the training
        part. None: none beats persistence.
    period : int
        That of the best naive forecast of the training part: 1 or `seasonal_period`.
    smoothing : Smoothing or None
        What the LSTM corrects; None: the naive forecast of `period`.
    weights : dict
        Method -> its share of the forecast.
    floor : float or None
        0 where no value is negative: forecasts and ranges don't go below.
    """

    power, floor = 1.0, None  # as in files of version 0.1
    _positive = True  # False: other values of the series are not, whatever those of `fit` are

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
        given = season if isinstance(season, (tuple, list)) else () if season is None else (season,)
        self.seasons = tuple(positive_int(each, "Forecaster: season") for each in given)
        self.season = self.seasons[0] if self.seasons else None
        self._given = self.seasons, self.window  # what `fit` doesn't choose
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

    def fit(self, values, times=None, exog=None, *, observed=None, verbose=0):
        """Train on a series, whose last 15 % serve for validation, for weights and range, before they are learnt, too.

        Parameters
        ----------
        values : (n,)
            Or a Series of pandas, whose index gives the times; a Series of polars; or a frame of pandas, polars or
            Arrow with one column of numbers and one of times.
        times : datetime64 (n,), optional
            Gives the phase of day, week and year as features, and seasons.
        exog : (n, E), optional
            Covariates, known up to the last value only.
        observed : bool (n,), optional
            False where a value was filled in: it is read, but no weight and no range is made from its error.

        Returns
        -------
        self
        """
        series = values, times
        values, times, exog = self._checked(values, times, exog, "fit")
        observed = checked_observed(observed, values.shape, "Forecaster.fit")
        if len(values):
            continued(*series, 1, "Forecaster.fit")  # refuses what `predict` would: gaps in an index
        n = len(values)
        self.seasons, self.window = self._given
        split = n - validation_size(n, self.horizon)
        until = slice(0, max(split, 0))
        times_known = None if times is None else times[until]
        self.seasons = self.seasons or find_seasons(values[until], times_known) or (1,)
        self.season = self.seasons[0]
        if split < max(self.season, self._least_known(self.horizon)):
            raise ValueError(self._too_few(n))
        known = values[:split]
        if not varies(known.min(), known.max()):
            raise ValueError(
                f"Forecaster.fit: the series is constant ({values[0]:g}) in the part to train on: there is nothing "
                "to learn"
            )
        positive = self._positive and values.min() > 0
        self.power = best_power(known, self.season, observed[:split]) if positive else 1.0
        self.floor = 0.0 if values.min() >= 0 else None
        z = transform(values, self.power)
        scored = np.where(observed, z, np.nan)  # no error from NaN counts
        self._fit_classical(z[:split], observed[:split])
        self._choose_naive(z[:split], scored[:split], times_known)
        self._choose_base(z[:split], scored[:split])
        self.window = self.window or self._default_window(split)
        train = evenly_spread(self.window + self._lag, split - self.horizon, self.max_windows)
        valid = self._counting(scored, split, self.max_windows // 4 + 1, "fit")
        self._fit_scalers(z, times, exog, train)
        self._train(z, scored, times, exog, train, valid, verbose)
        found = self._methods(z, times, exog, valid)
        truth = targets(scored, valid, self.horizon)
        earlier = self._earlier(z, scored, split)
        shares = combination_weights(np.stack([each - truth for each in found.values()]), earlier)
        self.weights = dict(zip(found, shares.tolist()))
        self._misses = truth - self._mean(found)
        self._errors = error_quantiles(self._misses)
        return self._learn(values, observed, times, exog)

    def update(self, values, times=None, exog=None, *, observed=None, backtest=None):
        """Learn a longer series to its end, without anything held out: weights of the methods stay.

        Parameters
        ----------
        values, times, exog, observed
            As in `fit`, with what has come since.
        backtest : Backtest, optional
            Of `values`, from before this call: the range is then calibrated on its errors, too.

        Returns
        -------
        self
        """
        values, times, exog = self._checked(values, times, exog, "update", fitted=True)
        observed = checked_observed(observed, values.shape, "Forecaster.update")
        if self.power < 1 and values.min() <= 0:
            raise ValueError("Forecaster.update: the series was positive in fit, and is not any more: call fit again")
        if self.weights is None:
            raise ValueError("Forecaster.update: the forecaster is of a file of version 0.1; call fit")
        if backtest is not None:
            truth = targets(values, backtest.origins, self.horizon)
            misses = self._transformed(truth) - self._transformed(truth + backtest.errors[FORECAST])
            self._errors = error_quantiles(np.concatenate([getattr(self, "_misses", misses[:0]), misses]))
        return self._learn(values, observed, times, exog)

    def _learn(self, values, observed, times, exog):
        """Everything that is learnt but weights, season and range, from all of `values`."""
        z = transform(values, self.power)
        if self.floor is not None and values.min() < 0:
            self.floor = None
        corrects = self.smoothing is not None
        self._fit_classical(z, observed)
        self.smoothing = self._smoothing if corrects else None
        if getattr(getattr(self, "history", None), "stopped", "") != "interrupted":
            origins = evenly_spread(self.window + self._lag, len(z) - self.horizon, self.max_windows)
            self._learn_all(z, np.where(observed, z, np.nan), times, exog, origins)
        return self

    def _default_window(self, known):
        seasonal = 3 * self.season if 1 < self.season <= _MAX_WINDOW // 2 else 0
        wanted = np.clip(max(seasonal, 2 * self.horizon), 32, _MAX_WINDOW)
        return int(max(min(wanted, (known - self.horizon - self._lag) // 2), _MIN_WINDOW))

    def _least_known(self, horizon, lag=1):
        """Values that there must be to train on."""
        return horizon + (self.window or _MIN_WINDOW) + lag + _MIN_WINDOWS - 1

    def _needed(self, parts=1, **other):
        """Values that `fit` needs, with 2 `parts` a series whose end is held out before; `other` replaces what the
        forecaster has of horizon, window and season."""
        horizon, window, season = (other.get(name, getattr(self, name)) for name in ("horizon", "window", "season"))
        least = max(season, horizon + (window or _MIN_WINDOW) + _MIN_WINDOWS)
        for _ in range(parts):
            least = next(m for m in range(least, 20 * least) if m - validation_size(m, horizon) >= least)
        return least

    def _too_few(self, n, parts=1):
        def most(name):
            have = getattr(self, name)
            fits = (k for k in range((have or 1) - 1, 0, -1) if self._needed(parts, **{name: k}) <= n)
            return next((f", or a {name} of at most {k}" for k in fits), "")

        return (
            f"Forecaster.fit: {n} values are too few to train on with horizon {self.horizon}, window "
            f"{self.window or 'of any length'} and season {self.season}: give {self._needed(parts)} values"
            + most("horizon")
            + most("window")
            + most("season")
        )

    # -- forecasts ----------------------------------------------------------------------------

    def _transformed(self, values):
        """`values`, forecasts among them, transformed: what is not positive counts as half of the least that is."""
        if self.power == 1:
            return values
        least = np.min(values, where=values > 0, initial=np.inf)
        return transform(np.maximum(values, least / 2 if np.isfinite(least) else 1e-300), self.power)

    def _restored(self, z):
        values = restore(z, self.power)
        return values if self.floor is None else np.maximum(values, self.floor)

    def point_forecasts(self, values, times, exog, origins):
        """The forecasts from each of `origins` (N,), each from what came before: (N, horizon)."""
        return self._restored(self._mean(self._methods(self._transformed(values), times, exog, np.asarray(origins))))

    # -- use ------------------------------------------------------------------------------------

    def predict(self, values, times=None, exog=None):
        """The `Forecast` of the `horizon` values that follow `values` (n,), with an index that goes on from theirs.

        The arguments are those of `fit`: a series of the same step, at least as long as what a forecast reads.
        """
        index = continued(values, times, self.horizon, "Forecaster.predict")
        values, times, exog = self._checked(values, times, exog, "predict", fitted=True)
        z = self._mean(self._methods(self._transformed(values), times, exog, np.array([len(values)])))[0]
        point = self._restored(z)
        errors = self._restored(z + self._errors) - point
        lower, upper = (point + between_levels(errors, level) for level in self._tails())
        weights = dict(self.weights or {"LSTM": 1.0})
        return Forecast(point, lower, upper, self.coverage, errors, weights, index)

    def backtest(self, values, times=None, exog=None, *, start, observed=None, max_origins=5000):
        """The `Backtest` of forecasts of `values` (n,) from step `start` on, each as if nothing later were known.

        Of more than `max_origins` possible forecasts, evenly spread ones are made. Where a value was not `observed`
        (bool, (n,)), no error counts.
        """
        values, times, exog = self._checked(values, times, exog, "backtest", fitted=True)
        observed = checked_observed(observed, values.shape, "Forecaster.backtest")
        start = max(start, self._first)
        if start + self.horizon > len(values):
            raise ValueError(
                f"Forecaster.backtest: {len(values)} values leave no forecast of {self.horizon} steps from {start} on"
            )
        scored = np.where(observed, values, np.nan)
        origins = self._counting(scored, start, max_origins, "backtest")
        truth = targets(scored, origins, self.horizon)
        found = self._methods(self._transformed(values), times, exog, origins)
        z = self._mean(found)
        errors = {FORECAST: self._restored(z) - truth}
        errors.update((name, self._restored(each) - truth) for name, each in found.items())
        lower, upper = (self._restored(z + between_levels(self._errors, level)) for level in self._tails())
        return Backtest(errors, (truth >= lower) & (truth <= upper), origins, self._restored(z), lower, upper)

    def _counting(self, scored, start, most, method):
        """Origins from `start` on, `most` at most, whose forecasts meet a value that counts."""
        origins = evenly_spread(start, len(scored) - self.horizon, most)
        origins = origins[~np.isnan(targets(scored, origins, self.horizon)).all(axis=1)]
        if not origins.size:
            raise ValueError(
                f"Forecaster.{method}: no value from {start} on was observed: there is nothing to score by"
            )
        return origins

    def _tails(self):
        tail = (1 - self.coverage) / 2
        return tail, 1 - tail

    def _checked(self, values, times, exog, method, fitted=False):
        where = f"Forecaster.{method}"
        if fitted and not hasattr(self, "model"):
            raise ValueError(f"{where}: call fit first")
        values, times, exog = arrays_of(values, times, exog, where)
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
        if fitted and self.power < 1 and not (values > 0).any():
            raise ValueError(f"{where}: the series was positive in fit, and no value is any more: call fit again")
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
