from typing import overload

from .._types import Array, ArrayLike, Shape
from .base import Layer
from .symbolic import Value

class Joint(Layer):
    @overload  # type: ignore[override]
    def __call__(self, *xs: Value, lengths: object = None) -> Value: ...
    @overload
    def __call__(self, *xs: ArrayLike, lengths: tuple[ArrayLike | None, ...] | None = None) -> Array: ...
    def backward(self, tape: object, dy: ArrayLike) -> tuple[Array, ...]: ...  # type: ignore[override]

class _Elementwise(Joint):
    def __init__(self) -> None: ...
    def output_shape(self, *shapes: Shape) -> Shape: ...
    def forward(  # type: ignore[override]
        self,
        *xs: ArrayLike,
        lengths: tuple[ArrayLike | None, ...] | None = None,
        training: bool = True,
        seed: int | None = None,
    ) -> tuple[Array, object]: ...

class Add(_Elementwise): ...
class Multiply(_Elementwise): ...

class Concat(Joint):
    def __init__(self) -> None: ...
    def output_shape(self, *shapes: Shape) -> Shape: ...
    def forward(  # type: ignore[override]
        self,
        *xs: ArrayLike,
        lengths: tuple[ArrayLike | None, ...] | None = None,
        training: bool = True,
        seed: int | None = None,
    ) -> tuple[Array, object]: ...

class Slice(Layer):
    @property
    def start(self) -> int | None: ...
    @property
    def stop(self) -> int | None: ...
    def __init__(self, start: int | None = None, stop: int | None = None) -> None: ...
