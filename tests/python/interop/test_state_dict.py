"""LSTM.from_state_dict: sizes and options inferred from names and shapes; what does not fit is refused by name."""

import subprocess
import sys

import numpy as np
import pytest
from lstm_case import assert_same_bits

import eigenlstm as el

OPTIONS = [
    dict(),
    dict(num_layers=3, bias=False),
    dict(bidirectional=True, num_layers=2),
    dict(proj_size=3, num_layers=2, bidirectional=True),
    dict(peephole=True, layer_norm=True, learned_state=True),
]
RNG = np.random.default_rng(0)


def torch_state(I, H, layers=1, ways=("",), bias=True, P=0, dtype=np.float32):
    """Arrays as torch.nn.LSTM's state_dict has them."""
    state = {}
    for layer in range(layers):
        for way in ways:
            end = f"_l{layer}{way}"
            state["weight_ih" + end] = (4 * H, (P or H) * len(ways) if layer else I)
            state["weight_hh" + end] = (4 * H, P or H)
            if bias:
                state["bias_ih" + end] = state["bias_hh" + end] = (4 * H,)
            if P:
                state["weight_hr" + end] = (P, H)
    return {name: (RNG.standard_normal(shape) / 4).astype(dtype) for name, shape in state.items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_what_state_dict_gave_comes_back(options, dtype):
    lstm = el.LSTM(5, 7, dtype=dtype, seed=1, **options)
    lstm.flat_params = RNG.standard_normal(lstm.num_params).astype(dtype)
    back = el.LSTM.from_state_dict(lstm.state_dict())
    expected = {**lstm.config(), "seed": None}
    assert {**back.config(), "forget_bias": expected["forget_bias"]} == expected
    assert_same_bits(back.flat_params, lstm.flat_params)
    named_as_here = el.LSTM.from_state_dict(lstm.params)
    assert_same_bits(named_as_here.flat_params, lstm.flat_params)


def test_widths_of_layers_and_further_options():
    lstm = el.LSTM(4, [6, 3, 5], merge="sum", bidirectional=True, activations=("hard_sigmoid", "relu", "tanh"))
    back = el.LSTM.from_state_dict(
        lstm.state_dict(), merge="sum", activations=("hard_sigmoid", "relu", "tanh"), time_major=True, dropout=0.25
    )
    assert back.hidden_size == (6, 3, 5) and back.time_major and back.config()["dropout"] == 0.25
    x = RNG.standard_normal((2, 9, 4)).astype(np.float32)
    assert_same_bits(back(x.swapaxes(0, 1))[0].swapaxes(0, 1), lstm(x)[0])


def test_indicators_of_missing_values_are_half_of_the_columns():
    lstm = el.LSTM(4, 3, missing="mask")
    back = el.LSTM.from_state_dict(lstm.state_dict(), missing="mask")
    assert back.input_size == 4
    with pytest.raises(ValueError, match="even number of columns with missing='mask', got 3"):
        el.LSTM.from_state_dict(torch_state(3, 3), missing="mask")


def test_two_biases_are_added_in_their_own_precision():
    state = torch_state(3, 5)
    lstm = el.LSTM.from_state_dict(state)
    assert_same_bits(lstm.params["bias_l0"], state["bias_ih_l0"] + state["bias_hh_l0"])


@pytest.mark.parametrize("prefix", ["encoder.rnn.", "encoder.rnn", "rnn_"])
def test_a_part_of_a_model(prefix):
    stem = prefix + "." * (prefix == "encoder.rnn")
    state = torch_state(3, 5, layers=2)
    whole = {stem + name: value for name, value in state.items()} | {"head.weight": np.zeros((2, 5), np.float32)}
    assert_same_bits(el.LSTM.from_state_dict(whole, prefix).flat_params, el.LSTM.from_state_dict(state).flat_params)


def test_a_cell():
    state = torch_state(3, 5)
    cell = {name.removesuffix("_l0"): value for name, value in state.items()}
    assert_same_bits(el.LSTM.from_state_dict(cell).flat_params, el.LSTM.from_state_dict(state).flat_params)


def test_half_precision_becomes_float32_before_the_biases_are_added():
    half = torch_state(3, 5, dtype=np.float16)
    lstm = el.LSTM.from_state_dict(half)
    assert lstm.dtype == np.float32
    added = half["bias_ih_l0"].astype(np.float32) + half["bias_hh_l0"].astype(np.float32)
    assert_same_bits(lstm.params["bias_l0"], added)
    assert el.LSTM.from_state_dict(half, dtype="float64").dtype == np.float64


def test_dtypes():
    state = torch_state(3, 5, dtype=np.float64)
    assert el.LSTM.from_state_dict(state).dtype == np.float64
    narrow = el.LSTM.from_state_dict(state, dtype="float32")
    assert_same_bits(narrow.params["weight_ih_l0"], state["weight_ih_l0"].astype(np.float32))
    state["weight_hh_l0"] = state["weight_hh_l0"].astype(np.float32)
    with pytest.raises(TypeError, match="float32 and float64; dtype= says which"):
        el.LSTM.from_state_dict(state)
    state["weight_hh_l0"] = state["weight_hh_l0"].astype(np.int8)
    with pytest.raises(TypeError, match="weight_hh_l0 must be of floats .*, got int8"):
        el.LSTM.from_state_dict(state)


def test_tensors_of_torch():
    torch = pytest.importorskip("torch")
    module = torch.nn.LSTM(3, 5, 2, bidirectional=True, proj_size=2, batch_first=True)
    with torch.no_grad():
        x = torch.randn(2, 7, 3)
        for dtype in (torch.float32, torch.bfloat16):
            state = {"m." + name: value.to(dtype) for name, value in module.named_parameters()}
            module.load_state_dict({name[2:]: value for name, value in state.items()})
            lstm = el.LSTM.from_state_dict(state, "m.")
            np.testing.assert_allclose(lstm(x)[0], module(x)[0], rtol=1e-5, atol=1e-6)


def without(state, *names):
    return {name: value for name, value in state.items() if name not in names}


PLAIN, TWO = torch_state(3, 5), torch_state(3, 5, layers=2, ways=("", "_reverse"))
REFUSED = {
    "leftover": ({**PLAIN, "weight": PLAIN["bias_ih_l0"]}, "no parameters of an LSTM: weight; prefix="),
    "nothing": ({}, "there is no weight_ih_l0 .LSTM. or weight_ih .LSTMCell., nor anything"),
    "elsewhere": ({"rnn." + k: v for k, v in PLAIN.items()}, "there are weights under prefix='rnn.'"),
    "elsewhere, a cell": ({"a.weight_ih": 0, "b.weight_ih": 0}, "prefix='a.' or 'b.'"),
    "only others": ({"fc.weight": 0}, "only fc.weight"),
    "one bias": (without(PLAIN, "bias_hh_l0"), "missing bias_hh_l0"),
    "one direction": (without(TWO, "weight_hh_l1_reverse"), "missing weight_hh_l1_reverse"),
    "a gap": ({k.replace("_l1", "_l2"): v for k, v in TWO.items()}, "missing weight_ih_l1, weight_hh_l1"),
    "too many layers": ({**PLAIN, "weight_ih_l4000": PLAIN["weight_ih_l0"]}, "cannot be those of 4001 layers"),
    "both names": ({**PLAIN, "weight_ih": PLAIN["weight_ih_l0"]}, "side by side"),
    "a GRU": (
        {k: v[:15] for k, v in PLAIN.items()},
        r"must have 4 \* 5 rows, got 15 and 15; three gates are a GRU's",
    ),
    "one axis": ({**PLAIN, "weight_ih_l0": PLAIN["bias_ih_l0"]}, r"weight_ih_l0 must have two axes.*got shape \(20,\)"),
    "of another layer": (
        {**TWO, "weight_ih_l1": TWO["weight_ih_l0"]},
        r"weight_ih_l1: expected shape \(20, 10\), got \(20, 3\)",
    ),
    "a bias too long": (
        {**PLAIN, "bias_hh_l0": np.zeros(21, np.float32)},
        r"bias_hh_l0: expected shape \(20,\), got \(21,\)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_by_name(case):
    state, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        el.LSTM.from_state_dict(state)


@pytest.mark.parametrize("option", ["input_size", "hidden_size", "bias", "peephole", "init", "forget_bias"])
def test_what_the_arrays_tell_cannot_be_given(option):
    with pytest.raises(TypeError, match=f"{option} cannot be given: the arrays tell"):
        el.LSTM.from_state_dict(PLAIN, **{option: 1})


def test_arguments():
    with pytest.raises(TypeError, match="mapping must be a dict of arrays, got LSTM; pass its state_dict()"):
        el.LSTM.from_state_dict(el.LSTM(2, 3))
    with pytest.raises(TypeError, match="prefix must be a string, got 3"):
        el.LSTM.from_state_dict(PLAIN, 3)
    with pytest.raises(TypeError, match="colour"):
        el.LSTM.from_state_dict(PLAIN, colour="red")


def test_torch_is_not_imported():
    code = (
        "import sys, numpy as np, eigenlstm as el\n"
        "state = el.LSTM(2, 3).state_dict()\n"
        "el.LSTM.from_state_dict(state)\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
