"""Forecasting one series with an LSTM: windows, scaling, naive forecasts, and the forecaster.

>>> forecaster = Forecaster(horizon=24).fit(values, times)
>>> forecast = forecaster.predict(values, times)      # the next 24 values, with a range
>>> forecast.values, forecast.lower, forecast.upper

The LSTM reads the last `window` steps, and its last hidden state gives all steps of the horizon at once. It
predicts how the series departs from a naive forecast, and sees levels relative to the last value only: what
it learnt holds at any level of the series.
"""

import json
import math
from dataclasses import dataclass

import numpy as np

from .. import saving
from ..checks import KnownArguments, positive_int, unmasked
from ..layers.dropout import Dropout
from ..layers.linear import Linear
from ..layers.lstm import LSTM
from ..layers.pooling import Last
from ..losses.losses import Huber
from ..moments import varies
from ..safetensors_files import FileError, parse_json, read_tensors
from ..sequential import Sequential
from ..training import schedules
from ..training.callbacks import early_stopping, schedule
from ..training.optimisers import Adam
from .windows import (
    CYCLES,
    Scaler,
    calendar_cycles,
    calendar_features,
    checked_times,
    evenly_spread,
    find_season,
    naive,
    targets,
    windows,
)

LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)  # of the quantiles of the errors that are kept
_SCALERS = ("_level", "_change", "_target", "_exog")
_MIN_WINDOWS = 32  # to train on
_CHUNK = 1024  # windows that are predicted at a time
_TOO_LARGE = 1e100  # squares of values must not overflow


@dataclass
class Forecast:
    """The next values of a series: `values`, `lower` and `upper` (horizon,), the range's `coverage`, and
    `quantiles`, a function of a level in 0.025..0.975."""

    values: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    coverage: float
    errors: np.ndarray  # quantiles of y − forecast at LEVELS: (levels, horizon)

    def quantiles(self, level):
        """The quantile of each step at `level` (horizon,)."""
        if not LEVELS[0] <= level <= LEVELS[-1]:
            raise ValueError(f"Forecast.quantiles: level must lie in {LEVELS[0]}..{LEVELS[-1]}, got {level}")
        return self.values + _between_levels(self.errors, level)


@dataclass
class Backtest:
    """Errors of forecasts from many points of a known series.

    Attributes
    ----------
    errors : dict name -> (N, horizon)
        forecast − truth; "LSTM", "persistence" and, with a season, "seasonal naive".
    inside : bool (N, horizon)
        Whether the truth lay in the range.
    origins : (N,)
        Where the forecasts start.
    """

    errors: dict
    inside: np.ndarray
    origins: np.ndarray

    def mae(self, name):
        """Mean absolute error of each step (horizon,)."""
        return np.abs(self.errors[name]).mean(axis=0)

    def rmse(self, name):
        """Root mean squared error of each step (horizon,)."""
        return np.sqrt(np.square(self.errors[name]).mean(axis=0))


