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

from ..moments import Moments
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


def measure(metric, y_true, y_pred, lengths=None, sample_weight=None):
    """The value of `metric` (a name, an instance or a function) for whole arrays."""
    metric = get(metric)
    metric.reset()
    if not isinstance(metric, SequenceMetric):
        y_pred, y_true = np.asarray(y_pred), np.asarray(y_true)
    update(metric, y_pred, y_true, lengths, sample_weight)
    return metric.result()


def get(metric, ignore_index=None):
    """The metric that a name, an instance or a plain function stands for; the name of one that leaves out ignored
    targets stands for one with this `ignore_index`."""
    if isinstance(metric, str):
        if metric not in _by_name:
            raise ValueError(f"there is no metric {metric!r}; there are {', '.join(_by_name)}")
        ignores = ignore_index is not None and _by_name[metric] in (Accuracy, F1)
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
    """Add a batch to `metric`, with the weights if it takes them."""
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

    def update(self, y_pred, y_true, lengths=None, sample_weight=None):
        predicted, true, weight = _classes(self.name, y_pred, y_true, lengths, sample_weight, self.ignore_index)
        right = predicted == true
        self._right += int(np.count_nonzero(right)) if weight is None else float(weight[right].sum())
        self._total += true.size if weight is None else float(weight.sum())

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

    def update(self, y_pred, y_true, lengths=None, sample_weight=None):
        self._binary = _yes_or_no(y_pred, y_true)
        predicted, true, weight = _classes(self.name, y_pred, y_true, lengths, sample_weight, self.ignore_index)
        classes = 2 if self._binary else y_pred.shape[-1]
        right = predicted == true
        counts = [
            np.bincount(values, None if weight is None else weight[chosen], minlength=classes)
            for values, chosen in ((true[right], right), (predicted, slice(None)), (true, slice(None)))
        ]
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

    def update(self, y_pred, y_true, lengths=None, sample_weight=None):
        predicted, true, weight = _regression(self.name, y_pred, y_true, lengths, sample_weight)
        if weight is None:
            self._sum += float(self._cost(predicted - true).sum())
            self._count += true.size
        else:
            self._sum += float((weight * self._cost(predicted - true)).sum())
            self._count += float(weight.sum())

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

    NaN for an output that does not vary by more than rounding explains.
    """

    name = "r2"

    def __init__(self):
        self.reset()

    def reset(self):
        self._moments, self._error = Moments(), 0.0

    def update(self, y_pred, y_true, lengths=None, sample_weight=None):
        self._add(*_regression(self.name, y_pred, y_true, lengths, sample_weight))

    def _add(self, predicted, true, weight):
        squares = np.square(predicted - true)
        self._error = self._error + (squares if weight is None else weight * squares).sum(axis=0)
        self._moments = self._moments + Moments.of(true, weight)

    def result(self):
        if not np.any(self._moments.count):
            return math.nan
        return float(np.mean(1 - self._error / np.where(self._moments.varies, self._moments.squares, np.nan)))

    def __setstate__(self, state):
        """Pickles of versions before 0.2 hold the moments one by one, without the lowest and the highest value."""
        if "_spread" in state:
            names = ("_count", "_mean", "_spread")
            count, mean, spread = (state.pop(name) for name in names)
            distance = np.sqrt(spread / max(count, 1))
            state["_moments"] = Moments(count, mean, spread, mean - distance, mean + distance)
        vars(self).update(state)


class NashSutcliffe(R2):
    """Nash-Sutcliffe efficiency (Nash, Sutcliffe 1970): R² of a simulated against an observed flow.

    Where ``y_true`` is NaN nothing was observed, and the value is left out; one output only.
    """

    name = "nse"

    def _add(self, predicted, true, weight):
        if true.shape[1] > 1:
            raise ValueError(f"nse: takes one output, got {true.shape[1]}")
        seen = ~np.isnan(true[:, 0])
        super()._add(predicted[seen], true[seen], None if weight is None else weight[seen])


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
        weight = None if sample_weight is None else _target_weights(self.name, sample_weight, y_true.shape)
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


_scores = (Accuracy, F1, MeanAbsoluteError, RootMeanSquaredError, R2, NashSutcliffe)
_by_name = {metric.name: metric for metric in (*_scores, WER, CER, ExactMatch, BLEU, CHRF)}


def _valid(values, lengths):
    """``(B, T, …)`` as ``(steps within their rows' lengths, …)``; as it is without lengths."""
    if lengths is None:
        return values
    return values[np.arange(values.shape[1]) < np.asarray(lengths)[:, None]]


def _target_weights(name, sample_weight, shape):
    """`sample_weight` as float64, of the shape of y_true or of its first axes."""
    weight = np.asarray(sample_weight, np.float64)
    if not weight.ndim or weight.shape != shape[: weight.ndim]:
        raise ValueError(
            f"{name}: sample_weight must have the shape {shape} of y_true or of its first axes, got {weight.shape}"
        )
    return weight


def _weight_of_each(name, sample_weight, lengths, shape):
    """The weight of each target within its row's length; None for no weights."""
    if sample_weight is None:
        return None
    weight = _target_weights(name, sample_weight, shape)
    return _valid(np.broadcast_to(weight.reshape(*weight.shape, *[1] * (len(shape) - weight.ndim)), shape), lengths)


def _regression(name, y_pred, y_true, lengths, sample_weight):
    """Predictions, targets and weights (or None) in float64 as (N, outputs); what weighs nothing is 0."""
    if y_pred.shape not in (y_true.shape, (*y_true.shape, 1)):
        raise ValueError(f"{name}: y_true must have the shape {y_pred.shape} of y_pred, got {y_true.shape}")
    width = 1 if y_pred.ndim == (1 if lengths is None else 2) else y_pred.shape[-1]
    weight = _weight_of_each(name, sample_weight, lengths, y_true.shape)
    arrays = [_valid(values, lengths).astype(np.float64) for values in (y_pred, y_true)]
    predicted, true = (array.reshape(-1, width) for array in arrays)
    if weight is None:
        return predicted, true, None
    weight = weight.reshape(-1, width)
    return np.where(weight > 0, predicted, 0.0), np.where(weight > 0, true, 0.0), weight


def _yes_or_no(y_pred, y_true):
    return y_pred.shape in (y_true.shape, (*y_true.shape, 1))


def _classes(name, y_pred, y_true, lengths, sample_weight, ignore_index):
    """Predicted and true classes and weights (or None) of the targets that count, 1-D."""
    if _yes_or_no(y_pred, y_true):
        predicted, true = y_pred.reshape(y_true.shape) > 0, y_true > 0.5
    elif y_pred.shape[:-1] == y_true.shape and y_true.dtype.kind in "iu":
        predicted, true = np.argmax(y_pred, axis=-1), y_true
    else:
        raise ValueError(
            f"{name}: y_true must be integers of shape {y_pred.shape[:-1]} or have the "
            f"shape {y_pred.shape} of y_pred, got {y_true.dtype} {y_true.shape}"
        )
    weight = _weight_of_each(name, sample_weight, lengths, y_true.shape)
    counted = _valid(y_true != ignore_index, lengths)
    if weight is not None:
        counted = counted & (weight > 0)
        weight = weight[counted]
    predicted, true = (_valid(values, lengths)[counted].astype(np.int64) for values in (predicted, true))
    return predicted, true, weight
