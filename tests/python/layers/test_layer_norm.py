"""LayerNorm against float64 NumPy, central differences and PyTorch; the same bits in every batch."""

import numpy as np
import pytest
from layer_checks import check_copies, check_gradients, check_rows_do_not_depend_on_the_batch, randomised

from eigenlstm.layers.layer_norm import LayerNorm


@pytest.mark.parametrize("dtype, bound", [("float32", 2e-5), ("float64", 1e-12)])
@pytest.mark.parametrize("shape", [(6,), (1, 6), (4, 6), (3, 5, 6), (0, 6), (4, 1), (5, 300)])
def test_forward_is_the_formula(dtype, bound, shape):
    layer = randomised(LayerNorm(shape[-1], dtype=dtype))
    x = (3 + 2 * np.random.default_rng(0).standard_normal(shape)).astype(dtype)
    y = layer(x)
    x64 = x.astype(float)
    normed = (x64 - x64.mean(-1, keepdims=True)) / np.sqrt(x64.var(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(y, layer.params["weight"] * normed + layer.params["bias"], atol=bound)
    assert y.dtype == np.dtype(dtype)


def test_gradients():
    x = np.random.default_rng(0).standard_normal((3, 2, 5))
    check_gradients(randomised(LayerNorm(5, dtype="float64")), x)


@pytest.mark.parametrize("features", [1, 2, 7, 8, 64, 129])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_do_not_depend_on_the_batch(dtype, features):
    x = np.random.default_rng(0).standard_normal((9, 4, features)).astype(dtype)
    check_rows_do_not_depend_on_the_batch(randomised(LayerNorm(features, dtype=dtype)), x)


def test_parity_with_torch():
    torch = pytest.importorskip("torch", reason="the peer")
    theirs = torch.nn.LayerNorm(6)
    ours = randomised(LayerNorm(6))
    theirs.load_state_dict({name: torch.from_numpy(value) for name, value in ours.state_dict().items()})
    x = np.random.default_rng(0).standard_normal((4, 5, 6)).astype("f")
    xt = torch.from_numpy(x).requires_grad_()
    y, tape = ours.forward(x)
    yt = theirs(xt)
    np.testing.assert_allclose(y, yt.detach(), atol=1e-5)
    dx = ours.backward(tape, y)
    yt.backward(torch.from_numpy(y))
    np.testing.assert_allclose(dx, xt.grad, atol=1e-4)
    np.testing.assert_allclose(ours.grads["weight"], theirs.weight.grad, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(ours.grads["bias"], theirs.bias.grad, rtol=1e-5, atol=1e-5)


def test_it_starts_as_the_plain_normalisation():
    layer = LayerNorm(4)
    assert (layer.params["weight"] == 1).all() and not layer.params["bias"].any()


def test_copies():
    check_copies(LayerNorm(4, eps=1e-3, dtype="float64"))


def test_wrong_calls():
    with pytest.raises(ValueError, match="LayerNorm: eps must be a positive number, got 0.0"):
        LayerNorm(3, eps=0)
    with pytest.raises(ValueError, match=r"LayerNorm.forward: x must have shape \(..., 3\), got \(3, 4\)"):
        LayerNorm(3)(np.zeros((3, 4), "f"))
