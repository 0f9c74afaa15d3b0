"""A function of each value, or of each vector, between layers."""

import math

import numpy as np

from .. import _core
from ..checks import finite
from .base import Layer

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017
_SQRT_2_OVER_PI = math.sqrt(2 / math.pi)


class Activation(Layer):
    """``y = f(x)``, by the name of f.

    Parameters
    ----------
    name : str
        Of each value, with the same names, formulas and default parameters as `LSTM`'s `activations`:

            linear  sigmoid  tanh  relu  softsign  softplus  hard_swish
            leaky_relu (0.01)  elu (1)  thresholded_relu (1)  affine (1, 0)  scaled_tanh (1, 1)
            hard_sigmoid (0.2, 0.5)  hard_sigmoid_keras3 (1/6, 0.5)

        and further:

            silu           x sigmoid(x), also called swish (Elfwing et al. 2018)
            gelu_tanh      x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) (Hendrycks, Gimpel 2016)
            selu           1.0507 x, or 1.0507 * 1.6733 (e^x - 1) where x < 0 (Klambauer et al. 2017)
            relu6          x within 0 and 6
            exponential    e^x

        Of each vector, the last axis of x: ``softmax``, ``log_softmax``.
    *parameters : float
        In place of the defaults in brackets.

    Notes
    -----
    Where f has a corner, its derivative there is that of the left side.
    """

    _fixed = frozenset({"name", "parameters"})

    def __init__(self, name, *parameters):
        if not isinstance(name, str):
            raise TypeError(f"Activation: name must be a string, got {name!r}")
        if name not in _KNOWN:
            raise ValueError(f"Activation: name must be one of {', '.join(_KNOWN)}, got {name!r}")
        defaults = _DEFAULTS.get(name, ())
        if len(parameters) > len(defaults):
            raise ValueError(f"Activation: {name} has {len(defaults)} parameters, got {len(parameters)}")
        parameters = tuple(finite(value, f"Activation: a parameter of {name}") for value in parameters)
        self._become({"name": name, "parameters": parameters})
        self._values = (*self.parameters, *defaults[len(parameters) :])
        self._build([])

    def config(self):
        return {"name": self.name, "parameters": list(self.parameters)}

    @classmethod
    def from_config(cls, config):
        return cls(config["name"], *config["parameters"])

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x -> y, tape`` of one shape, any rank; at least one axis for softmax and log_softmax."""
        x = self._input(x)
        x = np.ascontiguousarray(x).reshape(x.shape)
        if self.name in _OF_VECTORS and (x.ndim == 0 or x.shape[-1] == 0):
            raise ValueError(f"Activation.forward: x must have a last axis of at least 1, got shape {x.shape}")
        y = _core.activate(x, self.name, self.parameters)
        return y, ((x, y) if training else None)

    def _stream_into(self, graph, x):
        return graph.activation(x, self.name, self.parameters)

    def backward(self, tape, dy):
        """``dy -> dx``."""
        x, y = self._opened(tape)
        dy = self._gradient(dy, y.shape, y.dtype)
        if self.name == "softmax":  # dx = y (dy - sum(dy y))
            dy = np.ascontiguousarray(dy)
            return y * (dy - np.add.reduce(dy * y, axis=-1, keepdims=True))
        if self.name == "log_softmax":  # dx = dy - e^y sum(dy)
            return dy - np.exp(y) * np.add.reduce(np.ascontiguousarray(dy), axis=-1, keepdims=True)
        return dy * _SLOPES[self.name](x, y, *map(x.dtype.type, self._values))


# -- derivatives, from x and y: df/dx(x, y, *parameters) ----------------------------------------


def _clipped_line_slope(x, y, alpha, beta):
    line = alpha * x + beta
    return np.where((line > 0) & (line <= 1), alpha, x.dtype.type(0))


def _hard_swish_slope(x, y):
    return np.where(x <= -3, x.dtype.type(0), np.where(x <= 3, x / 3 + x.dtype.type(0.5), x.dtype.type(1)))


def _silu_slope(x, y):
    s = _core.sigmoid(x)
    return s + y * (1 - s)


def _gelu_inner(x):
    return x.dtype.type(_SQRT_2_OVER_PI) * (x + x.dtype.type(0.044715) * x * x * x)


def _gelu_tanh_slope(x, y):
    t = _core.tanh(_gelu_inner(x))
    inner = x.dtype.type(_SQRT_2_OVER_PI) * (1 + x.dtype.type(3 * 0.044715) * x * x)
    return (1 + t) / 2 + x / 2 * (1 - t * t) * inner


def _selu_slope(x, y):
    return np.where(x <= 0, y + x.dtype.type(_SELU_SCALE * _SELU_ALPHA), x.dtype.type(_SELU_SCALE))


def _one_where(condition, x):
    return condition.astype(x.dtype)


_SLOPES = {
    "linear": lambda x, y: np.ones_like(x),
    "sigmoid": lambda x, y: y * (1 - y),
    "tanh": lambda x, y: 1 - y * y,
    "relu": lambda x, y: _one_where(x > 0, x),
    "softsign": lambda x, y: 1 / np.square(1 + np.abs(x)),
    "softplus": lambda x, y: _core.sigmoid(x),
    "hard_swish": _hard_swish_slope,
    "leaky_relu": lambda x, y, a: np.where(x <= 0, a, x.dtype.type(1)),
    "elu": lambda x, y, a: np.where(x <= 0, y + a, x.dtype.type(1)),
    "thresholded_relu": lambda x, y, a: _one_where(x > a, x),
    "affine": lambda x, y, a, b: np.full_like(x, a),
    "scaled_tanh": lambda x, y, a, b: a * b * (1 - np.square(_core.tanh(b * x))),
    "hard_sigmoid": _clipped_line_slope,
    "hard_sigmoid_keras3": _clipped_line_slope,
    "silu": _silu_slope,
    "gelu_tanh": _gelu_tanh_slope,
    "selu": _selu_slope,
    "relu6": lambda x, y: _one_where((x > 0) & (x <= 6), x),
    "exponential": lambda x, y: y,
}
_OF_VECTORS = ("softmax", "log_softmax")
_KNOWN = (*_SLOPES, *_OF_VECTORS)
_DEFAULTS = {
    "leaky_relu": (0.01,), "elu": (1.0,), "thresholded_relu": (1.0,), "affine": (1.0, 0.0), "scaled_tanh": (1.0, 1.0),
    "hard_sigmoid": (0.2, 0.5), "hard_sigmoid_keras3": (1 / 6, 0.5),
}  # fmt: skip
