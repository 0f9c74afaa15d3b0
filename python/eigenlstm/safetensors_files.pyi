from collections.abc import Callable, Mapping
from io import BufferedReader
from typing import TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from ._types import Path

_T = TypeVar("_T")

class FileError(ValueError): ...

def open_file(path: Path) -> BufferedReader: ...
@overload
def read_tensors(path: Path, check: None = None) -> tuple[dict[str, NDArray[np.generic]], dict[str, str]]: ...
@overload
def read_tensors(
    path: Path, check: Callable[[dict[str, NDArray[np.generic]], dict[str, str]], _T]
) -> tuple[dict[str, NDArray[np.generic]], _T]: ...
def write_tensors(path: Path, tensors: Mapping[str, NDArray[np.generic]], metadata: Mapping[str, str]) -> None: ...
def parse_json(data: bytes, path: Path, what: str) -> object: ...
