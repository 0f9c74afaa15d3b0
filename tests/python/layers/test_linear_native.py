"""The native Linear and Embedding: values, and the same bits for any batch and number of threads."""

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm import _core

SHAPES = [
    (1, 1, 1),
    (2, 1, 3),
    (7, 5, 1),
    (3, 17, 33),
    (129, 64, 64),
    (300, 31, 130),
    (5, 300, 7),
    (1000, 3, 70),
    (0, 4, 5),
]


def make(N, F, O, dtype):
    rng = np.random.default_rng(N + F + O)
    return [rng.standard_normal(shape).astype(dtype) for shape in ((N, F), (O, F), (O,), (N, O))]


def close(got, exact, dtype, terms):
    scale = np.abs(exact).max(initial=1)
    assert np.abs(got - exact).max(initial=0) <= np.finfo(dtype).eps * (4 + terms**0.5) * scale


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("N, F, O", SHAPES)
def test_linear_matches_numpy(N, F, O, dtype):
    x, weight, bias, dy = make(N, F, O, dtype)
    wide = [a.astype(np.longdouble) for a in (x, weight, bias, dy)]
    close(_core.linear_forward(x, weight, bias), wide[0] @ wide[1].T + wide[2], dtype, F)
    close(_core.linear_forward(x, weight, None), wide[0] @ wide[1].T, dtype, F)
    dweight, dbias = np.ones_like(weight), np.full_like(bias, 2)
    dx = _core.linear_backward(x, weight, dy, dweight, dbias)
    close(dx, wide[3] @ wide[1], dtype, O)
    close(dweight, 1 + wide[3].T @ wide[0], dtype, N)
    close(dbias, 2 + wide[3].sum(axis=0), dtype, N)
    again = np.ones_like(weight)
    assert np.array_equal(_core.linear_backward(x, weight, dy, again, None), dx) and np.array_equal(again, dweight)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_linear_rows_do_not_depend_on_the_batch(dtype):
    x, weight, bias, dy = make(531, 70, 45, dtype)
    y, sink = _core.linear_forward(x, weight, bias), (np.zeros_like(weight), np.zeros_like(bias))
    dx = _core.linear_backward(x, weight, dy, *sink)
    order = np.random.default_rng(0).permutation(531)
    assert np.array_equal(_core.linear_forward(x[order], weight, bias), y[order])
    for rows in (slice(0, 1), slice(5, 9), slice(100, 101), slice(200, 531)):
        assert np.array_equal(_core.linear_forward(x[rows], weight, bias), y[rows])
        assert np.array_equal(_core.linear_backward(x[rows], weight, dy[rows], *sink), dx[rows])


def test_linear_same_bits_for_any_number_of_threads():
    x, weight, bias, dy = make(2500, 130, 200, np.float32)
    answers = []
    for threads in (1, 2, 3, 5):
        el.set_num_threads(threads)
        dweight, dbias = np.zeros_like(weight), np.zeros_like(bias)
        y = _core.linear_forward(x, weight, bias)
        answers.append([y, _core.linear_backward(x, weight, dy, dweight, dbias), dweight, dbias])
    for answer in answers[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(answer, answers[0]))


def test_linear_is_one_chain_of_multiply_adds():
    """bias, then x_0 ... x_{F-1}, each added with one rounding (two on SSE4.2): exactly."""
    x, weight, bias, _ = make(3, 40, 21, np.float32)
    chain = np.broadcast_to(bias, (3, 21)).copy()
    for k in range(40):
        product = x[:, None, k].astype(np.float64) * weight[None, :, k]
        if _core.isa() == "sse4.2":
            chain = product.astype(np.float32) + chain
            continue
        # the sum of a float and an exact product of floats, rounded to odd in float64, then to float32: one rounding
        total = product + chain
        error = (product - (total - (bb := total - product))) + (chain - bb)
        odd = (total.view(np.int64) & 1) == 1
        step = np.where((error != 0) & ~odd, np.where((error > 0) == (total > 0), 1, -1), 0)
        chain = (total.view(np.int64) + step).view(np.float64).astype(np.float32)
    assert np.array_equal(_core.linear_forward(x, weight, bias), chain)


def test_linear_takes_strided_inputs_and_refuses_the_rest():
    x, weight, bias, dy = make(6, 8, 5, np.float32)
    assert np.array_equal(
        _core.linear_forward(np.asfortranarray(x), weight, bias), _core.linear_forward(x, weight, bias)
    )
    for call, error, message in [
        (
            lambda: _core.linear_forward(x[:, :7], weight, bias),
            ValueError,
            r"linear_forward: x must have shape \(6, 8\), got \(6, 7\)",
        ),
        (
            lambda: _core.linear_forward(x[0], weight, bias),
            ValueError,
            r"linear_forward: x must have shape \(N, F\), got \(8,\)",
        ),
        (
            lambda: _core.linear_forward(x.astype(float), weight, bias),
            TypeError,
            "linear_forward: x must have dtype float32, got float64",
        ),
        (lambda: _core.linear_forward(x, weight, bias[:4]), ValueError, r"bias must have shape \(5,\), got \(4,\)"),
        (
            lambda: _core.linear_backward(x, weight, dy, np.zeros((8, 5), np.float32).T, None),
            ValueError,
            "linear_backward: dweight is written in place and must be contiguous",
        ),
    ]:
        with pytest.raises(error, match=message):
            call()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("N, V, D", [(0, 3, 4), (1, 1, 1), (50, 7, 5), (50_000, 20, 320)])
def test_embedding(N, V, D, dtype):
    rng = np.random.default_rng(N)
    indices, weight, dy = (
        rng.integers(0, V, N),
        rng.standard_normal((V, D)).astype(dtype),
        rng.standard_normal((N, D)).astype(dtype),
    )
    assert np.array_equal(_core.embedding_forward(indices, weight), weight[indices])
    for padding in (-1, 0):
        expected = np.ones((V, D), dtype)
        np.add.at(expected, indices[indices != padding], dy[indices != padding])
        answers = []
        for threads in (1, 2, 5):
            el.set_num_threads(threads)
            dweight = np.ones((V, D), dtype)
            _core.embedding_backward(indices, dy, dweight, padding)
            answers.append(dweight)
        assert all(np.array_equal(a, expected) for a in answers)  # np.add.at adds in the order of the rows too


def test_embedding_refuses_indices_out_of_range():
    weight = np.zeros((3, 2), np.float32)
    for wrong in (-1, 3):
        with pytest.raises(ValueError, match=rf"embedding_forward: indices must lie in 0\.\.2, got {wrong}"):
            _core.embedding_forward(np.array([0, wrong]), weight)
    with pytest.raises(TypeError, match="embedding_forward: indices must be an array of int64, got int32"):
        _core.embedding_forward(np.array([0], np.int32), weight)
