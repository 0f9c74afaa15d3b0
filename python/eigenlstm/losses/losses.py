"""Losses: ``value, dy = loss(y_pred, y_true, sample_weight=None, lengths=None)``.

The value is a float, summed in float64; ``dy`` is its gradient, of shape and dtype of `y_pred`. Both come
from one native call and are the same bits for any number of threads.

With ``reduction="mean"`` the value is Σ w·l / Σ w over all predictions, with ``"sum"`` it is Σ w·l:

sample_weight
    Numbers >= 0 of the shape of `y_true` or of its first axes, (B,) or (B, T); None: all 1.
lengths
    Valid steps of each row where `y_true` is (B, T, …); later steps have weight 0.

What has weight 0 is not looked at (it may be NaN) and gets a gradient of 0; where nothing has weight the
value is 0.

`fit` and `evaluate` add up what ``loss.sums(...)`` gives, ``(LossSum, dy)``: a sum and what it is divided by. The
loss that they report is that of one call with all of the data, for any batch size.

A function that is called likewise is a loss, too. `fit` may give it `y_true` and `sample_weight` as read-only
views of the caller's arrays: copy before you write.
"""

import math

import numpy as np

from .. import _core, did_you_mean
from ..checks import as_array, as_floats, number, unmasked
from ..moments import Moments
from .base import FlowSum, Loss, LossSum, as_labels, finite, gives_sums, scale, weights
from .ctc import CTC
from .signals import DC, ESR


def get(loss):
    """The loss that a name, an instance or a function like one stands for."""
    if isinstance(loss, str):
        if loss not in by_name:
            raise ValueError(did_you_mean.no_such("loss", loss, by_name))
        return by_name[loss]()
    if isinstance(loss, type) and issubclass(loss, Loss):
        return loss()
    if callable(loss):
        return loss
    raise TypeError(f"a loss must be a name, a loss or a function, got {loss!r}")


def sums_of(loss, keeps_time):
    """``sums(y_pred, y_true, weight, lengths) -> (LossSum, dy)`` of whatever `fit` takes as a loss.

    A function that gives ``(value, dy)`` doesn't say what its value is divided by. It is taken as a mean over
    rows, or over steps where the model keeps time, by their weights; as a sum if it has a `reduction` "sum".
    """
    loss = get(loss)
    if gives_sums(loss):
        return loss.sums

    def sums(y_pred, y_true, weight, lengths):
        value, dy = loss(y_pred, y_true, weight, lengths)
        if getattr(loss, "reduction", "mean") == "sum":
            return LossSum(value, None), dy
        shape = y_pred.shape[: 2 if keeps_time else 1]
        return LossSum(value, weights(weight, lengths, shape, np.float64, "fit")[1]), dy

    return sums


def mean_of(total):
    """The value of all batches together; NaN where none counts."""
    return math.nan if total is None or total.divisor == 0 else float(total.value)


class Elementwise(Loss):
    """Base of the losses that are sums over values: of one shape, or (B, …, 1) against (B, …)."""

    real_targets = True  # whole numbers are targets like others: `fit` converts them
    _function = None
    _per_target = 1  # predictions of a target

    def _parameters(self, dtype):
        """What the native function takes beside the arrays; None or a 1-D array."""

    def sums(self, y_pred, y_true, sample_weight=None, lengths=None):
        y_pred, y_true, weight, targets = self._weighted(y_pred, y_true, sample_weight, lengths)
        divisor = self._divisor(targets * self._per_target)
        value, dy = self._evaluate(y_pred, y_true, weight, scale(divisor))
        return LossSum(value, divisor), dy

    def _weighted(self, y_pred, y_true, sample_weight, lengths):
        """``(y_pred, y_true, weight, Σ weight)``, checked; weight is None where all targets count alike."""
        y_pred, y_true = self._arrays(y_pred, y_true)
        self._check_shapes(y_pred.shape, y_true.shape)
        if sample_weight is None and lengths is None:
            return y_pred, y_true, None, y_true.size
        return y_pred, y_true, *weights(sample_weight, lengths, y_true.shape, y_pred.dtype, type(self).__name__)

    def _evaluate(self, y_pred, y_true, weight, factor):
        """``factor · Σ weight · loss`` and its gradient."""
        return type(self)._function(y_pred, y_true, weight, factor, self._parameters(y_pred.dtype))

    def _check_shapes(self, pred, true):
        if pred != true and pred != (*true, 1):
            raise ValueError(f"{type(self).__name__}: y_true must have the shape {pred} of y_pred, got {true}")


