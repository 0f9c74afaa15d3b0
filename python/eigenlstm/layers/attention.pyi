from typing import Literal

import numpy as np

from .._types import Array, ArrayLike, DType, Shape
from .wiring import Joint

class Attention(Joint):
    def __init__(
        self,
        query_size: int,
        memory_size: int | None = None,
        *,
        score: Literal["dot", "general", "additive"] = "dot",
        hidden_size: int | None = None,
        scale: bool = False,
        dtype: DType = "float32",
        seed: int | None = None,
    ) -> None: ...
    @property
    def dtype(self) -> np.dtype[np.float32] | np.dtype[np.float64]: ...
    @property
    def query_size(self) -> int: ...
    @property
    def memory_size(self) -> int: ...
    @property
    def score(self) -> str: ...
    @property
    def hidden_size(self) -> int | None: ...
    @property
    def scale(self) -> bool: ...
    @property
    def seed(self) -> int | None: ...
    def output_shape(self, *shapes: Shape) -> Shape: ...
    def forward(  # type: ignore[override]
        self,
        query: ArrayLike,
        memory: ArrayLike,
        *,
        lengths: tuple[ArrayLike | None, ArrayLike | None] | None = None,
        training: bool = True,
        seed: int | None = None,
    ) -> tuple[Array, object]: ...
    def weights(
        self,
        query: ArrayLike,
        memory: ArrayLike,
        *,
        lengths: tuple[ArrayLike | None, ArrayLike | None] | None = None,
    ) -> Array: ...
    def backward(self, tape: object, dy: ArrayLike) -> tuple[Array, Array]: ...  # type: ignore[override]
