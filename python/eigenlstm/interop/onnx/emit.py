"""One function for each class of layers: its nodes. A model is exported by walking its layers through this table."""

import numpy as np

from . import emit_lstm
from .emit_activation import activation
from .operator import Unsupported
from .writer import Value


class Emitter:
    """The nodes of a model's layers, one after the other.

    Attributes
    ----------
    writer : Writer
    lengths : str or None
        Name of the graph's input with the steps of each row, (B,) int32.
    takes_state : bool
        Whether the states of recurrent layers are inputs and outputs.
    states_in, states_out : list of (name, shape)
    """

    def __init__(self, writer, lengths=None, takes_state=False):
        self.writer, self.lengths, self.takes_state = writer, lengths, takes_state
        self.states_in, self.states_out = [], []

    def layer(self, layer, value, where=""):
        """The `Value` that `layer`, at the place `where` of the model, gives for `value`."""
        name = type(layer).__name__
        if name not in EMITTERS:
            raise Unsupported(
                f"onnx.save: layer {where or 0} ({name}) has no form in ONNX here; known: {', '.join(EMITTERS)}"
            )
        self.writer.scope = f"{where}." if where else ""
        try:
            result = EMITTERS[name](self, layer, value, where)
        except Unsupported as error:
            raise Unsupported(f"onnx.save: layer {where or 0}: {error}") from None
        if not layer.keeps_time:
            self.lengths = None
        return result


def _sequential(emitter, model, value, where):
    for i, layer in enumerate(model.layers):
        value = emitter.layer(layer, value, f"{where}.{i}" if where else str(i))
    return value


def _lstm(emitter, layer, value, where):
    state = _states_in(emitter, layer) if emitter.takes_state else None
    y, h, c = emit_lstm.lstm(emitter.writer, layer, value, emitter.lengths, state)
    if emitter.takes_state:
        for part, names in (("h", h), ("c", c)):
            made = names if isinstance(names, list) else [names]
            emitter.states_out += [
                (emitter.writer.scope + name, inner, shape)
                for (name, shape), inner in zip(_state_specs(layer, part), made)
            ]
    return y


def _states_in(emitter, layer):
    """The names of h0 and c0, which become inputs of the graph."""
    pair = []
    for part in ("h0", "c0"):
        specs = [(emitter.writer.scope + name, shape) for name, shape in _state_specs(layer, part)]
        emitter.states_in += specs
        pair.append(specs[0][0] if layer._uniform else [name for name, _ in specs])
    return pair


def _state_specs(layer, part):
    """[(name, shape)] of a state: one array where all layers have one width, else one for each layer and direction."""
    widths = [layer.proj_size or H if part[0] == "h" else H for H in layer._widths]
    D = layer.num_directions
    if layer._uniform:
        return [(part, (layer.num_layers * D, "B", widths[0]))]
    ways = ("", "_reverse")[:D]
    return [(f"{part}_l{k}{way}", ("B", widths[k])) for k in range(layer.num_layers) for way in ways]


def _linear(emitter, layer, value, where):
    writer, params = emitter.writer, layer._param_views
    shape = layer.output_shape(value.shape)
    bias = writer.constant(params["bias"], "bias") if layer.bias else None
    if value.rank == 2:
        weight = writer.constant(params["weight"], "weight")
        return Value(writer.node("Gemm", value.name, weight, bias or "", transB=1), shape)
    y = writer.node("MatMul", value.name, writer.constant(params["weight"].T, "weight"))
    return Value(writer.node("Add", y, bias) if bias else y, shape)


def _embedding(emitter, layer, value, where):
    table = emitter.writer.constant(layer._param_views["weight"], "weight")
    return Value(emitter.writer.node("Gather", table, value.name, axis=0), layer.output_shape(value.shape))


def _layer_norm(emitter, layer, value, where):
    writer, params = emitter.writer, layer._param_views
    weight, bias = writer.constant(params["weight"], "weight"), writer.constant(params["bias"], "bias")
    y = writer.node("LayerNormalization", value.name, weight, bias, axis=-1, epsilon=layer.eps)
    return Value(y, value.shape)


def _dropout(emitter, layer, value, where):
    return value  # inference drops nothing


