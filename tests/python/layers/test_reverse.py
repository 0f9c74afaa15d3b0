"""Reverse turns each row around within its length; SpatialDropout1D drops a feature at all steps."""

import numpy as np
import pytest
from layer_checks import check_copies, check_gradients, check_rows_do_not_depend_on_the_batch, same_bits

from eigenlstm.layers.dropout import SpatialDropout1D
from eigenlstm.layers.reverse import Reverse

LENGTHS = np.array([5, 1, 0, 3])


@pytest.fixture
def x():
    return np.random.default_rng(0).standard_normal((4, 5, 6))


def test_each_row_is_turned_around_within_its_length(x):
    y = Reverse()(x, lengths=LENGTHS)
    for row, source, n in zip(y, x, LENGTHS):
        np.testing.assert_array_equal(row, [*source[:n][::-1], *source[n:]])
    np.testing.assert_array_equal(Reverse()(x), x[:, ::-1])
    assert Reverse()(x[:, :0]).shape == (4, 0, 6)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_gradients(lengths, x):
    check_gradients(Reverse(), x, lengths=lengths)
    check_rows_do_not_depend_on_the_batch(Reverse(), x)


def test_spatial_dropout_has_one_mask_for_all_steps(x):
    layer = SpatialDropout1D(0.4)
    x = np.ones((200, 7, 50), "f")
    y, tape = layer.forward(x, seed=3)
    assert same_bits(y, np.repeat(y[:, :1], 7, axis=1))
    assert abs((y == 0).mean() - 0.4) < 5 * np.sqrt(0.24 / 10_000)
    np.testing.assert_allclose(y[y != 0], 1 / 0.6, rtol=1e-6)
    assert same_bits(layer.backward(tape, x), y)
    assert layer(x) is x
    with pytest.raises(ValueError, match=r"SpatialDropout1D.forward: x must have shape \(B, T, F\), got \(200, 7\)"):
        layer.forward(x[:, :, 0])


def test_copies_and_wrong_calls(x):
    check_copies(Reverse())
    check_copies(SpatialDropout1D(0.3, seed=1))
    with pytest.raises(ValueError, match=r"Reverse.forward: x must have shape \(B, T, F\), got \(5, 6\)"):
        Reverse()(x[0])
    with pytest.raises(ValueError, match=r"Reverse.forward: lengths must lie in 0..5, got 0..6"):
        Reverse()(x, lengths=LENGTHS + LENGTHS // 5)
