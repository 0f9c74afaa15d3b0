"""el.LSTM as the ONNX operator: ONNX Runtime's own cases, ONNX Runtime itself, and ONNX's reference evaluator."""

import numpy as np
import pytest
from lstm_case import set_params
from onnx_case import CASES, node, random_arrays, run_onnxruntime, stored_case

import eigenlstm as el
from reference.onnx_lstm import snake_case, to_params


def layer_lstm(
    X,
    W,
    R,
    B=None,
    sequence_lens=None,
    initial_h=None,
    initial_c=None,
    P=None,
    *,
    direction="forward",
    activations=None,
    clip=None,
    input_forget=0,
    dtype="float32",
):
    """-> Y, Y_h, Y_c of el.LSTM, time-major as the operator; `activations`: three for each direction."""
    D, H = R.shape[0], R.shape[2]
    names = [
        snake_case(a) if isinstance(a, str) else (snake_case(a[0]), *a[1:])
        for a in activations or ["sigmoid", "tanh", "tanh"] * D
    ]
    lstm = el.LSTM(
        X.shape[2],
        H,
        bias=B is not None,
        bidirectional=direction == "bidirectional",
        reverse=direction == "reverse",
        time_major=True,
        dtype=dtype,
        peephole=P is not None,
        gate_clip=clip,
        coupled_input_forget=bool(input_forget),
        activations=(names[:3], names[3:]) if D == 2 else names,
    )
    set_params(lstm, to_params(W, R, B, P))
    state = tuple(None if part is None else part.astype(dtype) for part in (initial_h, initial_c))
    y, (h, c) = lstm(X.astype(dtype), state=state, lengths=sequence_lens)
    return y.reshape(*y.shape[:2], D, H).transpose(0, 2, 1, 3), h, c


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_onnx_runtimes_cases(case, dtype):
    arguments, expected = stored_case(case)
    got = dict(zip(("Y", "Y_h", "Y_c"), layer_lstm(**arguments, dtype=dtype)))
    assert expected
    for name, values in expected.items():
        np.testing.assert_allclose(got[name], values, rtol=0, atol=1e-4, err_msg=name)


def test_all_the_cases_are_there():
    assert len(CASES) == 27


GATES = ["Sigmoid", ("HardSigmoid", 0.2, 0.5), ("HardSigmoid", 0.3, 0.4), "Softsign", "Tanh"]
OTHERS = [
    "Tanh",
    "Relu",
    ("LeakyRelu", 0.2),
    ("ThresholdedRelu", 0.3),
    ("Elu", 0.7),
    ("Affine", 0.6, 0.1),
    ("ScaledTanh", 0.8, 1.3),
    "Softsign",
    "Softplus",
]
ATTRIBUTES = [
    dict(),
    dict(clip=0.5),
    dict(input_forget=1),
    dict(input_forget=1, clip=0.3),
    *(dict(activations=[gate, "Tanh", "Tanh"]) for gate in GATES),
    *(dict(activations=["Sigmoid", other, "Tanh"]) for other in OTHERS),
    *(dict(activations=["Sigmoid", "Tanh", other]) for other in OTHERS),
    dict(activations=[("HardSigmoid", 0.3, 0.4), ("Elu", 0.7), ("ScaledTanh", 0.8, 1.3)], clip=0.8, input_forget=1),
]


def as_onnx(attributes, D):
    """The attributes as the operator has them: names, and the lists of those parameters that are needed, for each
    direction.
    """
    activations = [(a,) if isinstance(a, str) else a for a in attributes.get("activations", ())] * D
    lists = {
        "activations": [a[0] for a in activations],
        "activation_alpha": [a[1] for a in activations if len(a) > 1],
        "activation_beta": [a[2] for a in activations if len(a) > 2],
    }
    return {**attributes, **{name: values for name, values in lists.items() if values}}


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("attributes", ATTRIBUTES, ids=str)
def test_onnx_runtime_gives_the_same(attributes, direction):
    pytest.importorskip("onnx", reason="ONNX Runtime is the peer of this test and onnx makes its models")
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is the peer of this test")
    D = 2 if direction == "bidirectional" else 1
    for seed, left_out in enumerate([[], ["P"], ["B"], ["initial_h", "initial_c"], ["sequence_lens"]]):
        arrays = random_arrays(np.random.default_rng(seed), T=6, B=5, I=3, H=7, D=D)
        for name in ("W", "R", "P"):
            arrays[name] *= 0.6
        # no row of length 0: there ONNX Runtime gives zeros for the last state where we keep the initial one
        arrays["sequence_lens"] = np.array([6, 2, 1, 5, 6])
        for name in left_out:
            del arrays[name]
        expected = run_onnxruntime(arrays, {"direction": direction, **as_onnx(attributes, D)})
        own = (
            {**attributes, "activations": attributes["activations"] * D} if "activations" in attributes else attributes
        )
        for dtype in ("float32", "float64"):
            got = layer_lstm(**arrays, direction=direction, **own, dtype=dtype)
            for name, ours, theirs in zip(("Y", "Y_h", "Y_c"), got, expected):
                np.testing.assert_allclose(
                    ours, theirs, rtol=2e-5, atol=2e-5, err_msg=f"{name}, without {left_out}, {dtype}"
                )


def test_onnx_runtime_gives_the_same_with_activations_of_each_direction():
    pytest.importorskip("onnx", reason="ONNX Runtime is the peer of this test and onnx makes its models")
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is the peer of this test")
    arrays = random_arrays(np.random.default_rng(0), T=6, B=5, I=3, H=7, D=2)
    chosen = ["Sigmoid", "Tanh", ("Elu", 0.7), ("HardSigmoid", 0.3, 0.4), ("ScaledTanh", 0.8, 1.3), "Softsign"]
    lists = as_onnx({"activations": chosen}, 1)
    expected = run_onnxruntime(arrays, {"direction": "bidirectional", **lists})
    got = layer_lstm(**arrays, direction="bidirectional", activations=chosen)
    for name, ours, theirs in zip(("Y", "Y_h", "Y_c"), got, expected):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_the_reference_evaluator_gives_the_same_in_float64(direction):
    reference = pytest.importorskip("onnx.reference", reason="ONNX's reference evaluator is the peer of this test")
    arrays = random_arrays(np.random.default_rng(1), T=6, B=4, I=3, H=7, D=2 if direction == "bidirectional" else 1)
    try:
        expected = reference.ReferenceEvaluator(node(arrays, {"direction": direction})).run(None, arrays)
    except NotImplementedError:
        pytest.skip("this version of onnx evaluates one direction only")
    for name, ours, theirs in zip(
        ("Y", "Y_h", "Y_c"), layer_lstm(**arrays, direction=direction, dtype="float64"), expected
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12, err_msg=name)
