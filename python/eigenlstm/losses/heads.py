"""Losses that are computed together with the last layer of a model: from the input of that layer, not its output."""

import numpy as np

from .. import _core
from ..checks import as_array
from .base import Loss, LossSum, as_labels, scale, weights
from .losses import CrossEntropy, by_name


class HeadLoss(Loss):
    """Base of these losses. `fit` and `evaluate` run the model up to its last layer and give that layer to `through`.

    Attributes
    ----------
    head : tuple of str
        The layers that a model may end in.
    whole_rows : bool
        Whether a row must not be cut into pieces, as truncated backpropagation does.
    """

    head = ()
    whole_rows = False

    def through(self, layer, x, y_true, sample_weight=None, lengths=None, *, need_gradient=True):
        """``(LossSum, dx)`` for x, the input of `layer`; adds to the gradients of `layer`.

        If `need_gradient` is false, dx is None and nothing is added.
        """
        raise NotImplementedError

    def sums(self, y_pred, y_true, sample_weight=None, lengths=None):
        name = type(self).__name__
        raise TypeError(f"{name}: is computed together with the last layer: call {name}().through(layer, x, y_true)")


class CRF(HeadLoss):
    """−log of the probability of the true tags among all chains of tags, for a model that ends in `eigenlstm.CRF`.

    ``y_true`` (B, T) are integer tags, looked at up to each row's length; `sample_weight` is (B,).

    Parameters
    ----------
    reduction : "mean" or "sum"
        Over rows: a row counts as one, however many steps it has.
    """

    head = ("CRF",)
    whole_rows = True

    def through(self, layer, x, y_true, sample_weight=None, lengths=None, *, need_gradient=True):
        y_true = as_labels(y_true, "CRF")
        weight, total = np.ones(len(y_true)), len(y_true)
        if sample_weight is not None:
            weight, total = weights(sample_weight, None, (len(y_true),), np.float64, "CRF")
        divisor = self._divisor(total)
        factor = weight * scale(divisor)
        each, dx = layer.loss(x, y_true, lengths, factor, need_gradient=need_gradient)
        counted = factor != 0
        return LossSum(float((each[counted] * factor[counted]).sum()), divisor), dx


class LinearCrossEntropy(HeadLoss, CrossEntropy):
    """`CrossEntropy` of what a `Linear` (or `TiedLinear`) gives, computed together with it, for large vocabularies.

    The same loss and gradients as apart, without an array of all logits: rows go in chunks of 256, and targets that
    count for nothing (padding, `ignore_index`, a weight of 0) take no time. The parameters are those of `CrossEntropy`;
    `predict` and metrics see the logits as ever.
    """

    head = ("Linear", "TiedLinear")
    sums = HeadLoss.sums

    def through(self, layer, x, y_true, sample_weight=None, lengths=None, *, need_gradient=True):
        x, y_true = as_array(x, layer.dtype, "LinearCrossEntropy"), as_labels(y_true, "LinearCrossEntropy")
        matrix, bias, dmatrix, dbias = layer.output_weights()
        if x.ndim < 2 or x.shape[-1] != matrix.shape[1] or x.shape[:-1] != y_true.shape:
            raise ValueError(
                f"LinearCrossEntropy: y_true must have shape (...) for x (..., {matrix.shape[1]}), got "
                f"{y_true.shape} for {x.shape}"
            )
        labels, weight = self._labels(y_true, sample_weight, lengths, x.dtype, "LinearCrossEntropy")
        value, dx = _core.linear_cross_entropy(
            np.ascontiguousarray(x).reshape(-1, x.shape[-1]),
            matrix,
            bias,
            labels,
            weight,
            self._class_weights(len(matrix), x.dtype),
            self.label_smoothing,
            self.ignore_index,
            self.reduction == "mean",
            *((dmatrix, dbias) if need_gradient else ()),
        )
        divisor = self._divisor(self._total_weight(labels, weight))
        return LossSum(value, divisor), None if dx is None else dx.reshape(x.shape)

    def _class_weights(self, classes, dtype):
        return self._weight_of(np.empty((0, classes), dtype))


by_name.update(crf=CRF, linear_cross_entropy=LinearCrossEntropy)
