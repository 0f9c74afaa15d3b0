from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from .._types import ArrayLike

_Floats: TypeAlias = NDArray[np.float64]
_Observed: TypeAlias = NDArray[np.bool_] | None

def drift(values: _Floats, origins: ArrayLike, horizon: int) -> _Floats: ...

@dataclass
class Smoothing:
    season: int
    rates: _Floats
    scale: float
    @classmethod
    def fit(cls, values: _Floats, season: int = 1, horizon: int = 1, observed: _Observed = None) -> Self: ...
    @classmethod
    def fit_rates(cls, values: _Floats, season: int, trended: bool, observed: _Observed = None) -> Self: ...
    @property
    def least(self) -> int: ...
    def forecasts(self, values: _Floats, origins: ArrayLike, horizon: int) -> _Floats: ...
    def one_step_errors(self, values: _Floats) -> _Floats: ...

@dataclass
class Theta:
    season: int
    alpha: float
    @classmethod
    def fit(cls, values: _Floats, season: int = 1, observed: _Observed = None) -> Self: ...
    def forecasts(self, values: _Floats, origins: ArrayLike, horizon: int) -> _Floats: ...

def has_season(values: _Floats, season: int) -> bool: ...
def seasonal_indices(values: _Floats, season: int) -> _Floats: ...
