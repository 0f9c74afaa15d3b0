"""lstm(x, trace=True): the gates and cells of every step against the oracle, and no change to y."""

import numpy as np
import pytest
from hypothesis import given, settings
from lstm_case import TOLERANCE, Case, Run, assert_same_bits, random_cases

import eigenlstm as el
from reference.gradcheck import relative_error
from reference.lstm import lstm_forward


def oracle_trace(run):
    """dict name -> (B, T, H), zeros past a row's length, at the times of x."""
    _, _, tape = lstm_forward(run.x, run.params, run.state, run.lengths)
    case = run.case
    lengths = tape["lengths"]
    trace = {}
    for k, layer in enumerate(tape["layers"]):
        for suffix, steps in zip(tape["names"][k], layer["runs"]):
            for name, in_oracle in zip("ifgoch", ("i", "f", "g", "o", "c_new", "h_new")):
                values = np.zeros((case.B, case.T, case.H))
                for b in range(case.B):
                    for s in range(lengths[b]):
                        t = lengths[b] - 1 - s if suffix.endswith("_reverse") else s
                        values[b, t] = steps[s][in_oracle][b]
                trace[f"{name}_{suffix}"] = values
    return trace


def check_trace(case):
    run = Run(case)
    y, h, c = run.infer()
    y_traced, (h_traced, c_traced), trace = run.lstm(
        run.layout(run.x), state=run.state, lengths=run.lengths, trace=True
    )
    for got, expected in [(run.layout(y_traced), y), (h_traced, h), (c_traced, c)]:
        assert_same_bits(got, expected)
    expected = oracle_trace(run)
    assert set(trace) == set(expected)
    for name, values in expected.items():
        got = run.layout(trace[name])
        assert got.dtype == case.dtype and got.shape == values.shape, name
        assert relative_error(got, values) < 10 * TOLERANCE[case.dtype][0], name
        for b, length in enumerate(run.lengths if case.ragged else []):
            assert not got[b, length:].any(), name


@pytest.mark.parametrize(
    "case",
    [
        Case(),
        Case(1, 1, 1, 1),
        Case(7, 6, 3, 17, 2, bidirectional=True, ragged=True, state=True),
        Case(3, 50, 5, 33, bidirectional=True, time_major=True, ragged=True, dtype="float64"),
        Case(0, 3),
        Case(2, 0),
    ],
    ids=str,
)
def test_every_value_is_the_oracles(case):
    check_trace(case)


@settings(max_examples=40, deadline=None)
@given(random_cases(B=9, T=12, I=5, H=40))
def test_every_value_is_the_oracles_in_random_cases(case):
    check_trace(case)


def test_a_row_of_a_trace():
    run = Run(Case(3, 6, 2, 5, 2, bidirectional=True, time_major=True))
    lengths = [4, 6, 0]
    _, _, trace = run.lstm(run.layout(run.x), lengths=lengths, trace=True)
    row = trace.row(0, layer=1, reverse=True)
    assert list(row) == list("ifgoch")
    for name, values in row.items():
        assert_same_bits(values, trace[f"{name}_l1_reverse"][:4, 0])
    assert trace.row(2)["c"].shape == (0, 5)
    for arguments, message in [({"layer": 2}, "no layer 2 in the trace"), ({"row": 3}, "row must be one of 3, got 3")]:
        with pytest.raises(ValueError, match=message):
            trace.row(**arguments)


def test_the_trace_is_the_same_for_any_batch_and_number_of_threads():
    run = Run(Case(19, 30, 20, 64, 2, bidirectional=True))
    el.set_num_threads(2)
    _, _, whole = run.lstm(run.x, trace=True)
    el.set_num_threads(1)
    _, _, one = run.lstm(run.x[5:6], trace=True)
    for name in whole:
        assert_same_bits(one[name], whole[name][5:6], name)


def test_a_trace_is_of_inference_so_nothing_is_dropped():
    lstm = el.LSTM(3, 5, num_layers=2, dropout=0.5, seed=0)
    x = np.random.default_rng(0).standard_normal((4, 6, 3)).astype(np.float32)
    y, _, trace = lstm(x, trace=True)
    assert_same_bits(y, lstm(x)[0])
    assert_same_bits(trace["h_l1"], y)


def test_a_trace_packs_no_weights_for_a_backward_pass(monkeypatch):
    lstm = el.LSTM(3, 5, seed=0)
    packed = []
    core = lstm._core
    monkeypatch.setattr(
        lstm,
        "_core",
        type(
            "Core",
            (),
            {
                "forward": core.forward,
                "pack": lambda self, params, backward, *rest: (
                    packed.append(backward),
                    core.pack(params, backward, *rest),
                )[1],
            },
        )(),
    )
    lstm(np.zeros((2, 4, 3), np.float32), trace=True)
    lstm(np.zeros((2, 4, 3), np.float32))
    assert packed == [False]


def test_a_tape_refuses_what_it_does_not_keep():
    lstm = el.LSTM(3, 5, num_layers=2, bidirectional=True, seed=0)
    x = np.zeros((2, 4, 3), np.float32)
    full, light = (lstm.forward(x, memory=memory)[2] for memory in ("full", "light"))
    assert full.trace(3, "h").shape == (2, 4, 5)
    for tape, arguments, message in [
        (full, (4, "i"), "direction must be from 0 to 3, got 4"),
        (full, (-1, "i"), "got -1"),
        (full, (0, "if"), "one of i, f, g, o, c and h, got if"),
        (full, (0, ""), "name must be"),
        (light, (0, "o"), "the tape must be full"),
    ]:
        with pytest.raises(ValueError, match=message):
            tape.trace(*arguments)
