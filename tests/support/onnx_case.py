"""The ONNX operator LSTM: stored cases, random arrays, and ONNX Runtime to run it."""

import json
from pathlib import Path

import numpy as np

CASES = json.loads((Path(__file__).parents[1] / "cases" / "onnxruntime_lstm.json").read_text())["cases"]
INPUTS = ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"]


def stored_case(case):
    """The arrays and attributes of one of `CASES`, in the shapes of the operator, and what it expects."""
    T, N, I, H, D = case["T"], case["N"], case["I"], case["H"], 2 if case["direction"] == "bidirectional" else 1
    shapes = {
        "X": (T, N, I),
        "W": (D, 4 * H, I),
        "R": (D, 4 * H, H),
        "B": (D, 8 * H),
        "P": (D, 3 * H),
        "initial_h": (D, N, H),
        "initial_c": (D, N, H),
    }
    arrays = {
        name: np.array(case[name], np.float64).reshape(shape)
        for name, shape in shapes.items()
        if case[name] is not None
    }
    attributes = {name: case[name] for name in ("direction", "activations", "clip", "input_forget", "sequence_lens")}
    expected = {"Y": (T, D, N, H), "Y_h": (D, N, H), "Y_c": (D, N, H)}
    return {**arrays, **attributes}, {
        name: np.array(case[name]).reshape(shape) for name, shape in expected.items() if case[name] is not None
    }


def random_arrays(rng, T, B, I, H, D):
    """Every floating input of the operator."""
    shapes = {
        "X": (T, B, I),
        "W": (D, 4 * H, I),
        "R": (D, 4 * H, H),
        "B": (D, 8 * H),
        "P": (D, 3 * H),
        "initial_h": (D, B, H),
        "initial_c": (D, B, H),
    }
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def node(arrays, attributes):
    """An ONNX model of one LSTM node."""
    from onnx import helper

    lstm = helper.make_node(
        "LSTM",
        [name if name in arrays else "" for name in INPUTS],
        ["Y", "Y_h", "Y_c"],
        hidden_size=arrays["R"].shape[2],
        **attributes,
    )
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for name, a in arrays.items()
    ]
    dtype = helper.np_dtype_to_tensor_dtype(arrays["X"].dtype)
    outputs = [helper.make_tensor_value_info(name, dtype, None) for name in ("Y", "Y_h", "Y_c")]
    return helper.make_model(
        helper.make_graph([lstm], "lstm", inputs, outputs), ir_version=10, opset_imports=[helper.make_opsetid("", 22)]
    )


def run_onnxruntime(arrays, attributes):
    """-> Y, Y_h, Y_c of ONNX Runtime, in float32."""
    import onnxruntime as ort

    arrays = {name: a.astype(np.int32 if name == "sequence_lens" else np.float32) for name, a in arrays.items()}
    session = ort.InferenceSession(node(arrays, attributes).SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, arrays)
