from typing import Literal

import numpy as np

from .._types import Array

class SpecAugment:
    freq_masks: int
    freq_width: int
    time_masks: int
    time_width: int
    time_ratio: float
    fill: float | Literal["mean"]
    input: str | None
    def __init__(
        self,
        *,
        freq_masks: int = 2,
        freq_width: int = 8,
        time_masks: int = 2,
        time_width: int = 20,
        time_ratio: float = 0.2,
        fill: float | Literal["mean"] = 0.0,
        input: str | None = None,
    ) -> None: ...
    def __call__(self, batch: dict[str, Array], rng: np.random.Generator) -> dict[str, Array]: ...
