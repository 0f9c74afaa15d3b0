"""backward(..., per_row=True): each row's gradients of the parameters, as that row alone gives them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lstm_case import TOLERANCE, Case, Run, assert_same_bits, random_cases

import eigenlstm as el
from reference.gradcheck import relative_error
from reference.lstm import lstm_backward, lstm_forward


def per_row(run, memory="full"):
    run.lstm.zero_grad()
    _, _, tape = run.lstm.forward(run.layout(run.x), state=run.state, lengths=run.lengths, memory=memory)
    dx, (dh0, dc0), rows = run.lstm.backward(tape, run.layout(run.dy), run.dstate, per_row=True)
    assert not run.lstm.flat_grads.any()
    return {"dx": run.layout(dx), "dh0": dh0, "dc0": dc0}, rows


def one_row(run, b):
    """What the same layer gives for row b alone, without the steps past its length."""
    T = run.case.T if run.lengths is None else run.lengths[b]
    alone = Run(replace(run.case, ragged=False))
    alone.lengths = None
    alone.x, alone.dy = run.x[b : b + 1, :T], run.dy[b : b + 1, :T]
    alone.state, alone.dstate = (
        (pair[0][:, b : b + 1], pair[1][:, b : b + 1]) if pair is not None else None for pair in (run.state, run.dstate)
    )
    return alone


def check_rows(case):
    run = Run(case)
    others, rows = per_row(run)
    *_, tape = run.forward()
    whole = run.backward(tape)
    for name, value in others.items():
        assert_same_bits(value, whole[name], name)
    assert set(rows) == set(run.lstm.grads)
    for name, value in rows.items():
        assert value.shape == (case.B, *whole[name].shape) and value.dtype == case.dtype
        assert relative_error(value.sum(0), whole[name].astype(np.float64)) < 10 * TOLERANCE[case.dtype][1], name
    for b in range(case.B):
        alone = one_row(run, b)
        *_, tape = alone.forward()
        expected = alone.backward(tape)
        for name, value in rows.items():
            assert_same_bits(value[b], expected[name], f"row {b} {name}")


@pytest.mark.parametrize(
    "case",
    [
        Case(),
        Case(1, 1, 1, 1),
        Case(7, 6, 3, 17, 2, bidirectional=True, ragged=True, state=True, time_major=True),
        Case(3, 600, 5, 20, bidirectional=True, ragged=True),
        Case(8, 1100, 2, 3, ragged=True),
        Case(40, 9, 20, 33, bias=False, dtype="float64"),
        Case(2, 0),
        Case(300, 2, 2, 9, dtype="float64"),
    ],
    ids=str,
)
def test_each_row_as_that_row_alone(case):
    check_rows(case)


@settings(max_examples=60, deadline=None)
@given(random_cases(B=9, T=14, I=20, H=40, bias=st.booleans()))
def test_each_row_as_that_row_alone_in_random_cases(case):
    check_rows(case)


def test_each_row_against_the_oracle():
    run = Run(Case(5, 8, 4, 13, 2, bidirectional=True, ragged=True, state=True, dtype="float64"))
    _, rows = per_row(run)
    for b in range(5):
        pick = lambda pair: tuple(a[:, b : b + 1] for a in pair)
        _, _, tape = lstm_forward(run.x[b : b + 1], run.params, pick(run.state), run.lengths[b : b + 1])
        _, _, expected = lstm_backward(tape, run.dy[b : b + 1], pick(run.dstate))
        for name, value in expected.items():
            assert relative_error(rows[name][b], value) < TOLERANCE["float64"][1], name


def test_the_same_bits_for_any_threads_and_memory():
    run = Run(Case(21, 70, 30, 64, 2, bidirectional=True, ragged=True))
    results = []
    for threads, memory in [(1, "full"), (2, "full"), (2, "light")]:
        el.set_num_threads(threads)
        results.append(per_row(run, memory))
    for others, rows in results[1:]:
        for name in rows:
            assert_same_bits(rows[name], results[0][1][name], name)
        for name in others:
            assert_same_bits(others[name], results[0][0][name], name)


def test_a_limited_tape_up_to_rounding():
    """Its segments cut the sums over time elsewhere than a row's own chunks."""
    run = Run(Case(8, 1100, 4, 20, ragged=True))
    *_, tape = run.forward()
    others, rows = per_row(run)
    limited_others, limited_rows = per_row(run, tape.nbytes // 3)
    for name, value in rows.items():
        assert relative_error(limited_rows[name], value.astype(np.float64)) < TOLERANCE["float32"][1], name
    for name, value in others.items():
        assert_same_bits(limited_others[name], value, name)


def test_the_tape_can_be_used_again():
    run = Run(Case(4, 5))
    *_, tape = run.forward()
    before = run.backward(tape)
    first = run.lstm.backward(tape, run.dy, run.dstate, per_row=True)[2]
    second = run.lstm.backward(tape, run.dy, run.dstate, need_dx=False, per_row=True)[2]
    for name in first:
        assert_same_bits(first[name], second[name], name)
        assert_same_bits(run.lstm.grads[name], before[name], name)
