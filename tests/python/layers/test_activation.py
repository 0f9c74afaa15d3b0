"""Activation: each function against its formula in float64, its gradient against central differences."""

import numpy as np
import pytest
from layer_checks import check_copies, check_gradients, check_rows_do_not_depend_on_the_batch

from eigenlstm.layers.activation import _KNOWN, Activation
from reference.activations import activate

THIRD_PARAMETERS = {
    "leaky_relu": (0.3,), "elu": (0.7,), "thresholded_relu": (0.5,), "affine": (1.5, -0.25), "scaled_tanh": (0.8, 1.2),
    "hard_sigmoid": (0.3, 0.4), "hard_sigmoid_keras3": (0.3, 0.4),
}  # fmt: skip


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


FURTHER = {
    "silu": lambda x: x * sigmoid(x),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1)),
    "relu6": lambda x: np.minimum(np.maximum(x, 0), 6),
    "exponential": np.exp,
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True),
    "log_softmax": lambda x: x - np.log(np.exp(x).sum(-1, keepdims=True)),
}


def expected(name, x, *parameters):
    """The formula, in float64."""
    x = x.astype(np.float64)
    if name in FURTHER:
        return FURTHER[name](x)
    if name == "hard_sigmoid_keras3":
        name, parameters = "hard_sigmoid", parameters or (1 / 6, 0.5)
    return activate((name, *parameters), x)


@pytest.fixture
def x():
    x = 3 * np.random.default_rng(0).standard_normal((3, 4, 17))
    return np.where(np.abs(x) < 0.01, 0.5, x)  # off the corners at 0


@pytest.mark.parametrize("dtype, bound", [("float32", 2e-6), ("float64", 4e-15)])
@pytest.mark.parametrize("name", _KNOWN)
def test_values(name, dtype, bound, x):
    for parameters in {(), THIRD_PARAMETERS.get(name, ())}:
        y = Activation(name, *parameters)(x.astype(dtype))
        assert y.dtype == dtype
        np.testing.assert_allclose(y, expected(name, x.astype(dtype), *parameters), rtol=bound, atol=bound)


@pytest.mark.parametrize("name", _KNOWN)
def test_gradients(name, x):
    check_gradients(Activation(name, *THIRD_PARAMETERS.get(name, ())), x, bound=1e-7)


@pytest.mark.parametrize("name", _KNOWN)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_do_not_depend_on_the_batch(name, dtype):
    x = np.random.default_rng(0).standard_normal((5, 19, 7)).astype(dtype)
    check_rows_do_not_depend_on_the_batch(Activation(name), x)
    strided = np.random.default_rng(0).standard_normal((14, 19, 5)).astype(dtype).T[:, :, ::2]
    assert Activation(name)(strided).tobytes() == Activation(name)(strided.copy()).tobytes()


@pytest.mark.parametrize("name", _KNOWN)
def test_far_values_give_neither_nan_nor_warnings(name):
    x = np.array([[-1e4, -50, 0, 50, 80]], np.float32)
    with np.errstate(all="raise", under="ignore"):
        y, tape = Activation(name).forward(x)
        dx = Activation(name).backward(tape, np.ones_like(y))
    assert np.isfinite(y).all() and np.isfinite(dx).all()


@pytest.mark.parametrize("name", _KNOWN)
def test_copies(name):
    check_copies(Activation(name, *THIRD_PARAMETERS.get(name, ())))


def test_what_is_refused():
    with pytest.raises(ValueError, match="Activation: name must be one of linear, sigmoid, .*, got 'relu7'"):
        Activation("relu7")
    with pytest.raises(ValueError, match="Activation: relu has 0 parameters, got 1"):
        Activation("relu", 1.0)
    with pytest.raises(TypeError, match="Activation: a parameter of elu must be a number, got 'a'"):
        Activation("elu", "a")
    with pytest.raises(TypeError, match="Activation.forward: x must have dtype float32 or float64, got int64"):
        Activation("relu")(np.ones(3, int))
    with pytest.raises(ValueError, match=r"x must have a last axis of at least 1, got shape \(3, 0\)"):
        Activation("softmax")(np.zeros((3, 0), "f"))
    with pytest.raises(ValueError, match=r"Activation.backward: dy must have shape \(3,\), got \(4,\)"):
        layer = Activation("tanh")
        layer.backward(layer.forward(np.zeros(3, "f"))[1], np.zeros(4, "f"))
