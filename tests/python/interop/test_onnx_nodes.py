"""One LSTM node in `Session`, with every attribute, against the oracle.

``EIGENLSTM_ONNX_MODELS=300 python -m pytest tests/python/interop/test_onnx_nodes.py`` tries 300 random nodes.
"""

import os

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="Session reads onnx's graphs")

from onnx import numpy_helper  # noqa: E402
from onnx_case import node, random_arrays  # noqa: E402

from eigenlstm.interop.onnx import Session  # noqa: E402
from reference.onnx_lstm import onnx_lstm, snake_case  # noqa: E402

GRAPHS = int(os.environ.get("EIGENLSTM_ONNX_MODELS", "60"))
PARAMETERS = {"HardSigmoid": 2, "LeakyRelu": 1, "ThresholdedRelu": 1, "Elu": 1, "Affine": 2, "ScaledTanh": 2}
ACTIVATIONS = ["Sigmoid", "Tanh", "Relu", "Softsign", "Softplus", *PARAMETERS]
TOLERANCE = {np.float16: 1e-2, np.float32: 2e-5, np.float64: 1e-11}


def random_node(rng):
    """Arrays, the node's attributes, and the activations as the oracle has them."""
    T, B, I, H = rng.integers(1, [9, 6, 6, 20])
    direction = str(rng.choice(["forward", "reverse", "bidirectional"]))
    D = 2 if direction == "bidirectional" else 1
    dtype = [np.float32, np.float64, np.float16][rng.integers(3)]
    arrays = {name: (0.25 * value).astype(dtype) for name, value in random_arrays(rng, T, B, I, H, D).items()}
    for name in ("B", "P", "initial_h", "initial_c"):
        if rng.random() < 0.4:
            del arrays[name]
    if rng.random() < 0.5:
        arrays["sequence_lens"] = rng.integers(0, T + 1, B).astype(np.int32)
    attributes, activations = {"direction": direction}, None
    if rng.random() < 0.5:
        names = [str(rng.choice(ACTIVATIONS)) for _ in range(3 * D)]
        draws = [[float(np.float32(v)) for v in rng.uniform(0.2, 0.9, PARAMETERS.get(name, 0))] for name in names]
        lists = {"activation_alpha": [d[0] for d in draws if d], "activation_beta": [d[1] for d in draws if d[1:]]}
        attributes.update(activations=names, **{name: values for name, values in lists.items() if values})
        activations = [(snake_case(name), *draw) if draw else snake_case(name) for name, draw in zip(names, draws)]
    if rng.random() < 0.3:
        attributes["clip"] = float(np.float32(rng.uniform(0.3, 2)))
    if rng.random() < 0.3:
        attributes["input_forget"] = 1
    return arrays, attributes, activations


@pytest.mark.parametrize("seed", range(GRAPHS))
def test_a_random_node(seed):
    rng = np.random.default_rng(seed)
    arrays, attributes, activations = random_node(rng)
    expected = onnx_lstm(
        **{name: value if name == "sequence_lens" else value.astype(np.float64) for name, value in arrays.items()},
        direction=attributes["direction"],
        activations=activations,
        clip=attributes.get("clip"),
        input_forget=attributes.get("input_forget", 0),
    )
    feed = dict(arrays)
    if seed % 3 == 0:
        attributes["layout"] = 1
        feed.update((name, feed[name].swapaxes(0, 1)) for name in ("X", "initial_h", "initial_c") if name in feed)
        expected = (expected[0].transpose(2, 0, 1, 3), *(part.swapaxes(0, 1) for part in expected[1:]))
    model = node(feed, attributes)
    if seed % 2:
        make_constant(model, feed, ("W", "R", "B", "P"))
    session = Session(model)
    assert [p.runtime for p in session.placements if p.operator == "LSTM"] == ["eigenlstm"]
    for _ in range(2):
        for got, value in zip(session.run(None, feed), expected, strict=True):
            dtype = arrays["X"].dtype
            assert got.dtype == dtype and got.shape == value.shape and got.flags.c_contiguous
            scale = max(1, np.abs(value).max(initial=0))
            np.testing.assert_allclose(got, value, rtol=0, atol=TOLERANCE[dtype.type] * scale)


