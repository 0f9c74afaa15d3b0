"""A layer of an LSTM as a Scan over time, for what the operator LSTM has no word for.

The body is the cell of `eigenlstm/variants.hpp`, line by line: projection, layer normalisation, cell clip, zoneout's
expectation and any activation, in inference.
"""

import numpy as np
from onnx import helper

from .emit_activation import activation
from .operator import per_direction

_EPSILON = 1e-5  # of the layer normalisation inside the cell


def layer(writer, lstm, suffixes, x, alive, initial):
    """y (T, D, B, P), h (D, B, P) and c (D, B, H) of the directions `suffixes` of one layer for x (T, B, inputs)."""
    h0, c0 = (None, None) if initial is None else (_split(writer, part, len(suffixes)) for part in initial)
    ys, hs, cs = [], [], []
    for d, suffix in enumerate(suffixes):
        params = {name[: -len(suffix)]: value for name, value in lstm._param_views.items() if name.endswith(suffix)}
        H, P = params["weight_hh"].shape[0] // 4, params["weight_hh"].shape[1]
        state = [
            _zeros(writer, x, size) if part is None else writer.node("Squeeze", part[d], writer.integers(0))
            for part, size in ((h0, P), (c0, H))
        ]
        z = writer.node("MatMul", x, writer.constant(params["weight_ih"].T, f"W{suffix}"))
        if "bias" in params and "norm_weight" not in params:
            z = writer.node("Add", z, writer.constant(params["bias"], f"B{suffix}"))
        scanned = [z] if alive is None else [z, alive]
        backwards = d == 1 or lstm.reverse
        if backwards:
            scanned = [_turned(writer, name) for name in scanned]
        body = _body(writer, lstm, params, d, suffix, alive is not None)
        h, c, y = writer.node("Scan", *state, *scanned, outputs=3, body=body, num_scan_inputs=len(scanned))
        y = _turned(writer, y) if backwards else y
        for names, name, axis in ((ys, y, 1), (hs, h, 0), (cs, c, 0)):
            names.append(writer.node("Unsqueeze", name, writer.integers(axis)))
    return tuple(
        names[0] if len(names) == 1 else writer.node("Concat", *names, axis=axis)
        for names, axis in ((ys, 1), (hs, 0), (cs, 0))
    )


def forward_fill(writer, x):
    """x (T, B, I) with each NaN replaced by the last value before it in its row and feature, 0 before the first."""
    body = writer.body()
    last, now = body.name("last"), body.name("now")
    filled = body.node("Where", body.node("IsNaN", now), last, now)
    scanned = body.node("Identity", filled)
    graph = _graph(body, [last, now], [writer.dtype] * 2, [filled, scanned])
    batch_and_features = writer.node("Shape", x, start=1)
    zeros = writer.node("Expand", writer.number(0), batch_and_features)
    return writer.node("Scan", zeros, x, outputs=2, body=graph, num_scan_inputs=1)[1]


