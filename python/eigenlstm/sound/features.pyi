from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .._types import Array, ArrayLike, Path
from ..descriptions import Described

class LogMel(Described):
    sample_rate: int
    convention: str
    n_fft: int
    win_length: int
    hop_length: int
    n_mels: int
    fmin: float
    fmax: float
    top_db: float | None
    def __init__(
        self,
        sample_rate: int,
        *,
        convention: Literal["librosa", "htk"] = "librosa",
        n_fft: int | None = None,
        win_length: int | None = None,
        hop_length: int | None = None,
        n_mels: int | None = None,
        fmin: float = 0.0,
        fmax: float | None = None,
        top_db: float | None = 80.0,
    ) -> None: ...
    def __call__(self, signal: ArrayLike) -> Array: ...

class MFCC(LogMel):
    n_mfcc: int
    lifter: int
    def __init__(
        self,
        sample_rate: int,
        *,
        convention: Literal["librosa", "htk"] = "librosa",
        n_mfcc: int | None = None,
        lifter: int | None = None,
        **sizes: float | None,
    ) -> None: ...

def load(path: Path, key: str = "sound") -> LogMel: ...
def mel_filters(
    sample_rate: int,
    n_fft: int,
    n_mels: int,
    fmin: float = 0.0,
    fmax: float | None = None,
    *,
    convention: Literal["librosa", "htk"] = "librosa",
) -> NDArray[np.float64]: ...
