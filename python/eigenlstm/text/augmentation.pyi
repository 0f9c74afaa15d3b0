from collections.abc import Iterable

import numpy as np

from .._types import Array, Ints

class WordDropout:
    rate: float
    unknown_id: int
    keep: Ints
    input: str | None
    def __init__(self, rate: float, unknown_id: int, *, keep: Iterable[int] = (), input: str | None = None) -> None: ...
    def __call__(self, batch: dict[str, Array], rng: np.random.Generator) -> dict[str, Array]: ...
