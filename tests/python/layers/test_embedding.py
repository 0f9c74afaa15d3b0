"""Embedding: rows of a table, gradients only for the rows taken."""

import numpy as np
import pytest
from layer_checks import check_copies, check_gradients, randomised

from eigenlstm.layers.embedding import Embedding


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint8])
def test_forward_takes_rows(dtype, kind):
    layer = Embedding(11, 4, dtype=dtype, seed=0)
    x = np.random.default_rng(0).integers(0, 11, (3, 5)).astype(kind)
    y = layer(x)
    assert y.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(y, layer.params["weight"][x])
    np.testing.assert_array_equal(layer(x.tolist()), y)


@pytest.mark.parametrize("padding_idx", [None, 2, -1])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_backward_adds_to_the_rows_taken(dtype, padding_idx):
    layer = randomised(Embedding(50, 3, padding_idx=padding_idx, dtype=dtype))
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.integers(0, 40, 200), [2, 49]])
    y, tape = layer.forward(x)
    dy = rng.standard_normal(y.shape).astype(dtype)
    layer.flat_grads[:] = 0.25
    assert layer.backward(tape, dy) is None
    expected = np.full((50, 3), 0.25)
    for i, row in zip(x, dy.astype(float)):
        if padding_idx is None or i != padding_idx % 50:
            expected[i] += row
    np.testing.assert_allclose(layer.grads["weight"], expected, atol=1e-5 if dtype == "float32" else 1e-13)
    untouched = np.setdiff1d(np.arange(50), x)
    assert (layer.grads["weight"][untouched] == 0.25).all()


def test_gradients():
    check_gradients(randomised(Embedding(5, 3, dtype="float64")), np.array([[0, 1, 1], [4, 0, 4]]))


def test_the_padding_row_starts_at_zero():
    layer = Embedding(6, 3, padding_idx=4, seed=0)
    weight = layer.params["weight"]
    assert not weight[4].any() and weight[[0, 1, 2, 3, 5]].all()


def test_parity_with_torch():
    torch = pytest.importorskip("torch", reason="the peer")
    theirs = torch.nn.Embedding(9, 4, padding_idx=0)
    ours = Embedding(9, 4, padding_idx=0)
    ours.load_state_dict(theirs.state_dict())
    x = np.random.default_rng(0).integers(0, 9, (6, 7))
    y, tape = ours.forward(x)
    y_theirs = theirs(torch.from_numpy(x))
    np.testing.assert_array_equal(y, y_theirs.detach())
    dy = np.random.default_rng(1).standard_normal(y.shape).astype("f")
    ours.backward(tape, dy)
    y_theirs.backward(torch.from_numpy(dy))
    np.testing.assert_allclose(ours.grads["weight"], theirs.weight.grad, atol=1e-5)


def test_no_rows_work():
    layer = Embedding(5, 3)
    y, tape = layer.forward(np.zeros((0, 4), int))
    assert y.shape == (0, 4, 3)
    layer.backward(tape, y)


def test_copies():
    check_copies(Embedding(5, 3, padding_idx=-1, seed=1))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: Embedding(0, 3), ValueError, "num_embeddings must be at least 1"),
        (lambda: Embedding(5, 3, padding_idx=5), ValueError, r"padding_idx must lie in -5..4, got 5"),
        (lambda: Embedding(5, 3)(np.zeros(3, "f")), TypeError, "x must be of integers, got float32"),
        (lambda: Embedding(5, 3)(np.array([0, 5])), ValueError, r"x must lie in 0..4, got 0..5"),
        (lambda: Embedding(5, 3)(np.array([-1])), ValueError, r"x must lie in 0..4, got -1..-1"),
        (lambda: Embedding(5, 3)(np.array([2**64 - 1], np.uint64)), ValueError, r"x must lie in 0..4"),
    ],
)
def test_wrong_calls(call, error, message):
    with pytest.raises(error, match=message):
        call()
