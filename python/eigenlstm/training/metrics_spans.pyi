from collections.abc import Iterable
from typing import Literal, TypeAlias

from ..text.vocabulary import Vocabulary
from .metrics_sequences import Decode, SequenceMetric

SCHEMES: tuple[str, ...]
_Scheme: TypeAlias = Literal["IOB1", "IOB2", "IOBES", "conlleval"]

class SpanF1(SequenceMetric):
    tags: tuple[str, ...]
    scheme: str
    average: str
    def __init__(
        self,
        tags: Iterable[str] | Vocabulary,
        scheme: _Scheme = "IOB2",
        *,
        average: Literal["micro", "macro"] = "micro",
        decode: Decode | None = None,
    ) -> None: ...
    @property
    def precision(self) -> float: ...
    @property
    def recall(self) -> float: ...

def spans(tags: Iterable[str], scheme: _Scheme = "IOB2") -> list[tuple[str, int, int]]: ...
