"""Metrics: numbers for people, gathered batch by batch in float64.

Each is a class: ``metric.update(y_pred, y_true, lengths=None)`` adds a batch, ``metric.result()`` is the
value over all batches since ``metric.reset()``. `measure` does the three for whole arrays. `fit` and
`evaluate` take names (``metrics=["accuracy", "f1"]``), instances, or plain functions
``f(y_true, y_pred) -> float``, which get the arrays of the whole epoch.

``y_pred`` may have a last axis of size 1 that ``y_true`` lacks. Steps from each row's length on are left
out where `lengths` is given.

Metrics on whole sequences, which may need a decoder, are `WER`, `CER`, `ExactMatch`, `BLEU`, `CHRF` and `SpanF1`:
see `SequenceMetric`.
"""

import math

import numpy as np

from .metrics_sequences import CER, WER, ExactMatch, SequenceMetric, edit_distance
from .metrics_spans import SpanF1, spans
from .metrics_text import BLEU, CHRF


__all__ = [
    "BLEU",
    "CER",
    "CHRF",
    "F1",
    "R2",
    "WER",
    "Accuracy",
    "ExactMatch",
    "Function",
    "MeanAbsoluteError",
    "NashSutcliffe",
    "RootMeanSquaredError",
    "SequenceMetric",
    "SpanF1",
    "edit_distance",
    "get",
    "measure",
    "spans",
]


def measure(metric, y_true, y_pred, lengths=None):
    """The value of `metric` (a name, an instance or a function) for whole arrays."""
    metric = get(metric)
    metric.reset()
    if not isinstance(metric, SequenceMetric):
        y_pred, y_true = np.asarray(y_pred), np.asarray(y_true)
    metric.update(y_pred, y_true, lengths)
    return metric.result()


def get(metric):
    """The metric that a name, an instance or a plain function stands for."""
    if isinstance(metric, str):
        if metric not in _by_name:
            raise ValueError(f"there is no metric {metric!r}; there are {', '.join(_by_name)}")
        return _by_name[metric]()
    if hasattr(metric, "update") and hasattr(metric, "result"):
        return metric
    if callable(metric):
        return Function(metric)
    raise TypeError(f"a metric must be a name, a metric or a function, got {metric!r}")


class Accuracy:
    """Share of right classes.

    ``y_pred`` (..., C) are logits for integers ``y_true`` (...); of equal shapes, they are logits of a
    yes-or-no question. Targets equal to `ignore_index` are left out.
    """

    name = "accuracy"

    def __init__(self, ignore_index=-100):
        self.ignore_index = ignore_index
        self.reset()

    def reset(self):
        self._right = self._total = 0

    def update(self, y_pred, y_true, lengths=None):
        predicted, true = _classes(self.name, y_pred, y_true, lengths, self.ignore_index)
        self._right += int(np.count_nonzero(predicted == true))
        self._total += true.size

    def result(self):
        return self._right / self._total if self._total else math.nan


class F1:
    """Harmonic mean of precision and recall: of the positive class for yes-or-no questions, the mean over
    the classes that occur (macro average) otherwise. Takes what `Accuracy` takes."""

    name = "f1"

    def __init__(self, ignore_index=-100):
        self.ignore_index = ignore_index
        self.reset()

    def reset(self):
        self._binary = True
        self._hits = self._predicted = self._true = np.zeros(0, np.int64)

    def update(self, y_pred, y_true, lengths=None):
        self._binary = _yes_or_no(y_pred, y_true)
        predicted, true = _classes(self.name, y_pred, y_true, lengths, self.ignore_index)
        classes = 2 if self._binary else y_pred.shape[-1]
        counts = [np.bincount(values, minlength=classes) for values in (true[predicted == true], predicted, true)]
        if not self._true.size:
            self._hits, self._predicted, self._true = counts
        else:
            self._hits, self._predicted, self._true = (
                old + new for old, new in zip((self._hits, self._predicted, self._true), counts)
            )

    def result(self):
        either = self._predicted + self._true
        occurs = either > 0
        if not occurs.any():
            return math.nan
        if self._binary:
            return float(2 * self._hits[1] / either[1]) if either[1] else 0.0
        return float(np.mean(2 * self._hits[occurs] / either[occurs]))


class MeanAbsoluteError:
    """Mean of |y_pred − y_true|, in the units of y."""

    name = "mae"

    def __init__(self):
        self.reset()

    def reset(self):
        self._sum, self._count = 0.0, 0

    def update(self, y_pred, y_true, lengths=None):
        error = _columns(self.name, y_pred, lengths) - _columns(self.name, y_true, lengths, y_pred)
        self._sum += float(self._cost(error).sum())
        self._count += error.size

    _cost = staticmethod(np.abs)

    def result(self):
        return self._sum / self._count if self._count else math.nan


