from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._types import Array, ArrayLike
from .metrics_classes import (
    AUC as AUC,
)
from .metrics_classes import (
    F1 as F1,
)
from .metrics_classes import (
    Accuracy as Accuracy,
)
from .metrics_classes import (
    ClassMetric as ClassMetric,
)
from .metrics_classes import (
    Precision as Precision,
)
from .metrics_classes import (
    Recall as Recall,
)
from .metrics_errors import (
    R2 as R2,
)
from .metrics_errors import (
    Correlation as Correlation,
)
from .metrics_errors import (
    KlingGupta as KlingGupta,
)
from .metrics_errors import (
    MeanAbsoluteError as MeanAbsoluteError,
)
from .metrics_errors import (
    MeanAbsolutePercentageError as MeanAbsolutePercentageError,
)
from .metrics_errors import (
    NashSutcliffe as NashSutcliffe,
)
from .metrics_errors import (
    RootMeanSquaredError as RootMeanSquaredError,
)
from .metrics_sequences import (
    CER as CER,
)
from .metrics_sequences import (
    WER as WER,
)
from .metrics_sequences import (
    ExactMatch as ExactMatch,
)
from .metrics_sequences import (
    Rows,
)
from .metrics_sequences import (
    SequenceMetric as SequenceMetric,
)
from .metrics_sequences import (
    edit_distance as edit_distance,
)
from .metrics_spans import SpanF1 as SpanF1
from .metrics_spans import spans as spans
from .metrics_text import BLEU as BLEU
from .metrics_text import CHRF as CHRF

class _Metric(Protocol):
    """What `fit` asks of a metric. Its `update` takes y_pred, y_true, lengths and, if it likes, sample_weight."""
    @property
    def name(self) -> str: ...
    @property
    def update(self) -> Callable[..., None]: ...
    def reset(self) -> None: ...
    def result(self) -> float: ...

_Given: TypeAlias = str | _Metric | Callable[..., float]

def measure(
    metric: _Given,
    y_true: ArrayLike | Rows,
    y_pred: ArrayLike | Rows,
    lengths: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float: ...
def get(metric: _Given, ignore_index: int | None = None) -> _Metric: ...
def for_loss(metrics: Iterable[_Given], loss: object) -> list[_Metric]: ...
def update(
    metric: _Metric,
    y_pred: Array | Rows,
    y_true: NDArray[np.generic] | Rows,
    lengths: ArrayLike | None,
    sample_weight: ArrayLike | None,
) -> None: ...

class Function:
    name: str
    def __init__(self, function: Callable[..., float]) -> None: ...
    def reset(self) -> None: ...
    def update(
        self,
        y_pred: ArrayLike,
        y_true: ArrayLike,
        lengths: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> None: ...
    def result(self) -> float: ...
