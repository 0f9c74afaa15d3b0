"""What all the formats hold: a chain of layers, perhaps with a skip, and what a player has to know about it."""

from dataclasses import dataclass, field

import numpy as np

from ...graph import Input
from ...layers.activation import Activation
from ...layers.linear import Linear
from ...layers.lstm import LSTM
from ...layers.wiring import Add, Slice
from ...model import Model

MOST_LAYERS = 64  # of an LSTM


@dataclass
class Amplifier:
    """An amplifier as files describe it.

    layers : list of LSTM, Linear and Activation, in their order
    skip : whether the input of the audio is added to what the last layer gives
    format : as `save` calls it
    sample_rate : int in Hz, None where nobody says
    in_gain, out_gain : float in dB, of the input (before the skip) and of the output (after it)
    prewarm : int, samples of silence that a player runs when it is reset
    metadata : dict, as it is in the file
    """

    layers: list
    skip: bool
    format: str
    sample_rate: int | None = None
    in_gain: float = 0.0
    out_gain: float = 0.0
    prewarm: int = 0
    metadata: dict = field(default_factory=dict)

    def model(self):
        """The layers as a `Model` from x (B, T, inputs) to y (B, T, outputs)."""
        inputs, outputs = input_size(self.layers), _width(self.layers)

        def amplifier(x):
            y = x
            for layer in self.layers:
                y = layer(y)[0] if layer.recurrent else layer(y)
            if not self.skip:
                return y
            return y + (x if inputs == outputs else x[..., :outputs])

        return Model(amplifier, x=Input((None, inputs)))

    def run(self, x):
        """What the layers give for x (1, T, inputs), without the gains; they may be part of a model already."""
        y = x
        for layer in self.layers:
            y = layer(y)[0] if layer.recurrent else layer(y)
        return y + x[..., : y.shape[-1]] if self.skip else y


def input_size(layers):
    """What the first layer takes; an activation takes what the layer behind it does."""
    first = with_weights(layers)
    return first.input_size if isinstance(first, LSTM) else first.in_features


def with_weights(layers):
    """The first layer that is no activation."""
    return next(layer for layer in layers if not isinstance(layer, Activation))


def _width(layers):
    shape = ("B", "T", input_size(layers))
    for layer in layers:
        shape = layer.output_shape(shape)
    return shape[-1]


def parts(model):
    """``(layers, skip)`` of a `Model` or `Sequential` that is a chain, perhaps with a skip around all of it.

    ``ValueError`` says what else it is.
    """
    graph = model.graph
    known = list(graph.layers.values())
    chain, at, layers, cut = 0, None, [], {0}
    for node in graph.nodes:
        layer = known[node.layer]
        if isinstance(layer, Slice) and node.inputs == (0,) and (layer.start or 0) == 0:
            cut.add(node.outputs[0])
        elif isinstance(layer, Add) and len(node.inputs) == 2 and chain in node.inputs and set(node.inputs) & cut:
            at, chain = len(layers), node.outputs[0]
        elif isinstance(layer, (LSTM, Linear, Activation)) and node.inputs == (chain,):
            layers.append(layer)
            chain = node.outputs[0]
        else:
            raise ValueError(
                f"a {type(layer).__name__} stands in it at a place that the file has none for: what can be written is "
                "a chain of LSTM, Linear and Activation, perhaps with the input added to its output"
            )
    for layer in layers:
        if isinstance(layer, LSTM):
            _check_plain(layer)
    only_activations = all(isinstance(layer, Activation) for layer in layers)
    if graph.outputs != (chain,) or at not in (None, len(layers)) or only_activations:
        raise ValueError("it is no chain of LSTM, Linear and Activation with the input added to its output or not")
    return layers, at is not None


def _check_plain(lstm):
    """``ValueError`` for an LSTM that no such file has a place for."""
    further = [name for name in lstm.config() if name not in _PLAIN]
    if lstm.bidirectional or not isinstance(lstm.hidden_size, int):
        further.append("bidirectional" if lstm.bidirectional else "layers of different widths")
    if further:
        raise ValueError(f"its LSTM has {', '.join(further)}, which these files have no place for")


# What an LSTM may be described by: what these files hold, and what makes no difference once it is trained.
_PLAIN = {
    *("input_size", "hidden_size", "num_layers", "bias", "bidirectional", "dtype", "init", "seed", "forget_bias"),
    *("time_major", "learned_state", "dropout", "input_dropout", "recurrent_dropout", "weight_drop"),
}


# -- layers with given weights ---------------------------------------------------------------------


def lstm(shape, weights, dtype, learned_state=False):
    """An LSTM of ``(input_size, hidden_size, num_layers)`` with `weights`, dict name -> array, in our layout."""
    layer = LSTM(*shape, learned_state=learned_state, dtype=dtype)
    for name, view in layer.params.items():
        view[...] = weights[name]
    layer.touch()
    return layer


def linear(weight, bias, dtype):
    """A Linear of weight (out, in) and bias (out,) or None."""
    layer = Linear(weight.shape[1], weight.shape[0], bias=bias is not None, dtype=dtype)
    layer.params["weight"][...] = weight
    if bias is not None:
        layer.params["bias"][...] = bias
    layer.touch()
    return layer


def numbers(array):
    """An array as nested lists of floats, as short as they may be written to be read again as the same values."""
    if array.dtype == np.float32:
        return _nested(array.ravel(), array.shape)
    return array.tolist()


def _nested(flat, shape):
    values = np.array([float(str(value)) for value in flat], np.float64)
    return values.reshape(shape).tolist()
