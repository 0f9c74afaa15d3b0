from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVELS: tuple[float, ...]
FORECAST: str

@dataclass
class Forecast:
    values: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    coverage: float
    errors: NDArray[np.float64]
    weights: dict[str, float] | None = None
    index: object = None
    def quantiles(self, level: float) -> NDArray[np.float64]: ...
    # The frames are those of optional libraries, which type checkers need not find.
    def to_pandas(self, quantiles: Iterable[float] = ()) -> Any: ...  # a DataFrame
    def to_polars(self, quantiles: Iterable[float] = ()) -> Any: ...  # a DataFrame

@dataclass
class Backtest:
    errors: dict[str, NDArray[np.float64]]
    inside: NDArray[np.bool_]
    origins: NDArray[np.int64]
    values: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    def mae(self, name: str) -> NDArray[np.float64]: ...
    def rmse(self, name: str) -> NDArray[np.float64]: ...
    @property
    def coverage(self) -> float: ...

def between_levels(quantiles: NDArray[np.float64], level: float) -> NDArray[np.float64]: ...
