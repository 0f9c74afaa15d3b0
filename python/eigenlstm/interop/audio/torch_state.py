"""JSON of a bare ``state_dict`` of PyTorch, as RTNeural's tests and examples read it: LSTMs and a Linear behind them.

Sizes are those of the arrays. Such a file has no word on the order of its modules: LSTMs follow each other by their
names (lstm, lstm2, ...), and there is no skip and no activation.
"""

import re

import numpy as np

from . import amplifier
from .amplifier import Amplifier

_FIRST = "weight_ih_l0"


def fits(document):
    """Whether `document`, a dict, is such a file."""
    state = document.get("state_dict", document)
    return isinstance(state, dict) and any(name.endswith(_FIRST) for name in state)


def read(document, dtype):
    """The `Amplifier` of a `Field`; ``FileError`` before anything is built where something is wrong."""
    state = document if document.get("state_dict") is None else document["state_dict"]
    names = dict.fromkeys(state.object())  # those that nobody has used yet
    plans, width = [], None
    for prefix in sorted((name.removesuffix(_FIRST) for name in names if name.endswith(_FIRST)), key=_place):
        shape, params = _lstm(state, prefix, width, names, dtype)
        plans.append((amplifier.lstm, (shape, params)))
        width = shape[1]
    heads = [name for name in names if name == "weight" or name.endswith(".weight")]
    if len(heads) != 1:
        state.fail(f"must have one Linear behind its LSTMs, got {len(heads)}")
    plans.append((amplifier.linear, _linear(state, heads[0].removesuffix("weight"), width, names, dtype)))
    if names:
        state[next(iter(names))].fail("belongs to no LSTM and no Linear")
    return Amplifier([build(*arguments, dtype) for build, arguments in plans], False, "PyTorch")


def _place(prefix):
    """Sorts lstm, lstm2, ..., lstm10."""
    text, digits = re.fullmatch(r"(.*?)0*([0-9]*)\.?", prefix, re.DOTALL).groups()
    return text, len(digits), digits, prefix


def _lstm(state, prefix, width, names, dtype):
    """The sizes and parameters of an LSTM that takes `width` values, None for any number."""
    recurrent = state[f"{prefix}weight_hh_l0"]
    rows, hidden = recurrent.length(1), recurrent[0].length(1)
    if rows in (hidden, 3 * hidden):
        kind = "a GRU" if rows > hidden else "an RNN without gates"
        recurrent.fail(f"is that of {kind}; only an LSTM can be read")
    if width is None:
        state[prefix + _FIRST].length(1)
        width = state[prefix + _FIRST][0].length(1)
    count, params = 0, {}
    while f"{prefix}weight_ih_l{count}" in names:
        end = f"_l{count}"
        for name, columns in (("weight_ih", width if count == 0 else hidden), ("weight_hh", hidden)):
            params[name + end] = state[prefix + name + end].array((4 * hidden, columns), dtype)
        halves = [prefix + name + end for name in ("bias_ih", "bias_hh")]
        if any(name in names for name in halves):
            one, other = (state[name].array((4 * hidden,), dtype) for name in halves)
            params[f"bias{end}"] = one + other
        else:
            params[f"bias{end}"] = np.zeros(4 * hidden, dtype)
        for name in (prefix + "weight_ih" + end, prefix + "weight_hh" + end, *halves):
            names.pop(name, None)
        count += 1
        if count > amplifier.MOST_LAYERS:
            state.fail(f"must have at most {amplifier.MOST_LAYERS} layers in an LSTM")
    return (width, hidden, count), params


def _linear(state, prefix, width, names, dtype):
    """The weight and bias, None where there is none, of a Linear that takes `width` values."""
    weight = state[f"{prefix}weight"]
    arrays = [weight.array((weight.length(1), width), dtype)]
    biased = f"{prefix}bias" in names
    arrays.append(state[f"{prefix}bias"].array((len(arrays[0]),), dtype) if biased else None)
    for name in ("weight", "bias"):
        names.pop(prefix + name, None)
    return arrays
