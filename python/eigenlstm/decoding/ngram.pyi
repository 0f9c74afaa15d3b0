from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

from .._types import Path

START: str
END: str
UNKNOWN: str

_Gram: TypeAlias = tuple[Hashable, ...]

class NGram:
    order: int
    def __init__(
        self,
        order: int,
        log_probabilities: Mapping[_Gram, float],
        log_backoffs: Mapping[_Gram, float],
        unseen: float = 0.0,
    ) -> None: ...
    @classmethod
    def train(
        cls,
        sequences: Iterable[Sequence[Hashable]],
        *,
        order: int = 3,
        smoothing: Literal["kneser_ney", "stupid_backoff"] = "kneser_ney",
    ) -> NGram: ...
    @property
    def start(self) -> _Gram: ...
    def score(self, state: _Gram, token: Hashable) -> tuple[float, _Gram]: ...
    def finish(self, state: _Gram) -> float: ...
    def log_probability(self, sequence: Iterable[Hashable]) -> float: ...
    def perplexity(self, sequences: Iterable[Sequence[Hashable]]) -> float: ...
    def save(self, path: Path) -> None: ...
    @classmethod
    def load(cls, path: Path, *, token: Callable[[str], Hashable] = ...) -> NGram: ...
