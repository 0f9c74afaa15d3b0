from typing import NoReturn

from .._types import Array, ArrayLike
from ..layers.base import Layer
from .base import Loss, LossSum
from .losses import CrossEntropy

class HeadLoss(Loss):
    head: tuple[str, ...]
    whole_rows: bool
    def through(
        self,
        layer: Layer,
        x: ArrayLike,
        y_true: ArrayLike,
        sample_weight: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        *,
        need_gradient: bool = True,
    ) -> tuple[LossSum, Array | None]: ...
    def sums(
        self,
        y_pred: ArrayLike,
        y_true: ArrayLike,
        sample_weight: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
    ) -> NoReturn: ...

class CRF(HeadLoss): ...
class LinearCrossEntropy(HeadLoss, CrossEntropy): ...
