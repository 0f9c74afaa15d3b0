"""Estimators for scikit-learn (the extra `sklearn`): `LSTMRegressor`, `LSTMClassifier`, `LSTMForecaster`.

>>> from eigenlstm.sklearn import LSTMClassifier
>>> LSTMClassifier(hidden_size=64).fit(X_train, y_train).score(X_test, y_test)

X holds one sequence a row, in one of three forms: an array (n, T) of univariate sequences, an array (n, T, F),
or a list of n arrays (T_i, F) or (T_i,) of any lengths. Computation is in float32; X and y of any real dtype
are converted.
"""

from numbers import Integral, Real

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import (
        check_array,
        check_consistent_length,
        check_is_fitted,
        column_or_1d,
        validate_data,
    )
except ImportError as error:
    raise ImportError('eigenlstm.sklearn needs scikit-learn 1.6 or later: pip install "eigenlstm[sklearn]"') from error

from .checks import KnownArguments
from .training.callbacks import early_stopping
from .layers.dropout import Dropout
from .forecasting.forecaster import Forecaster
from .layers.linear import Linear
from .layers.lstm import LSTM
from .training.optimisers import Adam
from .layers.pooling import Last, MaxPool, MeanPool
from .sequential import Sequential
from .forecasting.windows import Scaler

__all__ = ["LSTMClassifier", "LSTMForecaster", "LSTMRegressor"]


class _SequenceEstimator(KnownArguments, BaseEstimator):
    """What regressor and classifier share: sequences in, a fitted `Sequential` in `model_`."""

    def __init__(
        self,
        hidden_size=32,
        num_layers=1,
        *,
        bidirectional=False,
        pooling="last",
        dropout=0.0,
        epochs=60,
        batch_size=32,
        learning_rate=0.01,
        clip_norm=1.0,
        validation_fraction=0.0,
        patience=10,
        random_state=None,
        verbose=0,
    ):
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.pooling = pooling
        self.dropout = dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.clip_norm = clip_norm
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state
        self.verbose = verbose

    def _fit(self, X, y, outputs, loss):
        """Train on checked sequences X and targets y (n, …)."""
        self._check_parameters()
        random = check_random_state(self.random_state)
        seeds = random.randint(2**31 - 1, size=3).tolist()
        n, held_out = len(X), int(self.validation_fraction * len(X))
        if held_out >= n:
            raise ValueError(f"validation_fraction={self.validation_fraction} leaves none of {n} samples to train on")
        order = random.permutation(n) if held_out else np.arange(n)
        train, valid = np.sort(order[held_out:]), np.sort(order[:held_out])
        self._scaler = Scaler.fit(np.concatenate([X[i] for i in train]).astype(np.float64))
        X = self._scaled(X)
        features = len(self._scaler.mean)
        directions = 2 if self.bidirectional else 1
        pooling = Last(bidirectional=self.bidirectional) if self.pooling == "last" else _POOLING[self.pooling]()
        self.model_ = Sequential(
            [
                LSTM(features, self.hidden_size, self.num_layers, bidirectional=self.bidirectional, seed=seeds[0]),
                pooling,
                Dropout(self.dropout),
                Linear(self.hidden_size * directions, outputs, seed=seeds[1]),
            ]
        )
        more = (
            {"validation_data": (_rows(X, valid), y[valid]), "callbacks": [early_stopping(self.patience)]}
            if held_out
            else {}
        )
        self.history_ = self.model_.fit(
            _rows(X, train),
            y[train],
            loss=loss,
            optimizer=Adam(self.learning_rate),
            epochs=self.epochs,
            batch_size=self.batch_size,
            clip_norm=self.clip_norm,
            seed=seeds[2],
            verbose=self.verbose,
            **more,
        )
        self.n_iter_ = len(self.history_)
        return self

    def _outputs(self, X):
        """The model's outputs for X as float64 (n, outputs)."""
        check_is_fitted(self, "model_")
        return self.model_.predict(self._scaled(self._sequences(X, fitting=False))).astype(np.float64)

    def _check_parameters(self):
        whole = {"hidden_size": 1, "num_layers": 1, "epochs": 1, "batch_size": 1, "patience": 0}
        for name, least in whole.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
                raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
        for name in ("dropout", "validation_fraction"):
            value = getattr(self, name)
            if not (isinstance(value, Real) and 0 <= value < 1):
                raise ValueError(f"{name} must lie in [0, 1), got {value!r}")
        if self.pooling not in _POOLING:
            raise ValueError(f"pooling must be one of {', '.join(_POOLING)}, got {self.pooling!r}")

    def _sequences(self, X, fitting):
        """X as an array (n, T, F) or a list of arrays (T_i, F), float32 and finite."""
        rows = _ragged_rows(X)
        if rows is not None:
            X = [
                check_array(row.reshape(-1, 1) if row.ndim == 1 else row, dtype=np.float64, input_name=f"X[{i}]")
                for i, row in enumerate(rows)
            ]
            self._check_features({row.shape[1] for row in X}, fitting)
        elif getattr(X, "ndim", 2) == 3:
            X = check_array(X, dtype=np.float64, allow_nd=True, input_name="X")
            if not X.shape[1]:
                raise ValueError(f"X must have at least one step, got shape {X.shape}")
            self._check_features({X.shape[2]}, fitting)
        else:
            self._univariate = fitting or getattr(self, "_univariate", True)
            if not self._univariate and self.n_features_in_ != 1:
                raise ValueError(
                    f"X is univariate, but {type(self).__name__} was fitted with {self.n_features_in_} features"
                )
            if self._univariate:
                X = validate_data(self, X, reset=fitting, dtype=np.float64)[:, :, None]
            else:
                X = check_array(X, dtype=np.float64, input_name="X")[:, :, None]
        return X

    def _check_features(self, found, fitting):
        """The number of features of sequences that may be of any length."""
        if fitting:
            self._univariate = False
            if len(found) > 1:
                raise ValueError(f"all sequences in X must have the same number of features, got {sorted(found)}")
            self.n_features_in_ = found.copy().pop()
            vars(self).pop("feature_names_in_", None)
        expected = 1 if self._univariate else self.n_features_in_
        if found != {expected}:
            raise ValueError(
                f"X has {sorted(found)} features, but {type(self).__name__} is expecting {expected} features as input"
            )

    def _scaled(self, X):
        scale = self._scaler.transform
        return (
            scale(X).astype(np.float32) if isinstance(X, np.ndarray) else [scale(row).astype(np.float32) for row in X]
        )


