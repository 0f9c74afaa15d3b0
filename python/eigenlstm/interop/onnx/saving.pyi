import onnx

from ..._types import Path
from ...layers.base import Layer

def save(model: Layer, path: Path, *, lengths: bool = False, state: bool = False) -> None: ...
def model_proto(model: Layer, *, lengths: bool = False, state: bool = False) -> onnx.ModelProto: ...
