"""Activations as nodes: those of `el.LSTM`, and the further ones of `el.Activation`."""

from .operator import with_parameters

# Operators without parameters, or with alpha and beta as attributes.
_OPERATORS = {
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "relu": "Relu",
    "softsign": "Softsign",
    "softplus": "Softplus",
    "hard_swish": "HardSwish",
    "leaky_relu": "LeakyRelu",
    "elu": "Elu",
    "thresholded_relu": "ThresholdedRelu",
    "hard_sigmoid": "HardSigmoid",
    "hard_sigmoid_keras3": "HardSigmoid",
    "selu": "Selu",
    "exponential": "Exp",
}


def activation(writer, chosen, z):
    """The name of f(z) for an activation f: a name, or [name, parameters...]."""
    name, parameters = with_parameters(chosen)
    if name in _OPERATORS:
        return writer.node(_OPERATORS[name], z, **dict(zip(("alpha", "beta"), parameters)))
    if name in ("softmax", "log_softmax"):
        return writer.node("Softmax" if name == "softmax" else "LogSoftmax", z, axis=-1)
    if name == "linear":
        return z
    if name == "affine":
        alpha, beta = map(writer.number, parameters)
        return writer.node("Add", writer.node("Mul", z, alpha), beta)
    if name == "scaled_tanh":
        alpha, beta = map(writer.number, parameters)
        return writer.node("Mul", writer.node("Tanh", writer.node("Mul", z, beta)), alpha)
    if name == "silu":
        return writer.node("Mul", z, writer.node("Sigmoid", z))
    if name == "gelu_tanh":
        return writer.node("Gelu", z, approximate="tanh")
    if name == "relu6":
        return writer.node("Clip", z, writer.number(0), writer.number(6))
    raise ValueError(f"activation {name!r} has no form in ONNX here")