class MSE(Elementwise):
    """Squared error ``(y_pred − y_true)²``."""

    _function = _core.mse


class MAE(Elementwise):
    """Absolute error ``|y_pred − y_true|``; the slope at 0 is 0."""

    _function = _core.mae


class Huber(Elementwise):
    """``d²/2`` for ``|d| <= delta``, else ``delta · (|d| − delta/2)``, with d = y_pred − y_true.

    Source: Huber 1964; the same as ``torch.nn.HuberLoss``.
    """

    _function = _core.huber

    def __init__(self, delta=1.0, *, reduction="mean"):
        if not number(delta, "Huber: delta") > 0:
            raise ValueError(f"Huber: delta must be positive, got {delta!r}")
        super().__init__(reduction=reduction)
        self.delta = float(delta)

    def _parameters(self, dtype):
        return np.array([self.delta], dtype)


class BCE(Elementwise):
    """Binary cross-entropy on logits: ``−y log σ(x) − (1 − y) log(1 − σ(x))``, x = y_pred, y = y_true.

    Computed as ``max(x, 0) − x·y + log(1 + e^−|x|)``, which neither overflows nor cancels.
    `y_true` holds 0 and 1 (floats, integers or booleans) or probabilities.

    Parameters
    ----------
    pos_weight : float or array of the size of the last axis
        Factor of the term of y (``torch.nn.BCEWithLogitsLoss``); > 1 for rare positives.
    """

    real_targets = False  # takes integers as they are
    _function = _core.bce

    def __init__(self, pos_weight=1.0, *, reduction="mean"):
        super().__init__(reduction=reduction)
        self.pos_weight = finite(pos_weight, "BCE: pos_weight", least=0)

    def _arrays(self, y_pred, y_true):
        y_pred = as_floats(y_pred, "BCE", "y_pred")
        return y_pred, _whole_or(y_true, y_pred.dtype, "BCE")

    def _check_shapes(self, pred, true):
        super()._check_shapes(pred, true)
        if self.pos_weight.size > 1 and self.pos_weight.size != pred[-1]:
            raise ValueError(f"BCE: y_pred must have shape (..., {self.pos_weight.size}) as pos_weight has, got {pred}")

    def _parameters(self, dtype):
        return None if (self.pos_weight == 1).all() else self.pos_weight.astype(dtype)


class Quantile(Elementwise):
    """The pinball loss of one or several quantiles: ``max(q·d, (q − 1)·d)``, d = y_true − y_pred.

    ``y_pred`` has one value for each target and quantile: (..., Q) for ``y_true`` (...), or
    (..., F·Q) for (..., F), the quantiles of a target side by side. The mean is over all of them.
    Source: Koenker, Bassett 1978.
    """

    _function = _core.quantile

    def __init__(self, quantiles=(0.1, 0.5, 0.9), *, reduction="mean"):
        super().__init__(reduction=reduction)
        self.quantiles = tuple(float(q) for q in np.atleast_1d(quantiles))
        if not self.quantiles or not all(0 < q < 1 for q in self.quantiles):
            raise ValueError(f"Quantile: quantiles must lie between 0 and 1, got {quantiles!r}")
        self._per_target = len(self.quantiles)

    def _check_shapes(self, pred, true):
        _check_several(type(self).__name__, pred, true, self._per_target)

    def _parameters(self, dtype):
        return np.array(self.quantiles, dtype)


class GaussianNLL(Elementwise):
    """``(s + (m − y)² e^−s) / 2``: negative log-likelihood of y under N(m, e^s), without ½ log 2π.

    ``y_pred`` holds pairs of mean m and log variance s: (..., 2) for ``y_true`` (...), or (..., 2F) for
    (..., F). The logarithm keeps the variance positive without a bound. Source: Nix, Weigend 1994;
    equal to ``torch.nn.GaussianNLLLoss`` of ``exp(s)``. The mean is over targets.
    """

    _function = _core.gaussian_nll

    def _check_shapes(self, pred, true):
        _check_several(type(self).__name__, pred, true, 2)


class PoissonNLL(Elementwise):
    """``e^x − y·x``: negative log-likelihood of counts y, x = y_pred the logarithm of the rate.

    Without ``log y!``, as ``torch.nn.PoissonNLLLoss``. `y_true` may hold integers.
    """

    real_targets = False  # takes integers as they are
    _function = _core.poisson_nll

    def _arrays(self, y_pred, y_true):
        y_pred = as_floats(y_pred, "PoissonNLL", "y_pred")
        return y_pred, _whole_or(y_true, y_pred.dtype, "PoissonNLL")


