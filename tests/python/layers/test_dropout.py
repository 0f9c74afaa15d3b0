"""Dropout: the right share of zeros, the mask of a seed, the identity in inference."""

import numpy as np
import pytest
from layer_checks import check_copies, same_bits

from eigenlstm.layers.dropout import Dropout


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_zeros_come_at_rate_p_and_the_rest_is_scaled(dtype, p):
    x = np.ones((100, 50, 20), dtype)
    y, _ = Dropout(p).forward(x, seed=7)
    kept = y != 0
    n = x.size
    assert abs(kept.mean() - (1 - p)) < 5 * np.sqrt(p * (1 - p) / n)
    np.testing.assert_allclose(y[kept], 1 / (1 - p), rtol=1e-6)
    assert y.dtype == x.dtype


def test_neighbours_are_independent():
    mask = Dropout(0.5).forward(np.ones((1 << 16,), "f"), seed=1)[0] - 1
    for lag in (1, 2, 3, 4, 5, 8, 16, 64):
        assert abs(np.mean(mask[lag:] * mask[:-lag])) < 5 / 256


def test_a_seed_is_a_mask():
    x = np.ones((64, 33), "f")
    layer = Dropout(0.5)
    assert same_bits(layer.forward(x, seed=3)[0], Dropout(0.5, seed=9).forward(x, seed=3)[0])
    assert not same_bits(layer.forward(x, seed=3)[0], layer.forward(x, seed=4)[0])
    # the position decides, not the shape or the dtype
    assert same_bits(layer.forward(x.reshape(-1), seed=3)[0], layer.forward(x, seed=3)[0].reshape(-1))
    assert same_bits(layer.forward(x.astype(float), seed=3)[0] != 0, layer.forward(x, seed=3)[0] != 0)
    assert same_bits(layer.forward(x[:5], seed=3)[0], layer.forward(x, seed=3)[0][:5])


def test_without_a_seed_every_call_draws_anew_from_the_layers_own():
    x = np.ones((64, 33), "f")
    first, second = Dropout(0.5, seed=1), Dropout(0.5, seed=1)
    masks = [first.forward(x)[0] for _ in range(3)]
    assert not same_bits(masks[0], masks[1])
    for mask in masks:
        assert same_bits(mask, second.forward(x)[0])
    assert not same_bits(Dropout(0.5).forward(x)[0], Dropout(0.5).forward(x)[0])


def test_backward_is_the_mask_again():
    x = np.ones((5, 7))
    layer = Dropout(0.4)
    y, tape = layer.forward(x, seed=2)
    dy = np.random.default_rng(0).standard_normal(x.shape)
    np.testing.assert_array_equal(layer.backward(tape, dy), dy * y)


def test_inference_and_p_zero_are_the_identity():
    x = np.random.default_rng(0).standard_normal((3, 4)).astype("f")
    assert same_bits(Dropout(0.9)(x), x)
    y, tape = Dropout(0.0).forward(x)
    assert same_bits(y, x) and same_bits(Dropout(0.0).backward(tape, y), x)


def test_copies():
    check_copies(Dropout(0.3, seed=5))


@pytest.mark.parametrize("p", [-0.1, 1.0, 2, "0.5", float("nan")])
def test_a_wrong_p_is_refused(p):
    error, rule = (TypeError, "a number") if isinstance(p, str) else (ValueError, "at least 0 and below 1")
    with pytest.raises(error, match=f"Dropout: p must be {rule}, got "):
        Dropout(p)


def test_integers_are_refused():
    with pytest.raises(TypeError, match="Dropout.forward: x must have dtype float32 or float64, got int64"):
        Dropout(0.5)(np.ones(3, int))
