from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from typing_extensions import Self

from .._types import ArrayLike
from ..checks import KnownArguments
from ..forecasting.forecaster import Forecaster

class LSTMForecaster(KnownArguments, BaseEstimator):  # type: ignore[misc]
    forecaster_: Forecaster
    def __init__(
        self,
        horizon: int = 1,
        *,
        window: int | None = None,
        season: int | None = None,
        hidden_size: int = 64,
        num_layers: int = 1,
        dropout: float = 0.2,
        members: int = 3,
        epochs: int | None = None,
        patience: int | None = None,
        batch_size: int = 64,
        learning_rate: float = 4e-3,
        coverage: float = 0.8,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None: ...
    def fit(self, y: ArrayLike, X: ArrayLike | None = None, times: NDArray[np.datetime64] | None = None) -> Self: ...
    def predict(
        self,
        y: ArrayLike | None = None,
        X: ArrayLike | None = None,
        times: NDArray[np.datetime64] | None = None,
    ) -> NDArray[np.float64]: ...
    def predict_interval(
        self,
        y: ArrayLike | None = None,
        X: ArrayLike | None = None,
        times: NDArray[np.datetime64] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
    def predict_quantiles(
        self,
        levels: Iterable[float],
        y: ArrayLike | None = None,
        X: ArrayLike | None = None,
        times: NDArray[np.datetime64] | None = None,
    ) -> NDArray[np.float64]: ...
    def score(self, y: ArrayLike, X: ArrayLike | None = None, times: NDArray[np.datetime64] | None = None) -> float: ...
