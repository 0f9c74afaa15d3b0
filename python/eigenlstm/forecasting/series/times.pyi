from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

@dataclass
class Times:
    utc: NDArray[np.datetime64]
    zone: tzinfo | None
    notes: list[str]

def parse_times(
    cells: Sequence[str],
    name: str,
    lines: Sequence[int],
    *,
    time_format: str | None = None,
    time_zone: str | None = None,
) -> Times: ...
def counts_rows(cells: Sequence[str]) -> bool: ...
def short(cell: str) -> str: ...
