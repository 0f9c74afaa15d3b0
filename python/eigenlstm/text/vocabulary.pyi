from collections.abc import Iterable, Mapping, Sequence

from typing_extensions import Self

from .._types import ArrayLike, Ints
from ..descriptions import Described

class Vocabulary(Described):
    tokens: tuple[str, ...]
    padding_id: int | None
    unknown_id: int | None
    start_id: int | None
    end_id: int | None
    def __init__(
        self,
        tokens: Iterable[str],
        *,
        padding: str | None = "<pad>",
        unknown: str | None = "<unk>",
        start: str | None = None,
        end: str | None = None,
    ) -> None: ...
    @classmethod
    def build(
        cls,
        sequences: Iterable[Iterable[str]],
        *,
        min_count: int = 1,
        max_size: int | None = None,
        padding: str | None = "<pad>",
        unknown: str | None = "<unk>",
        start: str | None = None,
        end: str | None = None,
    ) -> Self: ...
    def __len__(self) -> int: ...
    def __contains__(self, token: object) -> bool: ...
    def id(self, token: str) -> int: ...
    def encode(self, tokens: Iterable[str]) -> Ints: ...
    def decode(self, ids: ArrayLike, *, keep_special: bool = False) -> list[str]: ...

def pad(rows: Sequence[ArrayLike], value: int = 0) -> tuple[Ints, Ints]: ...
def by_count(counts: Mapping[str, int]) -> list[str]: ...
