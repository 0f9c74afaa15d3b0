from collections.abc import Callable, Iterable

from ..._types import Array, ArrayLike, Path
from ...losses import Loss
from ...training.run import History, Run
from .player import Player

def train(
    dry: Path | ArrayLike,
    wet: Path | ArrayLike,
    *,
    sample_rate: int | None = None,
    hidden_size: int = 24,
    num_layers: int = 1,
    skip: bool = False,
    delay: int = 0,
    loss: str | Loss | Callable[..., tuple[float, Array]] | None = None,
    epochs: int = 100,
    batch_size: int = 16,
    learning_rate: float = 5e-3,
    segment: float = 0.5,
    burn_in: int = 1024,
    tbptt: int = 1024,
    validation: float = 0.1,
    patience: int = 20,
    callbacks: Iterable[Callable[[Run], object]] = (),
    resume: Path | None = None,
    seed: int | None = None,
    verbose: int = 1,
) -> tuple[Player, History]: ...
