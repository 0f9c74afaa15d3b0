from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

_Part: TypeAlias = tuple[list[NDArray[np.float32]], NDArray[np.int64]]

def tetouan() -> Path: ...
def japanese_vowels() -> tuple[_Part, _Part]: ...
def alice() -> str: ...
