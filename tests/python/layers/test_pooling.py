"""Last, MeanPool and MaxPool: only a row's own steps count, whatever it is padded with."""

import numpy as np
import pytest
from layer_checks import check_copies, check_gradients, check_rows_do_not_depend_on_the_batch

from eigenlstm.layers.pooling import Last, MaxPool, MeanPool

LENGTHS = np.array([5, 1, 0, 3])
LAYERS = {
    "last": Last,
    "last_reverse": lambda: Last(reverse=True),
    "last_bidirectional": lambda: Last(bidirectional=True),
    **{
        f"last_{merge}": (lambda merge=merge: Last(bidirectional=True, merge=merge)) for merge in ("sum", "mean", "mul")
    },
    "mean": MeanPool,
    "max": MaxPool,
}
MERGES = {"last_sum": lambda a, b: a + b, "last_mean": lambda a, b: (a + b) / 2, "last_mul": lambda a, b: a * b}


def row_by_row(name, x, lengths):
    """The definition, one row at a time."""
    half = x.shape[2] // 2
    y = np.zeros((len(x), half if name in MERGES else x.shape[2]), x.dtype)
    for b, n in enumerate(lengths):
        if n:
            row = x[b, :n]
            if name in MERGES:
                y[b] = MERGES[name](row[-1, :half], row[0, half:])
            elif name == "last_bidirectional":
                y[b] = [*row[-1, :half], *row[0, half:]]
            else:
                y[b] = {"mean": row.mean(0), "max": row.max(0), "last_reverse": row[0]}.get(name, row[-1])
    return y


@pytest.fixture
def x():
    return np.random.default_rng(0).standard_normal((4, 5, 6))


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("padding", [0.0, 1e30, -1e30, np.nan, np.inf])
def test_padding_does_not_matter(name, padding, x):
    for b, n in enumerate(LENGTHS):
        x[b, n:] = padding
    y = LAYERS[name]()(x, lengths=LENGTHS)
    np.testing.assert_allclose(y, row_by_row(name, x, LENGTHS), atol=1e-15)


@pytest.mark.parametrize("name", LAYERS)
def test_without_lengths_all_steps_count(name, x):
    np.testing.assert_allclose(LAYERS[name]()(x), row_by_row(name, x, [5] * 4), atol=1e-15)
    assert not LAYERS[name]()(x[:, :0]).any()
    assert LAYERS[name]()(x[:0]).shape == (0, 3 if name in MERGES else 6)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_gradients(name, lengths, x):
    check_gradients(LAYERS[name](), x, lengths=lengths)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(5, 19, 1), (5, 19, 6), (1, 19, 3)])
def test_rows_do_not_depend_on_the_batch(name, dtype, shape):
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    x[:, ::3] *= -0.0
    lengths = np.array([19, 1, 17, 9, 8])[: len(x)]
    if "last_" in name and name != "last_reverse" and shape[2] % 2:
        x = np.concatenate([x, x], axis=2)  # two directions
    check_rows_do_not_depend_on_the_batch(LAYERS[name](), x, lengths)
    check_rows_do_not_depend_on_the_batch(LAYERS[name](), x)


def test_of_equal_maxima_the_first_takes_the_gradient():
    layer = MaxPool()
    _, tape = layer.forward(np.array([[[1.0], [3.0], [3.0]]]))
    np.testing.assert_array_equal(layer.backward(tape, np.ones((1, 1)))[0, :, 0], [0, 1, 0])


def test_nan_in_a_row_shows_in_that_row_only(x):
    x[1, 0, 2] = np.nan
    for layer in (MeanPool(), MaxPool()):
        y = layer(x, lengths=LENGTHS)
        assert np.isnan(y[1, 2]) and np.isnan(y).sum() == 1


@pytest.mark.parametrize("name", LAYERS)
def test_copies_and_lengths_end_here(name):
    check_copies(LAYERS[name]())
    assert not LAYERS[name]().keeps_time


@pytest.mark.parametrize("name", LAYERS)
def test_wrong_calls(name, x):
    layer = LAYERS[name]()
    with pytest.raises(ValueError, match=r"forward: x must have shape \(B, T, F\), got \(5, 6\)"):
        layer(x[0])
    with pytest.raises(ValueError, match=r"lengths must have shape \(4,\), got \(3,\)"):
        layer(x, lengths=LENGTHS[:3])
    with pytest.raises(ValueError, match=r"lengths must lie in 0..5, got 0..6"):
        layer(x, lengths=LENGTHS + LENGTHS // 5)
    with pytest.raises(TypeError, match="lengths must be integers, got float64"):
        layer(x, lengths=LENGTHS / 1)
    with pytest.raises(ValueError, match="tape is None"):
        layer.backward(layer.forward(x, training=False)[1], np.zeros((4, 6)))


def test_last_refuses_what_makes_no_sense(x):
    with pytest.raises(ValueError, match="Last: merge must be one of 'concat', 'sum', 'mean', 'mul', got 'ave'"):
        Last(bidirectional=True, merge="ave")
    with pytest.raises(ValueError, match="Last: bidirectional and reverse exclude each other"):
        Last(bidirectional=True, reverse=True)
    with pytest.raises(ValueError, match="Last: merge='sum' needs bidirectional=True"):
        Last(merge="sum")
    with pytest.raises(ValueError, match=r"Last.forward: x must have two halves of features, got shape \(4, 5, 5\)"):
        Last(bidirectional=True)(x[:, :, :5])
    assert Last(bidirectional=True, merge="sum").output_shape(("B", "T", 6)) == ("B", 3)
