"""The oracle's ONNX variants against ONNX Runtime itself: clip, peepholes, input_forget, activations."""

import numpy as np
import pytest
from onnx_case import random_arrays, run_onnxruntime

from reference.onnx_lstm import onnx_lstm

pytest.importorskip("onnx", reason="ONNX Runtime is the peer of this test and onnx makes its models")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is the peer of this test")

DEFAULTS = {
    "HardSigmoid": (0.2, 0.5),
    "LeakyRelu": (0.01,),
    "ThresholdedRelu": (1.0,),
    "Elu": (1.0,),
    "Affine": (1.0, 0.0),
    "ScaledTanh": (1.0, 1.0),
}


@pytest.mark.parametrize(
    "attributes",
    [
        dict(),
        dict(clip=0.5),
        dict(input_forget=1),
        dict(activations=["HardSigmoid", "Softsign", "Elu"]),
        dict(activations=["Sigmoid", "Relu", "LeakyRelu"]),
        dict(activations=["Sigmoid", "ThresholdedRelu", "ScaledTanh"]),
        dict(activations=["Sigmoid", "Affine", "Softplus"], clip=2.0),
    ],
    ids=str,
)
def test_oracle_agrees_with_onnxruntime(attributes):
    rng = np.random.default_rng(0)
    T, B, I, H, D = 4, 3, 2, 5, 2
    arrays = random_arrays(rng, T, B, I, H, D)
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
