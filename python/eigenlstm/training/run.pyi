from collections.abc import Sequence

from .._types import Path
from ..sequential import Trained
from .optimisers import Optimiser

def each_of(x: object, change: object) -> object: ...
def steps_of(x: object) -> int: ...

class NonFiniteLoss(ArithmeticError):
    epoch: int
    step: int
    value: float | str
    def __init__(self, epoch: int, step: int, what: str, value: float | str) -> None: ...

class History(list[dict[str, float]]):
    stopped: str | None

class Run:
    model: Trained
    optimizer: Optimiser
    epoch: int
    epochs: int
    step: int
    seed: int
    logs: dict[str, float]
    log_names: Sequence[str] | None
    history: History
    def stop(self, reason: str) -> None: ...
    @property
    def ending(self) -> bool: ...
    def train(self, source: object, validate: object, epochs: int, verbose: int) -> History: ...
    def resume(self, path: Path, seed: int | None) -> None: ...
    def save(self, path: Path) -> None: ...
