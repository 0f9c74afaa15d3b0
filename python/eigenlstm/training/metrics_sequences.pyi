from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from .._types import Array, ArrayLike, Ints

Row: TypeAlias = str | Sequence[str] | Sequence[int] | Ints
"""A sequence of labels, a text, its words, or several texts where there are several references."""

Rows: TypeAlias = Sequence[Row] | Ints
Decode: TypeAlias = Callable[[Array, ArrayLike | None], Sequence[Row]]

class SequenceMetric:
    name: str
    decode: Decode | None
    to_text: Callable[[Ints], str] | None
    end: int | None
    per_step: bool | None
    def __init__(
        self,
        decode: Decode | None = None,
        to_text: Callable[[Ints], str] | None = None,
        *,
        end: int | None = None,
        per_step: bool | None = None,
    ) -> None: ...
    def reset(self) -> None: ...
    def update(
        self,
        y_pred: Array | Rows,
        y_true: Rows,
        lengths: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> None: ...
    def result(self) -> float: ...

class _ErrorRate(SequenceMetric): ...
class WER(_ErrorRate): ...
class CER(_ErrorRate): ...
class ExactMatch(SequenceMetric): ...

def edit_distance(a: Iterable[object], b: Iterable[object]) -> int: ...
