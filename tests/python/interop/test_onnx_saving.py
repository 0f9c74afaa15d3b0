"""Models as ONNX files: checked by onnx, run by ONNX Runtime and by onnx's reference evaluator.

``EIGENLSTM_ONNX_MODELS=300 python -m pytest tests/python/interop/test_onnx_saving.py`` tries 300 random models.
"""

import os

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the files are onnx's")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is the peer that runs the files")

from onnx_models import (  # noqa: E402
    feed_for,
    random_lstm,
    random_model,
    reference_understands,
    run_onnxruntime,
    run_reference,
    walk,
)

import eigenlstm as el  # noqa: E402
from eigenlstm.interop.onnx.saving import model_proto  # noqa: E402

MODELS = int(os.environ.get("EIGENLSTM_ONNX_MODELS", "40"))


def check(model, x, lengths=None, state=False, rng=None):
    """The outputs of the exported graph in both peers against the model's own; whether the reference took part."""
    proto = model_proto(model, lengths=lengths is not None, state=state)
    onnx.checker.check_model(proto, full_check=True)
    feed = feed_for(proto, x, lengths, rng)
    states = {name: value for name, value in feed.items() if name not in ("x", "lengths")} if state else None
    y, finals = walk(model, x, lengths, states)
    expected = {"y": y, **(finals if state else {})}
    peers = []
    if model.dtype == np.float32:
        peers.append(run_onnxruntime)  # it lacks LSTM and others in float64
    if reference_understands(proto):
        peers.append(run_reference)
    tolerance = 1e-5 if model.dtype == np.float32 else 1e-7  # attributes are float32 in any model
    for peer in peers:
        got = peer(proto, feed)
        assert got.keys() == expected.keys()
        for name, value in expected.items():
            assert got[name].dtype == value.dtype and got[name].shape == value.shape, name
            scale = max(1, np.abs(value).max(initial=0))
            np.testing.assert_allclose(
                got[name], value, rtol=0, atol=tolerance * scale, err_msg=f"{peer.__name__} {name}"
            )
    return run_reference in peers


@pytest.mark.parametrize("seed", range(MODELS))
def test_a_random_model(seed):
    rng = np.random.default_rng(seed)
    model, x = random_model(rng, operator_only=seed % 2 == 0)
    lengths = rng.integers(0, x.shape[1] + 1, len(x)) if seed % 3 == 1 else None
    check(model, x, lengths, seed % 4 < 2, rng)


def test_float64_as_well():
    checked = 0
    for seed in range(20):
        model, x = random_model(np.random.default_rng(seed), dtype="float64")
        checked += check(model, x)
    assert checked > 5


@pytest.mark.parametrize(
    "options",
    [
        dict(),
        dict(bidirectional=True, peephole=True),
        dict(reverse=True, learned_state=True, num_layers=2),
        dict(hidden_size=[4, 6], bidirectional=True, merge="sum"),
        dict(proj_size=2, bidirectional=True, layer_norm=True),
        dict(zoneout=0.2, cell_clip=0.3, reverse=True),
        dict(missing="mask"),
    ],
    ids=str,
)
def test_both_peers_agree_on_what_both_know(options):
    rng = np.random.default_rng(0)
    lstm = el.LSTM(**{"input_size": 3, "hidden_size": 5, "seed": 0, **options})
    x = rng.standard_normal((4, 7, 3)).astype(np.float32)
    assert check(el.Sequential([lstm]), x, state="learned_state" not in options, rng=rng)


def test_missing_values_are_filled_in_the_graph():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 7, 3)).astype(np.float32)
    x[rng.random(x.shape) < 0.3] = np.nan
    for how in ("mask", "forward_fill"):
        assert check(el.Sequential([el.LSTM(3, 5, missing=how, seed=0)]), x)


def test_rows_of_no_steps_keep_their_state_and_give_zeros():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 5, 2)).astype(np.float32)
    for end in (el.Last(), el.Last(bidirectional=True), el.MeanPool(), el.MaxPool()):
        model = el.Sequential([el.LSTM(2, 4, bidirectional=True, seed=0), end])
        check(model, x, np.array([0, 5, 2]), state=True, rng=rng)


def test_the_operator_is_used_wherever_it_has_a_word():
    rng = np.random.default_rng(0)
    for _ in range(20):
        lstm = random_lstm(rng, 3, operator_only=True)
        kinds = [node.op_type for node in model_proto(lstm).graph.node]
        assert kinds.count("LSTM") == lstm.num_layers and "Scan" not in kinds


def test_a_time_major_lstm_by_itself():
    lstm = el.LSTM(3, 5, num_layers=2, time_major=True, seed=0)
    x = np.random.default_rng(0).standard_normal((7, 2, 3)).astype(np.float32)
    proto = model_proto(lstm)
    assert [d.dim_param for d in proto.graph.input[0].type.tensor_type.shape.dim] == ["T", "B", ""]
    np.testing.assert_allclose(run_onnxruntime(proto, {"x": x})["y"], lstm(x)[0], atol=1e-6)


