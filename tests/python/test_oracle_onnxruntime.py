"""The oracle's ONNX variants against ONNX Runtime itself: clip, peepholes, input_forget, activations."""

import numpy as np
import pytest

from reference.onnx_lstm import onnx_lstm

onnx = pytest.importorskip("onnx", reason="ONNX Runtime is the peer of this test and onnx makes its models")
ort = pytest.importorskip("onnxruntime", reason="ONNX Runtime is the peer of this test")

INPUTS = ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"]
DEFAULTS = {"HardSigmoid": (0.2, 0.5), "LeakyRelu": (0.01,), "ThresholdedRelu": (1.0,), "Elu": (1.0,),
            "Affine": (1.0, 0.0), "ScaledTanh": (1.0, 1.0)}


def run_onnxruntime(arrays, attributes):
    from onnx import TensorProto, helper

    arrays = {name: a.astype(np.int32 if name == "sequence_lens" else np.float32) for name, a in arrays.items()}
    node = helper.make_node("LSTM", [name if name in arrays else "" for name in INPUTS], ["Y", "Y_h", "Y_c"],
                            hidden_size=arrays["R"].shape[2], **attributes)
    inputs = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
              for name, a in arrays.items()]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("Y", "Y_h", "Y_c")]
    model = helper.make_model(helper.make_graph([node], "lstm", inputs, outputs), ir_version=10,
                              opset_imports=[helper.make_opsetid("", 22)])
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, arrays)


@pytest.mark.parametrize("attributes", [
    dict(),
    dict(clip=0.5),
    dict(input_forget=1),
    dict(activations=["HardSigmoid", "Softsign", "Elu"]),
    dict(activations=["Sigmoid", "Relu", "LeakyRelu"]),
    dict(activations=["Sigmoid", "ThresholdedRelu", "ScaledTanh"]),
    dict(activations=["Sigmoid", "Affine", "Softplus"], clip=2.0),
], ids=str)
def test_oracle_agrees_with_onnxruntime(attributes):
    rng = np.random.default_rng(0)
    T, B, I, H, D = 4, 3, 2, 5, 2
    shapes = {"X": (T, B, I), "W": (D, 4 * H, I), "R": (D, 4 * H, H), "B": (D, 8 * H), "P": (D, 3 * H),
              "initial_h": (D, B, H), "initial_c": (D, B, H)}
    arrays = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    # no row of length 0: there ONNX Runtime gives zeros for the last state where we keep the initial one
    arrays["sequence_lens"] = np.array([4, 2, 1])
    for_peer = {"direction": "bidirectional", **attributes}
    if "activations" in attributes:
        for_peer["activations"] = attributes["activations"] * D
        constants = [DEFAULTS.get(name, ()) for name in for_peer["activations"]]
        for_peer["activation_alpha"] = [c[0] for c in constants if c]
        for_peer["activation_beta"] = [c[1] for c in constants if len(c) > 1]
        for_peer = {name: value for name, value in for_peer.items() if value != []}
    got = onnx_lstm(**arrays, direction="bidirectional", **{**attributes, "activations": for_peer.get("activations")})
    for ours, theirs in zip(got, run_onnxruntime(arrays, for_peer)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
