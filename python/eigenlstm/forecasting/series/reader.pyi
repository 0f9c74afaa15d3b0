from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import overload

import numpy as np
from numpy.typing import NDArray

from ..._types import Path
from .step import Step
from .table_files import TableFile

DUPLICATES: tuple[str, ...]

@dataclass
class Series:
    name: str
    values: NDArray[np.float64]
    times: NDArray[np.datetime64] | None
    step: Step | None
    exog: NDArray[np.float64]
    exog_names: list[str] = field(default_factory=list)
    observed: NDArray[np.bool_] = ...
    zone: tzinfo | None = None
    id: str | None = None
    notes: list[str] = field(default_factory=list)
    @property
    def filled(self) -> int: ...
    @property
    def wall_times(self) -> NDArray[np.datetime64] | None: ...
    def future_times(self, steps: int) -> NDArray[np.datetime64] | None: ...
    def time_text(self, time: np.datetime64) -> str: ...

@overload
def read_series(
    path: Path | TableFile,
    column: str,
    *,
    time_column: str | None = None,
    time_format: str | None = None,
    time_zone: str | None = None,
    exog: Iterable[str] = (),
    fill: bool = False,
    missing: Sequence[str] = (),
    duplicates: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    id_column: None = None,
    id: None = None,
) -> Series: ...
@overload
def read_series(
    path: Path | TableFile,
    column: str,
    *,
    time_column: str | None = None,
    time_format: str | None = None,
    time_zone: str | None = None,
    exog: Iterable[str] = (),
    fill: bool = False,
    missing: Sequence[str] = (),
    duplicates: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    id_column: str,
    id: str | Sequence[str] | None = None,
) -> list[Series]: ...
