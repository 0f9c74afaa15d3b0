from collections.abc import Callable
from typing import Literal

from .._types import Ints
from .metrics_sequences import Decode, SequenceMetric

class _TextMetric(SequenceMetric): ...

class BLEU(_TextMetric):
    tokenize: str
    lowercase: bool
    smooth: str
    def __init__(
        self,
        decode: Decode | None = None,
        to_text: Callable[[Ints], str] | None = None,
        *,
        end: int | None = None,
        tokenize: Literal["13a", "char", "none"] = "13a",
        lowercase: bool = False,
        smooth: Literal["exp", "none"] = "exp",
    ) -> None: ...

class CHRF(_TextMetric):
    word_order: int
    beta: float
    lowercase: bool
    def __init__(
        self,
        decode: Decode | None = None,
        to_text: Callable[[Ints], str] | None = None,
        *,
        end: int | None = None,
        word_order: int = 0,
        beta: float = 2.0,
        lowercase: bool = False,
    ) -> None: ...
