from collections.abc import Sequence

from .._types import Path
from ..sequential import Trained
from .failures import NonFiniteLoss as NonFiniteLoss
from .optimisers import Optimiser

class History(list[dict[str, float]]):
    stopped: str | None

class Run:
    model: Trained
    optimizer: Optimiser
    epoch: int
    epochs: int
    step: int
    rank: int
    seed: int
    logs: dict[str, float]
    log_names: Sequence[str] | None
    history: History
    validated: bool
    @property
    def training_names(self) -> list[str]: ...
    @property
    def can_measure(self) -> bool: ...
    def measured(self) -> dict[str, float]: ...
    def stop(self, reason: str) -> None: ...
    @property
    def ending(self) -> bool: ...
    def train(self, source: object, validate: object, epochs: int, verbose: int, measure: object = None) -> History: ...
    def resume(self, path: Path, seed: int | None, any_shards: bool = False) -> None: ...
    def save(self, path: Path) -> None: ...
