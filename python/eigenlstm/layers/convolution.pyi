from typing import Literal

import numpy as np

from .._types import DType, Shape
from .base import Layer

class Conv1D(Layer):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        padding: Literal["same", "causal"] = "same",
        dilation: int = 1,
        bias: bool = True,
        dtype: DType = "float32",
        seed: int | None = None,
    ) -> None: ...
    @property
    def dtype(self) -> np.dtype[np.float32] | np.dtype[np.float64]: ...
    @property
    def in_channels(self) -> int: ...
    @property
    def out_channels(self) -> int: ...
    @property
    def kernel_size(self) -> int: ...
    @property
    def padding(self) -> str: ...
    @property
    def dilation(self) -> int: ...
    @property
    def bias(self) -> bool: ...
    @property
    def seed(self) -> int | None: ...
    def input_shape(self) -> Shape: ...
