"""One function for each class of layers: its nodes. A model is exported by walking its layers through this table."""

from dataclasses import dataclass

import numpy as np

from ...layers.base import Layer
from . import emit_lstm, emit_wiring
from .emit_activation import activation
from .operator import Unsupported
from .writer import Value


@dataclass(frozen=True)
class Call:
    """A call of a layer, whose nodes are to be written.

    Attributes
    ----------
    emitter : Emitter
    layer : Layer
    values : tuple of Value
        What the layer takes.
    where : str
        Its place in the model: the beginning of the names of its nodes and weights.
    all_lengths : tuple of str or None
        For each of `values`: the value of the graph with the steps of each row, (B,) int32.
    state : (str, str) or None
        The values h0 and c0 that a recurrent layer is given.
    """

    emitter: "Emitter"
    layer: Layer
    values: tuple
    where: str
    all_lengths: tuple
    state: tuple | None = None

    @property
    def writer(self):
        return self.emitter.writer

    @property
    def value(self):
        return self.values[0]

    @property
    def lengths(self):
        return self.all_lengths[0]

    def gives(self, name):
        """The value `name`, of the shape and kind that the layer gives."""
        shape = self.layer.output_shape(*(value.shape for value in self.values))
        kind = self.layer.output_dtype(*("int64" if value.integers else "float" for value in self.values))
        return Value(name, shape, kind == "int64")


class Emitter:
    """Writes the nodes of layers.

    Attributes
    ----------
    writer : Writer
    takes_state : bool
        Whether the states of recurrent layers are inputs and outputs of the graph.
    states_in, states_out : list
        (name, shape) of the inputs; (name, value of the graph, shape) of the outputs.
    tables : dict
        From the id of an Embedding to the name of its matrix.
    """

    def __init__(self, writer, takes_state=False):
        self.writer, self.takes_state = writer, takes_state
        self.states_in, self.states_out, self.tables = [], [], {}

    def call(self, layer, values, where="", lengths=(), state=None):
        """What `layer` gives for `values`: a `Value`, of a recurrent layer with the values h and c in a tuple.

        `lengths`: those of each of the values, none where left out.
        """
        kind = type(layer).__name__
        at = f"onnx.save: layer {where or 0}"
        if kind not in EMITTERS or type(layer).__module__.partition(".")[0] != __package__.partition(".")[0]:
            raise Unsupported(f"{at} ({kind}) has no form in ONNX here; known: {', '.join(EMITTERS)}")
        before, self.writer.scope = self.writer.scope, f"{where}." if where else ""
        lengths = tuple(lengths) or (None,) * len(values)
        try:
            return EMITTERS[kind](Call(self, layer, tuple(values), where, lengths, state))
        except Unsupported as error:
            raise Unsupported(str(error) if str(error).startswith("onnx.save") else f"{at}: {error}") from None
        finally:
            self.writer.scope = before


def _sequential(call):
    value, lengths = call.value, call.lengths
    for i, layer in enumerate(call.layer.layers):
        value = call.emitter.call(layer, [value], f"{call.where}.{i}" if call.where else str(i), (lengths,))
        value = value[0] if layer.recurrent else value
        lengths = lengths if layer.keeps_time else None
    return value


def _lstm(call):
    emitter, layer, state = call.emitter, call.layer, call.state
    carried = emitter.takes_state and state is None
    if carried:
        state = _states_in(emitter, layer)
    y, h, c = emit_lstm.lstm(call.writer, layer, call.value, call.lengths, state)
    if carried:
        for part, names in (("h", h), ("c", c)):
            made = names if isinstance(names, list) else [names]
            emitter.states_out += [
                (call.writer.scope + name, inner, shape)
                for (name, shape), inner in zip(_state_specs(layer, part), made)
            ]
    return y, h, c


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


def _linear(call):
    writer, layer, value, params = call.writer, call.layer, call.value, call.layer._param_views
    bias = writer.constant(params["bias"], "bias") if layer.bias else None
    if value.rank == 2:
        weight = writer.constant(params["weight"], "weight")
        return call.gives(writer.node("Gemm", value.name, weight, bias or "", transB=1))
    y = writer.node("MatMul", value.name, writer.constant(params["weight"].T, "weight_transposed"))
    return call.gives(writer.node("Add", y, bias) if bias else y)


def _embedding(call):
    table = call.writer.constant(call.layer._param_views["weight"], "weight")
    call.emitter.tables[id(call.layer)] = table
    return call.gives(call.writer.node("Gather", table, call.value.name, axis=0))


def _layer_norm(call):
    weight, bias = (call.writer.constant(call.layer._param_views[name], name) for name in ("weight", "bias"))
    eps = call.layer.eps
    return call.gives(call.writer.node("LayerNormalization", call.value.name, weight, bias, axis=-1, epsilon=eps))


def _normalization(call):
    scale, offset = map(call.writer.constant, call.layer._scale_and_offset(), ("scale", "offset"))
    return call.gives(call.writer.node("Add", call.writer.node("Mul", call.value.name, scale), offset))


def _nothing(call):
    """Layers that do nothing in inference."""
    return call.value


