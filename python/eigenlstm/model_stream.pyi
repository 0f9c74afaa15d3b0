from collections.abc import Iterable

from ._core import ModelStreamFloat32, ModelStreamFloat64, StepGraphFloat32, StepGraphFloat64
from .layers.base import Layer
from .trained import Trained

def stream(self: Trained, batch_size: int = 1) -> ModelStreamFloat32 | ModelStreamFloat64: ...
def stream_into(layer: Layer, steps: StepGraphFloat32 | StepGraphFloat64, xs: Iterable[int], where: str) -> int: ...