def make_constant(model, feed, names):
    """Turn inputs of a graph into initializers."""
    for value in [v for v in model.graph.input if v.name in names]:
        model.graph.initializer.append(numpy_helper.from_array(feed.pop(value.name), value.name))
        model.graph.input.remove(value)


def test_weights_that_are_inputs_may_change_between_calls():
    rng = np.random.default_rng(0)
    arrays = {name: value.astype(np.float32) for name, value in random_arrays(rng, 4, 2, 3, 5, 1).items()}
    session = Session(node(arrays, {}))
    for _ in range(3):
        arrays["W"] = arrays["W"] + np.float32(0.1)
        expected = onnx_lstm(**arrays)
        np.testing.assert_allclose(session.run(["Y"], arrays)[0], expected[0], atol=2e-5)
        arrays["W"][0, 0] += 1  # in place: the same array with other values
        np.testing.assert_allclose(session.run(["Y"], arrays)[0], onnx_lstm(**arrays)[0], atol=2e-5)


@pytest.mark.parametrize("order", ["C", "F"])
def test_layouts_of_the_inputs_in_memory_make_no_difference(order):
    rng = np.random.default_rng(0)
    arrays = {name: value.astype(np.float32) for name, value in random_arrays(rng, 4, 2, 3, 5, 2).items()}
    session = Session(node(arrays, {"direction": "bidirectional"}))
    got = session.run(None, {name: np.asarray(value, order=order) for name, value in arrays.items()})
    for one, other in zip(got, session.run(None, arrays)):
        np.testing.assert_array_equal(one, other)


def test_what_exporters_write_where_nothing_is_meant():
    """Peepholes of zero and a clip at the largest float leave the plain cell, which has the faster kernels."""
    arrays = {
        name: value.astype(np.float32) for name, value in random_arrays(np.random.default_rng(0), 4, 2, 3, 5, 1).items()
    }
    arrays["P"][:] = 0
    weights = {name: arrays[name] for name in ("W", "R", "B", "P")}
    model = node(arrays, {"clip": float(np.finfo(np.float32).max)})
    got = Session(model).run(None, arrays)
    for one, other in zip(got, onnx_lstm(**arrays)):
        np.testing.assert_allclose(one, other, atol=2e-5)
    from eigenlstm.interop.onnx.lstm_node import LSTMNode

    layer = LSTMNode(model.graph.node[0]).layer(*weights.values())
    assert set(layer.params) == {"weight_ih_l0", "weight_hh_l0", "bias_l0"} and layer.config().get("gate_clip") is None


def test_run_options_are_refused_as_there_are_several_sessions():
    arrays = {
        name: value.astype(np.float32) for name, value in random_arrays(np.random.default_rng(0), 4, 2, 3, 5, 1).items()
    }
    with pytest.raises(ValueError, match="Session.run: run_options are of one ONNX Runtime session"):
        Session(node(arrays, {})).run(None, arrays, object())


def test_an_error_in_a_node_names_it():
    rng = np.random.default_rng(0)
    arrays = {name: value.astype(np.float32) for name, value in random_arrays(rng, 4, 2, 3, 5, 1).items()}
    arrays["sequence_lens"] = np.array([5, 1], np.int32)
    with pytest.raises(ValueError, match=r"LSTM node 'Y': LSTM.forward: lengths must lie in 0..4, got 1..5"):
        Session(node(arrays, {})).run(None, arrays)


def test_the_reference_evaluator_can_be_given_our_lstm():
    from onnx.reference import ReferenceEvaluator

    from eigenlstm.interop.onnx.lstm_node import ReferenceLSTM

    arrays, attributes, _ = random_node(np.random.default_rng(4))
    model = node(arrays, attributes)
    got = ReferenceEvaluator(model, new_ops=[ReferenceLSTM]).run(None, arrays)
    for one, other in zip(got, Session(model).run(None, arrays)):
        np.testing.assert_array_equal(one, other)
