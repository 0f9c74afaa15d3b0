from collections.abc import Iterable
from typing import Literal, TypeAlias, TypeVar

from typing_extensions import Self

from .._types import ArrayLike, Ints
from ..descriptions import Described
from .vocabulary import Vocabulary

_Form: TypeAlias = Literal["NFC", "NFD", "NFKC", "NFKD"] | None
_Texts = TypeVar("_Texts", bound=Iterable[str])

class Tokenizer(Described):
    vocabulary: Vocabulary
    lower: bool
    normalize: _Form
    def __init__(self, vocabulary: Vocabulary, *, lower: bool = False, normalize: _Form = "NFC") -> None: ...
    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        *,
        min_count: int = 1,
        max_size: int | None = None,
        padding: str | None = "<pad>",
        unknown: str | None = "<unk>",
        start: str | None = None,
        end: str | None = None,
        **options: bool | str | None,
    ) -> Self: ...
    def tokenize(self, text: str) -> list[str]: ...
    def join(self, tokens: Iterable[str]) -> str: ...
    def encode(self, text: str, *, start: bool = False, end: bool = False) -> Ints: ...
    def encode_batch(self, texts: Iterable[str], *, start: bool = False, end: bool = False) -> list[Ints]: ...
    def decode(self, ids: ArrayLike) -> str: ...
    def decode_batch(self, rows: Iterable[ArrayLike]) -> list[str]: ...

class WordTokenizer(Tokenizer):
    split: str
    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        split: Literal["words", "spaces"] = "words",
        lower: bool = False,
        normalize: _Form = "NFC",
    ) -> None: ...

class CharacterTokenizer(Tokenizer): ...

def checked_texts(texts: _Texts, where: str) -> _Texts: ...
