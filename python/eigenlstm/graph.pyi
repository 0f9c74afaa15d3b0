from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ._types import Shape
from .layers.base import Layer
from .layers.symbolic import Value

RESERVED: tuple[str, ...]

@dataclass(frozen=True)
class Input:
    shape: tuple[int | str | None, ...]
    dtype: Literal["float", "int64"] = "float"

@dataclass(frozen=True)
class Node:
    layer: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

@dataclass(frozen=True)
class Graph:
    inputs: dict[str, Input]
    layers: dict[str, Layer]
    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]
    values: tuple[Value, ...]
    def config(self) -> dict[str, object]: ...
    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Graph: ...
    @classmethod
    def chain(cls, layers: Sequence[Layer], shape: Shape) -> Graph: ...

class Trace:
    inputs: dict[str, Input]
    layers: dict[str, Layer]
    values: list[Value]
    def __init__(self, inputs: dict[str, Input], names: dict[int, str]) -> None: ...
    def call(
        self, layer: Layer, values: Sequence[Value], state: Sequence[Value] | None = None, lengths: object = None
    ) -> Value | tuple[Value, tuple[Value, ...]]: ...
    def replay(self, layer: Layer, values: Sequence[Value]) -> Value | tuple[Value, tuple[Value, ...]]: ...
    def graph(self, outputs: Sequence[Value]) -> Graph: ...

def trace(function: Callable[..., Value | Sequence[Value]], inputs: Mapping[str, Input]) -> Graph: ...
def names_of_layers(function: Callable[..., object]) -> dict[int, str]: ...
