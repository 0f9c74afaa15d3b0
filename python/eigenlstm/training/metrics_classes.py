"""Metrics on classes: accuracy, precision, recall, F1, the area under the ROC curve."""

import math

import numpy as np

from .metrics_targets import counted, yes_or_no


class ClassMetric:
    """What metrics on classes share.

    ``y_pred`` (..., C) are logits for integers ``y_true`` (...); of equal shapes, they are logits of a
    yes-or-no question. Targets equal to `ignore_index` are left out.
    """

    name = None

    def __init__(self, ignore_index=-100):
        self.ignore_index = ignore_index
        self.reset()

    def _classes(self, y_pred, y_true, lengths, sample_weight):
        """Predicted and true classes and weights (or None) of the targets that count, (N,)."""
        logits, true, weight = counted(self.name, y_pred, y_true, lengths, sample_weight, self.ignore_index)
        return (logits > 0).astype(np.int64) if logits.ndim == 1 else logits.argmax(axis=-1), true, weight


class Accuracy(ClassMetric):
    """Share of right classes."""

    name = "accuracy"

    def reset(self):
        self._right = self._total = 0

    def update(self, y_pred, y_true, lengths=None, sample_weight=None):
        predicted, true, weight = self._classes(y_pred, y_true, lengths, sample_weight)
        right = predicted == true
        self._right += int(np.count_nonzero(right)) if weight is None else float(weight[right].sum())
        self._total += true.size if weight is None else float(weight.sum())

    def result(self):
        return self._right / self._total if self._total else math.nan


class F1(ClassMetric):
    """Harmonic mean of precision and recall: of the positive class for yes-or-no questions, the mean over
    the classes that occur (macro average) otherwise."""

    name = "f1"

    def reset(self):
        self._binary = True
        self._hits = self._predicted = self._true = np.zeros(0, np.int64)

    def update(self, y_pred, y_true, lengths=None, sample_weight=None):
        self._binary = yes_or_no(y_pred, y_true)
        predicted, true, weight = self._classes(y_pred, y_true, lengths, sample_weight)
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
        occurs = self._predicted + self._true > 0
        if not occurs.any():
            return math.nan
        of_class = self._scores(self._hits, self._predicted, self._true)
        return float(of_class[1] if self._binary else np.mean(of_class[occurs]))

    @staticmethod
    def _scores(hits, predicted, true):
        return _ratio(2 * hits, predicted + true)


class Precision(F1):
    """Share of right ones among those predicted to be of a class: averaged as in `F1`; 0 where none are predicted."""

    name = "precision"

    @staticmethod
    def _scores(hits, predicted, true):
        return _ratio(hits, predicted)


class Recall(F1):
    """Share of those of a class that are found: averaged as in `F1`; 0 for a class that does not occur."""

    name = "recall"

    @staticmethod
    def _scores(hits, predicted, true):
        return _ratio(hits, true)


class AUC(ClassMetric):
    """Area under the ROC curve: how probably a positive scores above a negative, ties counting half.

    >>> auc = AUC()
    >>> auc.update(np.array([0.1, 2.0, -1.0, 0.5]), np.array([0, 1, 0, 0]))
    >>> auc.result()
    1.0

    Of several classes: of each against the others, by its probability, the mean over classes; the same as
    scikit-learn's ``roc_auc_score(multi_class="ovr")``. Keeps all scores. NaN where a class has no positives or no
    negatives; such classes among several are left out.
    """

    name = "auc"

    def reset(self):
        self._batches = []

    def update(self, y_pred, y_true, lengths=None, sample_weight=None):
        logits, true, weight = counted(self.name, y_pred, y_true, lengths, sample_weight, self.ignore_index)
        logits = logits.astype(np.float64)
        if logits.ndim > 1:
            logits = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
            logits /= logits.sum(axis=1, keepdims=True)
        self._batches.append((logits, true, np.ones(len(true)) if weight is None else weight))

    def result(self):
        if not self._batches:
            return math.nan
        scores, true, weight = (np.concatenate(part) for part in zip(*self._batches))
        if scores.ndim == 1:
            return area_under_roc(scores, true == 1, weight)
        areas = [area_under_roc(scores[:, c], true == c, weight) for c in range(scores.shape[1])]
        areas = [area for area in areas if not math.isnan(area)]
        return sum(areas) / len(areas) if areas else math.nan


def area_under_roc(scores, positive, weight):
    """The area under the ROC curve of `scores` (n,); NaN without positives or negatives.

    Source: Mann, Whitney 1947.
    """
    _, place = np.unique(scores, return_inverse=True)
    above, below = (np.bincount(place, weight * which, minlength=1) for which in (positive, ~positive))
    total = above.sum() * below.sum()
    return float((above * (np.cumsum(below) - below / 2)).sum() / total) if total else math.nan


def _ratio(part, whole):
    return part / np.where(whole > 0, whole, 1)
