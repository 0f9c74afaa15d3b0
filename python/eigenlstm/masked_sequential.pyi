from collections.abc import Iterable

from .layers.base import Layer
from .sequential import Sequential

class MaskedSequential(Sequential):
    def __init__(self, layers: Iterable[Layer], *, mask_value: float = 0.0) -> None: ...
