from ._core import ModelStreamFloat32, ModelStreamFloat64
from .sequential import Trained

def stream(self: Trained, batch_size: int = 1) -> ModelStreamFloat32 | ModelStreamFloat64: ...
