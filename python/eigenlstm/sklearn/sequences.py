"""Estimators of sequences: one in a row of X, a number or a class for each."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from ..checks import KnownArguments, unmasked
from ..forecasting.windows import Scaler
from ..layers.dropout import Dropout
from ..layers.linear import Linear
from ..layers.lstm import LSTM
from ..layers.pooling import Last, MaxPool, MeanPool
from ..sequential import Sequential
from ..training.callbacks import early_stopping
from ..training.optimisers import Adam
from .data import ragged_rows, rows, weights, without_masks


class _SequenceEstimator(KnownArguments, BaseEstimator):
    """What regressor and classifier share: sequences in, a fitted `Sequential` in `model_`."""

    missing = class_weight = None  # of estimators in pickles that know nothing of them

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
        missing=None,
        random_state=None,
        verbose=0,
    ):
        self._keep(locals())

    def _keep(self, arguments):
        """Store the constructor's `arguments` under their names, unchecked and unchanged, as scikit-learn expects.

        It reads the names from the signature of the constructor, so each class has to spell them out there.
        """
        vars(self).update((name, arguments[name]) for name in self._get_param_names())

    def _fit(self, X, y, outputs, loss, weight):
        """Train on checked sequences X, targets y (n, …) and weights (n,) or None."""
        random = check_random_state(self.random_state)
        seeds = random.randint(2**31 - 1, size=3).tolist()
        n, held_out = len(X), int(self.validation_fraction * len(X))
        if held_out >= n:
            raise ValueError(f"validation_fraction={self.validation_fraction} leaves none of {n} samples to train on")
        order = random.permutation(n) if held_out else np.arange(n)
        train, valid = np.sort(order[held_out:]), np.sort(order[:held_out])
        self._build(X if not held_out else rows(X, train), outputs, seeds)
        X = self._scaled(X)
        more = {}
        if held_out:
            of_valid = () if weight is None else (weight[valid],)
            more = {
                "validation_data": (rows(X, valid), y[valid], *of_valid),
                "callbacks": [early_stopping(self.patience)],
            }
        self.history_ = self.model_.fit(
            rows(X, train) if held_out else X,
            y[train],
            sample_weight=None if weight is None else weight[train],
            loss=loss,
            optimizer=self._optimizer,
            epochs=self.epochs,
            seed=seeds[2],
            **self._training(),
            **more,
        )
        self.n_iter_ = len(self.history_)
        return self

    def _partial_fit(self, X, y, outputs, loss, weight):
        """One epoch more on checked sequences; the first call builds the model and standardises by its data."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        if not hasattr(self, "model_"):
            self._build(X, outputs, check_random_state(self.random_state).randint(2**31 - 1, size=2).tolist())
            self.history_ = []
        if not hasattr(self, "_optimizer"):  # read from an older pickle
            self._optimizer = Adam(self.learning_rate)
        self.history_ += self.model_.fit(
            self._scaled(X),
            y,
            sample_weight=weight,
            loss=loss,
            optimizer=self._optimizer,
            seed=seed + len(self.history_),
            **self._training(),
        )
        self.n_iter_ = len(self.history_)
        return self

    def _build(self, X, outputs, seeds):
        self._scaler = Scaler.fit(np.concatenate(list(X)))
        features = len(self._scaler.mean)
        directions = 2 if self.bidirectional else 1
        pooling = Last(bidirectional=self.bidirectional) if self.pooling == "last" else _POOLING[self.pooling]()
        missing = "propagate" if self.missing is None else self.missing
        options = {"bidirectional": self.bidirectional, "missing": missing, "seed": seeds[0]}
        self.model_ = Sequential(
            [
                LSTM(features, self.hidden_size, self.num_layers, **options),
                pooling,
                Dropout(self.dropout),
                Linear(self.hidden_size * directions, outputs, seed=seeds[1]),
            ]
        )
        self._optimizer = Adam(self.learning_rate)

    def _training(self):
        return {"batch_size": self.batch_size, "clip_norm": self.clip_norm, "verbose": self.verbose}

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
        if self.missing not in (None, "forward_fill", "mask"):
            raise ValueError(f"missing must be None, 'forward_fill' or 'mask', got {self.missing!r}")
        if self.pooling not in _POOLING:
            raise ValueError(f"pooling must be one of {', '.join(_POOLING)}, got {self.pooling!r}")

    def _sequences(self, X, fitting):
        """X as an array (n, T, F) or a list of arrays (T_i, F), float64; finite, or with NaN where `missing` takes
        them.
        """
        finite = {"dtype": np.float64, "ensure_all_finite": True if self.missing is None else "allow-nan"}
        X = without_masks(X, nan=self.missing is not None)
        found = ragged_rows(X)
        if found is not None:
            X = [
                check_array(row.reshape(-1, 1) if row.ndim == 1 else row, input_name=f"X[{i}]", **finite)
                for i, row in enumerate(found)
            ]
            self._check_features({row.shape[1] for row in X}, fitting)
        elif getattr(X, "ndim", 2) == 3:
            X = check_array(X, allow_nd=True, input_name="X", **finite)
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
                X = validate_data(self, X, reset=fitting, **finite)[:, :, None]
            else:
                X = check_array(X, input_name="X", **finite)[:, :, None]
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing is not None
        return tags

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
        Share of the samples that is held out; training then ends when their loss has not fallen for `patience` epochs,
        and the best epoch counts.
    missing : None, "forward_fill" or "mask"
        What to do with NaN in X: refuse it, or what `eigenlstm.LSTM` does with it.
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

    def fit(self, X, y, sample_weight=None):
        """Train on sequences X and targets y, (n,) or (n, outputs), weighted by `sample_weight` (n,)."""
        X, y, weight = self._targets(X, y, sample_weight, fitting=True)
        return self._fit(X, self._target.transform(y).astype(np.float32), y.shape[1], "mse", weight)

    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch more on X, n sequences, and targets y (n,) or (n, outputs).

        The first call standardises by its data.
        """
        X, y, weight = self._targets(X, y, sample_weight, fitting=not hasattr(self, "model_"))
        return self._partial_fit(X, self._target.transform(y).astype(np.float32), y.shape[1], "mse", weight)

    def _targets(self, X, y, sample_weight, fitting):
        self._check_parameters()
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        X = self._sequences(X, fitting)
        y = check_array(unmasked(y, "fit", "y"), ensure_2d=False, dtype=np.float64, input_name="y")
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        if fitting:
            self._single = y.ndim == 1
            self._target = Scaler.fit(y.reshape(len(y), -1))
        y = y.reshape(len(y), -1)
        if y.shape[1] != len(self._target.mean):
            raise ValueError(f"y must have {len(self._target.mean)} outputs as before, got {y.shape[1]}")
        return X, y, weights(sample_weight, X)

    def predict(self, X):
        """Predictions for the sequences X: (n,), or (n, outputs) after a fit with y (n, outputs)."""
        outputs = self._target.inverse(self._outputs(X)) if hasattr(self, "model_") else self._outputs(X)
        return outputs[:, 0] if self._single else outputs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class LSTMClassifier(ClassifierMixin, _SequenceEstimator):
    __doc__ = "Classifies sequences: cross-entropy on a softmax over the classes." + _PARAMETERS.replace(
        "    random_state :",
        """    class_weight : dict class -> weight, "balanced" or None
        "balanced": each class weighs the same in all.
    random_state :""",
    )

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
        missing=None,
        class_weight=None,
        random_state=None,
        verbose=0,
    ):
        self._keep(locals())

    def fit(self, X, y, sample_weight=None):
        """Train on sequences X and labels y (n,), weighted by `sample_weight` (n,)."""
        X, y = self._labels(X, y, fitting=True)
        self.classes_, index = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__} needs samples of at least 2 classes, but the data contains only one class: "
                f"{self.classes_[0]!r}"
            )
        weight = self._class_weights(y, weights(sample_weight, X))
        return self._fit(X, index.astype(np.int64), len(self.classes_), "cross_entropy", weight)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch more on sequences X and labels y (n,).

        The first call needs all `classes`, and standardises by its data.
        """
        first = not hasattr(self, "model_")
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit")
        X, y = self._labels(X, y, fitting=first)
        if first:
            self.classes_ = np.unique(classes)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"classes must be those of the first call, {self.classes_}, got {np.unique(classes)}")
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y has labels {unknown} that are not in classes {self.classes_}")
        if isinstance(self.class_weight, str):
            raise ValueError("class_weight 'balanced' needs all data at once: give partial_fit the weights as a dict")
        index = np.searchsorted(self.classes_, y)
        weight = self._class_weights(y, weights(sample_weight, X))
        return self._partial_fit(X, index.astype(np.int64), len(self.classes_), "cross_entropy", weight)

    def _labels(self, X, y, fitting):
        self._check_parameters()
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        X = self._sequences(X, fitting)
        y = column_or_1d(unmasked(y, "fit", "y"), warn=True)
        check_consistent_length(X, y)
        check_classification_targets(y)
        return X, y

    def _class_weights(self, y, weight):
        if self.class_weight is None:
            return weight
        of_class = compute_sample_weight(self.class_weight, y)
        return of_class if weight is None else weight * of_class

    def predict(self, X):
        """The most probable class of each of the sequences X: (n,)."""
        outputs = self._outputs(X)
        return self.classes_[outputs.argmax(axis=1)]

    def predict_proba(self, X):
        """The probabilities of `classes_` for each of the sequences X: (n, classes)."""
        outputs = self._outputs(X)
        powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
