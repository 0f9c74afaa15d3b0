"""Metrics: numbers for people, gathered batch by batch in float64.

Each is a class: ``metric.update(y_pred, y_true, lengths=None, sample_weight=None)`` adds a batch,
``metric.result()`` is the value over all batches since ``metric.reset()``. `measure` does the three for whole
arrays. `fit` and `evaluate` take names (``metrics=["accuracy", "f1"]``), instances, or plain functions
``f(y_true, y_pred) -> float``, which get the arrays of the whole epoch.

``y_pred`` may have a last axis of size 1 that ``y_true`` lacks. Metrics count what the losses count, as often: steps
from each row's length on are left out where `lengths` is given, `sample_weight` (of the shape of ``y_true`` or of its
first axes) weighs as in scikit-learn's metrics, and what has weight 0 may be NaN. A metric that is given by its name
leaves out the targets that the loss ignores (its `ignore_index`). A metric of one's own whose `update` takes no
`sample_weight`, and a function that takes none, get no weights; the function gets no targets of weight 0, either.

Metrics on whole sequences, which may need a decoder, are `WER`, `CER`, `ExactMatch`, `BLEU`, `CHRF` and `SpanF1`:
see `SequenceMetric`.
"""

import inspect
import math

import numpy as np

from .. import did_you_mean
from ..checks import unmasked
from .metrics_classes import AUC, F1, Accuracy, ClassMetric, Precision, Recall
from .metrics_errors import (
    R2,
    Correlation,
    KlingGupta,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    NashSutcliffe,
    RootMeanSquaredError,
)
from .metrics_sequences import CER, WER, ExactMatch, SequenceMetric, edit_distance
from .metrics_spans import SpanF1, spans
from .metrics_targets import target_weights
from .metrics_text import BLEU, CHRF

__all__ = [
    "AUC",
    "Accuracy",
    "BLEU",
    "CER",
    "CHRF",
    "ClassMetric",
    "Correlation",
    "ExactMatch",
    "F1",
    "Function",
    "KlingGupta",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "NashSutcliffe",
    "Precision",
    "R2",
    "Recall",
    "RootMeanSquaredError",
    "SequenceMetric",
    "SpanF1",
    "WER",
    "edit_distance",
    "get",
    "measure",
    "spans",
]
__getattr__ = did_you_mean.attributes_of(__name__, "el.metrics", __all__)


def measure(metric, y_true, y_pred, lengths=None, sample_weight=None):
    """The value of `metric` (a name, an instance or a function) for whole arrays, of the shapes that its `update`
    takes: y_true (N, …), y_pred (N, …), lengths and sample_weight (N,).
    """
    metric = get(metric)
    metric.reset()
    if not isinstance(metric, SequenceMetric):
        y_pred = np.asarray(unmasked(y_pred, metric.name, "y_pred"))
        y_true = np.asarray(unmasked(y_true, metric.name, "y_true"))
    update(metric, y_pred, y_true, lengths, sample_weight)
    return metric.result()


def get(metric, ignore_index=None):
    """The metric that a name, an instance or a plain function stands for; the name of one that leaves out ignored
    targets stands for one with this `ignore_index`."""
    if isinstance(metric, str):
        if metric not in _by_name:
            raise ValueError(did_you_mean.no_such("metric", metric, _by_name))
        ignores = ignore_index is not None and issubclass(_by_name[metric], ClassMetric)
        return _by_name[metric](ignore_index) if ignores else _by_name[metric]()
    if hasattr(metric, "update") and hasattr(metric, "result"):
        return metric
    if callable(metric):
        return Function(metric)
    raise TypeError(f"a metric must be a name, a metric or a function, got {metric!r}")


def for_loss(metrics, loss):
    """What `fit` was given as `metrics` beside `loss`, as metrics."""
    return [get(metric, getattr(loss, "ignore_index", None)) for metric in metrics]


def update(metric, y_pred, y_true, lengths, sample_weight):
    """Add a batch to `metric`, with sample_weight (N,) if it takes weights."""
    if sample_weight is not None and _takes_weights(metric.update):
        metric.update(y_pred, y_true, lengths, sample_weight=sample_weight)
    else:
        metric.update(y_pred, y_true, lengths)


def _takes_weights(function):
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some built-in functions have no signature
        return False
    return any(p.name == "sample_weight" or p.kind == p.VAR_KEYWORD for p in parameters)


class Function:
    """A plain ``f(y_true, y_pred) -> float`` on the arrays of a whole epoch, put together.

    One that takes ``sample_weight=``, as those of scikit-learn do, gets the weights, too.
    """

    def __init__(self, function):
        self.name = getattr(function, "__name__", type(function).__name__)
        self._function = function
        self.reset()

    def reset(self):
        self._predicted, self._true, self._weights = [], [], []

    def update(self, y_pred, y_true, lengths=None, sample_weight=None):
        y_pred, y_true = np.array(y_pred), np.array(y_true)
        weight = None if sample_weight is None else target_weights(self.name, sample_weight, y_true.shape)
        if lengths is not None:
            valid = np.arange(y_true.shape[1]) < np.asarray(lengths)[:, None]
            if weight is not None and weight.ndim == 1:
                weight = np.repeat(weight[:, None], y_true.shape[1], axis=1)
            weight = None if weight is None else weight[valid]
            y_pred, y_true = y_pred[valid], y_true[valid]
        if weight is not None:
            seen = weight > 0
            y_pred, y_true, weight = y_pred[seen], y_true[seen], weight[seen]
            self._weights.append(weight)
        self._predicted.append(y_pred)
        self._true.append(y_true)

    def result(self):
        if not self._true:
            return math.nan
        weights = {}
        if self._weights and _takes_weights(self._function):
            weights["sample_weight"] = np.concatenate(self._weights)
        return float(self._function(np.concatenate(self._true), np.concatenate(self._predicted), **weights))


_by_name = {
    metric.name: metric
    for metric in (
        *(Accuracy, F1, Precision, Recall, AUC),
        *(MeanAbsoluteError, RootMeanSquaredError, MeanAbsolutePercentageError),
        *(R2, NashSutcliffe, KlingGupta, Correlation),
        *(WER, CER, ExactMatch, BLEU, CHRF),
    )
}
