"""The ONNX model that ONNX Runtime and OpenVINO run: LSTM nodes, time-major, weights as constants."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from ..work import Lstm

IOFC = (0, 3, 1, 2)  # ONNX's gate order, as blocks of PyTorch's i f g o


def reordered(a: np.ndarray) -> np.ndarray:
    return np.concatenate([np.split(a, 4)[gate] for gate in IOFC])


def model(work: Lstm) -> bytes:
    """Inputs X (T, B, I); lengths (B,) if ragged; h0, c0 (D, B, H) in a step. Outputs Y (T, B, D*H), Yh<k>, Yc<k>."""
    D, H, T, B = work.directions, work.H, work.T, work.B
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(work.dtype))
    weights, nodes, constants, states = work.weights(), [], [], []
    inputs = [helper.make_tensor_value_info("X", kind, [T, B, work.I])]
    if work.ragged:
        inputs.append(helper.make_tensor_value_info("lengths", TensorProto.INT32, [B]))
    if work.mode == "step":
        inputs += [helper.make_tensor_value_info(name, kind, [D, B, H]) for name in ("h0", "c0")]

    def constant(name, value):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    x = "X"
    for k in range(work.layers):
        ends = [end for end, _ in work.suffixes()[k * D : (k + 1) * D]]
        W = constant(f"W{k}", np.stack([reordered(weights["weight_ih" + e]) for e in ends]))
        R = constant(f"R{k}", np.stack([reordered(weights["weight_hh" + e]) for e in ends]))
        b = np.stack([reordered(weights["bias" + e]) for e in ends])
        b = constant(f"B{k}", np.concatenate([b, np.zeros_like(b)], axis=1))
        start = ["h0", "c0"] if work.mode == "step" else []
        direction = "bidirectional" if work.bidirectional else "forward"
        arguments = [x, W, R, b, "lengths" if work.ragged else "", *start]
        nodes.append(
            helper.make_node("LSTM", arguments, [f"raw{k}", f"Yh{k}", f"Yc{k}"], hidden_size=H, direction=direction)
        )
        states += [f"Yh{k}", f"Yc{k}"]
        x = f"Y{k}" if k < work.layers - 1 else "Y"
        if D == 1:  # (T, 1, B, H) to (T, B, H): no data move
            nodes.append(helper.make_node("Squeeze", [f"raw{k}", constant(f"axis{k}", np.array([1]))], [x]))
        else:
            nodes.append(helper.make_node("Transpose", [f"raw{k}"], [f"rows{k}"], perm=[0, 2, 1, 3]))
            nodes.append(helper.make_node("Reshape", [f"rows{k}", constant(f"shape{k}", np.array([T, B, D * H]))], [x]))
    outputs = [helper.make_tensor_value_info("Y", kind, [T, B, D * H])]
    outputs += [helper.make_tensor_value_info(name, kind, [D, B, H]) for name in states]
    graph = helper.make_graph(nodes, "lstm", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8).SerializeToString()


def output_names(work: Lstm) -> list[str]:
    return ["Y"] + [f"Y{s}{k}" for k in range(work.layers) for s in "hc"]


def results(work: Lstm, outputs: list[np.ndarray]) -> dict[str, np.ndarray]:
    y, *states = [np.array(o) for o in outputs]
    return {"y": work.valid(y.swapaxes(0, 1)), "h": np.concatenate(states[0::2]), "c": np.concatenate(states[1::2])}
