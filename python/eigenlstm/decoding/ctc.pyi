from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from .._types import Array, ArrayLike, Ints
from .lexicon import Lexicon

_S = TypeVar("_S")

class _LanguageModel(Protocol[_S]):
    @property
    def start(self) -> _S: ...
    def score(self, state: _S, token: str, /) -> tuple[float, _S]: ...
    def finish(self, state: _S, /) -> float: ...

class CTCHypothesis(NamedTuple):
    labels: Ints
    words: list[str] | None
    score: float
    log_probability: float

class CTCDecoder:
    blank: int
    beam_width: int
    num_results: int
    lexicon: Lexicon | None
    language_model: object
    lm_weight: float
    bonus: float
    threshold: float
    def __init__(
        self,
        *,
        blank: int = 0,
        beam_width: int = 16,
        num_results: int = 1,
        lexicon: Lexicon | None = None,
        language_model: _LanguageModel[_S] | None = None,
        lm_weight: float = 1.0,
        bonus: float = 0.0,
        threshold: float = ...,
    ) -> None: ...
    def decode(
        self, logits: Array | Sequence[Array], lengths: ArrayLike | None = None
    ) -> list[list[CTCHypothesis]]: ...
    def __call__(self, logits: Array | Sequence[Array], lengths: ArrayLike | None = None) -> list[Ints | list[str]]: ...
    def stream(self) -> CTCStream: ...

class CTCStream:
    def __init__(self, decoder: CTCDecoder) -> None: ...
    def push(self, logits: ArrayLike) -> None: ...
    def best(self) -> CTCHypothesis: ...
    def finish(self) -> list[CTCHypothesis]: ...
