"""Linear against float64 NumPy, central differences and PyTorch; the same bits in every batch."""

import numpy as np
import pytest
from layer_checks import check_copies, check_gradients, check_rows_do_not_depend_on_the_batch, randomised

from eigenlstm.layers.linear import Linear

TOLERANCE = {"float32": 1e-5, "float64": 1e-13}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("sizes", [(1, 1), (3, 5), (64, 33), (130, 17)])
@pytest.mark.parametrize("shape", [(), (1,), (7,), (4, 9), (2, 3, 2), (0,), (3, 0)])
def test_forward_and_backward_are_the_formula(dtype, bias, sizes, shape):
    n, m = sizes
    layer = randomised(Linear(n, m, bias=bias, dtype=dtype))
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((*shape, k)).astype(dtype) for k in sizes)
    y, tape = layer.forward(x)
    dx = layer.backward(tape, dy)
    w = layer.params["weight"].astype(float)
    rows, drows = x.reshape(-1, n).astype(float), dy.reshape(-1, m).astype(float)
    expected = rows @ w.T + (layer.params["bias"].astype(float) if bias else 0)
    close = dict(rtol=0, atol=TOLERANCE[dtype] * np.sqrt(n + m + len(rows)) * 10)
    np.testing.assert_allclose(y, expected.reshape(*shape, m), **close)
    np.testing.assert_allclose(dx, (drows @ w).reshape(x.shape), **close)
    np.testing.assert_allclose(layer.grads["weight"], drows.T @ rows, **close)
    if bias:
        np.testing.assert_allclose(layer.grads["bias"], drows.sum(0), **close)
    assert y.dtype == dx.dtype == np.dtype(dtype)


def test_gradients():
    x = np.random.default_rng(0).standard_normal((4, 3, 5))
    check_gradients(randomised(Linear(5, 4, dtype="float64")), x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_do_not_depend_on_the_batch(dtype):
    x = np.random.default_rng(0).standard_normal((13, 37)).astype(dtype)
    check_rows_do_not_depend_on_the_batch(randomised(Linear(37, 19, dtype=dtype)), x)


def test_strided_input_is_taken():
    layer = randomised(Linear(5, 4))
    x = np.random.default_rng(0).standard_normal((5, 6, 3)).astype("f").transpose(2, 1, 0)
    np.testing.assert_array_equal(layer(x), layer(np.ascontiguousarray(x)))


def test_copies():
    check_copies(Linear(3, 2, bias=False, dtype="float64", seed=3))


def test_initial_weights_are_glorot_uniform():
    weight = Linear(300, 200, seed=0).params["weight"]
    bound = np.sqrt(6 / 500)
    assert 0.99 * bound < np.abs(weight).max() <= bound
    assert abs(weight.std() / (bound / np.sqrt(3)) - 1) < 0.01


def test_parity_with_torch():
    torch = pytest.importorskip("torch", reason="the peer")
    theirs = torch.nn.Linear(7, 5)
    ours = Linear(7, 5)
    ours.load_state_dict(theirs.state_dict())
    x = np.random.default_rng(0).standard_normal((3, 4, 7)).astype("f")
    np.testing.assert_allclose(ours(x), theirs(torch.from_numpy(x)).detach(), atol=1e-6)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: Linear(0, 1), ValueError, "Linear: in_features must be at least 1, got 0"),
        (lambda: Linear(1, 2.0), TypeError, "Linear: out_features must be an integer, got 2.0"),
        (
            lambda: Linear(3, 2)(np.zeros((4, 2), "f")),
            ValueError,
            r"Linear.forward: x must have shape \(..., 3\), got \(4, 2\)",
        ),
        (lambda: Linear(3, 2)(np.zeros((4, 3))), TypeError, "Linear.forward: x must have dtype float32, got float64"),
        (lambda: Linear(3, 2).backward(None, np.zeros((4, 2), "f")), ValueError, "Linear.backward: tape is None"),
        (
            lambda: (layer := Linear(3, 2)).backward(layer.forward(np.zeros((4, 3), "f"))[1], np.zeros((4, 3), "f")),
            ValueError,
            r"Linear.backward: dy must have shape \(4, 2\), got \(4, 3\)",
        ),
    ],
)
def test_wrong_calls(call, error, message):
    with pytest.raises(error, match=message):
        call()
