"""`el.LSTM(reverse=True)` is a forward LSTM on reversed rows, in the same bits."""

import numpy as np
import pytest
from lstm_case import assert_all_same_bits, assert_same_bits
from variant_case import VariantCase, VariantRun

import eigenlstm as el
from reference.lstm import reverse_rows

B, T, I, H = 5, 300, 3, 9


def pair(**options):
    """A forward LSTM and a backwards one of the same weights."""
    forward, backwards = (el.LSTM(I, H, seed=0, reverse=reverse, **options) for reverse in (False, True))
    assert list(forward.params) == list(backwards.params)
    return forward, backwards


@pytest.fixture(params=[False, True], ids=["whole", "ragged"])
def lengths(request):
    return np.array([300, 0, 7, 299, 1]) if request.param else np.full(B, T)


def data(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


OPTIONS = [
    dict(),
    dict(num_layers=2),
    dict(num_layers=3, residual=True),
    dict(proj_size=4, layer_norm=True, peephole=True, learned_state=True),
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_it_is_a_forward_lstm_on_reversed_rows(options, lengths):
    forward, backwards = pair(**options)
    x = data(B, T, I)
    y, state, trace = backwards(x, lengths=lengths, trace=True)
    expected_y, expected_state, expected_trace = forward(reverse_rows(x, lengths), lengths=lengths, trace=True)
    assert_same_bits(y, reverse_rows(expected_y, lengths))
    for got, expected in zip(state, expected_state):
        assert_same_bits(got, expected)
    for name, values in expected_trace.items():
        assert_same_bits(trace[name], reverse_rows(values, lengths), name)


@pytest.mark.parametrize("memory", ["full", "light", "least"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_its_gradients_are_those_of_reversed_rows(options, lengths, memory):
    forward, backwards = pair(**options)
    x = data(B, T, I)
    if memory == "least":  # segments of time
        with pytest.raises(ValueError, match="memory must be at least") as error:
            backwards.forward(x, lengths=lengths, memory=1)
        memory = int(str(error.value).split("at least ")[1].split()[0])
    y, _, tape = backwards.forward(x, lengths=lengths, memory=memory)
    _, _, expected_tape = forward.forward(reverse_rows(x, lengths), lengths=lengths)
    dy = data(*y.shape)
    dx, dstate = backwards.backward(tape, dy)
    expected_dx, expected_dstate = forward.backward(expected_tape, reverse_rows(dy, lengths))
    assert_same_bits(dx, reverse_rows(expected_dx, lengths))
    for got, expected in zip(dstate, expected_dstate):
        assert_same_bits(got, expected)
    assert_all_same_bits(backwards.grads, forward.grads)


def test_any_number_of_threads_gives_the_same_bits():
    case = VariantCase(B=64, T=80, I=16, H=48, num_layers=2, ragged=True, dtype="float32", options=dict(reverse=True))
    run = VariantRun(case)
    el.set_num_threads(1)
    expected, inferred = run.everything(), run.infer()
    for n in (2, 5, 4):
        el.set_num_threads(n)
        assert_all_same_bits(run.everything(), expected, f"{n} threads")
        assert_all_same_bits(run.infer(), inferred, f"{n} threads, inference")


def test_a_gap_is_filled_from_what_was_before_in_time():
    x = data(2, 9, I)
    x[:, 3:5] = np.nan
    filled = x.copy()
    filled[:, 3:5] = x[:, 2:3]
    _, backwards = pair(missing="forward_fill")
    assert_same_bits(backwards(x)[0], backwards(filled)[0])


def test_tapes_and_weights_go_with_their_direction():
    forward, backwards = pair()
    x = data(2, 4, I)
    with pytest.raises(ValueError, match="LSTM.backward: tape"):
        backwards.backward(forward.forward(x)[2], data(2, 4, H))


def test_fit_does_not_carry_its_state_on():
    model = el.Sequential([el.LSTM(I, H, reverse=True, seed=0), el.Linear(H, 1, seed=1)])
    for how in (dict(tbptt=2), dict(stateful=True, shuffle=False)):
        with pytest.raises(
            ValueError, match="fit: stateful and tbptt carry the state on, .* nor one with reverse=True"
        ):
            model.fit(data(4, 6, I), data(4, 6, 1), loss="mse", optimizer=el.SGD(0.1), epochs=1, verbose=0, **how)


def test_what_it_refuses():
    with pytest.raises(TypeError, match=r"LSTM: reverse must be True or False, got 'yes'"):
        el.LSTM(I, H, reverse="yes")
    with pytest.raises(ValueError, match=r"LSTM: reverse=True runs a single direction from the end; a bidirectional"):
        el.LSTM(I, H, reverse=True, bidirectional=True)
    with pytest.raises(ValueError, match=r"LSTM.stream: an LSTM with reverse=True reads a sequence from its end"):
        el.LSTM(I, H, reverse=True).stream()
    usual = ("sigmoid", "tanh", "tanh")
    with pytest.raises(ValueError, match=r"LSTM: activations for each of two directions need bidirectional=True"):
        el.LSTM(I, H, activations=(usual, ("sigmoid", "relu", "tanh")))
    with pytest.raises(ValueError, match=r"LSTM: activations must be three, .*or two such triples"):
        el.LSTM(I, H, bidirectional=True, activations=(usual, ("sigmoid", "relu")))
    with pytest.raises(ValueError, match=r"LSTM: activations must be of sigmoid, .*; got cosh"):
        el.LSTM(I, H, bidirectional=True, activations=(usual, ("sigmoid", "cosh", "tanh")))
