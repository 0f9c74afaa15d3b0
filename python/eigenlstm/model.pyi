from collections.abc import Callable, Mapping, Sequence
from typing import Generic, Literal, overload

from typing_extensions import TypeVar

from ._types import Array, ArrayLike
from .graph import Graph, Input
from .layers.symbolic import Value
from .sequential import Group
from .tables import Table
from .trained import Trained

_Y = TypeVar("_Y", bound=Array | tuple[Array, ...], default=Array)
"""What a model gives: an array, or a tuple where its function returns several values."""

class Model(Trained, Group, Generic[_Y]):
    graph: Graph
    inputs: dict[str, Input]
    @overload
    def __init__(self: Model[Array], function: Callable[..., Value], **inputs: Input) -> None: ...
    @overload
    def __init__(
        self: Model[tuple[Array, ...]], function: Callable[..., tuple[Value, ...]], **inputs: Input
    ) -> None: ...
    @property
    def keeps_time(self) -> bool: ...  # type: ignore[override]
    def __call__(  # type: ignore[override]
        self,
        *values: ArrayLike,
        lengths: Mapping[str, ArrayLike] | ArrayLike | None = None,
        **named: ArrayLike,
    ) -> _Y: ...
    def forward(  # type: ignore[override]
        self,
        *values: ArrayLike,
        lengths: Mapping[str, ArrayLike] | ArrayLike | None = None,
        training: bool = True,
        seed: int | None = None,
        **named: ArrayLike,
    ) -> tuple[_Y, object]: ...
    @overload  # type: ignore[override]
    def backward(
        self, tape: object, dy: ArrayLike | Sequence[ArrayLike], *, need_dx: Literal[True] = True
    ) -> dict[str, Array | None]: ...
    @overload
    def backward(self, tape: object, dy: ArrayLike | Sequence[ArrayLike], *, need_dx: Literal[False]) -> None: ...
    def output_lengths(self, lengths: Mapping[str, ArrayLike] | ArrayLike | None) -> ArrayLike | None: ...
    def input_shape(self) -> None: ...
    def summary(self) -> Table: ...