def _body(writer, lstm, params, d, suffix, ragged):
    """The graph of one step: h, c, z_t (and alive_t) -> h, c, y_t."""
    options = lstm._variants
    gate, candidate, output = per_direction(options["activations"], lstm.num_directions)[d]
    body = writer.body()
    h_prev, c_prev, z_t = (body.name(name) for name in ("h", "c", "z"))
    alive = body.name("alive") if ragged else None

    z = body.node("Add", z_t, body.node("MatMul", h_prev, body.constant(params["weight_hh"].T, f"R{suffix}")))
    if "norm_weight" in params:
        z = _normalised_gates(body, params, suffix, z)
    z_i, z_f, z_g, z_o = body.node("Split", z, outputs=4, axis=1, num_outputs=4)
    peepholes = np.split(params["peephole"], 3) if "peephole" in params else [None] * 3

    def seen(z, weights, c):
        return z if weights is None else body.node("Add", z, body.node("Mul", c, body.constant(weights)))

    def act(chosen, z):
        return activation(body, chosen, _clipped(body, z, options["gate_clip"]))

    i = act(gate, seen(z_i, peepholes[0], c_prev))
    if options["coupled_input_forget"]:
        f = body.node("Sub", body.number(1), i)
    else:
        f = act(gate, seen(z_f, peepholes[1], c_prev))
    g = act(candidate, z_g)
    c_new = body.node("Add", body.node("Mul", f, c_prev), body.node("Mul", i, g))
    c_new = _clipped(body, c_new, options["cell_clip"])
    o = act(gate, seen(z_o, peepholes[2], c_new))
    c_out = c_new
    if "norm_cell_weight" in params:
        scale, shift = (body.constant(params[f"norm_cell_{part}"]) for part in ("weight", "bias"))
        c_out = body.node("LayerNormalization", c_new, scale, shift, axis=1, epsilon=_EPSILON)
    h_new = body.node("Mul", o, activation(body, output, c_out))
    if "weight_hr" in params:
        h_new = body.node("MatMul", h_new, body.constant(params["weight_hr"].T, f"weight_hr{suffix}"))
    zone_h, zone_c = options["zoneout"]
    h, c = _zoned(body, h_new, h_prev, zone_h), _zoned(body, c_new, c_prev, zone_c)
    if ragged:
        y = body.node("Where", alive, h, body.number(0))
        h, c = (body.node("Where", alive, *pair) for pair in ((h, h_prev), (c, c_prev)))
        return _graph(body, [h_prev, c_prev, z_t, alive], [writer.dtype] * 3 + [np.bool_], [h, c, y])
    return _graph(body, [h_prev, c_prev, z_t], [writer.dtype] * 3, [h, c, body.node("Identity", h)])


def _normalised_gates(body, params, suffix, z):
    """norm(z) * weight + bias, each gate's H units by themselves; z is (B, 4H)."""
    H = params["norm_weight"].shape[0] // 4
    z = body.node("Reshape", z, body.integers(0, 4, H))
    ones = body.constant(np.ones(H, body.dtype), f"ones{suffix}")
    z = body.node("LayerNormalization", z, ones, axis=2, epsilon=_EPSILON)
    z = body.node("Mul", z, body.constant(params["norm_weight"].reshape(4, H)))
    if "bias" in params:
        z = body.node("Add", z, body.constant(params["bias"].reshape(4, H)))
    return body.node("Reshape", z, body.integers(0, 4 * H))


def _clipped(body, z, bound):
    return z if bound is None else body.node("Clip", z, body.number(-bound), body.number(bound))


def _zoned(body, new, old, zone):
    """The expectation of zoneout: (1 - zone) new + zone old."""
    if zone == 0:
        return new
    return body.node("Add", body.node("Mul", new, body.number(1 - zone)), body.node("Mul", old, body.number(zone)))


def _zeros(writer, x, size):
    """(B, size) of zeros, for x (T, B, inputs)."""
    shape = writer.node("Concat", writer.size(x, 1), writer.integers(size), axis=0)
    return writer.node("Expand", writer.number(0), shape)


def _turned(writer, name):
    """(T, ...) in the opposite order of time. (A Scan can do so itself, which onnx's reference evaluator can't.)"""
    last, end, axis = writer.integers(-1), writer.integers(-(2**63) + 1), writer.integers(0)
    return writer.node("Slice", name, last, end, axis, writer.integers(-1))


def _split(writer, state, D):
    return [state] if D == 1 else writer.node("Split", state, outputs=D, axis=0, num_outputs=D)


def _graph(body, inputs, dtypes, outputs):
    """The body's graph; `dtypes` are those of the inputs, the outputs are floats."""

    def described(name, dtype):
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), None)

    return helper.make_graph(
        body.nodes,
        body.name("body"),
        [described(name, dtype) for name, dtype in zip(inputs, dtypes)],
        [described(name, body.dtype) for name in outputs],
    )