_POOLING = {"last": Last, "mean": MeanPool, "max": MaxPool}

_PARAMETERS = """

    Parameters
    ----------
    hidden_size, num_layers, bidirectional
        Of the LSTM.
    pooling : "last", "mean" or "max"
        How a sequence becomes one vector.
    dropout : float in [0, 1)
        On that vector.
    epochs, batch_size, learning_rate, clip_norm
        Training with Adam; `clip_norm` bounds the norm of the gradients.
    validation_fraction : float in [0, 1)
        Share of the samples that is held out; training then ends when their loss has not fallen for `patience` epochs, and
        the best epoch counts.
    random_state : int, RandomState or None
        The same number gives the same model, bit for bit, at any number of threads.
    verbose : 0, 1 or 2

    Attributes
    ----------
    model_ : Sequential
    history_ : list of dict
    n_features_in_ : int
        T for X (n, T), F for X (n, T, F) and lists.
    """


class LSTMRegressor(RegressorMixin, _SequenceEstimator):
    __doc__ = (
        "Predicts a number, or several, for each sequence: mean squared error on standardised targets." + _PARAMETERS
    )

    def fit(self, X, y):
        """Train on sequences X and targets y, (n,) or (n, outputs)."""
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        X = self._sequences(X, fitting=True)
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        self._single = y.ndim == 1
        y = y.reshape(len(y), -1)
        self._target = Scaler.fit(y)
        return self._fit(X, self._target.transform(y).astype(np.float32), y.shape[1], "mse")

    def predict(self, X):
        """Predictions for the sequences X: (n,), or (n, outputs) after a fit with y (n, outputs)."""
        outputs = self._target.inverse(self._outputs(X)) if hasattr(self, "model_") else self._outputs(X)
        return outputs[:, 0] if self._single else outputs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class LSTMClassifier(ClassifierMixin, _SequenceEstimator):
    __doc__ = "Classifies sequences: cross-entropy on a softmax over the classes." + _PARAMETERS

    def fit(self, X, y):
        """Train on sequences X and labels y (n,)."""
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        X = self._sequences(X, fitting=True)
        y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        check_classification_targets(y)
        self.classes_, y = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__} needs samples of at least 2 classes, but the data contains only one class: "
                f"{self.classes_[0]!r}"
            )
        return self._fit(X, y.astype(np.int64), len(self.classes_), "cross_entropy")

    def predict(self, X):
        """The most probable class of each of the sequences X: (n,)."""
        outputs = self._outputs(X)
        return self.classes_[outputs.argmax(axis=1)]

    def predict_proba(self, X):
        """The probabilities of `classes_` for each of the sequences X: (n, classes)."""
        outputs = self._outputs(X)
        powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


