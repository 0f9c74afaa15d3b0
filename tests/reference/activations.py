"""Activation functions with their derivatives, named and parametrised as the ONNX operators are.

An activation is a name or a tuple (name, alpha) or (name, alpha, beta). `hard_sigmoid` has ONNX's and Keras 2's
slope of 0.2; Keras 3's is ("hard_sigmoid", 1/6, 0.5).
"""

import numpy as np


def sigmoid(x):
    e = np.exp(-np.abs(x))  # in (0, 1]: neither branch overflows
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def hard_sigmoid(x, alpha, beta):
    return np.clip(alpha * x + beta, 0, 1)


def hard_sigmoid_derivative(x, alpha, beta):
    return np.where(np.abs(alpha * x + beta - 0.5) < 0.5, alpha, 0.0)


def hard_swish_derivative(x, alpha, beta):
    return hard_sigmoid(x, 1 / 6, 0.5) + x * hard_sigmoid_derivative(x, 1 / 6, 0.5)


# name: (f(x, alpha, beta), df/dx(x, alpha, beta), default alpha, default beta)
FUNCTIONS = {
    "sigmoid": (lambda x, a, b: sigmoid(x), lambda x, a, b: sigmoid(x) * sigmoid(-x), 0, 0),
    "tanh": (lambda x, a, b: np.tanh(x), lambda x, a, b: 1 - np.tanh(x) ** 2, 0, 0),
    "linear": (lambda x, a, b: x, lambda x, a, b: np.ones_like(x), 0, 0),
    "relu": (lambda x, a, b: np.maximum(x, 0), lambda x, a, b: np.where(x > 0, 1.0, 0.0), 0, 0),
    "leaky_relu": (lambda x, a, b: np.where(x < 0, a * x, x), lambda x, a, b: np.where(x < 0, a, 1.0), 0.01, 0),
    "thresholded_relu": (lambda x, a, b: np.where(x > a, x, 0), lambda x, a, b: np.where(x > a, 1.0, 0.0), 1, 0),
    "elu": (
        lambda x, a, b: np.where(x < 0, a * np.expm1(np.minimum(x, 0)), x),
        lambda x, a, b: np.where(x < 0, a * np.exp(np.minimum(x, 0)), 1.0),
        1,
        0,
    ),
    "affine": (lambda x, a, b: a * x + b, lambda x, a, b: np.full_like(x, a), 1, 0),
    "scaled_tanh": (lambda x, a, b: a * np.tanh(b * x), lambda x, a, b: a * b * (1 - np.tanh(b * x) ** 2), 1, 1),
    "softsign": (lambda x, a, b: x / (1 + np.abs(x)), lambda x, a, b: 1 / (1 + np.abs(x)) ** 2, 0, 0),
    "softplus": (lambda x, a, b: softplus(x), lambda x, a, b: sigmoid(x), 0, 0),
    "hard_sigmoid": (hard_sigmoid, hard_sigmoid_derivative, 0.2, 0.5),
    "hard_swish": (lambda x, a, b: x * hard_sigmoid(x, 1 / 6, 0.5), hard_swish_derivative, 0, 0),
}


def _parse(activation):
    name, *given = [activation] if isinstance(activation, str) else activation
    function, derivative, *defaults = FUNCTIONS[name]
    alpha, beta = given + defaults[len(given) :]
    return function, derivative, alpha, beta


def activate(activation, x):
    function, _, alpha, beta = _parse(activation)
    return function(x, alpha, beta)


def derivative(activation, x):
    _, derivative_, alpha, beta = _parse(activation)
    return derivative_(x, alpha, beta)
