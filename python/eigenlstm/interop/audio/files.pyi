from ..._types import DType, Path
from ...model import Model
from ...sequential import Sequential
from .player import Player

FORMATS: tuple[str, ...]

def load(path: Path, *, dtype: DType | None = None) -> Player: ...
def save(
    amp: Player | Model | Sequential,
    path: Path,
    *,
    format: str | None = None,
    metadata: dict[str, object] | None = None,
) -> None: ...
