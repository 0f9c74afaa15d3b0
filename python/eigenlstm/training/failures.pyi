from .._types import Array, ArrayLike
from ..losses.base import Loss

class NonFiniteLoss(ArithmeticError):
    epoch: int
    step: int
    value: float | str
    def __init__(self, epoch: int, step: int, what: str, value: float | str, cause: str | None = None) -> None: ...

def cause(
    loss: Loss,
    x: Array | dict[str, Array],
    y: Array,
    predicted: Array,
    weight: ArrayLike | None,
    lengths: ArrayLike | None,
) -> str | None: ...
