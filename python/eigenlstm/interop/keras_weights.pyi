from .._types import Path
from ..layers.base import Layer

def load_weights(model: Layer, path: Path) -> None: ...
