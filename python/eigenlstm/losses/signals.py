"""Losses of signals, as models of amplifiers are trained with: errors in proportion to the power of the target."""

import numpy as np

from ..checks import finite, number, positive
from .base import Loss, LossSum, weights


class RatioSum(LossSum):
    """A sum of errors over the power of what they are errors of; over batches, both are added up."""

    def __init__(self, errors, power, count, eps):
        self._errors, self._power, self.divisor, self._eps = errors, power, count, eps

    @property
    def value(self):
        return self._errors / (self._power + self._eps * self.divisor) if self.divisor else 0.0

    @property
    def total(self):
        return self.value * self.divisor

    @property
    def weight(self):
        return self._power + self._eps * self.divisor

    def numbers(self):
        return [float(each) for each in (self._errors, self._power, self.divisor, self._eps)]

    def __add__(self, other):
        return RatioSum(
            self._errors + other._errors, self._power + other._power, self.divisor + other.divisor, self._eps
        )


class _OfSignals(Loss):
    """Base: y_pred and y_true (B, T, …), or (B, T, 1) against (B, T)."""

    real_targets = True  # whole numbers are targets like others: `fit` converts them

    def __init__(self, eps):
        super().__init__()
        self.eps = positive(eps, f"{type(self).__name__}: eps")

    def sums(self, y_pred, y_true, sample_weight=None, lengths=None):
        y_pred, y_true = self._arrays(y_pred, y_true)
        where = type(self).__name__
        if y_pred.ndim < 2 or y_true.shape not in (y_pred.shape, y_pred.shape[:-1] if y_pred.shape[-1] == 1 else None):
            raise ValueError(
                f"{where}: y_true must have the shape {y_pred.shape} of y_pred (B, T, …), got {y_true.shape}"
            )
        true = y_true.reshape(y_pred.shape).astype(np.float64)
        error, weight = y_pred.astype(np.float64) - true, None
        if sample_weight is not None or lengths is not None:
            weight, count = weights(sample_weight, lengths, y_true.shape, np.float64, where)
            weight = weight.reshape(*weight.shape, *[1] * (true.ndim - weight.ndim))
            error, true = np.where(weight > 0, error, 0.0), np.where(weight > 0, true, 0.0)
        else:
            count = float(true.size)
        part, dy = self._ratio(error, true, weight, count)
        if count and weight is not None:
            dy = np.where(weight > 0, dy, 0.0)
        return part, dy.astype(y_pred.dtype)

    def _ratio(self, error, true, weight, count):
        """``RatioSum, dy`` of float64 arrays (B, T, …); both arrays are 0 where the weight is."""
        raise NotImplementedError

    def _scaled(self, errors, power, count, slope):
        part = RatioSum(errors, power, count, self.eps)
        return part, slope / (power + self.eps * count) if count else np.zeros_like(slope)


class ESR(_OfSignals):
    """Error-to-signal ratio: the power of the error over that of the target, ``Σ e² / (Σ y_true² + eps · n)``.

    Here e = y_pred − y_true, over all n values that count, each square times its weight.

    Parameters
    ----------
    pre_emphasis : float in [0, 1)
        Both signals first pass ``s[t] − pre_emphasis · s[t − 1]``, which lifts high frequencies as the ear does; before
        the first step, and where the weight is 0, s counts as 0. 0: none; 0.85 and 0.95 are usual.
    eps : float
        Keeps silence from dividing by zero; in units of the power of one value.

    Notes
    -----
    Sources: Wright, Damskägg, Välimäki 2019 (the ratio); Wright, Välimäki 2020 (pre-emphasis). y_pred and y_true are
    (B, T, …). With truncated backpropagation, each piece is a signal of its own.
    """

    def __init__(self, pre_emphasis=0.0, eps=1e-5):
        super().__init__(eps)
        if not 0 <= number(pre_emphasis, "ESR: pre_emphasis") < 1:
            raise ValueError(f"ESR: pre_emphasis must be at least 0 and below 1, got {pre_emphasis!r}")
        self.pre_emphasis = float(pre_emphasis)

    def _ratio(self, error, true, weight, count):
        error, true = _differences(error, self.pre_emphasis), _differences(true, self.pre_emphasis)
        weighted = error if weight is None else error * weight
        power = np.square(true) if weight is None else np.square(true) * weight
        slope = 2 * weighted
        if self.pre_emphasis:
            slope[:, :-1] -= 2 * self.pre_emphasis * weighted[:, 1:]
        return self._scaled(float((weighted * error).sum()), float(power.sum()), count, slope)


