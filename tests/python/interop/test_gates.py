"""LSTM.from_gates: the textbook's matrices give the textbook's numbers, whichever way they lie."""

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm.interop.gates import reorder
from reference.textbook import run

T, I, H = 5, 3, 4
RNG = np.random.default_rng(0)
W = {gate: RNG.standard_normal((H, H + I)) for gate in "ifgo"}
B = {gate: RNG.standard_normal(H) for gate in "ifgo"}
X = RNG.standard_normal((T, I))
ZERO = {gate: np.zeros(H) for gate in "ifgo"}


def textbook(biases=B):
    return run(X, {f"W_{gate}": W[gate] for gate in W} | {f"b_{gate}": biases[gate] for gate in W})


def outputs(lstm):
    y, (_, c) = lstm(X[None].astype(lstm.dtype))
    return y[0], c[0, 0]


def x_first(matrix):
    return np.concatenate([matrix[:, H:], matrix[:, :H]], axis=1)


LAYOUTS = {
    "as in the text": (W, B, {}),
    "rows": ({gate: w.T for gate, w in W.items()}, B, {}),
    "x first": ({gate: x_first(w) for gate, w in W.items()}, B, {"hidden_first": False}),
    "rows, x first": ({gate: x_first(w).T for gate, w in W.items()}, B, {"hidden_first": False}),
    "columns of biases": (W, {gate: b[:, None] for gate, b in B.items()}, {}),
    "rows of biases, another order": ({gate: W[gate] for gate in "ofig"}, {gate: B[gate][None] for gate in "gofi"}, {}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_numbers_of_the_textbook(layout):
    weights, biases, options = LAYOUTS[layout]
    lstm = el.LSTM.from_gates(weights, biases, **options)
    assert lstm.dtype == np.float64 and (lstm.input_size, lstm.hidden_size) == (I, H)
    y, c = outputs(lstm)
    expected = textbook()
    np.testing.assert_allclose(y, expected[0], atol=1e-13)
    np.testing.assert_allclose(c, expected[1], atol=1e-13)


def test_without_biases_and_in_float32():
    lstm = el.LSTM.from_gates(W)
    assert not lstm.bias
    np.testing.assert_allclose(outputs(lstm)[0], textbook(ZERO)[0], atol=1e-13)
    half = {gate: w.astype(np.float16) for gate, w in W.items()}
    assert el.LSTM.from_gates(half).dtype == el.LSTM.from_gates(W, B, dtype="float32").dtype == np.float32
    np.testing.assert_allclose(outputs(el.LSTM.from_gates(W, B, dtype="float32"))[0], textbook()[0], atol=1e-5)


def test_more_inputs_than_hidden_units_are_not_taken_for_the_other_way_around():
    wide = {gate: RNG.standard_normal((2, 9)) for gate in "ifgo"}
    lstm = el.LSTM.from_gates(wide)
    assert (lstm.hidden_size, lstm.input_size) == (2, 7)


def test_options_go_to_the_lstm():
    lstm = el.LSTM.from_gates(W, B, time_major=True, cell_clip=0.5)
    assert lstm.time_major and np.abs(lstm(X[:, None])[1][1]).max() <= 0.5
    with pytest.raises(TypeError, match="peephole cannot be given"):
        el.LSTM.from_gates(W, B, peephole=True)


def changed(part, **entries):
    return {**part, **entries}


@pytest.mark.parametrize("weights, biases, error, message", [
    ([1, 2], None, TypeError, "LSTM.from_gates: weights must be a mapping from i, f, g, o to arrays, got list"),
    ({"i": W["i"], "c": W["g"]}, None, ValueError, r"weights must have the keys i, f, g \(the candidate, often called c\), o, got i, c"),
    (changed(W, f=W["f"][:, :4]), B, ValueError, r"weights\['f'\] must have shape \(H, H \+ I\) or \(H \+ I, H\), got \(4, 4\)"),
    (changed(W, o=W["o"].T), B, ValueError, r"weights\['o'\] must have the shape of weights\['i'\], \(4, 7\), got \(7, 4\)"),
    (changed(W, g=W["g"].astype(complex)), B, TypeError, r"weights\['g'\] must hold real numbers, got complex128"),
    (W, changed(B, f=np.zeros(5)), ValueError, r"biases\['f'\] must hold H = 4 values, got shape \(5,\)"),
    (W, changed(B, o=np.zeros((2, 2))), ValueError, r"biases\['o'\] must hold H = 4 values, got shape \(2, 2\)"),
])  # fmt: skip
def test_what_does_not_fit_is_refused_by_name(weights, biases, error, message):
    with pytest.raises(error, match=message):
        el.LSTM.from_gates(weights, biases)


def test_reorder():
    blocks = {gate: np.full((2, 1), value) for value, gate in enumerate("ifgo")}
    for order in ("ifgo", "iofg", "icfo", "ijfo", "fico", "zifo"):
        stacked = np.concatenate([blocks[{"c": "g", "j": "g", "z": "g"}.get(gate, gate)] for gate in order])
        np.testing.assert_array_equal(reorder(stacked, order)[:, 0], [0, 0, 1, 1, 2, 2, 3, 3])
