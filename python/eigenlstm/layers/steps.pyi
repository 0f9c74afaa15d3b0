from .._types import Array, ArrayLike, Ints, Shape
from .base import Layer
from .wiring import Joint

class Shift(Layer):
    def __init__(self, start: float = 0) -> None: ...
    @property
    def start(self) -> int | float: ...
    def forward(  # type: ignore[override]
        self, x: ArrayLike, *, lengths: ArrayLike | None = None, training: bool = True, seed: int | None = None
    ) -> tuple[Array | Ints, object]: ...
    def backward(self, tape: object, dy: ArrayLike) -> Array | None: ...  # type: ignore[override]

class _Indexed(Joint):
    def __init__(self) -> None: ...

class Gather(_Indexed):
    def output_shape(self, *shapes: Shape) -> Shape: ...
    def forward(  # type: ignore[override]
        self,
        x: ArrayLike,
        steps: ArrayLike,
        *,
        lengths: tuple[ArrayLike | None, ArrayLike | None] | None = None,
        training: bool = True,
        seed: int | None = None,
    ) -> tuple[Array, object]: ...
    def backward(self, tape: object, dy: ArrayLike) -> tuple[Array, None]: ...  # type: ignore[override]

class Scatter(_Indexed):
    def output_shape(self, *shapes: Shape) -> Shape: ...
    def forward(  # type: ignore[override]
        self,
        x: ArrayLike,
        steps: ArrayLike,
        like: ArrayLike,
        *,
        lengths: tuple[ArrayLike | None, ArrayLike | None, ArrayLike | None] | None = None,
        training: bool = True,
        seed: int | None = None,
    ) -> tuple[Array, object]: ...
    def backward(self, tape: object, dy: ArrayLike) -> tuple[Array, None, None]: ...  # type: ignore[override]

class JoinDirections(Layer):
    def __init__(self) -> None: ...

class StackFrames(Layer):
    def __init__(self, count: int) -> None: ...
    @property
    def count(self) -> int: ...
