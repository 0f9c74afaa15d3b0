from collections.abc import Callable, Iterable, Mapping

import numpy as np

from .._types import Array, ArrayLike, Path
from ..distributed.shards import Shards
from ..sequential import Trained
from .callbacks import Callback
from .evaluation import Batches as Batches
from .evaluation import Data as Data
from .evaluation import Loss_ as Loss_
from .evaluation import Metrics as Metrics
from .evaluation import evaluate as evaluate
from .evaluation import predict as predict
from .optimisers import Optimiser
from .run import History, Run

def fit(
    model: Trained,
    x: Data | Batches,
    y: Data | None = None,
    *,
    loss: Loss_,
    optimizer: str | Optimiser,
    epochs: int = 1,
    batch_size: int = 32,
    lengths: ArrayLike | Mapping[str, ArrayLike] | None = None,
    sample_weight: ArrayLike | None = None,
    class_weight: Mapping[int, float] | ArrayLike | None = None,
    sampling_weight: ArrayLike | None = None,
    augment: Callable[[dict[str, Array], np.random.Generator], object] | None = None,
    validation_data: tuple[Data, Data] | tuple[Data, Data, ArrayLike] | Mapping[str, object] | Batches | None = None,
    metrics: Metrics = (),
    callbacks: Iterable[Callback | Callable[[Run], object]] = (),
    clip_norm: float | None = None,
    clip_value: float | None = None,
    tbptt: int | None = None,
    stateful: bool = False,
    shuffle: bool | None = None,
    ema: float | None = None,
    steps_per_epoch: int | None = None,
    resume: Path | None = None,
    seed: int | None = None,
    verbose: int = 1,
    comm: object = None,
    shards: Shards | None = None,
) -> History: ...