class NSE(Elementwise):
    """The Nash-Sutcliffe loss of hydrology: mean of ``((y_pred − y_true) / (std + eps))²``.

    Parameters
    ----------
    std : None, float or array that broadcasts to the shape of `y_true`
        Standard deviation of the observed flow over the training period. None: that of the `y_true` of
        each call; with ``eps=0`` the value is then 1 − NSE (Nash, Sutcliffe 1970).
    eps : float
        Keeps basins of nearly constant flow from dominating; in the units of y.

    Notes
    -----
    For batches from several basins, give each row's own deviation: ``loss(y_pred, y_true, std=s)``
    with s (B, 1, 1) for y (B, T, 1). Source: Kratzert et al. 2019 (NSE*, eq. 14).
    """

    _function = _core.mse

    def __init__(self, std=None, eps=0.1, *, reduction="mean"):
        super().__init__(reduction=reduction)
        self.std = None if std is None else finite(std, "NSE: std", least=0)
        self.eps = float(finite(eps, "NSE: eps", least=0))

    def __call__(self, y_pred, y_true, sample_weight=None, lengths=None, *, std=None):
        return super().__call__(y_pred, y_true, sample_weight, lengths, std=std)

    def sums(self, y_pred, y_true, sample_weight=None, lengths=None, *, std=None):
        y_pred, y_true, weight, targets = self._weighted(y_pred, y_true, sample_weight, lengths)
        divisor = self._divisor(targets)
        std = self.std if std is None else finite(std, "NSE: std", least=0)
        if std is None:
            flow = Moments.of(_counted(y_true, weight).astype(np.float64))
            spread = float(flow.std) + self.eps
            # the flow of one batch may be constant where that of all batches varies
            square = spread**2 if spread > 0 else 1.0
            value, dy = self._evaluate(y_pred, y_true, weight, scale(divisor) / square)
            return FlowSum(LossSum(value * square, divisor), flow, self.eps), dy
        spread = std + self.eps
        if not np.all(spread > 0):
            raise ValueError("NSE: std + eps must be positive")
        if spread.size == 1:
            value, dy = self._evaluate(y_pred, y_true, weight, scale(divisor) / spread.item() ** 2)
        else:
            value, dy = self._evaluate(y_pred, y_true, _over_squares(weight, spread, y_true), scale(divisor))
        return LossSum(value, divisor), dy