def test_batch_and_time_are_free_and_the_file_says_what_it_is(tmp_path):
    model = el.Sequential([el.LSTM(3, 5, seed=0), el.Linear(5, 2, seed=1)])
    path = tmp_path / "model.onnx"
    el.onnx.save(model, path, lengths=True, state=True)
    proto = onnx.load(path)
    assert proto.opset_import[0].version == 22 and proto.producer_name == "eigenlstm"
    shapes = {
        v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
        for v in [*proto.graph.input, *proto.graph.output]
    }
    assert shapes == {
        "x": ["B", "T", 3], "lengths": ["B"], "0.h0": [1, "B", 5], "0.c0": [1, "B", 5],
        "y": ["B", "T", 2], "0.h": [1, "B", 5], "0.c": [1, "B", 5],
    }  # fmt: skip
    for B, T in ((1, 1), (3, 8), (2, 3)):
        x = np.ones((B, T, 3), np.float32)
        feed = feed_for(proto, x, np.full(B, T), np.random.default_rng(0))
        assert run_onnxruntime(proto, feed)["y"].shape == (B, T, 2)


def test_a_stream_in_chunks_is_the_whole_sequence():
    model = el.Sequential([el.LSTM(3, 5, num_layers=2, seed=0), el.Linear(5, 2, seed=1)])
    x = np.random.default_rng(0).standard_normal((2, 9, 3)).astype(np.float32)
    proto = model_proto(model, state=True)
    state, outputs = {"0.h0": np.zeros((2, 2, 5), np.float32), "0.c0": np.zeros((2, 2, 5), np.float32)}, []
    for t in range(0, 9, 3):
        got = run_onnxruntime(proto, {"x": x[:, t : t + 3], **state})
        outputs.append(got["y"])
        state = {"0.h0": got["0.h"], "0.c0": got["0.c"]}
    np.testing.assert_allclose(np.concatenate(outputs, axis=1), model(x), atol=1e-6)


def encoder_and_decoder():
    embed, encoder, decoder = el.Embedding(9, 4, seed=0), el.LSTM(4, 6, 2, seed=1), el.LSTM(4, 6, 2, seed=2)
    output = el.Linear(6, 9, seed=3)

    def translate(source, target):
        _, state = encoder(embed(source))
        hidden, _ = decoder(embed(target), state)
        return output(hidden)

    return el.Model(translate, source=el.Input((None,), "int64"), target=el.Input((None,), "int64"))


def test_a_model_of_several_inputs_with_lengths():
    model, rng = encoder_and_decoder(), np.random.default_rng(0)
    source, target = rng.integers(0, 9, (3, 7)), rng.integers(0, 9, (3, 5))
    proto = model_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    for peer in (run_onnxruntime, run_reference):
        got = peer(proto, {"source": source, "target": target})["y"]
        np.testing.assert_allclose(got, model(source, target), atol=1e-5)
    lengths = {"source": np.array([7, 2, 0]), "target": np.array([1, 5, 3])}
    proto = model_proto(model, lengths=True)
    onnx.checker.check_model(proto, full_check=True)
    feed = {f"{name}_lengths": value.astype(np.int32) for name, value in lengths.items()}
    got = run_onnxruntime(proto, {"source": source, "target": target, **feed})["y"]
    np.testing.assert_allclose(got, model(source, target, lengths=lengths), atol=1e-5)


def test_a_model_with_branches_two_outputs_and_its_states():
    lstm, gate, head = el.LSTM(3, 4, seed=0), el.Linear(4, 4, seed=1), el.Linear(9, 2, seed=2)
    pick = el.Activation("sigmoid")

    def wired(x):
        y, _ = lstm(x)
        mixed = y * pick(gate(y)) + y * 0.5
        return head(el.Concat()(mixed, y[..., 1:3], x)), gate(mixed)

    model = el.Model(wired, x=el.Input((None, 3)))
    x = np.random.default_rng(0).standard_normal((2, 5, 3)).astype(np.float32)
    proto = model_proto(model, state=True)
    onnx.checker.check_model(proto, full_check=True)
    zeros = np.zeros((1, 2, 4), np.float32)
    whole = model(x)
    for peer in (run_onnxruntime, run_reference):
        state, parts = {"lstm.h0": zeros, "lstm.c0": zeros}, []
        for chunk in (x[:, :2], x[:, 2:]):
            got = peer(proto, {"x": chunk, **state})
            state = {"lstm.h0": got["lstm.h"], "lstm.c0": got["lstm.c"]}
            parts.append(got)
        for k, expected in enumerate(whole):
            got = np.concatenate([part[f"y{k}"] for part in parts], axis=1)
            np.testing.assert_allclose(got, expected, atol=1e-5)


class Custom(el.Dropout):
    pass


@pytest.mark.parametrize(
    "model, how, error, message",
    [
        (3, {}, TypeError, "onnx.save: model must be a Model, a Sequential or a layer, got int"),
        (
            el.Sequential([el.Linear(3, 2)]),
            dict(lengths=True),
            ValueError,
            r"lengths=True needs a model with a time axis",
        ),
        (el.Sequential([el.Linear(3, 2)]), dict(state=True), ValueError, "state=True needs a model with an LSTM"),
        (el.Sequential([el.Dropout(0.1)]), {}, ValueError, "no layer of the model says what shape x has"),
        (
            el.Sequential([el.Linear(3, 2), Custom(0.1)]),
            {},
            ValueError,
            r"onnx.save: layer 1 \(Custom\) has no form in ONNX here; known: Sequential, LSTM",
        ),
        (
            el.Sequential([el.LSTM(3, 2, missing="error")]),
            {},
            ValueError,
            "onnx.save: layer 0: LSTM: missing='error' can't be exported: a graph can't raise",
        ),
    ],
)
def test_what_it_refuses_before_it_writes(model, how, error, message, tmp_path):
    with pytest.raises(error, match=message):
        el.onnx.save(model, tmp_path / "model.onnx", **how)
    assert not list(tmp_path.iterdir())
