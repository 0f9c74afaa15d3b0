"""What all losses share: how the losses of single predictions become one number."""

import math

import numpy as np

from ..checks import KnownArguments, as_array, as_floats, as_lengths, unmasked
from ..moments import Moments


class LossSum:
    """The losses of a batch as a sum and what it is divided by; batches add up with ``+``.

    A mean of the means of batches would depend on how many predictions of each batch count. The sums do
    not: over any split into batches, `value` is that of one call with all of the data.

    Attributes
    ----------
    value : float
        What the loss is: `total` / `divisor` for a mean, 0 where nothing counts; `total` for a sum.
    divisor : float or None
        Σ of the weights of all that counts; None with ``reduction="sum"``, which divides by nothing.
    """

    def __init__(self, value, divisor, total=None):
        self.value, self.divisor, self._total = value, divisor, total

    @property
    def total(self):
        """Σ of weight · loss."""
        if self._total is not None:
            return self._total
        return self.value if self.divisor is None else self.value * self.divisor if self.divisor else 0.0

    @property
    def weight(self):
        """What the gradient of the value is divided by, of which the gradients of batches have different ones; None
        for a sum.
        """
        return self.divisor

    def numbers(self):
        """What `of_numbers` makes it again from, as JSON values."""
        return [_number(self.value), _number(self.divisor), _number(self._total)]

    @classmethod
    def of_numbers(cls, numbers):
        return cls(*numbers)

    def __add__(self, other):
        total = self.total + other.total
        if self.divisor is None:
            return LossSum(total, None)
        divisor = self.divisor + other.divisor
        return LossSum(total / divisor if divisor else 0.0, divisor, total)


class FlowSum(LossSum):
    """What `NSE` without `std` gives: the squared errors of all batches over the spread of all their flow."""

    def __init__(self, errors, flow, eps):
        self._errors, self._flow, self._eps, self.divisor = errors, flow, eps, errors.divisor

    @property
    def value(self):
        spread = float(self._flow.std) + self._eps
        if spread == 0 and self._flow.count:
            raise ValueError("NSE: std + eps must be positive, but y_true does not vary and eps is 0")
        return self._errors.value / spread**2 if spread else 0.0

    @property
    def total(self):
        return self._errors.total

    @property
    def weight(self):
        square = (float(self._flow.std) + self._eps) ** 2 or 1.0
        return square if self.divisor is None else self.divisor * square

    def numbers(self):
        flow = self._flow
        moments = [_number(each) for each in (flow.count, flow.mean, flow.squares, flow.low, flow.high)]
        return [self._errors.numbers(), moments, self._eps]

    @classmethod
    def of_numbers(cls, numbers):
        errors, moments, eps = numbers
        return cls(LossSum.of_numbers(errors), Moments(*moments), eps)

    def __add__(self, other):
        return FlowSum(self._errors + other._errors, self._flow + other._flow, self._eps)


def _number(value):
    return None if value is None else float(value)


class Loss(KnownArguments):
    """Base of all losses; `reduction` is "mean" or "sum".

    A subclass implements `sums`. One that implements ``__call__`` instead, ``(value, dy)``, works as a
    function does: see `eigenlstm.losses.losses`.
    """

    per_step = True  # (B, T, …) targets have a value for each step, which `lengths` and `tbptt` cut as they cut x

    def __init__(self, *, reduction="mean"):
        if reduction not in ("mean", "sum"):
            raise ValueError(f"{type(self).__name__}: reduction must be 'mean' or 'sum', got {reduction!r}")
        self.reduction = reduction

    def __repr__(self):
        options = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if not name.startswith("_"))
        return f"{type(self).__name__}({options})"

    def __call__(self, y_pred, y_true, sample_weight=None, lengths=None, **options):
        """``(value, dy)``: the loss as a float, and its gradient, of the shape and dtype of `y_pred`."""
        part, dy = self.sums(y_pred, y_true, sample_weight, lengths, **options)
        return part.value, dy

    def sums(self, y_pred, y_true, sample_weight=None, lengths=None):
        """``(LossSum, dy)``: the loss in a form that adds up over batches, and the gradient of its value."""
        raise NotImplementedError(f"{type(self).__name__} has no sums")

    def _arrays(self, y_pred, y_true):
        """Both as arrays of one float dtype."""
        where = type(self).__name__
        y_pred = as_floats(y_pred, where, "y_pred")
        return y_pred, as_array(y_true, y_pred.dtype, where, "y_true")

    def _divisor(self, total_weight):
        """What a sum of losses is divided by, of predictions that weigh `total_weight` together."""
        return None if self.reduction == "sum" else float(total_weight)


def scale(divisor):
    """The factor that stands for dividing by `divisor`: 1 for None, 0 where nothing counts."""
    return 1.0 if divisor is None else 1 / divisor if divisor else 0.0


def gives_sums(loss):
    """Whether `sums` gives the same loss as a call: not where a subclass has overridden ``__call__`` alone."""
    for base in type(loss).__mro__:
        if "sums" in vars(base):
            return True
        if "__call__" in vars(base):
            return False
    return False


def weights(sample_weight, lengths, shape, dtype, where):
    """Weights of targets of `shape` as an array of the shape of their first axes, and their sum over all
    targets."""
    weight = np.ones(1)
    if sample_weight is not None:
        weight = finite(sample_weight, f"{where}: sample_weight", least=0)
        if weight.shape != shape[: weight.ndim] or weight.ndim == 0:
            raise ValueError(
                f"{where}: sample_weight must have the shape {shape} of y_true or of its first axes, got {weight.shape}"
            )
    if lengths is not None:
        if len(shape) < 2:
            raise ValueError(f"{where}: lengths need y_true of shape (B, T, ...), got {shape}")
        valid = np.arange(shape[1]) < as_lengths(lengths, *shape[:2], where)[:, None]
        if sample_weight is None or weight.ndim == 1:
            weight = valid * weight.reshape(-1, 1)
        else:
            weight = weight * valid.reshape(*valid.shape, *[1] * (weight.ndim - 2))
    per_weight = math.prod(shape) // max(weight.size, 1)
    return weight.astype(dtype), float(weight.sum()) * per_weight


def as_labels(y_true, where):
    """Integer labels as int64, in which every sentinel fits."""
    y_true = np.asarray(unmasked(y_true, where, "y_true"))
    if y_true.dtype.kind not in "iu":
        raise TypeError(f"{where}: y_true must be integers, got {y_true.dtype}")
    if y_true.dtype == np.uint64 and y_true.size and y_true.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{where}: y_true must be below 2**63, got {y_true.max()}")
    return y_true.astype(np.int64, copy=False)


def finite(values, what, least):
    """Real numbers as a float64 array, all finite and at least `least`."""
    where, _, name = what.partition(": ")
    values = np.asarray(unmasked(values, where, name))
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{what} must be numbers, got {values.dtype}")
    values = values.astype(np.float64)
    if not (np.isfinite(values).all() and (values >= least).all()):
        raise ValueError(f"{what} must be finite and at least {least}")
    return values
