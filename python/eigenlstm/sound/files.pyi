from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .._types import ArrayLike, Path

def read(path: Path, *, sample_rate: int | None = None, mono: bool = False) -> tuple[NDArray[np.float32], int]: ...
def write(path: Path, signal: ArrayLike, sample_rate: int, *, bits: Literal[16, 24] = 16) -> None: ...
