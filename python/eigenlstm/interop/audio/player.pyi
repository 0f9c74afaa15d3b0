import numpy as np

from ..._types import Array, ArrayLike, Path
from ...model import Model
from ...sequential import Sequential

class Player:
    model: Model | Sequential
    dtype: np.dtype[np.float32] | np.dtype[np.float64]
    inputs: int
    outputs: int
    sample_rate: int | None
    in_gain: float
    out_gain: float
    prewarm: int
    metadata: dict[str, object]
    format: str
    def __init__(
        self,
        model: Model | Sequential,
        *,
        sample_rate: int | None = None,
        in_gain: float = 0.0,
        out_gain: float = 0.0,
        prewarm: int = 0,
        metadata: dict[str, object] | None = None,
        format: str = "eigenlstm",
    ) -> None: ...
    @property
    def knobs(self) -> Array: ...
    @knobs.setter
    def knobs(self, values: ArrayLike) -> None: ...
    def reset(self, *, prewarm: bool = True) -> None: ...
    def process(self, block: ArrayLike, out: Array | None = None) -> Array: ...
    def save(self, path: Path, *, format: str | None = None, metadata: dict[str, object] | None = None) -> None: ...
