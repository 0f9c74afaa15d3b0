from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .series.step import Step

def season_candidates(times: NDArray[np.datetime64] | Step, n: int) -> list[int]: ...
def find_seasons(values: ArrayLike, times: NDArray[np.datetime64] | None = None) -> tuple[int, ...]: ...
def best_naive_period(
    values: NDArray[np.float64],
    horizon: int,
    periods: Iterable[int],
    *,
    scored: NDArray[np.float64] | None = None,
    origins: NDArray[np.int64] | None = None,
    most_origins: int = 2000,
) -> int: ...
