from collections.abc import Mapping

from .._types import Array, ArrayLike
from .base import LossSum

def class_weights(y: ArrayLike, num_classes: int | None = None) -> Array: ...

class ClassWeighted:
    def __init__(self, loss: object, class_weight: Mapping[int, float] | ArrayLike, keeps_time: bool) -> None: ...
    def __call__(
        self,
        y_pred: ArrayLike,
        y_true: ArrayLike,
        sample_weight: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
    ) -> tuple[float, Array]: ...
    def sums(
        self,
        y_pred: ArrayLike,
        y_true: ArrayLike,
        sample_weight: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
    ) -> tuple[LossSum, Array]: ...
