from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias, overload

import numpy as np

from .._types import Array, ArrayLike
from ..losses.base import Loss
from ..trained import Trained
from .metrics import _Metric as Metric

Batches: TypeAlias = Iterable[object] | Callable[[int], Iterable[object]] | Callable[[int, int, int], Iterable[object]]
Data: TypeAlias = ArrayLike | Sequence[ArrayLike] | Mapping[str, ArrayLike | Sequence[ArrayLike]]
Loss_: TypeAlias = str | Loss | type[Loss] | Callable[..., tuple[float, Array]]

Metrics: TypeAlias = Iterable[str | Metric | Callable[[Array, Array], float]]

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
def evaluation(
    model: Trained,
    x: Data | Batches,
    y: Data | None = None,
    *,
    loss: Loss_,
    metrics: Metrics,
    lengths: ArrayLike | Mapping[str, ArrayLike] | None = None,
    sample_weight: ArrayLike | None = None,
    batch_size: int = 256,
    stateful: bool = False,
    where: str,
    team: object = None,
) -> Callable[[], dict[str, float]]: ...
def measured(
    model: Trained, objective: object, metrics: object, source: object, epoch: int, stateful: bool, team: object = None
) -> dict[str, float]: ...
def check_stateful(source: object, batch_size: int, where: str) -> None: ...