class LSTMForecaster(KnownArguments, BaseEstimator):
    """Forecasts the next `horizon` values of a series; see `eigenlstm.forecasting.Forecaster`.

    Parameters
    ----------
    horizon : int
    window, season : int, optional
        Steps that the LSTM reads, steps in a season; found in the series by default.
    hidden_size, num_layers, dropout, epochs, patience, batch_size, learning_rate
    coverage : float
        Share of values that the range shall hold.
    random_state : int, RandomState or None
    verbose : 0, 1 or 2

    Attributes
    ----------
    forecaster_ : Forecaster

    Notes
    -----
    y is the series (n,); X holds exogenous columns (n, E), known up to the last value only; `times` are datetime64 (n,), taken
    from y's index where y is a pandas Series with a DatetimeIndex.
    """

    def __init__(
        self,
        horizon=1,
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
        random_state=None,
        verbose=0,
    ):
        self.horizon = horizon
        self.window = window
        self.season = season
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.dropout = dropout
        self.epochs = epochs
        self.patience = patience
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.coverage = coverage
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, y, X=None, times=None):
        """Train on the series y."""
        options = {name: value for name, value in self.get_params().items() if name not in ("random_state", "verbose")}
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        series = _series(y, X, times)
        self.forecaster_ = Forecaster(**options, seed=seed).fit(*series, verbose=self.verbose)
        self._series = series
        return self

    def predict(self, y=None, X=None, times=None):
        """The next values (horizon,) after the series y, by default that of `fit`."""
        return self._forecast(y, X, times).values

    def predict_interval(self, y=None, X=None, times=None):
        """``(lower, upper)``, each (horizon,): the range that shall hold the share `coverage` of the values."""
        forecast = self._forecast(y, X, times)
        return forecast.lower, forecast.upper

    def predict_quantiles(self, levels, y=None, X=None, times=None):
        """The quantiles (levels, horizon) at `levels` in 0.025..0.975."""
        forecast = self._forecast(y, X, times)
        return np.stack([forecast.quantiles(level) for level in levels])

    def _forecast(self, y, X, times):
        check_is_fitted(self, "forecaster_")
        return self.forecaster_.predict(*(self._series if y is None else _series(y, X, times)))


def _series(y, X, times):
    """``(values, times, exog)`` as arrays."""
    index = getattr(y, "index", None)
    if times is None and getattr(getattr(index, "dtype", None), "kind", "") == "M":
        times = np.asarray(index)
    X = None if X is None else check_array(X, dtype=np.float64)
    return column_or_1d(y, dtype=np.float64), None if times is None else np.asarray(times), X


def _ragged_rows(X):
    """The rows of a list (or array of objects) of sequences as arrays; None if X is an array or the like of one."""
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1:
        X = X.tolist()
    if not isinstance(X, (list, tuple)) or not len(X) or any(np.ndim(row) == 0 for row in X[:1]):
        return None
    rows = [np.asarray(row) for row in X]
    return rows if rows[0].ndim == 2 or len({row.shape for row in rows}) > 1 else None


def _rows(X, index):
    return X[index] if isinstance(X, np.ndarray) else [X[i] for i in index]