class Forecaster(KnownArguments):
    """Forecasts the next `horizon` values of an evenly spaced series, with a range.

    Parameters
    ----------
    horizon : int
        Steps to forecast, all at once.
    window : int, optional
        Steps that the LSTM reads. Default: three seasons or two horizons, but 32 to 192.
    season : int, optional
        Steps in a season; 1 for none. Default: `find_season` of the training part.
    hidden_size, num_layers, dropout
        Of the LSTM; dropout is on the last hidden state.
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
    model : Sequential
    history : list of dict
    season, window : int
        As found or given.
    period : int
        That of the naive forecast which the LSTM corrects: the better one on the training part.
    """

    def __init__(
        self,
        horizon,
        *,
        window=None,
        season=None,
        hidden_size=64,
        num_layers=1,
        dropout=0.2,
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
        self.epochs = None if epochs is None else positive_int(epochs, "Forecaster: epochs")
        self.patience = None if patience is None else positive_int(patience, "Forecaster: patience")
        self.batch_size, self.learning_rate = positive_int(batch_size, "Forecaster: batch_size"), learning_rate
        self.max_windows = positive_int(max_windows, "Forecaster: max_windows")
        self.seed = seed

    # -- training -------------------------------------------------------------------------------

    def fit(self, values, times=None, exog=None, *, verbose=0):
        """Train on a series, whose last 15 % serve for validation and for the range.

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
        held_out = validation_size(n, self.horizon)
        self.season = self.season or find_season(values[: max(n - held_out, 0)]) or 1
        self.window = self.window or int(np.clip(max(3 * self.season * (self.season > 1), 2 * self.horizon), 32, 192))
        first, split = self.window + self.season, n - held_out
        needed = first + self.horizon + _MIN_WINDOWS + held_out
        if n < needed:
            raise ValueError(
                f"Forecaster.fit: {n} values are too few to train on with horizon {self.horizon}, "
                f"window {self.window} and season {self.season}, which need {needed}: "
                "give more values, or a shorter horizon, window or season"
            )
        if not varies(values[:split].min(), values[:split].max()):
            raise ValueError(
                f"Forecaster.fit: the series is constant ({values[0]:g}) in the part to train on: there is nothing "
                "to learn"
            )
        train = evenly_spread(first, split - self.horizon, self.max_windows)
        valid = evenly_spread(split, n - self.horizon, self.max_windows // 4 + 1)
        self._fit_scalers(values, times, exog, train)
        x, y = self._inputs(values, times, exog, train), self._scaled_targets(values, train)
        xv, yv = self._inputs(values, times, exog, valid), self._scaled_targets(values, valid)
        self.model = self._build(x.shape[2])
        steps = math.ceil(len(x) / self.batch_size)
        epochs = self.epochs or min(max(1000 // steps, 10), 30)
        rate = schedules.one_cycle(self.learning_rate, steps=max(epochs * steps, 10))
        self.history = self.model.fit(
            x,
            y,
            loss=Huber(delta=0.5),
            optimizer=Adam(self.learning_rate),
            epochs=epochs,
            batch_size=self.batch_size,
            validation_data=(xv, yv),
            callbacks=[schedule(rate), early_stopping(self.patience or max(epochs // 2, 1))],
            clip_norm=1.0,
            seed=self.seed,
            verbose=verbose,
        )
        errors = targets(values, valid, self.horizon) - self.point_forecasts(values, times, exog, valid)
        self._errors = np.quantile(errors, LEVELS, axis=0)
        return self

    def _fit_scalers(self, values, times, exog, train):
        """Everything that is learnt about scales, from the training windows alone."""
        truth = targets(values, train, self.horizon)
        cost = {
            period: np.abs(truth - naive(values, train, self.horizon, period)).mean() for period in {1, self.season}
        }
        self.period = min(cost, key=cost.get)
        self.cycles = [] if times is None else calendar_cycles(times[: train[-1]])
        level, change = self._relative(values, train)
        self._level, self._change = Scaler.fit(level.ravel()), Scaler.fit(change.ravel())
        self._target = Scaler.fit((truth - naive(values, train, self.horizon, self.period)).ravel())
        self._exog = Scaler.fit(exog[: train[-1]])

    def _build(self, features):
        seeds = np.random.SeedSequence(self.seed).generate_state(2).tolist()
        return Sequential(
            [
                LSTM(features, self.hidden_size, self.num_layers, seed=seeds[0]),
                Last(),
                Dropout(self.dropout),
                Linear(self.hidden_size, self.horizon, seed=seeds[1]),
            ]
        )

    # -- what the model sees --------------------------------------------------------------------

    def _relative(self, values, origins):
        """Each window relative to its last value, and to the naive forecast of each of its steps."""
        x = windows(values, origins, self.window)
        return x - x[:, -1:], x - windows(values, origins - self.period, self.window)

    def _inputs(self, values, times, exog, origins):
        """The windows before `origins` as features (N, window, 2 + E + calendar), float32."""
        level, change = self._relative(values, origins)
        own = np.stack([self._level.transform(level), self._change.transform(change)], -1)
        given = self._exog.transform(exog)
        if self.cycles:
            given = np.concatenate([given, calendar_features(times, self.cycles)], 1)
        return np.concatenate([own, windows(given, origins, self.window)], -1).astype(np.float32)

    def _scaled_targets(self, values, origins):
        departure = targets(values, origins, self.horizon) - naive(values, origins, self.horizon, self.period)
        return self._target.transform(departure).astype(np.float32)

    def point_forecasts(self, values, times, exog, origins):
        """The forecasts from each of `origins` (N,), each from what came before: (N, horizon)."""
        out = np.empty((len(origins), self.horizon))
        for start in range(0, len(origins), _CHUNK):
            part = origins[start : start + _CHUNK]
            departure = self.model.predict(self._inputs(values, times, exog, part))
            out[start : start + _CHUNK] = naive(values, part, self.horizon, self.period) + self._target.inverse(
                departure.astype(np.float64)
            )
        return out

    # -- use ------------------------------------------------------------------------------------

    def predict(self, values, times=None, exog=None):
        """The `Forecast` of the `horizon` values that follow `values`."""
        values, times, exog = self._checked(values, times, exog, "predict", fitted=True)
        point = self.point_forecasts(values, times, exog, np.array([len(values)]))[0]
        return Forecast(point, *(point + self._range()), self.coverage, self._errors)

    def backtest(self, values, times=None, exog=None, *, start, max_origins=5000):
        """The `Backtest` of forecasts from `start` on, as if nothing later were known.

        Of more than `max_origins` possible forecasts, evenly spread ones are made.
        """
        values, times, exog = self._checked(values, times, exog, "backtest", fitted=True)
        start = max(start, self.window + self.season)
        if start + self.horizon > len(values):
            raise ValueError(
                f"Forecaster.backtest: {len(values)} values leave no forecast of {self.horizon} steps from {start} on"
            )
        origins = evenly_spread(start, len(values) - self.horizon, max_origins)
        truth = targets(values, origins, self.horizon)
        point = self.point_forecasts(values, times, exog, origins)
        errors = {"LSTM": point - truth, "persistence": naive(values, origins, self.horizon) - truth}
        if self.season > 1:
            errors["seasonal naive"] = naive(values, origins, self.horizon, self.season) - truth
        lower, upper = self._range()
        return Backtest(errors, (truth >= point + lower) & (truth <= point + upper), origins)

    def _range(self):
        """What to add to a forecast for the range (2, horizon): quantiles of the validation errors
        (split conformal prediction; Lei et al. 2018)."""
        tail = (1 - self.coverage) / 2
        return np.stack([_between_levels(self._errors, level) for level in (tail, 1 - tail)])

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
        if fitted and len(values) < self.window + self.season:
            raise ValueError(
                f"{where}: {len(values)} values are too few, a forecast needs the last "
                f"{self.window + self.season}; give more"
            )
        return values, times, exog

    # -- files ----------------------------------------------------------------------------------

    def save(self, path, **about):
        """Write model, scales and `about` (JSON values) as one safetensors file, whole or not at all."""
        saving.save(self.model, path, metadata={"forecaster": json.dumps({**self._state(), "about": about})})

    @classmethod
    def load(cls, path):
        """``(forecaster, about)`` from a file of `save`; ``FileError`` if it is no such file."""
        metadata = read_tensors(path)[1]
        if "forecaster" not in metadata:
            raise FileError(f"{path}: holds no forecaster")
        state = parse_json(metadata["forecaster"].encode(), path, "its description of the forecaster")
        model = saving.load(path)
        try:
            forecaster = cls._from_state(state, model)
            return forecaster, dict(state["about"])
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
            raise FileError(f"{path}: its forecaster does not fit its model: {error!r}") from None

    def _state(self):
        scalers = {name: [getattr(self, name).mean.tolist(), getattr(self, name).scale.tolist()] for name in _SCALERS}
        return {
            "horizon": self.horizon,
            "window": self.window,
            "season": self.season,
            "period": self.period,
            "coverage": self.coverage,
            "cycles": self.cycles,
            "scalers": scalers,
            "errors": self._errors.tolist(),
        }

    @classmethod
    def _from_state(cls, state, model):
        forecaster = cls(state["horizon"], window=state["window"], season=state["season"], coverage=state["coverage"])
        forecaster.model, forecaster.cycles = model, [name for name in state["cycles"] if CYCLES[name]]
        forecaster.period = positive_int(state["period"], "period")
        for name in _SCALERS:
            mean, scale = (np.array(part, np.float64) for part in state["scalers"][name])
            if mean.shape != scale.shape or mean.ndim != (name == "_exog") or not (scale > 0).all():
                raise ValueError(f"scaler {name}")
            setattr(forecaster, name, Scaler(mean, scale))
        forecaster._errors = np.array(state["errors"], np.float64)
        features = 2 + len(forecaster._exog.mean) + 2 * len(forecaster.cycles)
        if (
            forecaster._errors.shape != (len(LEVELS), forecaster.horizon)
            or forecaster.period > forecaster.season
            or model.output_shape(("B", "T", features)) != ("B", forecaster.horizon)
        ):
            raise ValueError("shapes")
        return forecaster


def validation_size(n, horizon):
    """How many of `n` values to hold out for forecasts over `horizon`: 15 %, but enough for 16 forecasts."""
    return max(math.ceil(0.15 * n), horizon + 15)


def _between_levels(quantiles, level):
    """The rows of `quantiles` (levels, horizon) interpolated at `level`."""
    return np.array([np.interp(level, LEVELS, column) for column in quantiles.T])
