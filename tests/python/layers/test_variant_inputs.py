"""Inputs, gradients and states that do not fit the options of an el.LSTM are refused before anything changes."""

import numpy as np
import pytest
from lstm_case import assert_same_bits

import eigenlstm as el

I, H = 3, 8


def build(**chosen):
    return el.LSTM(**{"input_size": I, "hidden_size": H, "seed": 0, **chosen})


def f32(*shape):
    return np.zeros(shape, np.float32)


WIDTHS = dict(hidden_size=[4, 6])
FORWARD = [  # (options, arguments, error, message after "LSTM.forward: "), B 2, T 7
    (dict(missing="mask"), dict(x=f32(2, 7, 2 * I)), ValueError, r"x must have shape \(B, T, 3\), got \(2, 7, 6\)"),
    (
        dict(proj_size=2),
        dict(state=(f32(1, 2, H), f32(1, 2, H))),
        ValueError,
        r"h0 must have shape \(1, 2, 2\), got \(1, 2, 8\)",
    ),
    (
        dict(proj_size=2),
        dict(state=(f32(1, 2, 2), f32(1, 2, 2))),
        ValueError,
        r"c0 must have shape \(1, 2, 8\), got \(1, 2, 2\)",
    ),
    (
        dict(learned_state=True),
        dict(state=(None, f32(1, 1, H))),
        ValueError,
        r"c0 must have shape \(1, 2, 8\), got \(1, 1, 8\)",
    ),
    (
        WIDTHS,
        dict(state=(f32(2, 2, 4), None)),
        TypeError,
        r"h0 must be a list of arrays \(the layers' widths differ\), got ndarray",
    ),
    (
        WIDTHS,
        dict(state=([f32(2, 4)], None)),
        ValueError,
        r"h0 must be a list of 2 arrays \(the layers' widths differ\), got 1",
    ),
    (WIDTHS, dict(state=(None, [f32(2, 4), f32(2, 4)])), ValueError, r"c0\[1\] must have shape \(2, 6\), got \(2, 4\)"),
    (
        WIDTHS,
        dict(state=([f32(2, 4), np.zeros((2, 6))], None)),
        TypeError,
        r"h0\[1\] must have dtype float32, got float64",
    ),
    (WIDTHS, dict(state=[f32(2, 4)]), ValueError, r"state must be a pair \(h0, c0\), got list of 1"),
    (dict(zoneout=0.5), dict(seed=-1), ValueError, r"seed must be an integer in 0\.\.2\*\*64-1, got -1"),
    (dict(weight_drop=0.5), dict(seed=2**64), ValueError, r"seed must be an integer .*got 18446744073709551616"),
    (dict(), dict(seed=1.5), TypeError, r"seed must be an integer, got 1.5"),
    (dict(), dict(seed="1"), TypeError, r"seed must be an integer, got '1'"),
]


@pytest.mark.parametrize("chosen, arguments, error, message", FORWARD, ids=str)
def test_forward(chosen, arguments, error, message):
    with pytest.raises(error, match=r"^LSTM\.forward: " + message):
        build(**chosen).forward(**{"x": f32(2, 7, I), **arguments})


BACKWARD = [
    (dict(proj_size=2), dict(dy=f32(2, 7, H)), ValueError, r"dy must have shape \(2, 7, 2\), got \(2, 7, 8\)"),
    (
        dict(bidirectional=True, merge="mean"),
        dict(dy=f32(2, 7, 2 * H)),
        ValueError,
        r"dy must have shape \(2, 7, 8\), got \(2, 7, 16\)",
    ),
    (WIDTHS, dict(dy=f32(2, 7, 4)), ValueError, r"dy must have shape \(2, 7, 6\), got \(2, 7, 4\)"),
    (WIDTHS, dict(dstate=(f32(2, 2, 4), None)), TypeError, r"dh must be a list of arrays"),
    (
        WIDTHS,
        dict(dstate=(None, [f32(2, 4), f32(3, 6)])),
        ValueError,
        r"dc\[1\] must have shape \(2, 6\), got \(3, 6\)",
    ),
    (dict(), dict(need_dx="no"), TypeError, r"need_dx must be True or False, got 'no'"),
    (dict(), dict(per_row=1), TypeError, r"per_row must be True or False, got 1"),
]


@pytest.mark.parametrize("chosen, arguments, error, message", BACKWARD, ids=str)
def test_backward_refuses_before_it_adds_anything(chosen, arguments, error, message):
    lstm = build(**chosen)
    tape = lstm.forward(f32(2, 7, I))[2]
    lstm.flat_grads[:] = 2
    with pytest.raises(error, match=r"^LSTM\.backward: " + message):
        lstm.backward(tape, **{"dy": None, **arguments})
    assert np.all(lstm.flat_grads == 2)


