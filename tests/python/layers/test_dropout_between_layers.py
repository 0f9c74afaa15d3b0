"""Dropout between the layers of an LSTM: its masks, its gradients, and that threads and neighbours don't change a
bit.
"""

import numpy as np
import pytest
from lstm_case import TOLERANCE, Case, Run, assert_all_same_bits, assert_same_bits

import eigenlstm as el
from eigenlstm import _core
from reference.gradcheck import relative_error
from reference.lstm import lstm_backward, lstm_forward, options

SEED = 0x1234_5678_9ABC_DEF0


def masks(seed, p, layer, B, T, F, dtype):
    """(B, T, F): row b of layer k draws from stream k << 40 | b, each step from a block of four values on."""
    width = -(-F // 4) * 4
    rows = [_core.dropout_mask(seed, layer << 40 | b, (T, width), p, dtype)[:, :F] for b in range(B)]
    return np.stack(rows).astype(np.float64)


def dropped(case, dropout, seed=SEED):
    """`Run` of a case, with dropout and the oracle's results for the masks that the seed should give."""
    run = Run(case)
    kind = dict(
        num_layers=case.num_layers, bidirectional=case.bidirectional, dtype=case.dtype, time_major=case.time_major
    )
    lstm = el.LSTM(case.I, case.H, dropout=dropout, **kind)
    lstm.flat_params = run.lstm.flat_params
    run.lstm = lstm
    D = 1 + case.bidirectional
    chosen = {}
    for layer in range(1, case.num_layers):
        mask = masks(seed, lstm._options.dropouts[layer - 1], layer - 1, case.B, case.T, D * case.H, case.dtype)
        chosen.update({f"input_l{layer}{suffix}": mask for suffix in ["", "_reverse"][:D]})
    y, (h, c), tape = lstm_forward(run.x, run.params, run.state, run.lengths, options(masks=chosen))
    dx, (dh0, dc0), grads = lstm_backward(tape, run.dy, run.dstate)
    return run, {"y": y, "h": h, "c": c, "dx": dx, "dh0": dh0, "dc0": dc0, **grads}


def everything(run, seed=SEED):
    y, (h, c), tape = run.lstm.forward(run.layout(run.x), state=run.state, lengths=run.lengths, seed=seed)
    return {"y": run.layout(y), "h": h, "c": c, **run.backward(tape)}


CASES = [
    (Case(4, 6, 3, 5, 2, state=True), 0.5),
    (Case(5, 7, 2, 9, 3, True, ragged=True), 0.3),
    (Case(1, 40, 3, 20, 2), 0.2),
    (Case(20, 11, 3, 18, 3, True, dtype="float64", ragged=True, state=True), [0.1, 0.6, 0.0]),
    (Case(3, 5, 2, 6, 2, dtype="float64", time_major=True), [0.9, 0.0]),
]


@pytest.mark.parametrize("case, dropout", CASES, ids=str)
def test_outputs_and_gradients_are_the_oracles_with_these_masks(case, dropout):
    run, expected = dropped(case, dropout)
    got = everything(run)
    assert set(got) == set(expected)
    for name, value in expected.items():
        assert relative_error(got[name], value) < TOLERANCE[case.dtype][name not in "yhc"], name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_number_of_threads(dtype):
    run, _ = dropped(Case(40, 30, 20, 40, 3, True, dtype=dtype, ragged=True), 0.4)
    el.set_num_threads(1)
    expected = everything(run)
    for n in (2, 3, 5):
        el.set_num_threads(n)
        assert_all_same_bits(everything(run), expected, f"{n} threads")


def test_a_row_and_a_step_keep_their_mask_whatever_is_around_them():
    run, _ = dropped(Case(9, 8, 3, 7, 2), 0.5)
    expected = everything(run)["y"]
    run.x, run.dy = run.x[:5, :6], run.dy[:5, :6]
    assert_same_bits(run.lstm.forward(run.x, seed=SEED)[0], expected[:5, :6])


def test_inference_drops_nothing():
    case = Case(3, 5, 2, 6, 2)
    run, plain = dropped(case, 0.5)[0], Run(case)
    for got, expected in zip(run.infer(), plain.infer()):
        assert_same_bits(got, expected)
    y, _, tape = run.lstm.forward(run.x, training=False)
    assert tape is None
    assert_same_bits(y, plain.lstm(run.x)[0])


def test_seeds_of_forward_and_of_the_layer():
    lstm = el.LSTM(2, 8, 2, dropout=0.5, seed=3)
    x = np.ones((2, 4, 2), np.float32)
    first, second = lstm.forward(x)[0], lstm.forward(x)[0]
    assert not np.array_equal(first, second)  # a fresh mask each time
    again = el.LSTM(2, 8, 2, dropout=0.5, seed=3)
    assert_same_bits(again.forward(x)[0], first)  # in the order that the layer's seed decides
    assert_same_bits(lstm.forward(x, seed=7)[0], again.forward(x, seed=7)[0])
    assert lstm.stochastic and not el.LSTM(2, 8, 2).stochastic


@pytest.mark.parametrize(
    "dropout, layers, error, message",
    [
        (1.0, 2, ValueError, r"dropout must be at least 0 and below 1, got 1.0"),
        (-0.1, 2, ValueError, r"dropout must be at least 0"),
        (float("nan"), 2, ValueError, r"dropout must be at least 0"),
        ("half", 2, TypeError, r"dropout must be a number, got 'half'"),
        (0.5, 1, ValueError, r"dropout lies between layers and needs num_layers > 1"),
        ([0.5], 2, ValueError, r"dropout must have one probability for each of the 2 layers, got 1"),
        ([0.5, 0.5], 2, ValueError, r"dropout .*last layer must be 0, got 0.5"),
    ],
)
def test_what_makes_no_sense_is_refused(dropout, layers, error, message):
    with pytest.raises(error, match="^LSTM: " + message):
        el.LSTM(2, 3, layers, dropout=dropout)


def test_config_and_copies():
    lstm = el.LSTM(2, 3, 2, dropout=0.25, seed=1)
    assert el.LSTM.from_config(lstm.config()).dropout == 0.25
