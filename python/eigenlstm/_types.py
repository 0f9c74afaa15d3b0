"""The types that the package's annotations use. They are for type checkers: nothing imports this module at run time."""

import os
from collections.abc import Sequence
from typing import Literal, TypeAlias, Union

import numpy as np
from numpy.typing import ArrayLike as ArrayLike
from numpy.typing import NDArray

Array: TypeAlias = Union["NDArray[np.float32]", "NDArray[np.float64]"]
"""Floats of the dtype of the layer."""

Ints: TypeAlias = "NDArray[np.int64]"

DType: TypeAlias = Union[
    Literal["float32", "float64"], type[np.float32], type[np.float64], "np.dtype[np.float32]", "np.dtype[np.float64]"
]
"""What a layer takes as its dtype."""

Halves: TypeAlias = Union[ArrayLike, "Sequence[ArrayLike]"]
"""h or c of a state: one array, or one for each layer and direction where the layers' widths differ."""

StateLike: TypeAlias = Union["tuple[Halves | None, Halves | None]", "list[Halves | None]"]
"""A state (h, c) as it is given."""

State: TypeAlias = "tuple[Array, Array]"
"""A state (h, c) as it is returned; the annotations leave out that each is a list where the layers' widths differ."""

Shape: TypeAlias = "tuple[int | str, ...]"
"""A shape, where "B", "T" and other names stand for the sizes that are free."""

Path: TypeAlias = Union[str, "os.PathLike[str]"]
