"""The affine map ``y = x · weightᵀ + bias``."""

import math

import numpy as np

from .. import _core
from ..checks import dtype_option, flag, optional, positive_int
from ..seeds import as_seed
from .base import Layer


class Linear(Layer):
    """Affine map of the last axis: ``y[..., j] = bias[j] + Σ_i weight[j, i] · x[..., i]``.

    Parameters
    ----------
    in_features, out_features : int
        Sizes of the last axis of x and of y.
    bias : bool
        Whether a bias is added.
    dtype : "float32" or "float64"
    seed : int or None
        Of the initial weights: Glorot uniform (Glorot, Bengio 2010), U(−a, a) with
        a = √(6 / (in_features + out_features)). The bias starts at zero.

    Notes
    -----
    Parameters learned: ``weight`` (out_features, in_features), ``bias`` (out_features,).
    """

    _options = {
        "in_features": positive_int,
        "out_features": positive_int,
        "bias": flag,
        "dtype": dtype_option,
        "seed": optional(as_seed),
    }

    def __init__(self, in_features, out_features, *, bias=True, dtype="float32", seed=None):
        self._take(in_features=in_features, out_features=out_features, bias=bias, dtype=dtype, seed=seed)
        specs = [("weight", (self.out_features, self.in_features))]
        self._build(specs + [("bias", (self.out_features,))] * self.bias, dtype, seed)

    def _initialise(self, rng):
        weight = self._param_views["weight"]
        bound = math.sqrt(6 / (self.in_features + self.out_features))
        weight[...] = rng.uniform(-bound, bound, weight.shape)

    def _bind(self, store, offset):
        super()._bind(store, offset)
        self._weight, self._bias = self._param_views["weight"], self._param_views.get("bias")
        self._dweight, self._dbias = self._grad_views["weight"], self._grad_views.get("bias")

    def input_shape(self):
        return ("B", self.in_features)

    def output_shape(self, shape):
        self._expect_features(shape, self.in_features)
        return (*shape[:-1], self.out_features)

    def output_weights(self):
        """``weight, bias, dweight, dbias`` as `losses.LinearCrossEntropy` takes them: views, None where there is no
        bias.
        """
        return self._weight, self._bias, self._dweight, self._dbias

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x (..., in_features) -> y (..., out_features), tape``."""
        x = self._input(x)
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise ValueError(f"Linear.forward: x must have shape (..., {self.in_features}), got {x.shape}")
        rows = np.ascontiguousarray(x).reshape(-1, self.in_features)
        y = _core.linear_forward(rows, self._weight, self._bias)
        shape = (*x.shape[:-1], self.out_features)
        return y.reshape(shape), ((rows, shape) if training else None)

    def _stream_into(self, graph, x):
        return graph.linear(x, self._weight, self._bias)

    def backward(self, tape, dy):
        """``dy (..., out_features) -> dx (..., in_features)``; adds to `grads`."""
        rows, shape = self._opened(tape)
        dy = self._gradient(dy, shape)
        drows = np.ascontiguousarray(dy).reshape(-1, self.out_features)
        dx = _core.linear_backward(rows, self._weight, drows, self._dweight, self._dbias)
        return dx.reshape(*shape[:-1], self.in_features)
