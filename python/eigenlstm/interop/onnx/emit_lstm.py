"""`el.LSTM` as nodes: the operator LSTM where it can say what the layer does, else a Scan over time."""

import numpy as np

from . import scan
from .operator import Unsupported, onnx_activations, onnx_weights, per_direction
from .writer import Value


def lstm(writer, layer, value, lengths, state):
    """-> y as a `Value`, and the names of the final states h and c.

    `state`: the names of h0 and c0, (layers * D, B, P) and (layers * D, B, H), or None for zeros, or what was learned.
    States of layers that differ in width are lists of names, one for each layer and direction.
    """
    options, D = layer._variants, layer.num_directions
    x = value.name if layer.time_major else writer.node("Transpose", value.name, perm=[1, 0, 2])
    x = _without_missing(writer, layer, x)
    by_operator = says_operator(options)
    alive = None if lengths is None or by_operator else _alive(writer, x, lengths)
    states = _initial(writer, layer, x, state)
    finals = []
    for k in range(layer.num_layers):
        suffixes = [f"_l{k}{way}" for way in ("", "_reverse")[:D]]
        initial = states[k]
        if by_operator:
            y, h, c = _operator(writer, layer, suffixes, x, lengths, initial)
        else:
            y, h, c = scan.layer(writer, layer, suffixes, x, alive, initial)
        finals.append((h, c))
        merged = _merged(writer, y, layer._widths[k] if not layer.proj_size else layer.proj_size, D, options["merge"])
        x = writer.node("Add", merged, x) if options["residual"] and k else merged
    shape = layer.output_shape(value.shape)
    y = x if layer.time_major else writer.node("Transpose", x, perm=[1, 0, 2])
    return Value(y, shape), *(_joined(writer, layer, [final[part] for final in finals]) for part in (0, 1))


def says_operator(options):
    """Whether the operator LSTM has a word for all that a cell of these options does."""
    more = any(options[name] for name in ("proj_size", "layer_norm", "cell_clip")) or any(options["zoneout"])
    return not more and onnx_activations(per_direction(options["activations"], 1)) is not None


def _without_missing(writer, layer, x):
    """x (T, B, I) as the first layer reads it: NaN filled, or zero beside an indicator."""
    how = layer._variants["missing"]
    if how == "propagate":
        return x
    if how == "error":
        raise Unsupported(
            "LSTM: missing='error' can't be exported: a graph can't raise an error for NaN; "
            "export a layer with missing='propagate'"
        )
    nan = writer.node("IsNaN", x)
    if how == "mask":
        zero = writer.node("Where", nan, writer.number(0), x)
        indicator = writer.node("CastLike", nan, x)
        return writer.node("Concat", zero, indicator, axis=2)
    return scan.forward_fill(writer, x)


def _alive(writer, x, lengths):
    """(T, B, 1): whether step t of row b lies within the row's length."""
    steps = writer.node("Squeeze", writer.size(x, 0), writer.integers(0))
    times = writer.node("Range", writer.constant(np.int64(0)), steps, writer.constant(np.int64(1)))
    rows = writer.node("Cast", writer.node("Unsqueeze", lengths, writer.integers(0)), to=7)
    alive = writer.node("Less", writer.node("Unsqueeze", times, writer.integers(1)), rows)
    return writer.node("Unsqueeze", alive, writer.integers(2))


def _initial(writer, layer, x, state):
    """(h0, c0) of each layer: names of (D, B, P) and (D, B, H), both None where they are zero."""
    D, layers = layer.num_directions, layer.num_layers
    if state is None and not layer._variants["learned_state"]:
        return [None] * layers
    if state is None:
        params = layer._param_views
        batch = writer.size(x, 1)
        each = []
        for k in range(layers):
            names = [f"_l{k}{way}" for way in ("", "_reverse")[:D]]
            learned = [np.stack([params[part + name] for name in names])[:, None] for part in ("h0", "c0")]
            each.append(
                tuple(
                    writer.node(
                        "Expand",
                        writer.constant(values),
                        writer.node("Concat", writer.integers(D), batch, writer.integers(values.shape[2]), axis=0),
                    )
                    for values in learned
                )
            )
        return each
    parts = []
    for part in state:
        if isinstance(part, list):  # (B, H) of each layer and direction
            stood = [writer.node("Unsqueeze", name, writer.integers(0)) for name in part]
            parts.append(
                [
                    stood[k * D] if D == 1 else writer.node("Concat", *stood[k * D : (k + 1) * D], axis=0)
                    for k in range(layers)
                ]
            )
        elif layers == 1:
            parts.append([part])
        else:
            parts.append(writer.node("Split", part, writer.integers(*[D] * layers), outputs=layers, axis=0))
    return list(zip(*parts))


def _joined(writer, layer, finals):
    """Final states (D, B, H) of the layers as the layer gives them: one array, or a list of (B, H)."""
    if layer._uniform:
        return finals[0] if len(finals) == 1 else writer.node("Concat", *finals, axis=0)
    if layer.num_directions == 1:
        return [writer.node("Squeeze", name, writer.integers(0)) for name in finals]
    halves = [half for name in finals for half in writer.node("Split", name, outputs=2, axis=0, num_outputs=2)]
    return [writer.node("Squeeze", half, writer.integers(0)) for half in halves]


def _operator(writer, layer, suffixes, x, lengths, initial):
    """One layer as an LSTM node: y (T, D, B, H), h and c (D, B, H)."""
    options, D = layer._variants, len(suffixes)
    W, R, B, P = onnx_weights(layer._param_views, suffixes)
    names = [
        "" if value is None else writer.constant(value, f"{kind}{suffixes[0]}")
        for kind, value in (("W", W), ("R", R), ("B", B), ("P", P))
    ]
    attributes = onnx_activations(per_direction(options["activations"], D))
    if options["gate_clip"] is not None:
        attributes["clip"] = options["gate_clip"]
    if options["coupled_input_forget"]:
        attributes["input_forget"] = 1
    direction = "bidirectional" if D == 2 else "reverse" if layer.reverse else "forward"
    h0, c0 = initial or ("", "")
    y, h, c = writer.node(
        "LSTM",
        x,
        *names[:3],
        lengths or "",
        h0,
        c0,
        names[3],
        outputs=3,
        hidden_size=R.shape[2],
        direction=direction,
        **attributes,
    )
    if lengths is not None and initial is not None:  # ONNX Runtime gives zeros for rows of no steps
        empty = writer.node("Equal", lengths, writer.constant(np.int32(0)))
        empty = writer.node("Unsqueeze", empty, writer.integers(0, 2))
        h, c = writer.node("Where", empty, h0, h), writer.node("Where", empty, c0, c)
    return y, h, c


def _merged(writer, y, size, D, merge):
    """y (T, D, B, H) of a layer's directions as one (T, B, F)."""
    if D == 1:
        return writer.node("Squeeze", y, writer.integers(1))
    if merge == "concat":
        side_by_side = writer.node("Transpose", y, perm=[0, 2, 1, 3])
        return writer.node("Reshape", side_by_side, writer.integers(0, 0, D * size))
    operator = {"sum": "ReduceSum", "mean": "ReduceMean", "mul": "ReduceProd"}[merge]
    return writer.node(operator, y, writer.integers(1), keepdims=0)
