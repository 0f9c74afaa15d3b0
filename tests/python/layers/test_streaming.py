"""Streaming sessions: their state, forks, resets, outputs. (That they give a sequence's bits is promise 1's test.)"""

import tracemalloc

import numpy as np
import pytest
from lstm_case import Case, Run, assert_same_bits

import eigenlstm as el


def layer_and_input(dtype="float32", **kind):
    run = Run(Case(2, 12, 3, 9, dtype=dtype, **{"num_layers": 2, **kind}))
    return run.lstm, run.x


def steps(stream, x):
    return np.stack([stream.step(x[:, t]).copy() for t in range(x.shape[1])], axis=1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("time_major", [False, True])
def test_steps_are_the_sequence(dtype, time_major):
    lstm, x = layer_and_input(dtype, time_major=time_major)
    stream = lstm.stream(batch_size=2)
    y, (h, c) = lstm(x.transpose(1, 0, 2) if time_major else x)
    assert_same_bits(steps(stream, x), y.transpose(1, 0, 2) if time_major else y)
    assert_same_bits(stream.state[0], h)
    assert_same_bits(stream.state[1], c)


def test_one_row_is_the_default():
    lstm, x = layer_and_input()
    stream = lstm.stream()
    y = stream.step(x[:1, 0])
    assert y.shape == (1, 9)
    assert_same_bits(y, lstm(x[:1, :1])[0][:, 0])


def test_a_new_stream_starts_at_zero_and_so_does_a_reset_one():
    lstm, x = layer_and_input()
    stream = lstm.stream(batch_size=2)
    h, c = stream.state
    assert h.shape == c.shape == (2, 2, 9) and not h.any() and not c.any()
    first = steps(stream, x)
    assert not np.array_equal(steps(stream, x), first)  # goes on from where it was
    stream.reset()
    assert not stream.state[0].any() and not stream.state[1].any()
    assert_same_bits(steps(stream, x), first)


def test_the_state_can_be_set():
    lstm, x = layer_and_input()
    _, state = lstm(x)
    stream = lstm.stream(batch_size=2)
    stream.state = state
    assert_same_bits(steps(stream, x), lstm(x, state=state)[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps_and_states_are_taken_as_sequences_are(dtype):
    """Lists of numbers, torch tensors, pairs of either."""
    lstm, x = layer_and_input(dtype)
    expected, (h, c) = lstm(x, state=lstm(x)[1])
    forms = [np.ndarray.tolist]
    try:
        import torch

        forms += [lambda a: torch.from_numpy(np.ascontiguousarray(a))]
    except ImportError:
        pass
    for form in forms:
        stream = lstm.stream(batch_size=2)
        stream.state = [form(part) for part in lstm(x)[1]]
        assert_same_bits(np.stack([stream.step(form(x[:, t])) for t in range(x.shape[1])], axis=1), expected)
        assert_same_bits(stream.state[1], c)
    assert lstm.stream().step([0.5, 1, -1]).shape == (9,)


def test_states_of_layers_of_other_widths_are_lists():
    lstm = el.LSTM(3, [4, 6], 2, seed=0)
    stream = lstm.stream()
    stream.state = ([[[0.5] * 4], [[0.25] * 6]], [np.zeros((1, 4), np.float32), np.zeros((1, 6), np.float32)])
    assert stream.state[0][1].tolist() == [[0.25] * 6]
    with pytest.raises(
        TypeError, match=r"Stream\.state: h must be a list of arrays \(the layers' widths differ\), got int"
    ):
        stream.state = (1, 2)


def test_the_state_that_is_read_does_not_change_under_the_reader():
    lstm, x = layer_and_input()
    stream = lstm.stream(batch_size=2)
    stream.step(x[:, 0])
    h, c = stream.state
    kept = h.copy(), c.copy()
    stream.step(x[:, 1])
    assert_same_bits(h, kept[0])
    assert_same_bits(c, kept[1])
    assert not np.array_equal(stream.state[0], h)


def test_forks_go_their_own_ways():
    lstm, x = layer_and_input()
    stream = lstm.stream(batch_size=2)
    steps(stream, x[:, :5])
    fork = stream.fork()
    assert_same_bits(fork.state[0], stream.state[0])
    straight = steps(stream, x[:, 5:])
    assert_same_bits(steps(fork, x[:, 5:]), straight)
    assert_same_bits(np.concatenate([lstm(x)[0][:, 5:]]), straight)
    fork.reset()
    assert stream.state[0].any()


def test_many_streams_of_one_layer():
    lstm, x = layer_and_input()
    streams = [lstm.stream(batch_size=1) for _ in range(2)]
    rows = [[], []]
    for t in range(x.shape[1]):
        for row, stream in enumerate(streams):
            rows[row].append(stream.step(x[row : row + 1, t])[0].copy())
    assert_same_bits(np.array(rows), lstm(x)[0])


def test_out_is_written_and_returned():
    lstm, x = layer_and_input()
    stream, other = lstm.stream(batch_size=2), lstm.stream(batch_size=2)
    out = np.full((2, 9), np.nan, np.float32)
    for t in range(4):
        y = stream.step(x[:, t], out=out)
        assert y is out
        assert_same_bits(out, other.step(x[:, t]))


def test_input_of_any_layout():
    lstm, x = layer_and_input()
    stream, other = lstm.stream(batch_size=2), lstm.stream(batch_size=2)
    for t in range(4):
        strided = np.full((2, 6), np.nan, np.float32)[:, ::2]
        strided[:] = x[:, t]
        assert_same_bits(stream.step(strided), other.step(np.asfortranarray(x[:, t])))
    assert_same_bits(stream.state[0], lstm(x[:, :4])[1][0])


def test_a_session_keeps_the_weights_of_its_start():
    lstm, x = layer_and_input()
    expected = lstm(x)[0]
    stream = lstm.stream(batch_size=2)
    lstm.params["bias_l1"][:] = 0.5
    assert_same_bits(steps(stream, x), expected)
    assert_same_bits(steps(stream.fork(), x), steps(stream, x))
    assert_same_bits(steps(lstm.stream(batch_size=2), x), lstm(x)[0])


def test_nothing_is_allocated_per_step():
    lstm, x = layer_and_input()
    stream = lstm.stream(batch_size=2)
    x0, out = np.ascontiguousarray(x[:, 0]), np.empty((2, 9), np.float32)
    for _ in range(10):
        stream.step(x0, out=out)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(500):
        stream.step(x0, out=out)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 500  # bytes, in 500 steps: nothing is kept
    assert peak - before < 1000  # and no array is made on the way


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda s, x: s.step(x[:1]), ValueError, r"step: x must have shape \(2, 3\), got \(1, 3\)"),
        (lambda s, x: s.step(x[:, :2]), ValueError, r"step: x must have shape \(2, 3\), got \(2, 2\)"),
        (lambda s, x: s.step(x[None]), ValueError, r"step: x must have shape \(2, 3\), got \(1, 2, 3\)"),
        (lambda s, x: s.step(x.astype(np.float64)), TypeError, r"step: x must have dtype float32, got float64"),
        (lambda s, x: s.step(x, out=np.empty((2, 8), np.float32)), ValueError, r"step: out must .*\(2, 9\).*\(2, 8\)"),
        (lambda s, x: s.step(x, out=np.empty((2, 9))), TypeError, r"step: out must .*float32.*float64"),
        (lambda s, x: s.step(x, out=np.empty((2, 18), np.float32)[:, ::2]), ValueError, r"step: out must .*contiguous"),
        (lambda s, x: s.step(x, out=np.broadcast_to(np.float32(0), (2, 9))), ValueError, r"step: out must "),
        (lambda s, x: s.step(x, out=[0.0] * 18), TypeError, r"step: out must "),
        (
            lambda s, x: setattr(s, "state", (x, x)),
            ValueError,
            r"Stream\.state: h must have shape \(2, 2, 9\), got \(2, 3\)",
        ),
        (lambda s, x: setattr(s, "state", (s.state[0],)), (TypeError, ValueError), r"Stream\.state: .*\(h, c\)"),
        (lambda s, x: s.step("text"), TypeError, r"Stream\.step: x .*float32"),
        (lambda s, x: s.step([["a", "b", "c"]] * 2), TypeError, r"Stream\.step: x .*float32"),
        (lambda s, x: s.step(None), TypeError, r"Stream\.step: x .*float32"),
        (lambda s, x: setattr(s, "state", 5), TypeError, r"Stream\.state: state must be a pair \(h, c\), got int"),
        (lambda s, x: setattr(s, "state", ([1.0], "c")), TypeError, r"Stream\.state: c .*float32"),
        (lambda s, x: setattr(s, "state", (None, None)), (TypeError, ValueError), r"Stream\.state: "),
    ],
)
def test_wrong_calls_name_what_is_wrong_and_change_nothing(call, error, message):
    lstm, x = layer_and_input()
    stream = lstm.stream(batch_size=2)
    stream.step(x[:, 0])
    before = stream.state[0].copy()
    with pytest.raises(error, match=message):
        call(stream, x[:, 1])
    assert_same_bits(stream.state[0], before)


def test_read_only_out_is_refused():
    lstm, x = layer_and_input()
    out = np.zeros((2, 9), np.float32)
    out.flags.writeable = False
    with pytest.raises(ValueError, match=r"step: out must be .*writ"):
        lstm.stream(batch_size=2).step(x[:, 0], out=out)
    assert not out.any()


def test_two_directions_cannot_stream():
    with pytest.raises(ValueError, match=r"LSTM\.stream: .*bidirectional"):
        el.LSTM(3, 4, bidirectional=True).stream()


@pytest.mark.parametrize("batch_size", [0, -1])
def test_batch_size_below_one(batch_size):
    with pytest.raises(ValueError, match=rf"LSTM\.stream: batch_size must be .*, got {batch_size}"):
        el.LSTM(3, 4).stream(batch_size=batch_size)
