from typing import Literal, NoReturn, overload

import numpy as np
from numpy.typing import NDArray

from .._types import Array, ArrayLike, DType, Ints, Shape
from .base import Layer

class CRF(Layer):
    def __init__(self, num_tags: int, *, dtype: DType = "float32", seed: int | None = None) -> None: ...
    @property
    def dtype(self) -> np.dtype[np.float32] | np.dtype[np.float64]: ...
    @property
    def num_tags(self) -> int: ...
    @property
    def seed(self) -> int | None: ...
    def input_shape(self) -> Shape: ...
    @overload
    def decode(
        self, x: ArrayLike, lengths: ArrayLike | None = None, *, scores: Literal[False] = False
    ) -> list[Ints]: ...
    @overload
    def decode(
        self, x: ArrayLike, lengths: ArrayLike | None = None, *, scores: Literal[True]
    ) -> tuple[list[Ints], NDArray[np.float64]]: ...
    def backward(self, tape: object, dy: ArrayLike) -> NoReturn: ...
    @overload
    def loss(
        self,
        x: ArrayLike,
        tags: ArrayLike,
        lengths: ArrayLike | None = None,
        scale: ArrayLike | None = None,
        *,
        need_gradient: Literal[True] = True,
    ) -> tuple[NDArray[np.float64], Array]: ...
    @overload
    def loss(
        self,
        x: ArrayLike,
        tags: ArrayLike,
        lengths: ArrayLike | None = None,
        scale: ArrayLike | None = None,
        *,
        need_gradient: bool,
    ) -> tuple[NDArray[np.float64], Array | None]: ...
