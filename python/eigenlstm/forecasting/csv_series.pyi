from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .._types import Path

class SeriesError(ValueError): ...

@dataclass(frozen=True)
class Step:
    count: int
    unit: str
    def after(self, last: np.datetime64, steps: int) -> NDArray[np.datetime64]: ...
    def whole(self, unit: str) -> bool: ...
    @property
    def each(self) -> str: ...

@dataclass
class Series:
    name: str
    values: NDArray[np.float64]
    times: NDArray[np.datetime64] | None
    step: Step | None
    exog: NDArray[np.float64]
    exog_names: list[str] = field(default_factory=list)
    filled: int = 0
    def future_times(self, steps: int) -> NDArray[np.datetime64] | None: ...
    def time_text(self, time: np.datetime64) -> str: ...

def read_csv(
    path: Path,
    column: str,
    *,
    time_column: str | None = None,
    time_format: str | None = None,
    exog: Iterable[str] = (),
    fill: bool = False,
) -> Series: ...
