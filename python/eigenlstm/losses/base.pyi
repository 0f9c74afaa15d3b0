from typing import Literal, TypeGuard

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .._types import Array, ArrayLike
from ..checks import KnownArguments

class LossSum:
    value: float
    divisor: float | None
    def __init__(self, value: float, divisor: float | None, total: float | None = None) -> None: ...
    @property
    def total(self) -> float: ...
    @property
    def weight(self) -> float | None: ...
    def numbers(self) -> list[object]: ...
    @classmethod
    def of_numbers(cls, numbers: list[object]) -> LossSum: ...
    def __add__(self, other: LossSum) -> LossSum: ...

class FlowSum(LossSum):
    def __init__(self, errors: object, flow: object, eps: float) -> None: ...
    @property
    def value(self) -> float: ...  # type: ignore[override]

class Loss(KnownArguments):
    per_step: bool
    reduction: str
    def __init__(self, *, reduction: Literal["mean", "sum"] = "mean") -> None: ...
    def __call__(
        self,
        y_pred: ArrayLike,
        y_true: ArrayLike,
        sample_weight: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        **options: ArrayLike | None,
    ) -> tuple[float, Array]: ...
    def sums(
        self,
        y_pred: ArrayLike,
        y_true: ArrayLike,
        sample_weight: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
    ) -> tuple[LossSum, Array]: ...

def scale(divisor: float | None) -> float: ...
def gives_sums(loss: object) -> TypeGuard[Loss]: ...
def weights(
    sample_weight: ArrayLike | None,
    lengths: ArrayLike | None,
    shape: tuple[int, ...],
    dtype: DTypeLike,
    where: str,
) -> tuple[Array | None, float]: ...
def as_labels(y_true: ArrayLike, where: str) -> NDArray[np.int64]: ...
def finite(values: ArrayLike, what: str, least: float) -> Array: ...