def _activation(call):
    return call.gives(activation(call.writer, [call.layer.name, *call.layer.parameters], call.value.name))


def _last(call):
    writer, layer = call.writer, call.layer
    if not layer.bidirectional:
        return call.gives(_step(call, first=layer.reverse))
    sizes = writer.integers(*[call.value.shape[2] // 2] * 2)
    there = writer.node("Split", _step(call), sizes, outputs=2, axis=1)[0]
    back = writer.node("Split", _step(call, first=True), sizes, outputs=2, axis=1)[1]
    if layer.merge == "concat":
        return call.gives(writer.node("Concat", there, back, axis=1))
    y = writer.node("Mul" if layer.merge == "mul" else "Add", there, back)
    return call.gives(writer.node("Mul", y, writer.number(0.5)) if layer.merge == "mean" else y)


def _step(call, first=False):
    """The first or the last valid step of each row (B, T, F), zeros for rows of no steps."""
    writer, x = call.writer, call.value.name
    if call.lengths is None:
        return writer.node("Gather", x, writer.constant(np.int64(0 if first else -1)), axis=1)
    if first:
        return _or_zero(call, writer.node("Gather", x, writer.constant(np.int64(0)), axis=1))
    places = writer.node("Sub", _lengths(call), writer.constant(np.int64(1)))
    at = writer.node("Equal", _times(call), writer.node("Unsqueeze", places, writer.integers(1)))
    picked = writer.node("Where", writer.node("Unsqueeze", at, writer.integers(2)), x, writer.number(0))
    return writer.node("ReduceSum", picked, writer.integers(1), keepdims=0)


def _or_zero(call, name):
    """(B, F) with zeros for rows of no steps."""
    some = call.writer.node("Greater", _lengths(call), call.writer.constant(np.int64(0)))
    some = call.writer.node("Unsqueeze", some, call.writer.integers(1))
    return call.writer.node("Where", some, name, call.writer.number(0))


def _reverse(call):
    writer, x = call.writer, call.value.name
    if call.lengths is not None:
        return call.gives(writer.node("ReverseSequence", x, _lengths(call), batch_axis=0, time_axis=1))
    last, end, axis = writer.integers(-1), writer.integers(-(2**63) + 1), writer.integers(1)
    return call.gives(writer.node("Slice", x, last, end, axis, writer.integers(-1)))


def _mean_pool(call):
    writer, x = call.writer, call.value.name
    if call.lengths is None:
        return call.gives(writer.node("ReduceMean", x, writer.integers(1), keepdims=0))
    total = writer.node("ReduceSum", _padded_with(call, 0), writer.integers(1), keepdims=0)
    steps = writer.node("Max", _lengths(call), writer.constant(np.int64(1)))
    steps = writer.node("Unsqueeze", steps, writer.integers(1))
    return call.gives(writer.node("Div", total, writer.node("CastLike", steps, total)))


def _max_pool(call):
    writer, x = call.writer, call.value.name
    if call.lengths is None:
        return call.gives(writer.node("ReduceMax", x, writer.integers(1), keepdims=0))
    most = writer.node("ReduceMax", _padded_with(call, -np.inf), writer.integers(1), keepdims=0)
    return call.gives(_or_zero(call, most))


def _padded_with(call, padding):
    """(B, T, F) with `padding` from each row's length on."""
    writer = call.writer
    valid = writer.node("Less", _times(call), writer.node("Unsqueeze", _lengths(call), writer.integers(1)))
    valid = writer.node("Unsqueeze", valid, writer.integers(2))
    return writer.node("Where", valid, call.value.name, writer.number(padding))


def _times(call):
    """0 … T - 1 as (1, T), of a value (B, T, F)."""
    writer = call.writer
    steps = writer.node("Squeeze", writer.size(call.value.name, 1), writer.integers(0))
    times = writer.node("Range", writer.constant(np.int64(0)), steps, writer.constant(np.int64(1)))
    return writer.node("Unsqueeze", times, writer.integers(0))


def _lengths(call):
    """The lengths as int64."""
    return call.writer.node("Cast", call.lengths, to=7)


# By the name under which a layer is registered.
EMITTERS = {
    "Sequential": _sequential,
    "LSTM": _lstm,
    "Linear": _linear,
    "Embedding": _embedding,
    "LayerNorm": _layer_norm,
    "Normalization": _normalization,
    "Activation": _activation,
    "Dropout": _nothing,
    "SpatialDropout1D": _nothing,
    "Reverse": _reverse,
    "Last": _last,
    "MeanPool": _mean_pool,
    "MaxPool": _max_pool,
    "Add": emit_wiring.joined("Add"),
    "Multiply": emit_wiring.joined("Mul"),
    "Concat": emit_wiring.joined("Concat", axis=-1),
    "Slice": emit_wiring.part,
    "Attention": emit_wiring.attention,
    "Conv1D": emit_wiring.convolution,
    "TiedLinear": emit_wiring.tied_linear,
    "Shift": emit_wiring.shift,
    "Gather": emit_wiring.gather,
    "Scatter": emit_wiring.scatter,
    "JoinDirections": emit_wiring.join_directions,
    "StackFrames": emit_wiring.stack_frames,
}
