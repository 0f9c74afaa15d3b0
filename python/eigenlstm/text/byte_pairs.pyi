from collections.abc import Iterable

import numpy as np
from typing_extensions import Self

from .._types import Ints
from .tokenizers import Tokenizer, _Form
from .vocabulary import Vocabulary

class BytePairTokenizer(Tokenizer):
    merges: list[tuple[str, str]]
    def __init__(
        self,
        vocabulary: Vocabulary,
        merges: Iterable[tuple[str, str]],
        *,
        lower: bool = False,
        normalize: _Form = "NFC",
    ) -> None: ...
    @classmethod
    def train(  # type: ignore[override]
        cls,
        texts: Iterable[str],
        *,
        size: int,
        min_count: int = 2,
        padding: str | None = "<pad>",
        unknown: str | None = "<unk>",
        start: str | None = None,
        end: str | None = None,
        lower: bool = False,
        normalize: _Form = "NFC",
    ) -> Self: ...
    def tokenize(self, text: str, *, dropout: float = 0.0, rng: np.random.Generator | None = None) -> list[str]: ...
    def encode(
        self,
        text: str,
        *,
        start: bool = False,
        end: bool = False,
        dropout: float = 0.0,
        rng: np.random.Generator | None = None,
    ) -> Ints: ...
