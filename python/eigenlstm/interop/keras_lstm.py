"""LSTM, CuDNNLSTM and Bidirectional of Keras, whose gates have our order: i f c o.

Keras multiplies row vectors: kernel (I, 4H), recurrent_kernel (H, 4H), bias (4H,) for I inputs and H units.
"""

import numpy as np

from ..layers.lstm import LSTM
from ..layers.pooling import Last
from ..layers.reverse import Reverse
from .keras_config import Refused
from .keras_parts import Part, Shape, lstm_activation, rate

_MERGES = {"concat": "concat", "sum": "sum", "ave": "mean", "mul": "mul", None: "concat"}


def lstm_part(layer, x, version):
    """The `Part` of an LSTM or CuDNNLSTM. With go_backwards Keras's output runs from the last step to the first."""
    options, tensors = _lstm_options(layer, version), _lstm_tensors(layer, x)
    sequences, backwards = layer.flag("return_sequences"), layer.flag("go_backwards")
    units = layer.size("units")

    def make(arrays, dtype):
        lstm = LSTM(
            len(arrays[0]),
            units,
            bias=len(arrays) == 3,
            dtype=dtype,
            reverse=backwards,
            **options,
        )
        after = [] if sequences and not backwards else [Reverse()] if sequences else [Last(reverse=backwards)]
        return [(lstm, _lstm_state(arrays, units, "l0")), *((one, {}) for one in after)]

    zeros = sequences and layer.flag("zero_output_for_mask")
    return Part(
        layer,
        Shape(3 if sequences else 2, units),
        tensors,
        make,
        unmasked="zero_output_for_mask=True" if zeros else "",
        notes=_notes(layer),
    )


def bidirectional_part(layer, x, version):
    """The `Part` of a Bidirectional: one LSTM of two directions."""
    merge = layer.get("merge_mode", (str, type(None)))
    if merge not in _MERGES:
        raise Refused(f"{layer}: merge_mode={merge!r} is not known")
    there = layer.inner()
    if there.kind not in ("LSTM", "CuDNNLSTM"):
        raise Refused(f"{layer} of {there} cannot be read, only of LSTM and CuDNNLSTM")
    options, each = _lstm_options(there, version), _lstm_tensors(there, x)
    sequences, units = there.flag("return_sequences"), there.size("units")
    _check_directions(layer, there, options, version)
    there.finish()

    def make(arrays, dtype):
        lstm = LSTM(
            len(arrays[0]),
            units,
            bias=len(each) == 3,
            bidirectional=True,
            merge=_MERGES[merge] if sequences else "concat",
            dtype=dtype,
            **options,
        )
        state = _lstm_state(arrays[: len(each)], units, "l0") | _lstm_state(arrays[len(each) :], units, "l0_reverse")
        last = [] if sequences else [(Last(bidirectional=True, merge=_MERGES[merge]), {})]
        return [(lstm, state), *last]

    tensors = [(f"{way} {name}", *shapes) for way in ("forward", "backward") for name, *shapes in each]
    gives = Shape(3 if sequences else 2, units * (1 + (_MERGES[merge] == "concat")))
    return Part(layer, gives, tensors, make, notes=_notes(there) + _notes_of_pair(layer, merge))


def _check_directions(layer, there, options, version):
    """The layer that reads backwards must be the twin of the one that reads forwards."""
    if there.flag("go_backwards"):
        raise Refused(f"{layer}: its forward layer has go_backwards=True, which is not supported")
    if layer.get("backward_layer", (dict, type(None))) is None:
        return
    back = layer.inner("backward_layer")
    same = (
        back.kind == there.kind
        and back.flag("go_backwards")
        and _lstm_options(back, version) == options
        and all(back.options.get(name) == there.options.get(name) for name in ("units", "use_bias", "return_sequences"))
    )
    if not same:
        raise Refused(f"{layer}: its two directions differ in more than their weights, which is not supported")
    back.finish()


def _lstm_options(layer, version):
    """Options of ours, from those of Keras that both directions share."""
    layer.demand(return_state=False, time_major=False, reset_after=False)
    layer.read.update(("zero_output_for_mask", "use_bias", "units", "return_sequences", "stateful"))
    if layer.kind == "CuDNNLSTM":
        return {}
    inside, gates = (
        lstm_activation(layer, name, default, version)
        for name, default in (
            ("activation", "tanh"),
            ("recurrent_activation", "sigmoid" if version >= 3 else "hard_sigmoid"),
        )
    )
    return {
        "activations": (gates, inside, inside),
        "input_dropout": rate(layer, "dropout"),
        "recurrent_dropout": rate(layer, "recurrent_dropout"),
    }


def _lstm_tensors(layer, x):
    """Its tensors; a bias of 8H is the two biases of CuDNN's layout."""
    if x.rank not in (None, 3):
        raise Refused(f"{layer} takes sequences, an input with 3 axes, got one with {x.rank}")
    units = layer.size("units")
    bias = layer.kind == "CuDNNLSTM" or layer.flag("use_bias", True)
    return [
        ("kernel", (x.features, 4 * units)),
        ("recurrent_kernel", (units, 4 * units)),
        ("bias", (4 * units,), (8 * units,)),
    ][: 2 + bias]


def _notes(layer):
    stateful = f"{layer} is stateful; here the caller hands states on, and fit does with stateful=True"
    return [stateful] if layer.flag("stateful") else []


def _notes_of_pair(layer, merge):
    pair = f"{layer} gives a pair of outputs; here they lie side by side: np.split(y, 2, axis=-1)"
    return [pair] if merge is None else []


def _lstm_state(arrays, units, suffix):
    """Our parameters from kernel, recurrent_kernel and bias, which is (8H,) in the layout of CuDNN."""
    kernel, recurrent, *bias = arrays
    if bias and bias[0].shape == (8 * units,):
        # In CuDNN's layout the memory of each gate's kernel is that of an (H, I) matrix, whatever its shape says.
        blocks = zip(np.split(kernel, 4, axis=1), np.split(recurrent, 4, axis=1))
        W, R = (np.concatenate(parts) for parts in zip(*((k.reshape(units, -1), r) for k, r in blocks)))
        bias = [bias[0][: 4 * units] + bias[0][4 * units :]]
    else:
        W, R = kernel.T, recurrent.T
    return {f"weight_ih_{suffix}": W, f"weight_hh_{suffix}": R, **({f"bias_{suffix}": bias[0]} if bias else {})}