class DC(_OfSignals):
    """The offset of each signal from its target, over the power of the target.

    ``Σ n_r · (mean of e)² / (Σ y_true² + eps · n)``, with e = y_pred − y_true, summed over the rows r.
    The mean is over the n_r steps of a row r that count, by their weights. Beside `ESR` with pre-emphasis, which hardly
    sees a constant, it keeps the output from drifting off zero. Source: Wright, Välimäki 2020.

    Parameters
    ----------
    eps : float
        As of `ESR`.
    """

    def __init__(self, eps=1e-5):
        super().__init__(eps)

    def _ratio(self, error, true, weight, count):
        if weight is None:
            steps, total, power = error.shape[1], error.sum(axis=1, keepdims=True), np.square(true)
        else:
            steps = np.broadcast_to(weight, error.shape).sum(axis=1, keepdims=True)
            total, power = (error * weight).sum(axis=1, keepdims=True), np.square(true) * weight
        mean = np.divide(total, steps, out=np.zeros_like(total), where=np.asarray(steps) > 0)
        slope = np.broadcast_to(2 * mean, error.shape) * (1.0 if weight is None else weight)
        return self._scaled(float((mean * total).sum()), float(power.sum()), count, slope)


class CombinedSum(LossSum):
    """The sums of several losses, each with its factor."""

    def __init__(self, factors, parts):
        self._factors, self._parts = factors, parts
        self.divisor = parts[0].divisor

    @property
    def value(self):
        return float(sum(factor * part.value for factor, part in zip(self._factors, self._parts)))

    @property
    def total(self):
        return self.value if self.divisor is None else self.value * self.divisor

    def __add__(self, other):
        return CombinedSum(self._factors, [a + b for a, b in zip(self._parts, other._parts)])


class Combined(Loss):
    """A weighted sum of losses that take the same targets: ``factor · loss + factor · loss + …``.

    >>> loss = el.losses.Combined([(0.75, el.losses.ESR(pre_emphasis=0.95)), (0.25, el.losses.DC())])

    Parameters
    ----------
    terms : list of (float, loss)
        A loss is an instance of a loss of this package, or the name of one.
    """

    real_targets = True

    def __init__(self, terms):
        from .losses import get  # which imports this

        super().__init__()
        try:
            pairs = [(factor, loss) for factor, loss in terms]
        except (TypeError, ValueError):
            raise TypeError(f"Combined: terms must be pairs (factor, loss), got {terms!r}") from None
        if not pairs:
            raise ValueError("Combined: terms must be at least one pair (factor, loss), got none")
        self.terms = [(finite(factor, "Combined: a factor"), get(loss)) for factor, loss in pairs]
        for _, loss in self.terms:
            if not isinstance(loss, Loss) or not getattr(loss, "real_targets", False):
                raise TypeError(f"Combined: takes losses of real targets, such as ESR, DC and MSE, got {loss!r}")
        self.per_step = all(loss.per_step for _, loss in self.terms)

    def sums(self, y_pred, y_true, sample_weight=None, lengths=None):
        parts, dy = [], None
        for factor, loss in self.terms:
            part, slope = loss.sums(y_pred, y_true, sample_weight, lengths)
            parts.append(part)
            dy = factor * slope if dy is None else dy + factor * slope
        return CombinedSum([factor for factor, _ in self.terms], parts), dy


def _differences(signal, factor):
    """``s[t] − factor · s[t − 1]`` along axis 1."""
    if not factor:
        return signal
    result = signal.copy()
    result[:, 1:] -= factor * signal[:, :-1]
    return result
