"""Nodes of the layers that join several values or move steps: attention, shifts, gathering, stacking."""

import numpy as np

from .operator import Unsupported


def joined(operator, **attributes):
    """Layers that join all their values by an operator of two."""

    def emit(call):
        first, *others = (value.name for value in call.values)
        for other in others:
            first = call.writer.node(operator, first, other, **attributes)
        return call.gives(first)

    return emit


def part(call):
    """Slice: features start to stop."""
    start, stop, _ = slice(call.layer.start, call.layer.stop).indices(call.value.shape[-1])
    bounds = (call.writer.integers(place) for place in (start, stop, -1))
    return call.gives(call.writer.node("Slice", call.value.name, *bounds))


def attention(call):
    writer, layer, params = call.writer, call.layer, call.layer._param_views
    query, memory = (value.name for value in call.values)
    of_query, of_memory = call.all_lengths
    if layer.score == "additive":
        keys = writer.node("MatMul", memory, writer.constant(params["memory_weight"].T, "memory_weight_transposed"))
        asked = writer.node("MatMul", query, writer.constant(params["query_weight"].T, "query_weight_transposed"))
        asked = writer.node("Add", asked, writer.constant(params["bias"], "bias"))
        asked, keys = (writer.node("Unsqueeze", a, writer.integers(k)) for a, k in ((asked, 2), (keys, 1)))
        seen = writer.node("Tanh", writer.node("Add", asked, keys))  # (B, T, S, hidden)
        scores = writer.node("MatMul", seen, writer.constant(params["v"][:, None], "v_column"))
        scores = writer.node("Squeeze", scores, writer.integers(3))
    else:
        keys = memory
        if layer.score == "general":
            keys = writer.node("MatMul", memory, writer.constant(params["weight"].T, "weight_transposed"))
        scores = writer.node("MatMul", query, writer.node("Transpose", keys, perm=[0, 2, 1]))
        if layer.scale:
            scores = writer.node("Mul", scores, writer.number(layer._factor))
    if of_memory is not None:
        valid = _valid(writer, memory, of_memory)  # (B, S)
        seen = writer.node("Unsqueeze", valid, writer.integers(1))
        scores = writer.node("Where", seen, scores, writer.number(-np.inf))
        memory = writer.node("Where", writer.node("Unsqueeze", valid, writer.integers(2)), memory, writer.number(0))
    weights = writer.node("Softmax", scores, axis=-1)
    if of_memory is not None:  # the weights of a row without a memory are no numbers
        weights = writer.node("Where", seen, weights, writer.number(0))
    y = writer.node("MatMul", weights, memory)
    if of_query is not None:
        valid = writer.node("Unsqueeze", _valid(writer, query, of_query), writer.integers(2))
        y = writer.node("Where", valid, y, writer.number(0))
    return call.gives(y)


def convolution(call):
    writer, layer, params, x = call.writer, call.layer, call.layer._param_views, call.value.name
    valid = None
    if call.lengths is not None:
        valid = writer.node("Unsqueeze", _valid(writer, x, call.lengths), writer.integers(2))
        x = writer.node("Where", valid, x, writer.number(0))
    weights = [writer.constant(params[name], name) for name in ("weight", "bias") if name in params]
    x = writer.node("Transpose", x, perm=[0, 2, 1])
    y = writer.node("Conv", x, *weights, pads=[layer._left, layer._right], dilations=[layer.dilation])
    y = writer.node("Transpose", y, perm=[0, 2, 1])
    return call.gives(y if valid is None else writer.node("Where", valid, y, writer.number(0)))


def tied_linear(call):
    writer, layer = call.writer, call.layer
    table = call.emitter.tables.get(id(layer.tied)) or writer.constant(layer.tied._param_views["weight"], "weight")
    y = writer.node("MatMul", call.value.name, writer.node("Transpose", table, perm=[1, 0]))
    return call.gives(writer.node("Add", y, writer.constant(layer._param_views["bias"], "bias")) if layer.bias else y)


def shift(call):
    writer, x, rank = call.writer, call.value.name, call.value.rank
    integers = call.value.integers
    before = writer.node("Slice", x, *(writer.integers(place) for place in (0, -1, 1)))
    first = writer.node("Shape", writer.node("Slice", x, *(writer.integers(place) for place in (0, 1, 1))), end=rank)
    start = writer.constant(np.int64(call.layer.start)) if integers else writer.number(call.layer.start)
    return call.gives(writer.node("Concat", writer.node("Expand", start, first), before, axis=1))


def gather(call):
    writer = call.writer
    x, steps = (value.name for value in call.values)
    zero = writer.constant(np.int64(0))
    places = writer.node("Unsqueeze", writer.node("Max", steps, zero), writer.integers(2))
    taken = writer.node("GatherND", x, places, batch_dims=1)
    there = writer.node("Unsqueeze", writer.node("GreaterOrEqual", steps, zero), writer.integers(2))
    return call.gives(writer.node("Where", there, taken, writer.number(0)))


def scatter(call):
    writer = call.writer
    x, steps, like = (value.name for value in call.values)
    bound = writer.node("Squeeze", writer.size(like, 1), writer.integers(0))
    places = writer.node("Range", writer.constant(np.int64(0)), bound, writer.constant(np.int64(1)))
    places = writer.node("Unsqueeze", places, writer.integers(0, 2))  # (1, S, 1)
    same = writer.node("Equal", places, writer.node("Unsqueeze", steps, writer.integers(1)))  # (B, S, T)
    return call.gives(writer.node("MatMul", writer.node("CastLike", same, x), x))


def join_directions(call):
    """(2 L, B, H) -> (L, B, 2 H): every other one, side by side."""
    writer, end = call.writer, 2**31 - 1
    halves = [
        writer.node("Slice", call.value.name, *(writer.integers(place) for place in (first, end, 0, 2)))
        for first in (0, 1)
    ]
    return call.gives(writer.node("Concat", *halves, axis=2))


def stack_frames(call):
    writer, x, count, features = call.writer, call.value.name, call.layer.count, call.value.shape[2]
    if call.lengths is not None:
        raise Unsupported("StackFrames changes the number of steps, which can't be exported with lengths")
    more = writer.node("Mod", writer.node("Neg", writer.size(x, 1)), writer.integers(count))  # steps that are missing
    pads = writer.node("Concat", writer.integers(0, 0, 0, 0), more, writer.integers(0), axis=0)
    padded = writer.node("Pad", x, pads)
    return call.gives(writer.node("Reshape", padded, writer.integers(0, -1, count * features)))


def _valid(writer, value, lengths):
    """(B, T): whether a step of a value (B, T, ...) lies within its row's length."""
    steps = writer.node("Squeeze", writer.size(value, 1), writer.integers(0))
    times = writer.node("Range", writer.constant(np.int64(0)), steps, writer.constant(np.int64(1)))
    rows = writer.node("Unsqueeze", writer.node("Cast", lengths, to=7), writer.integers(1))
    return writer.node("Less", writer.node("Unsqueeze", times, writer.integers(0)), rows)
