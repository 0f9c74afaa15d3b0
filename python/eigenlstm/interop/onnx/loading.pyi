from collections.abc import Mapping

import onnx

from ..._types import ArrayLike, Path
from ...layers.base import Layer
from ...layers.lstm import LSTM
from ...model import Model
from ...sequential import Sequential

def load(
    path_or_bytes: Path | bytes | onnx.ModelProto, *, constants: Mapping[str, ArrayLike] | None = None
) -> Sequential | Model | LSTM: ...
def read(
    path_or_bytes: Path | bytes | onnx.ModelProto, constants: Mapping[str, ArrayLike] | None = None
) -> tuple[Sequential | Model | LSTM, list[tuple[str, Layer]]]: ...
