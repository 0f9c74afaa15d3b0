from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MISSING: frozenset[str]

def parse_numbers(
    cells: Sequence[str],
    name: str,
    lines: Sequence[int],
    *,
    missing: Sequence[str] = (),
    decimal: str | None = None,
    comma_hint: bool = False,
    notes: list[str] | None = None,
) -> NDArray[np.float64]: ...