class RootMeanSquaredError(MeanAbsoluteError):
    """√ of the mean of (y_pred − y_true)², in the units of y."""

    name = "rmse"
    _cost = staticmethod(np.square)

    def result(self):
        return math.sqrt(super().result())


class R2:
    """Coefficient of determination 1 − Σ(y_true − y_pred)² / Σ(y_true − mean)²: per output, then the mean.

    NaN for an output that does not vary. Means and squares are merged batch by batch as in Chan, Golub,
    LeVeque 1983, without cancellation.
    """

    name = "r2"

    def __init__(self):
        self.reset()

    def reset(self):
        self._count, self._mean, self._spread, self._error = 0, 0.0, 0.0, 0.0

    def update(self, y_pred, y_true, lengths=None):
        true = _columns(self.name, y_true, lengths, y_pred)
        error = _columns(self.name, y_pred, lengths) - true
        if not len(true):
            return
        mean = true.mean(axis=0)
        total = self._count + len(true)
        shift = mean - self._mean
        self._spread = (
            self._spread + np.square(true - mean).sum(axis=0) + np.square(shift) * (self._count * len(true) / total)
        )
        self._mean = self._mean + shift * (len(true) / total)
        self._error = self._error + np.square(error).sum(axis=0)
        self._count = total

    def result(self):
        if not self._count:
            return math.nan
        spread = np.where(self._spread > 0, self._spread, np.nan)
        return float(np.mean(1 - self._error / spread))


class NashSutcliffe(R2):
    """Nash-Sutcliffe efficiency (Nash, Sutcliffe 1970): R² of a simulated against an observed flow.

    Where ``y_true`` is NaN nothing was observed, and the value is left out; one output only.
    """

    name = "nse"

    def update(self, y_pred, y_true, lengths=None):
        true = _columns(self.name, y_true, lengths, y_pred)
        predicted = _columns(self.name, y_pred, lengths)
        if true.shape[1] > 1:
            raise ValueError(f"nse: takes one output, got {true.shape[1]}")
        seen = ~np.isnan(true[:, 0])
        super().update(predicted[seen], true[seen])


class Function:
    """A plain ``f(y_true, y_pred) -> float`` on the arrays of a whole epoch, put together."""

    def __init__(self, function):
        self.name = getattr(function, "__name__", type(function).__name__)
        self._function = function
        self.reset()

    def reset(self):
        self._predicted, self._true = [], []

    def update(self, y_pred, y_true, lengths=None):
        self._predicted.append(_valid(np.array(y_pred), lengths))
        self._true.append(_valid(np.array(y_true), lengths))

    def result(self):
        if not self._true:
            return math.nan
        return float(self._function(np.concatenate(self._true), np.concatenate(self._predicted)))


_scores = (Accuracy, F1, MeanAbsoluteError, RootMeanSquaredError, R2, NashSutcliffe)
_by_name = {metric.name: metric for metric in (*_scores, WER, CER, ExactMatch, BLEU, CHRF)}


def _valid(values, lengths):
    """``(B, T, …)`` as ``(steps within their rows' lengths, …)``; as it is without lengths."""
    if lengths is None:
        return values
    return values[np.arange(values.shape[1]) < np.asarray(lengths)[:, None]]


def _columns(name, values, lengths, like=None):
    """`values` in float64 as (N, outputs)."""
    if like is not None and like.shape not in (values.shape, (*values.shape, 1)):
        raise ValueError(f"{name}: y_true must have the shape {like.shape} of y_pred, got {values.shape}")
    width = 1 if values.ndim == 1 or like is not None and like.ndim > values.ndim else values.shape[-1]
    return _valid(values, lengths).astype(np.float64).reshape(-1, width)


def _yes_or_no(y_pred, y_true):
    return y_pred.shape in (y_true.shape, (*y_true.shape, 1))


def _classes(name, y_pred, y_true, lengths, ignore_index):
    """Predicted and true classes, 1-D."""
    if _yes_or_no(y_pred, y_true):
        predicted, true = y_pred.reshape(y_true.shape) > 0, y_true > 0.5
    elif y_pred.shape[:-1] == y_true.shape and y_true.dtype.kind in "iu":
        predicted, true = np.argmax(y_pred, axis=-1), y_true
    else:
        raise ValueError(
            f"{name}: y_true must be integers of shape {y_pred.shape[:-1]} or have the "
            f"shape {y_pred.shape} of y_pred, got {y_true.dtype} {y_true.shape}"
        )
    predicted, true = _valid(predicted, lengths), _valid(true, lengths)
    predicted, true = predicted.reshape(-1).astype(np.int64), true.reshape(-1).astype(np.int64)
    counted = true != ignore_index
    return predicted[counted], true[counted]