def _last(emitter, layer, value, where):
    writer, shape = emitter.writer, layer.output_shape(value.shape)
    if not layer.bidirectional:
        return Value(_step(emitter, value, first=layer.reverse), shape)
    sizes = writer.integers(*[value.shape[2] // 2] * 2)
    there = writer.node("Split", _step(emitter, value), sizes, outputs=2, axis=1)[0]
    back = writer.node("Split", _step(emitter, value, first=True), sizes, outputs=2, axis=1)[1]
    if layer.merge == "concat":
        return Value(writer.node("Concat", there, back, axis=1), shape)
    y = writer.node("Mul" if layer.merge == "mul" else "Add", there, back)
    return Value(writer.node("Mul", y, writer.number(0.5)) if layer.merge == "mean" else y, shape)


def _step(emitter, value, first=False):
    """The first or the last valid step of each row (B, T, F), zeros for rows of no steps."""
    writer, lengths = emitter.writer, emitter.lengths
    if lengths is None:
        return writer.node("Gather", value.name, writer.constant(np.int64(0 if first else -1)), axis=1)
    if first:
        return _or_zero(emitter, writer.node("Gather", value.name, writer.constant(np.int64(0)), axis=1))
    places = writer.node("Sub", _as_int64(writer, lengths), writer.constant(np.int64(1)))
    at = writer.node("Equal", _times(writer, value), writer.node("Unsqueeze", places, writer.integers(1)))
    at = writer.node("Unsqueeze", at, writer.integers(2))
    picked = writer.node("Where", at, value.name, writer.number(0))
    return writer.node("ReduceSum", picked, writer.integers(1), keepdims=0)


def _or_zero(emitter, name):
    """(B, F) with zeros for rows of no steps."""
    writer = emitter.writer
    some = writer.node("Greater", _as_int64(writer, emitter.lengths), writer.constant(np.int64(0)))
    return writer.node("Where", writer.node("Unsqueeze", some, writer.integers(1)), name, writer.number(0))


def _reverse(emitter, layer, value, where):
    writer = emitter.writer
    if emitter.lengths is not None:
        lengths = _as_int64(writer, emitter.lengths)
        return Value(writer.node("ReverseSequence", value.name, lengths, batch_axis=0, time_axis=1), value.shape)
    last, end, axis = writer.integers(-1), writer.integers(-(2**63) + 1), writer.integers(1)
    return Value(writer.node("Slice", value.name, last, end, axis, writer.integers(-1)), value.shape)


def _activation(emitter, layer, value, where):
    chosen = [layer.name, *layer.parameters]
    return Value(activation(emitter.writer, chosen, value.name), value.shape)


def _mean_pool(emitter, layer, value, where):
    writer, shape = emitter.writer, layer.output_shape(value.shape)
    if emitter.lengths is None:
        return Value(writer.node("ReduceMean", value.name, writer.integers(1), keepdims=0), shape)
    total = writer.node("ReduceSum", _padded_with(writer, value, emitter.lengths, 0), writer.integers(1), keepdims=0)
    steps = writer.node("Max", _as_int64(writer, emitter.lengths), writer.constant(np.int64(1)))
    steps = writer.node("Unsqueeze", steps, writer.integers(1))
    return Value(writer.node("Div", total, writer.node("CastLike", steps, total)), shape)


def _max_pool(emitter, layer, value, where):
    writer, shape = emitter.writer, layer.output_shape(value.shape)
    if emitter.lengths is None:
        return Value(writer.node("ReduceMax", value.name, writer.integers(1), keepdims=0), shape)
    steps = _padded_with(writer, value, emitter.lengths, -np.inf)
    most = writer.node("ReduceMax", steps, writer.integers(1), keepdims=0)
    return Value(_or_zero(emitter, most), shape)


def _padded_with(writer, value, lengths, padding):
    """(B, T, F) with `padding` from each row's length on."""
    lengths = writer.node("Unsqueeze", _as_int64(writer, lengths), writer.integers(1))
    valid = writer.node("Less", _times(writer, value), lengths)
    valid = writer.node("Unsqueeze", valid, writer.integers(2))
    return writer.node("Where", valid, value.name, writer.number(padding))


def _times(writer, value):
    """0 … T - 1 as (1, T), of a value (B, T, F)."""
    steps = writer.node("Squeeze", writer.size(value.name, 1), writer.integers(0))
    times = writer.node("Range", writer.constant(np.int64(0)), steps, writer.constant(np.int64(1)))
    return writer.node("Unsqueeze", times, writer.integers(0))


def _as_int64(writer, name):
    return writer.node("Cast", name, to=7)


# By the name under which a layer is registered.
EMITTERS = {
    "Sequential": _sequential,
    "LSTM": _lstm,
    "Linear": _linear,
    "Embedding": _embedding,
    "LayerNorm": _layer_norm,
    "Activation": _activation,
    "Dropout": _dropout,
    "SpatialDropout1D": _dropout,
    "Reverse": _reverse,
    "Last": _last,
    "MeanPool": _mean_pool,
    "MaxPool": _max_pool,
}
