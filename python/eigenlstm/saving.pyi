from collections.abc import Iterable, Mapping
from typing import TypeVar, overload

from ._types import ArrayLike, Path
from .layers.base import Layer
from .model import Model
from .sequential import Sequential

_Kind = TypeVar("_Kind", bound=Layer)

def save(layer: Layer, path: Path, metadata: Mapping[str, str] | None = None) -> None: ...
@overload
def load(path: Path, *, kind: type[_Kind], custom_layers: Iterable[type[Layer]] | None = None) -> _Kind: ...
@overload
def load(
    path: Path, *, kind: None = None, custom_layers: Iterable[type[Layer]] | None = None
) -> Sequential | Model: ...
def save_run(path: Path, layer: Layer, run: dict[str, object]) -> None: ...
def load_run(path: Path, layer: Layer) -> tuple[dict[str, ArrayLike], dict[str, object]]: ...
def architecture(layer: Layer) -> dict[str, object]: ...
