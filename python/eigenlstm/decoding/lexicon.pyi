from collections.abc import Iterable, Mapping

from .._types import ArrayLike

class Lexicon:
    separator: int | None
    root: TrieNode
    words: set[str]
    def __init__(
        self, spellings: Mapping[str, ArrayLike] | Iterable[tuple[str, ArrayLike]], *, separator: int | None = None
    ) -> None: ...
    def labels(self) -> set[int]: ...
    def __len__(self) -> int: ...
    def __contains__(self, word: object) -> bool: ...

class TrieNode:
    children: dict[int, TrieNode]
    words: list[str]
    def __init__(self) -> None: ...
