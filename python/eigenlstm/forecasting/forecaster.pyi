from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from .._types import ArrayLike, Path
from ..checks import KnownArguments
from .methods import Methods
from .results import LEVELS as LEVELS
from .results import Backtest as Backtest
from .results import Forecast as Forecast

class Forecaster(Methods, KnownArguments):
    horizon: int
    window: int
    coverage: float
    power: float
    floor: float | None
    def __init__(
        self,
        horizon: int,
        *,
        window: int | None = None,
        season: int | Sequence[int] | None = None,
        hidden_size: int = 64,
        num_layers: int = 1,
        dropout: float = 0.2,
        members: int = 3,
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
        times: ArrayLike | None = None,
        exog: ArrayLike | None = None,
        *,
        observed: ArrayLike | None = None,
        verbose: int = 0,
    ) -> Self: ...
    def update(
        self,
        values: ArrayLike,
        times: ArrayLike | None = None,
        exog: ArrayLike | None = None,
        *,
        observed: ArrayLike | None = None,
        backtest: Backtest | None = None,
    ) -> Self: ...
    def point_forecasts(
        self, values: ArrayLike, times: NDArray[np.datetime64] | None, exog: ArrayLike | None, origins: ArrayLike
    ) -> NDArray[np.float64]: ...
    def predict(self, values: ArrayLike, times: ArrayLike | None = None, exog: ArrayLike | None = None) -> Forecast: ...
    def backtest(
        self,
        values: ArrayLike,
        times: ArrayLike | None = None,
        exog: ArrayLike | None = None,
        *,
        start: int,
        observed: ArrayLike | None = None,
        max_origins: int = 5000,
    ) -> Backtest: ...
    def save(self, path: Path, **about: object) -> None: ...
    @classmethod
    def load(cls, path: Path) -> tuple[Self, dict[str, object]]: ...

def validation_size(n: int, horizon: int) -> int: ...
