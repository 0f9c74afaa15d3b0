from collections.abc import Callable, Sequence
from typing import Literal

from .._types import Array, ArrayLike
from .base import Loss, LossSum
from .ctc import CTC as CTC

def get(
    loss: str | Loss | type[Loss] | Callable[..., tuple[float, Array]],
) -> Loss | Callable[..., tuple[float, Array]]: ...
def sums_of(
    loss: str | Loss | Callable[..., tuple[float, Array]], keeps_time: bool
) -> Callable[[Array, ArrayLike, ArrayLike | None, ArrayLike | None], tuple[LossSum, Array]]: ...
def mean_of(total: LossSum | None) -> float: ...

by_name: dict[str, type[Loss]]

class Elementwise(Loss): ...
class MSE(Elementwise): ...
class MAE(Elementwise): ...

class Huber(Elementwise):
    delta: float
    def __init__(self, delta: float = 1.0, *, reduction: Literal["mean", "sum"] = "mean") -> None: ...

class BCE(Elementwise):
    def __init__(self, pos_weight: float = 1.0, *, reduction: Literal["mean", "sum"] = "mean") -> None: ...

class Quantile(Elementwise):
    def __init__(
        self, quantiles: Sequence[float] = (0.1, 0.5, 0.9), *, reduction: Literal["mean", "sum"] = "mean"
    ) -> None: ...

class GaussianNLL(Elementwise): ...
class PoissonNLL(Elementwise): ...

class NSE(Elementwise):
    def __init__(
        self, std: ArrayLike | None = None, eps: float = 0.1, *, reduction: Literal["mean", "sum"] = "mean"
    ) -> None: ...

class CrossEntropy(Loss):
    def __init__(
        self,
        weight: ArrayLike | None = None,
        label_smoothing: float = 0.0,
        ignore_index: int = -100,
        *,
        reduction: Literal["mean", "sum"] = "mean",
    ) -> None: ...
