from typing import Literal

from .._types import Array, ArrayLike
from .base import Loss

class CTC(Loss):
    def __init__(
        self, blank: int = 0, zero_infinity: bool = False, *, reduction: Literal["mean", "sum"] = "mean"
    ) -> None: ...
    def explain(
        self,
        y_pred: Array,
        y_true: ArrayLike,
        sample_weight: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
    ) -> str | None: ...

def greedy_decode(logits: ArrayLike, lengths: ArrayLike | None = None, blank: int = 0) -> list[list[int]]: ...
def rows_of(logits: ArrayLike, lengths: ArrayLike | None, blank: int, where: str) -> list[Array]: ...
def beam_search(
    logits: ArrayLike, lengths: ArrayLike | None = None, blank: int = 0, beam_width: int = 16, num_results: int = 1
) -> list[list[tuple[list[int], float]]]: ...
