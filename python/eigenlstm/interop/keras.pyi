from collections.abc import Mapping

from .._types import DType, Path
from ..sequential import Sequential
from .convert import Report
from .keras_weights import load_weights as load_weights
from .tensorflow import from_tensorflow as from_tensorflow

def load(
    path: Path, *, architecture: Mapping[str, object] | Path | None = None, dtype: DType | None = None
) -> Sequential: ...
def read(
    path: Path, *, architecture: Mapping[str, object] | Path | None = None, dtype: DType | None = None
) -> tuple[Sequential, Report]: ...
def compare(path: Path, model: Sequential, architecture: Path | None = None) -> tuple[float | None, str]: ...