class CrossEntropy(Loss):
    """``−log softmax(y_pred)[y_true]``: logits (..., C) against integers (...), as (B, C) or (B, T, C).

    Parameters
    ----------
    weight : array (C,) or None
        Factor of each class; the mean divides by Σ sample_weight · weight[y_true].
    label_smoothing : float in [0, 1]
        The target becomes ``(1 − s)·onehot + s/C`` (Szegedy et al. 2016).
    ignore_index : int
        Targets of this value have weight 0.

    Notes
    -----
    The same as ``torch.nn.CrossEntropyLoss`` (whose classes are on axis 1).
    """

    classes = True  # y_true are classes: `fit` takes 1.0 for 1

    def __init__(self, weight=None, label_smoothing=0.0, ignore_index=-100, *, reduction="mean"):
        super().__init__(reduction=reduction)
        self.weight = None if weight is None else finite(weight, "CrossEntropy: weight", least=0)
        if self.weight is not None and self.weight.ndim != 1:
            raise ValueError(f"CrossEntropy: weight must have shape (C,), got {self.weight.shape}")
        if not 0 <= number(label_smoothing, "CrossEntropy: label_smoothing") <= 1:
            raise ValueError(f"CrossEntropy: label_smoothing must lie in 0..1, got {label_smoothing!r}")
        self.label_smoothing, self.ignore_index = float(label_smoothing), int(ignore_index)
        self._class_weight = None

    def _labels(self, y_true, sample_weight, lengths, dtype, where):
        """The labels (N,) and the weight of each, or None; those of weight 0 become `ignore_index`."""
        if sample_weight is None and lengths is None:
            return y_true.reshape(-1), None
        weight, _ = weights(sample_weight, lengths, y_true.shape, dtype, where)
        weight = np.repeat(weight.ravel(), y_true.size // max(weight.size, 1))
        return np.where(weight == 0, self.ignore_index, y_true.reshape(-1)), weight

    def sums(self, y_pred, y_true, sample_weight=None, lengths=None):
        y_pred = as_floats(y_pred, "CrossEntropy", "y_pred")
        y_true = as_labels(y_true, "CrossEntropy")
        if y_pred.ndim < 1 or y_pred.shape[:-1] != y_true.shape:
            raise ValueError(
                f"CrossEntropy: y_true must have shape {y_pred.shape[:-1]} for y_pred "
                f"{y_pred.shape}, got {y_true.shape}"
            )
        labels, weight = self._labels(y_true, sample_weight, lengths, y_pred.dtype, "CrossEntropy")
        logits = y_pred.reshape(-1, y_pred.shape[-1])
        value, dy = self._evaluate(logits, labels, weight, self.reduction == "mean")
        divisor, total = self._divisor(self._total_weight(labels, weight)), None
        if divisor == 0 and self.weight is not None and self.label_smoothing:
            # all targets here are of classes that weigh 0, but smoothing gives the other classes a share
            total, _ = self._evaluate(logits, labels, weight, False)
        return LossSum(value, divisor, total), dy.reshape(y_pred.shape)

    def _evaluate(self, logits, labels, weight, mean):
        return _core.cross_entropy(
            logits, labels, weight, self._weight_of(logits), self.label_smoothing, self.ignore_index, mean
        )

    def _total_weight(self, labels, weight):
        """Σ sample_weight · weight[y_true] over the targets that are not ignored."""
        counted = labels != self.ignore_index
        if self.weight is None:
            return np.count_nonzero(counted) if weight is None else weight.sum(dtype=np.float64, where=counted)
        each = self._class_weight[labels[counted]].astype(np.float64)
        return (each if weight is None else each * weight[counted]).sum()

    def _weight_of(self, y_pred):
        """The class weights in the dtype of `y_pred`, converted once."""
        if self.weight is None:
            return None
        if len(self.weight) != y_pred.shape[-1]:
            raise ValueError(
                f"CrossEntropy: y_pred must have shape (..., {len(self.weight)}) as weight has, got {y_pred.shape}"
            )
        if self._class_weight is None or self._class_weight.dtype != y_pred.dtype:
            self._class_weight = self.weight.astype(y_pred.dtype)
        return self._class_weight


by_name = {
    "mse": MSE,
    "mae": MAE,
    "huber": Huber,
    "bce": BCE,
    "cross_entropy": CrossEntropy,
    "quantile": Quantile,
    "gaussian_nll": GaussianNLL,
    "poisson_nll": PoissonNLL,
    "nse": NSE,
    "ctc": CTC,
    "esr": ESR,
    "dc": DC,
}


def _whole_or(y_true, dtype, where):
    """`y_true` of `dtype`; integers and booleans are taken too."""
    if isinstance(y_true, np.ndarray) and y_true.dtype.kind in "biu":
        return unmasked(y_true, where, "y_true").astype(dtype)
    return as_array(y_true, dtype, where, "y_true")


def _check_several(where, pred, true, each):
    """`each` predictions of a target side by side in the last axis."""
    if pred != (*true, each) and not (true and pred == (*true[:-1], true[-1] * each)):
        raise ValueError(
            f"{where}: y_pred must have shape {(*true, each)}, {each} values for each of y_true, got {pred}"
        )


def _counted(y_true, weight):
    """The values that have weight (n,), none of which may be NaN."""
    if weight is not None:
        seen = np.broadcast_to(weight.reshape(*weight.shape, *[1] * (y_true.ndim - weight.ndim)) > 0, y_true.shape)
        y_true = y_true[seen]
    missing = np.count_nonzero(np.isnan(y_true))
    if missing:
        raise ValueError(f"NSE: y_true is NaN in {missing} of {y_true.size} places; give them a sample_weight of 0")
    return y_true.reshape(-1)


def _over_squares(weight, spread, y_true):
    """``weight / spread²`` for each of `y_true`."""
    factor = np.ones(1) if weight is None else weight.astype(np.float64)
    factor = factor.reshape(*factor.shape, *[1] * (y_true.ndim - factor.ndim))
    try:
        return np.broadcast_to(factor / np.square(spread), y_true.shape).astype(y_true.dtype)
    except ValueError:
        raise ValueError(f"NSE: std must broadcast to the shape {y_true.shape} of y_true, got {spread.shape}") from None
