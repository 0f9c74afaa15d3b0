"""el.LSTM against the oracle: every option and size, forward and backward."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lstm_case import Case, Run, assert_all_same_bits, assert_same_bits, check_against_oracle

import eigenlstm as el
from reference import textbook
from reference.gradcheck import central_differences, relative_error
from reference.random_params import random_params

SIZES = [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 50, 65]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "layers, bidirectional, bias", list(itertools.product([1, 2, 3], [False, True], [True, False]))
)
@pytest.mark.parametrize(
    "time_major, state, ragged", [(False, False, False), (False, True, False), (False, False, True), (True, True, True)]
)
def test_every_option(dtype, layers, bidirectional, bias, time_major, state, ragged):
    check_against_oracle(Case(5, 6, 3, 7, layers, bidirectional, bias, dtype, time_major, state, ragged))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("H", SIZES)
def test_every_hidden_size(H, dtype):
    for B, I in [(1, 3), (H % 13 + 1, SIZES[-1 - SIZES.index(H)])]:
        check_against_oracle(Case(B, 4, I, H, dtype=dtype, state=True))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("I", SIZES)
def test_every_input_size(I, dtype):
    check_against_oracle(Case(I % 7 + 2, 4, I, 9, dtype=dtype, bidirectional=True))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("B", range(1, 27))
def test_every_batch_size(B, dtype):
    check_against_oracle(Case(B, 3, 4, 17, dtype=dtype, state=True, ragged=B % 2 == 1))


@pytest.mark.parametrize(
    "case",
    [
        Case(1, 40, 5, 150),
        Case(1, 700, 3, 20, bidirectional=True),
        Case(2, 300, 40, 33, ragged=True),
        Case(70, 30, 30, 64),
        Case(33, 65, 8, 100, num_layers=2),
        Case(3, 9, 300, 260, state=True),
        Case(150, 4, 2, 40, bidirectional=True, ragged=True),
        Case(1, 3, 130, 515),
        Case(8, 70, 3, 257, dtype="float64"),
        Case(9, 520, 6, 24, dtype="float64"),
        Case(130, 7, 17, 70, dtype="float64", time_major=True),
        Case(263, 45, 6, 20),
        Case(258, 60, 3, 17, 2, bidirectional=True, ragged=True, state=True),
    ],
    ids=str,
)
def test_sizes_that_cross_the_block_sizes(case):
    check_against_oracle(case)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("B, T", [(0, 5), (3, 0), (0, 0), (1, 1)])
@pytest.mark.parametrize("time_major", [False, True])
def test_empty_and_smallest_batches(B, T, bidirectional, dtype, time_major):
    case = Case(B, T, 3, 4, 2, bidirectional, dtype=dtype, time_major=time_major, state=True)
    check_against_oracle(case)
    run = Run(case)
    if T == 0:  # no step: the state comes back, and so does its gradient
        y, h, c, tape = run.forward()
        grads = run.backward(tape)
        for got, expected in [
            (h, run.state[0]),
            (c, run.state[1]),
            (grads["dh0"], run.dstate[0]),
            (grads["dc0"], run.dstate[1]),
        ]:
            assert_same_bits(got, expected)


def test_zero_length_rows_keep_their_state_and_padding_gives_zeros():
    run = Run(Case(4, 6, 3, 5, 2, bidirectional=True, state=True))
    run.lengths = np.array([0, 6, 2, 0])
    y, h, c, tape = run.forward()
    grads = run.backward(tape)
    for row in (0, 3):
        assert_same_bits(h[:, row], run.state[0][:, row])
        assert_same_bits(c[:, row], run.state[1][:, row])
        assert_same_bits(grads["dh0"][:, row], run.dstate[0][:, row])
        assert_same_bits(grads["dc0"][:, row], run.dstate[1][:, row])
    for row, length in enumerate(run.lengths):
        assert not y[row, length:].any() and not grads["dx"][row, length:].any()
        assert y[row, :length].all() and grads["dx"][row, :length].all()


def test_what_lies_in_the_padding_does_not_matter():
    run = Run(Case(6, 7, 3, 5, 2, bidirectional=True, ragged=True))
    expected = run.everything()
    for junk in (np.nan, np.inf, 1e30):
        for b, length in enumerate(run.lengths):
            run.x[b, length:] = junk
            run.dy[b, length:] = junk
        for name, value in run.everything().items():
            assert_same_bits(value, expected[name], name)


@pytest.mark.parametrize("integer", [np.int32, np.int64, np.uint8])
def test_lengths_of_any_integers(integer):
    run = Run(Case(4, 5, ragged=True))
    expected = run.infer()[0]
    assert_same_bits(run.lstm(run.x, lengths=run.lengths.astype(integer))[0], expected)
    assert_same_bits(run.lstm(run.x, lengths=run.lengths.tolist())[0], expected)


def test_full_lengths_are_no_lengths():
    run = Run(Case(5, 6, bidirectional=True))
    expected = run.everything()
    run.lengths = np.full(5, 6)
    for name, value in run.everything().items():
        assert_same_bits(value, expected[name], name)


def test_textbook_layout():
    params = random_params(np.random.default_rng(0), 3, 6)
    weights = textbook.from_stacked(params)
    lstm = el.LSTM(3, 6, dtype="float64")
    for name, value in textbook.to_stacked(weights).items():
        lstm.params[name][...] = value
    x = np.random.default_rng(1).standard_normal((2, 5, 3))
    y, (_, c) = lstm(x)
    for b in range(2):
        expected_y, expected_c = textbook.run(x[b], weights)
        np.testing.assert_allclose(y[b], expected_y, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(c[0, b], expected_c, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "case",
    [
        Case(3, 4, 2, 3, dtype="float64", state=True),
        Case(2, 3, 2, 3, 2, True, dtype="float64", state=True, ragged=True),
        Case(2, 3, 3, 2, 2, bias=False, dtype="float64", time_major=True),
    ],
    ids=str,
)
def test_gradients_are_central_differences(case):
    run = Run(case)

    def loss():
        y, h, c = run.infer()
        return (y * run.dy).sum() + (h * run.dstate[0]).sum() + (c * run.dstate[1]).sum()

    grads = run.backward(run.forward()[3])
    assert relative_error(grads["dx"], central_differences(loss, run.x)) < 1e-6
    if run.state:
        assert relative_error(grads["dh0"], central_differences(loss, run.state[0])) < 1e-6
        assert relative_error(grads["dc0"], central_differences(loss, run.state[1])) < 1e-6
    for name, view in run.lstm.params.items():
        assert relative_error(grads[name], central_differences(loss, view)) < 1e-6, name


def test_without_dstate_the_last_state_has_no_gradient():
    run = Run(Case(3, 4, num_layers=2))
    tape = run.forward()[3]
    run.dstate = tuple(np.zeros_like(d) for d in run.dstate)
    expected = run.backward(tape)
    run.dstate = None
    for name, value in run.backward(tape).items():
        assert_same_bits(value, expected[name], name)


def test_without_dy_the_outputs_have_no_gradient_and_dx_can_be_left_out():
    run = Run(Case(3, 4, num_layers=2, bidirectional=True))
    tape = run.forward()[3]
    run.dy = np.zeros_like(run.dy)
    expected = run.backward(tape)
    run.lstm.zero_grad()
    dx, (dh0, dc0) = run.lstm.backward(tape, None, run.dstate, need_dx=False)
    assert dx is None
    assert_all_same_bits(
        {"dh0": dh0, "dc0": dc0, **run.lstm.grads}, {name: value for name, value in expected.items() if name != "dx"}
    )


def test_large_results_lie_on_cache_lines_in_memory_of_their_own():
    """The core uses it again, but not before they are gone."""
    lstm, x = el.LSTM(8, 128, seed=0), np.random.default_rng(0).standard_normal((3, 16, 40, 8), np.float32)
    expected = [lstm(rows)[0].copy() for rows in x]
    results = [lstm(rows)[0] for rows in x]
    del lstm
    for y in results:
        assert y.ctypes.data % 64 == 0
        assert y.flags.c_contiguous and y.flags.writeable
    results[1][...] = np.nan
    view = results.pop(2)[5]
    np.testing.assert_array_equal(el.LSTM(8, 128, seed=0)(x[0])[0], expected[0])
    np.testing.assert_array_equal(results[0], expected[0])
    np.testing.assert_array_equal(view, expected[2][5])


cases = st.builds(
    Case,
    B=st.integers(0, 20),
    T=st.integers(0, 12),
    I=st.integers(1, 40),
    H=st.integers(1, 70),
    num_layers=st.integers(1, 3),
    bidirectional=st.booleans(),
    bias=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
    time_major=st.booleans(),
    state=st.booleans(),
    ragged=st.booleans(),
    dstate=st.booleans(),
    seed=st.integers(0, 2**32),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(cases)
def test_random_combinations(case):
    check_against_oracle(case)
