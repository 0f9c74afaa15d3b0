from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from typing_extensions import Self

from .._types import ArrayLike
from ..checks import KnownArguments
from ..sequential import Sequential

Sequences: TypeAlias = ArrayLike | Sequence[ArrayLike]

class _SequenceEstimator(KnownArguments, BaseEstimator):  # type: ignore[misc]
    model_: Sequential
    history_: list[dict[str, float]]
    n_iter_: int
    n_features_in_: int
    def __init__(
        self,
        hidden_size: int = 32,
        num_layers: int = 1,
        *,
        bidirectional: bool = False,
        pooling: Literal["last", "mean", "max"] = "last",
        dropout: float = 0.0,
        epochs: int = 60,
        batch_size: int = 32,
        learning_rate: float = 0.01,
        clip_norm: float | None = 1.0,
        validation_fraction: float = 0.0,
        patience: int = 10,
        missing: Literal["forward_fill", "mask"] | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None: ...

class LSTMRegressor(RegressorMixin, _SequenceEstimator):  # type: ignore[misc]
    def fit(self, X: Sequences, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self: ...
    def partial_fit(self, X: Sequences, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self: ...
    def predict(self, X: Sequences) -> NDArray[np.float64]: ...

class LSTMClassifier(ClassifierMixin, _SequenceEstimator):  # type: ignore[misc]
    classes_: NDArray[Any]  # of whatever dtype the labels have
    def __init__(
        self,
        hidden_size: int = 32,
        num_layers: int = 1,
        *,
        bidirectional: bool = False,
        pooling: Literal["last", "mean", "max"] = "last",
        dropout: float = 0.0,
        epochs: int = 60,
        batch_size: int = 32,
        learning_rate: float = 0.01,
        clip_norm: float | None = 1.0,
        validation_fraction: float = 0.0,
        patience: int = 10,
        missing: Literal["forward_fill", "mask"] | None = None,
        class_weight: Mapping[object, float] | Literal["balanced"] | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None: ...
    def fit(self, X: Sequences, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self: ...
    def partial_fit(
        self,
        X: Sequences,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self: ...
    def predict(self, X: Sequences) -> NDArray[Any]: ...  # likewise
    def predict_proba(self, X: Sequences) -> NDArray[np.float64]: ...
