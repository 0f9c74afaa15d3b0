from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias, overload

import numpy as np

from .._types import Array, ArrayLike, Path
from ..losses.base import Loss
from ..sequential import Trained
from .callbacks import Callback
from .metrics import _Metric as Metric
from .optimisers import Optimiser
from .run import History, Run

Batches: TypeAlias = Iterable[object] | Callable[[int], Iterable[object]]
Data: TypeAlias = ArrayLike | Sequence[ArrayLike] | Mapping[str, ArrayLike | Sequence[ArrayLike]]
Loss_: TypeAlias = str | Loss | type[Loss] | Callable[..., tuple[float, Array]]

Metrics: TypeAlias = Iterable[str | Metric | Callable[[Array, Array], float]]

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
) -> History: ...
def evaluate(
    model: Trained,
    x: Data | Batches,
    y: Data | None = None,
    *,
    loss: Loss_ | None = None,
    metrics: Metrics | None = None,
    lengths: ArrayLike | Mapping[str, ArrayLike] | None = None,
    sample_weight: ArrayLike | None = None,
    batch_size: int = 256,
    stateful: bool = False,
) -> dict[str, float]: ...
@overload
def predict(
    model: Trained,
    x: np.ndarray[tuple[int, ...], np.dtype[np.generic]],
    *,
    lengths: ArrayLike | None = None,
    batch_size: int = 256,
) -> Array: ...
@overload
def predict(
    model: Trained, x: Data, *, lengths: ArrayLike | Mapping[str, ArrayLike] | None = None, batch_size: int = 256
) -> Array | list[Array]: ...
