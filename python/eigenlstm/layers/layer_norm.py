"""Layer normalisation over the last axis."""

import numpy as np

from .. import _core
from ..checks import dtype_option, positive, positive_int
from .base import Layer


class LayerNorm(Layer):
    """``y = weight · (x − mean) / √(var + eps) + bias`` over the last axis of x.

    The variance is the biased one. Source: Ba, Kiros, Hinton 2016 (arXiv 1607.06450).

    Parameters
    ----------
    features : int
        Size of the last axis.
    eps : float
        Added to the variance.
    dtype : "float32" or "float64"

    Notes
    -----
    Parameters learned: ``weight`` (features,), which starts at one, and ``bias`` (features,), at zero.
    """

    _options = {"features": positive_int, "eps": positive, "dtype": dtype_option}

    def __init__(self, features, *, eps=1e-5, dtype="float32"):
        self._take(features=features, eps=eps, dtype=dtype)
        self._build([("weight", (self.features,)), ("bias", (self.features,))], dtype)

    def _initialise(self, rng):
        self._param_views["weight"][...] = 1

    def input_shape(self):
        return ("B", self.features)

    def output_shape(self, shape):
        self._expect_features(shape, self.features)
        return shape

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x (..., features) -> y, tape`` of the same shape."""
        x = self._input(x)
        if x.ndim == 0 or x.shape[-1] != self.features:
            raise ValueError(f"LayerNorm.forward: x must have shape (..., {self.features}), got {x.shape}")
        rows = np.ascontiguousarray(x).reshape(-1, self.features)
        weight, bias = self._param_views["weight"], self._param_views["bias"]
        y, normed, scale = _core.layer_norm_forward(rows, weight, bias, self.eps, training)
        tape = (normed.reshape(x.shape), scale.reshape(*x.shape[:-1], 1)) if training else None
        return y.reshape(x.shape), tape

    def _stream_into(self, graph, x):
        return graph.layer_norm(x, self._param_views["weight"], self._param_views["bias"], self.eps)

    def backward(self, tape, dy):
        """``dy (..., features) -> dx``; adds to `grads`.

        With n = normed and g = weight · dy:  dx = scale · (g − mean(g) − n · mean(g · n)).
        """
        normed, scale = self._opened(tape)
        dy = np.ascontiguousarray(self._gradient(dy, normed.shape))
        self._grad_views["weight"] += _column_sum(dy * normed)
        self._grad_views["bias"] += _column_sum(dy)
        g = dy * self._param_views["weight"]
        dx = g - _row_mean(g)
        dx -= normed * _row_mean(g * normed)
        dx *= scale
        return dx


def _row_mean(x):
    return np.add.reduce(x, axis=-1, keepdims=True) / x.dtype.type(x.shape[-1])


def _column_sum(x):
    """Σ over all rows, in float64: there may be many."""
    return np.add.reduce(x.reshape(-1, x.shape[-1]), axis=0, dtype=np.float64)
