"""The LSTM part of a forecaster: what it sees, what it learns, an ensemble trained side by side."""

import math

import numpy as np

from ..graph import Input
from ..layers.dropout import Dropout
from ..layers.linear import Linear
from ..layers.lstm import LSTM
from ..layers.pooling import Last
from ..layers.wiring import Concat
from ..losses.losses import Huber
from ..model import Model
from ..sequential import Sequential
from ..training import schedules
from ..training.callbacks import early_stopping, schedule
from ..training.optimisers import Adam
from .windows import Scaler, calendar_cycles, calendar_features, naive, targets, windows

_CHUNK = 1024  # windows that are predicted at a time


class Network:
    """Base of `Forecaster`: an LSTM that corrects a base forecast, that of a period ago or exponential smoothing's."""

    members = 1
    smoothing = None  # the base where it is given, else the naive forecast of `period`

    def _base(self, z, origins):
        if self.smoothing is not None:
            return self.smoothing.forecasts(z, origins, self.horizon)
        return naive(z, origins, self.horizon, self.period)

    @property
    def _lag(self):
        """How far before its window the LSTM's features look."""
        return self.period if self.smoothing is None else 0

    def _fit_scalers(self, z, times, exog, train):
        """Everything that is learnt about scales, from the training windows alone."""
        self.cycles = [] if times is None else calendar_cycles(times[: train[-1]])
        level = windows(z, train, self.window) - z[train - 1, None]
        change = windows(self._change_of(z), train, self.window)
        self._level, self._change = Scaler.fit(level.ravel()), Scaler.fit(change.ravel())
        self._target = Scaler.fit((targets(z, train, self.horizon) - self._base(z, train)).ravel())
        self._exog = Scaler.fit(exog[: train[-1]])

    def _change_of(self, z):
        """By how much each value differs from the base forecast of one step (n,); 0 where there is none yet."""
        if self.smoothing is not None:
            return self.smoothing.one_step_errors(z)
        return np.concatenate([np.zeros(self.period), z[self.period :] - z[: -self.period]])

    def _features(self, z, times, exog):
        """What the LSTM sees of each step beside the level (n, 1 + E + calendar)."""
        parts = [self._change.transform(self._change_of(z))[:, None], self._exog.transform(exog)]
        return np.concatenate(parts + ([calendar_features(times, self.cycles)] if self.cycles else []), 1)

    def _inputs(self, z, features, origins):
        """The windows before `origins` (N, window, 2 + E + calendar), float32; levels relative to the last one."""
        level = self._level.transform(windows(z, origins, self.window) - z[origins - 1, None])
        return np.concatenate([level[:, :, None], windows(features, origins, self.window)], 2).astype(np.float32)

    def _scaled_targets(self, z, origins):
        departure = targets(z, origins, self.horizon) - self._base(z, origins)
        return np.tile(self._target.transform(departure), self.members).astype(np.float32)

    def _build(self, features):
        seeds = np.random.SeedSequence(self.seed).generate_state(2 * self.members).tolist()
        chains = [
            [
                LSTM(features, self.hidden_size, self.num_layers, seed=seeds[2 * i]),
                Last(),
                Dropout(self.dropout),
                Linear(self.hidden_size, self.horizon, seed=seeds[2 * i + 1]),
            ]
            for i in range(self.members)
        ]
        if self.members == 1:
            return Sequential(chains[0])
        beside = Concat()

        def ensemble(x):
            return beside(*(linear(dropout(last(lstm(x)[0]))) for lstm, last, dropout, linear in chains))

        return Model(ensemble, x=Input((None, features)))

    def _train(self, z, scored, times, exog, train, valid, verbose):
        """Train on the windows before `train`; those before `valid` say which epoch is the best."""
        features = self._features(z, times, exog)
        self.model = self._build(1 + features.shape[1])
        held_out = self._inputs(z, features, valid), self._scaled_targets(z, valid), self._weights_of(scored, valid)
        steps = math.ceil(len(train) / self.batch_size)
        epochs = self.epochs or min(max(1000 // steps, 10), 30)
        stop = early_stopping(self.patience or max(epochs // 2, 1))
        self.history = self._run(z, scored, features, train, epochs, self.learning_rate, verbose, held_out, [stop])

    def _learn_all(self, z, scored, times, exog, origins):
        """Go on for a while with the windows before all `origins`, those that were held out as well."""
        epochs = max(1, round(0.3 * len(self.history))) if hasattr(self, "history") else 3  # of a file
        self._run(z, scored, self._features(z, times, exog), origins, epochs, 0.25 * self.learning_rate, 0, None, [])

    def _weights_of(self, scored, origins):
        """How much the window before each of `origins` counts (N,): nothing where its targets were filled in, or where
        most windows have such targets, the share of those that were observed. None: all count alike."""
        seen = ~np.isnan(targets(scored, origins, self.horizon))
        whole = seen.all(axis=1)
        if whole.all():
            return None
        return (whole if 2 * whole.sum() >= len(whole) else seen.mean(axis=1)).astype(np.float32)

    def _run(self, z, scored, features, origins, epochs, rate, verbose, held_out, callbacks):
        steps = epochs * math.ceil(len(origins) / self.batch_size)
        return self.model.fit(
            self._inputs(z, features, origins),
            self._scaled_targets(z, origins),
            loss=Huber(delta=0.5),
            optimizer=Adam(rate),
            epochs=epochs,
            batch_size=self.batch_size,
            sample_weight=self._weights_of(scored, origins),
            validation_data=held_out,
            callbacks=[schedule(schedules.one_cycle(rate, steps=max(steps, 10))), *callbacks],
            clip_norm=1.0,
            seed=self.seed,
            verbose=verbose,
        )

    def _lstm_forecasts(self, z, times, exog, origins):
        """The LSTM's forecasts from each of `origins` (N,), the mean of its members: (N, horizon)."""
        features, found = self._features(z, times, exog), self._base(z, origins)
        for start in range(0, len(origins), _CHUNK):
            part = origins[start : start + _CHUNK]
            departure = self.model.predict(self._inputs(z, features, part)).astype(np.float64)
            departure = departure.reshape(len(part), self.members, self.horizon).mean(axis=1)
            found[start : start + _CHUNK] += self._target.inverse(departure)
        return found
