"""Metrics on numbers: errors, and how much of what varies is explained."""

import math

import numpy as np

from ..moments import Moments
from .metrics_targets import regression


class MeanAbsoluteError:
    """Mean of |y_pred − y_true|, in the units of y."""

    name = "mae"

    def __init__(self):
        self.reset()

    def reset(self):
        self._sum, self._count = 0.0, 0

    def update(self, y_pred, y_true, lengths=None, sample_weight=None):
        predicted, true, weight = regression(self.name, y_pred, y_true, lengths, sample_weight)
        if weight is None:
            self._sum += float(self._cost(predicted, true).sum())
            self._count += true.size
        else:
            self._sum += float((weight * self._cost(predicted, true)).sum())
            self._count += float(weight.sum())

    @staticmethod
    def _cost(predicted, true):
        return np.abs(predicted - true)

    def result(self):
        return self._sum / self._count if self._count else math.nan


class RootMeanSquaredError(MeanAbsoluteError):
    """√ of the mean of (y_pred − y_true)², in the units of y."""

    name = "rmse"

    @staticmethod
    def _cost(predicted, true):
        return np.square(predicted - true)

    def result(self):
        return math.sqrt(super().result())


class MeanAbsolutePercentageError(MeanAbsoluteError):
    """Mean of |y_pred − y_true| / |y_true|: 0.1 is ten percent. Targets of 0 make it huge, as in scikit-learn."""

    name = "mape"

    @staticmethod
    def _cost(predicted, true):
        return np.abs(predicted - true) / np.maximum(np.abs(true), np.finfo(np.float64).eps)


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
        self._add(*regression(self.name, y_pred, y_true, lengths, sample_weight))

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
        super()._add(*_observed(self.name, predicted, true, weight))


class Correlation:
    """Pearson's correlation of predictions and targets: per output, then the mean; NaN for one that does not vary."""

    name = "correlation"

    def __init__(self):
        self.reset()

    def reset(self):
        self._predicted, self._true, self._products = Moments(), Moments(), 0.0

    def update(self, y_pred, y_true, lengths=None, sample_weight=None):
        self._add(*regression(self.name, y_pred, y_true, lengths, sample_weight))

    def _add(self, predicted, true, weight):
        if not len(true):
            return
        mine, theirs = Moments.of(predicted, weight), Moments.of(true, weight)
        products = (predicted - mine.mean) * (true - theirs.mean)
        count = self._true.count + theirs.count
        # as Moments adds squares: what lies between the means of the two parts comes on top
        shift = (mine.mean - self._predicted.mean) * (theirs.mean - self._true.mean)
        between = self._true.count * theirs.count / np.where(count > 0, count, 1)
        self._products = (
            self._products + (products if weight is None else weight * products).sum(axis=0) + shift * between
        )
        self._predicted, self._true = self._predicted + mine, self._true + theirs

    def _correlations(self):
        varies = self._predicted.varies & self._true.varies
        return self._products / np.sqrt(np.where(varies, self._predicted.squares * self._true.squares, np.nan))

    def result(self):
        return float(np.mean(self._correlations())) if np.any(self._true.count) else math.nan


class KlingGupta(Correlation):
    """Kling-Gupta efficiency ``1 − √((r − 1)² + (α − 1)² + (β − 1)²)`` of a simulated against an observed flow.

    >>> kge = KlingGupta()
    >>> kge.update(np.array([1.0, 3.0, 2.0]), np.array([1.0, 3.0, np.nan]))
    >>> kge.result()
    1.0

    r is their correlation, α the ratio of their standard deviations, β that of their means. Where ``y_true`` is NaN
    nothing was observed, and the value is left out; one output only. Source: Gupta, Kling, Yilmaz, Martinez 2009.
    """

    name = "kge"

    def _add(self, predicted, true, weight):
        super()._add(*_observed(self.name, predicted, true, weight))

    def result(self):
        if not np.any(self._true.count):
            return math.nan
        mean = float(self._true.mean[0])
        alpha = float(self._predicted.std[0] / self._true.std[0]) if self._true.varies[0] else math.nan
        beta = float(self._predicted.mean[0]) / mean if mean else math.nan
        return 1 - math.sqrt((float(self._correlations()[0]) - 1) ** 2 + (alpha - 1) ** 2 + (beta - 1) ** 2)


def _observed(name, predicted, true, weight):
    """The steps of one output at which something was observed."""
    if true.shape[1] > 1:
        raise ValueError(f"{name}: takes one output, got {true.shape[1]}")
    seen = ~np.isnan(true[:, 0])
    return predicted[seen], true[seen], None if weight is None else weight[seen]