def test_a_tape_of_another_variant():
    tape = build().forward(f32(2, 7, I))[2]
    for chosen in (
        dict(peephole=True),
        dict(cell_clip=1.0),
        dict(zoneout=0.1),
        dict(missing="error"),
        dict(coupled_input_forget=True),
        dict(activations=("sigmoid", "tanh", "relu")),
        dict(recurrent_dropout=0.1),
        dict(learned_state=True),
    ):
        with pytest.raises(ValueError, match=r"^LSTM\.backward: tape must come from this layer's forward"):
            build(**chosen).backward(tape, f32(2, 7, H))


@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_is_an_error_where_asked(dtype, time_major):
    lstm = build(missing="error", dtype=dtype, time_major=time_major)
    x = np.ones((2, 7, I), dtype)
    x[1, 3, 2] = x[1, 5, 0] = np.nan
    given = x.transpose(1, 0, 2) if time_major else x
    lstm.flat_grads[:] = 2
    for call in (lstm, lstm.forward):
        with pytest.raises(
            ValueError,
            match=r'^LSTM\.forward: x must not have NaN with missing="error", got one in row 1, step 3, feature 2',
        ):
            call(given)
        assert np.isfinite(call(given, lengths=[7, 3])[0]).all()  # past its length a row may hold anything
    assert np.all(lstm.flat_grads == 2)
    x[...] = [1, np.inf, 1]  # which is not NaN
    assert np.isfinite(lstm(given)[0]).all()


def test_nan_in_a_stream_changes_nothing():
    lstm = build(missing="error")
    stream, x = lstm.stream(2), np.ones((2, I), np.float32)
    stream.step(x)
    before = stream.state
    x[1, 2] = np.nan
    with pytest.raises(
        ValueError, match=r'^Stream\.step: x must not have NaN with missing="error", got one in row 1, feature 2'
    ):
        stream.step(x)
    for got, expected in zip(stream.state, before):
        assert_same_bits(got, expected)


STREAM_STATES = [
    (WIDTHS, 5, TypeError, r"state must be a pair \(h, c\), got int"),
    (WIDTHS, None, ValueError, r"h and c must be arrays, got None"),
    (WIDTHS, [[f32(2, 4), f32(2, 6)]], ValueError, r"state must be a pair \(h, c\), got list"),
    (
        WIDTHS,
        (f32(2, 2, 4), f32(2, 2, 4)),
        TypeError,
        r"h must be a list of arrays \(the layers' widths differ\), got ndarray",
    ),
    (WIDTHS, (3, 4), TypeError, r"h must be a list of arrays \(the layers' widths differ\), got int"),
    (
        WIDTHS,
        ([f32(2, 4)], [f32(2, 4)]),
        ValueError,
        r"h must be a list of 2 arrays \(the layers' widths differ\), got 1",
    ),
    (
        WIDTHS,
        ([f32(2, 4), f32(2, 6)], [f32(2, 4), f32(2, 4)]),
        ValueError,
        r"c\[1\] must have shape \(2, 6\), got \(2, 4\)",
    ),
    (WIDTHS, ([f32(2, 4), np.zeros((2, 6))], None), TypeError, r"h\[1\] must have dtype float32, got float64"),
    (WIDTHS, (None, None), ValueError, r"h and c must be arrays, got None"),
    (dict(proj_size=2), (f32(1, 2, H), f32(1, 2, H)), ValueError, r"h must have shape \(1, 2, 2\), got \(1, 2, 8\)"),
    (dict(proj_size=2), (f32(1, 2, 2), f32(1, 2, 2)), ValueError, r"c must have shape \(1, 2, 8\), got \(1, 2, 2\)"),
]


@pytest.mark.parametrize("chosen, state, error, message", STREAM_STATES, ids=str)
def test_the_state_of_a_stream(chosen, state, error, message):
    stream = build(**chosen).stream(2)
    stream.step(np.ones((2, I), np.float32))
    before = stream.state
    with pytest.raises(error, match=r"^Stream\.state: " + message):
        stream.state = state
    for got, expected in zip(stream.state, before):
        for a, b in zip(got, expected):
            assert_same_bits(a, b)


def test_a_state_given_as_a_list_is_taken():
    stream = build().stream(2)
    stream.step(np.ones((2, I), np.float32))
    state = stream.state
    stream.reset()
    stream.state = list(state)
    assert_same_bits(stream.state[0], state[0])


def test_weights_of_another_variant_are_refused_by_name_and_shape():
    mask, plain = build(missing="mask"), build()
    before = plain.flat_params.copy()
    with pytest.raises(ValueError, match=r"weight_ih_l0: expected shape \(32, 3\), got \(32, 6\)"):
        plain.load_state_dict(mask.state_dict())
    with pytest.raises(ValueError, match=r"missing +peephole_l0 \(24,\)"):
        build(peephole=True).load_state_dict(plain.state_dict())
    with pytest.raises(ValueError, match=r"unexpected +h0_l0 \(8,\)"):
        plain.load_state_dict(build(learned_state=True).state_dict())
    assert_same_bits(plain.flat_params, before)
