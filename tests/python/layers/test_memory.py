"""What a tape keeps changes its size and no bit of a gradient."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lstm_case import TOLERANCE, Case, Run, assert_all_same_bits, assert_same_bits, random_cases

import eigenlstm as el
from reference.gradcheck import relative_error

CASES = random_cases(B=30, T=40, I=20, H=70, bias=st.booleans())


def with_memory(run, memory):
    """All outputs and gradients by name, and the tape."""
    y, (h, c), tape = run.lstm.forward(run.layout(run.x), state=run.state, lengths=run.lengths, memory=memory)
    return {"y": run.layout(y), "h": h, "c": c, **run.backward(tape)}, tape


def check_light(case):
    run = Run(case)
    full, _ = with_memory(run, "full")
    light, _ = with_memory(run, "light")
    assert_all_same_bits(light, full)
    for name, expected in run.oracle().items():
        assert relative_error(light[name], expected) < 10 * TOLERANCE[case.dtype][name not in "yhc"], name


@pytest.mark.parametrize(
    "case",
    [
        Case(),
        Case(1, 1, 1, 1),
        Case(0, 4),
        Case(3, 0, state=True),
        Case(1, 700, 3, 20, bidirectional=True),
        Case(2, 300, 40, 33, ragged=True),
        Case(70, 30, 30, 64),
        Case(33, 65, 8, 100, num_layers=2, ragged=True),
        Case(3, 9, 300, 260, state=True),
        Case(150, 4, 2, 40, bidirectional=True, ragged=True),
        Case(300, 3, 2, 9, dtype="float64"),
        Case(260, 70, 4, 20, 2, ragged=True),
    ],
    ids=str,
)
def test_light_gives_the_bits_of_full(case):
    check_light(case)


@settings(max_examples=100, deadline=None)
@given(CASES)
def test_light_gives_the_bits_of_full_in_random_cases(case):
    check_light(case)


def test_light_keeps_a_third():
    run = Run(Case(32, 100, 8, 128, 2, bidirectional=True))
    sizes = {memory: with_memory(run, memory)[1].nbytes for memory in ("full", "light")}
    assert sizes["light"] < 0.345 * sizes["full"]
    assert sizes["light"] > 2 * 4 * run.case.B * run.case.T * run.case.H * 4  # h and c of four directions


@pytest.mark.parametrize("memory", ["light", "bytes"])
def test_the_same_bits_for_any_number_of_threads(memory):
    run = Run(Case(21, 70, 30, 64, 2, bidirectional=True, ragged=True))
    memory = least_bytes(run) if memory == "bytes" else memory
    results = []
    for threads in (1, 2, 3):
        el.set_num_threads(threads)
        results.append(with_memory(run, memory)[0])
    assert_all_same_bits(results[1], results[0])
    assert_all_same_bits(results[2], results[0])


@pytest.mark.parametrize("memory", ["light", "bytes"])
def test_a_tape_can_be_used_again(memory):
    run = Run(Case(30, 40, 3, 20, 2))
    first, tape = with_memory(run, least_bytes(run) if memory == "bytes" else memory)
    run.lstm.flat_params[...] = 0
    again = run.backward(tape)
    for name in again:
        assert_same_bits(again[name], first[name], name)


def least_bytes(run):
    """What the error of too few bytes names."""
    with pytest.raises(
        ValueError, match=r"LSTM.forward: memory must be at least \d+ bytes for this batch, got 0"
    ) as error:
        with_memory(run, 0)
    return int(re.search(r"least (\d+)", str(error.value))[1])


def check_bytes(case, fractions):
    run = Run(case)
    full, tape = with_memory(run, "full")
    assert_all_same_bits(with_memory(run, tape.nbytes)[0], full)
    least, most = least_bytes(run), tape.nbytes
    assert 0 < least <= with_memory(run, "light")[1].nbytes
    with pytest.raises(ValueError, match=f"at least {least} bytes for this batch, got {least - 1}"):
        with_memory(run, least - 1)
    for fraction in fractions:
        memory = int(least + fraction * (most - least))
        got, tape = with_memory(run, memory)
        assert tape.nbytes <= memory
        assert_all_same_bits(got, full, f"{memory} of {most} bytes")


@pytest.mark.parametrize(
    "case",
    [
        Case(),
        Case(1, 1, 1, 1),
        Case(1, 900, 3, 20),
        Case(1, 900, 3, 20, bidirectional=True),
        Case(2, 700, 20, 33, ragged=True, state=True),
        Case(70, 30, 30, 64),
        Case(33, 65, 8, 50, num_layers=3, ragged=True),
        Case(40, 60, 8, 50, num_layers=3, ragged=True, bidirectional=True),
        Case(150, 9, 2, 40, bidirectional=True, ragged=True, time_major=True),
        Case(300, 5, 2, 9, num_layers=2, dtype="float64"),
    ],
    ids=str,
)
def test_bytes_give_the_bits_of_full(case):
    check_bytes(case, (0, 0.01, 0.03, 0.1, 0.3, 0.6))


@settings(max_examples=100, deadline=None)
@given(
    random_cases(B=200, T=60, I=20, H=40, bias=st.booleans()),
    st.lists(st.floats(0, 1), min_size=1, max_size=3),
)
def test_bytes_give_the_bits_of_full_in_random_cases(case, fractions):
    check_bytes(case, fractions)


@pytest.mark.parametrize("layers, bidirectional", [(1, False), (3, False), (1, True)])
def test_long_sequences_need_little(layers, bidirectional):
    run = Run(Case(8, 4000, 2, 16, layers, bidirectional))
    full = with_memory(run, "full")[1].nbytes
    assert least_bytes(run) < 0.04 * full
    assert_all_same_bits(with_memory(run, full // 20)[0], with_memory(run, "full")[0])


def test_zero_sized_batches_with_bytes():
    for case in (Case(0, 4), Case(3, 0, state=True)):
        run = Run(case)
        assert_all_same_bits(with_memory(run, 10**6)[0], with_memory(run, "full")[0])


@pytest.mark.parametrize("memory", ["none", "", None, b"full", -1, 0.5, True, [1]])
def test_what_is_no_memory_is_refused(memory):
    run = Run(Case())
    with pytest.raises(ValueError, match="LSTM.forward: memory must be 'full'"):
        run.lstm.forward(run.x, memory=memory)


def test_dropout_is_drawn_again():
    lstm = el.LSTM(3, 20, num_layers=3, bidirectional=True, dropout=0.4, seed=0)
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((7, 50, n)).astype(np.float32) for n in (3, 40))
    grads = []
    for memory in ("full", "light", 380_000):
        lstm.zero_grad()
        *_, tape = lstm.forward(x, seed=5, memory=memory)
        grads.append((lstm.backward(tape, dy)[0], lstm.flat_grads.copy()))
    for full, *others in zip(*grads):
        for other in others:
            assert_same_bits(other, full)
