from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from .._types import ArrayLike, Path
from ..checks import KnownArguments
from ..sequential import Sequential

LEVELS: tuple[float, ...]

@dataclass
class Forecast:
    values: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    coverage: float
    errors: NDArray[np.float64]
    def quantiles(self, level: float) -> NDArray[np.float64]: ...

@dataclass
class Backtest:
    errors: dict[str, NDArray[np.float64]]
    inside: NDArray[np.bool_]
    origins: NDArray[np.int64]
    def mae(self, name: str) -> NDArray[np.float64]: ...
    def rmse(self, name: str) -> NDArray[np.float64]: ...

class Forecaster(KnownArguments):
    horizon: int
    window: int
    season: int | None
    coverage: float
    period: int
    model: Sequential
    history: list[dict[str, float]]
    def __init__(
        self,
        horizon: int,
        *,
        window: int | None = None,
        season: int | None = None,
        hidden_size: int = 64,
        num_layers: int = 1,
        dropout: float = 0.2,
        epochs: int | None = None,
        patience: int | None = None,
        batch_size: int = 64,
        learning_rate: float = 4e-3,
        coverage: float = 0.8,
        max_windows: int = 20_000,
        seed: int = 0,
    ) -> None: ...
    def fit(
        self,
        values: ArrayLike,
        times: NDArray[np.datetime64] | None = None,
        exog: ArrayLike | None = None,
        *,
        verbose: int = 0,
    ) -> Self: ...
    def point_forecasts(
        self, values: ArrayLike, times: NDArray[np.datetime64] | None, exog: ArrayLike | None, origins: ArrayLike
    ) -> NDArray[np.float64]: ...
    def predict(
        self, values: ArrayLike, times: NDArray[np.datetime64] | None = None, exog: ArrayLike | None = None
    ) -> Forecast: ...
    def backtest(
        self,
        values: ArrayLike,
        times: NDArray[np.datetime64] | None = None,
        exog: ArrayLike | None = None,
        *,
        start: int,
        max_origins: int = 5000,
    ) -> Backtest: ...
    def save(self, path: Path, **about: object) -> None: ...
    @classmethod
    def load(cls, path: Path) -> tuple[Self, dict[str, object]]: ...

def validation_size(n: int, horizon: int) -> int: ...
