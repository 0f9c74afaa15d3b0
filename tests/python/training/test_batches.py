"""Batches: every row once an epoch, in the order of the key, ragged rows with little padding."""

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm.training import streams
from eigenlstm.training.batches import Rows, batches
from eigenlstm.training.columns import Kinds, Ragged

KINDS = Kinds(el.Sequential([el.Last()]))  # takes floats and integers


def Stream(source, steps, where):
    return streams.Stream(source, steps, where, KINDS)


def rows(x, y=None, lengths=None, weight=None, batch_size=4, order="given", keeps_time=False):
    return Rows(
        x,
        y,
        lengths,
        weight,
        batch_size=batch_size,
        kinds=KINDS,
        keeps_time=keeps_time,
        where="fit",
        order=order,
    )


def numbered(n, *tail):
    return np.arange(n * int(np.prod(tail, dtype=int)), dtype=np.float32).reshape(n, *tail)


def epoch(source, key=0):
    return [tuple(None if field is None else np.array(field) for field in batch) for batch in source.epoch(0, key)]


@pytest.mark.parametrize("n, size", [(1, 4), (4, 4), (9, 4), (8, 100)])
def test_every_row_comes_once_with_its_target(n, size):
    x, y, w = numbered(n, 3, 2), numbered(n, 1) * 10, numbered(n)
    source = rows(x, y, weight=w, batch_size=size, order="shuffled")
    got = epoch(source, key=5)
    assert len(got) == len(source) == -(-n // size)
    xs, ys, ws = (np.concatenate([batch[i] for batch in got]) for i in (0, 1, 3))
    order = np.argsort(ws)
    for ours, given in ((xs, x), (ys, y), (ws, w)):
        np.testing.assert_array_equal(ours[order], given)


def test_the_key_alone_gives_the_order():
    x = numbered(50, 1)
    first, again, other = (
        np.concatenate([batch[0] for batch in epoch(rows(x, x, order="shuffled"), key)]) for key in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any() and (first != x).any()
    np.testing.assert_array_equal(np.concatenate([batch[0] for batch in epoch(rows(x, x))]), x)


def test_windows_over_a_series_are_not_copied_whole():
    series = np.arange(1000, dtype=np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(series, 20)[..., None]
    (x, *_), *_ = epoch(rows(windows, windows[:, -1], order="shuffled"), key=3)
    assert x.shape == (4, 20, 1)
    np.testing.assert_array_equal(np.diff(x[:, :, 0]), 1)


def test_neighbouring_rows_are_not_copied_and_cannot_be_written_to():
    x, y = numbered(10, 3, 2), numbered(10, 1)
    for size, source in ((4, rows(x, y)), (1, rows(x, y, batch_size=1))):
        for i, (xb, yb, _, _) in enumerate(source.epoch(0, 0)):
            for ours, given in ((xb, x), (yb, y)):
                np.testing.assert_array_equal(ours, given[i * size : (i + 1) * size])
                assert np.shares_memory(ours, given) and not ours.flags.writeable
    assert x.flags.writeable
    for xb, *_ in rows(x, y, order="shuffled").epoch(0, 3):
        assert not np.shares_memory(xb, x)
    for i, (xb, yb, lengths, _) in enumerate(rows(x, y, np.arange(10) % 2 + 1).epoch(0, 0)):  # of two steps at most
        np.testing.assert_array_equal(xb, x[4 * i : 4 * i + 4, :2])
        np.testing.assert_array_equal(lengths, (np.arange(10) % 2 + 1)[4 * i : 4 * i + 4])
        assert np.shares_memory(xb, x) and not xb.flags.writeable


def ragged(n, seed=0):
    rng = np.random.default_rng(seed)
    return [np.full((length, 2), i, np.float32) for i, length in enumerate(rng.integers(1, 30, n))]


def test_ragged_rows_are_padded_to_the_longest_of_their_batch():
    x = ragged(100)
    got = epoch(rows(x, np.arange(100), order="shuffled"), key=1)
    seen = []
    for xb, yb, lengths, _ in got:
        assert xb.shape[1] == lengths.max()
        for row, i, length in zip(xb, yb, lengths):
            assert length == len(x[i]) and (row[:length] == i).all() and not row[length:].any()
            seen.append(i)
    assert sorted(seen) == list(range(100))
    padded, needed = sum(b[0].shape[0] * b[0].shape[1] for b in got), sum(map(len, x))
    assert padded < 1.1 * needed
    assert [b[2].max() for b in got] != sorted(b[2].max() for b in got), "batches must not come by length"


def test_an_array_with_lengths_is_the_same_as_a_list():
    x = ragged(40)
    array = np.zeros((40, 30, 2), np.float32)
    for row, values in zip(array, x):
        row[: len(values)] = values
    lengths = [len(values) for values in x]
    y = np.arange(40 * 30).reshape(40, 30)
    listed = [row[:n] for row, n in zip(y, lengths)]
    for ours, theirs in zip(
        epoch(rows(x, listed, order="shuffled", keeps_time=True), 7),
        epoch(rows(array, y, lengths, order="shuffled", keeps_time=True), 7),
    ):
        valid = np.arange(ours[0].shape[1]) < ours[2][:, None]
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1][valid], theirs[1][valid])
        assert ours[1].shape == theirs[1].shape
        np.testing.assert_array_equal(ours[2], theirs[2])


def test_targets_of_their_own_length_are_padded_to_their_own_longest():
    x, y = ragged(8), [np.arange(n) for n in (3, 1, 2, 0, 5, 1, 1, 1)]
    for xb, yb, lengths, _ in epoch(rows(x, y, keeps_time=True)):
        own = [y[int(row[0, 0])] for row in xb]
        assert yb.shape[1] == max(map(len, own))
        for row, labels in zip(yb, own):
            np.testing.assert_array_equal(row[: len(labels)], labels)
            assert (row[len(labels) :] == -1).all()


def test_lists_of_numbers_are_arrays():
    assert not rows([[1.0, 2.0], [3.0, 4.0]]).ragged
    assert rows([[1.0], [3.0, 4.0]]).ragged
    ((_, y, *_),) = epoch(rows(numbered(3, 2), [1, 0, 2]))
    assert y.dtype.kind == "i"


def test_streams_are_taken_as_they_come():
    def batch(i):
        return numbered(2, 3) + i, np.full(2, i)

    def check(source, epochs=1, steps=None, values=(0, 1, 2)):
        stream = Stream(source, steps, "fit")
        for number in range(epochs):
            got = list(stream.epoch(number, 0))
            assert [y[0] for _, y, _, _ in got] == list(values)
        return stream

    assert len(check([batch(0), batch(1), batch(2)], epochs=2)) == 3
    check(lambda epoch: (batch(i) for i in range(3)), epochs=2)
    check(batch(i) for i in range(3))
    check([batch(0), batch(1), batch(2)], steps=2, values=(0, 1))
    x, y = batch(4)
    got = next(Stream([{"x": x, "y": y, "lengths": [1, 2], "sample_weight": [0.5, 1]}], None, "fit").epoch(0, 0))
    assert got[0] is x and list(got[2]) == [1, 2] and list(got[3]) == [0.5, 1]
    assert next(Stream([[x, y, np.ones(2)]], None, "fit").epoch(0, 0))[3].shape == (2,)


def test_a_generator_continues_over_epochs_of_some_steps_until_it_ends():
    stream = Stream(((numbered(1, 1) + i, np.zeros(1)) for i in range(5)), 2, "fit")
    got = [[int(x[0, 0]) for x, *_ in stream.epoch(number, 0)] for number in range(3)]
    assert got == [[0, 1], [2, 3], [4]]
    with pytest.raises(ValueError, match="no batch in epoch 3; a generator can be read once"):
        list(stream.epoch(3, 0))


X = numbered(4, 5, 2)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: rows(X, numbered(3)), ValueError, "fit: y must have as many rows as x, 4, got 3"),
        (lambda: rows(X, weight=numbered(5)), ValueError, "fit: sample_weight must have as many rows as x, 4, got 5"),
        (lambda: rows(X.astype(complex)), TypeError, "fit: x must be an array of real numbers, got dtype complex128"),
        (
            lambda: rows([X[0], X[1].astype(str)]),
            TypeError,
            r"fit: x\[1\] must be an array of real numbers, got dtype <U",
        ),
        (
            lambda: rows(X + np.float64(1e300)),
            ValueError,
            "fit: x has values that are too large for float32, up to 1e\\+300",
        ),
        (lambda: rows([X[0], X[1, :, :1]]), ValueError, "fit: the arrays in x must differ in their first axis only"),
        (lambda: rows(X, lengths=[5, 5, 5, 6]), ValueError, r"lengths must lie in 0..5, got 5..6"),
        (lambda: rows([X[0], X[1]], lengths=[5, 5]), ValueError, "lengths is for x as one array"),
        (lambda: rows(X, batch_size=0), ValueError, "fit: batch_size must be at least 1, got 0"),
        (lambda: rows(X, batch_size=2.0), TypeError, "fit: batch_size must be an integer, got 2.0"),
        (lambda: rows(X, batch_size="3"), TypeError, "fit: batch_size must be an integer, got '3'"),
        (lambda: rows(np.float32(3)), ValueError, "fit: x must have rows, got a scalar"),
        (lambda: Stream(3, None, "fit"), TypeError, "fit: x must be an array, a list of arrays, an iterable"),
        (lambda: list(Stream([3], None, "fit").epoch(0, 0)), ValueError, r"a batch must be \(x, y\)"),
        (
            lambda: list(Stream([([X[0], X[1, :2]], X[:2, 0])], None, "fit").epoch(0, 0)),
            ValueError,
            "fit: x of a batch must be one array; pad its rows, and give their lengths",
        ),
        (lambda: list(Stream([{"x": 1}], None, "fit").epoch(0, 0)), ValueError, "a batch must have x and y"),
        (lambda: list(Stream([{"x": 1, "y": 2, "z": 3}], None, "fit").epoch(0, 0)), ValueError, "got x, y, z"),
    ],
)
def test_wrong_data_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(x=X, y=None), "fit: y is missing"),
        (dict(x=X[:0], y=X[:0]), "fit: x has no rows"),
        (dict(x=X, y=X, steps=3), "steps_per_epoch is for iterables"),
        (dict(x=[(X, X)], y=None, lengths=[1]), "carries lengths and sample_weight in its batches"),
    ],
)
def test_wrong_combinations_are_refused(arguments, message):
    given = {
        "lengths": None,
        "sample_weight": None,
        "batch_size": 2,
        "kinds": KINDS,
        "keeps_time": False,
        "where": "fit",
        **arguments,
    }
    with pytest.raises(ValueError, match=message):
        batches(**given)


def test_a_column_of_arrays_says_its_lengths():
    np.testing.assert_array_equal(Ragged([X[0], X[1, :2]]).lengths, [5, 2])
