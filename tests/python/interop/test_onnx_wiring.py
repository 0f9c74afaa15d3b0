"""Layers that join values and move steps, in ONNX files: attention, shifts, gathering, stacking, states handed on."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the files are onnx's")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is the peer that runs the files")

from onnx_models import run_onnxruntime, run_reference  # noqa: E402

import eigenlstm as el  # noqa: E402
from eigenlstm.interop.onnx.saving import model_proto  # noqa: E402

LENGTHS = {"x": np.array([5, 2, 0, 3]), "memory": np.array([6, 1, 4, 0])}


def check(model, lengths=None, peers=(run_onnxruntime, run_reference), **inputs):
    proto = model_proto(model, lengths=lengths is not None)
    onnx.checker.check_model(proto, full_check=True)
    expected = model(*inputs.values(), lengths=lengths)
    only = len(inputs) == 1
    given = {"lengths" if only else f"{name}_lengths": steps for name, steps in (lengths or {}).items()}
    feed = {**inputs, **{name: steps.astype(np.int32) for name, steps in given.items()}}
    for peer in peers:
        np.testing.assert_allclose(peer(proto, feed)["y"], expected, atol=1e-5, err_msg=peer.__name__)


def floats(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    "options",
    [
        dict(query_size=4),
        dict(query_size=4, scale=True),
        dict(query_size=4, memory_size=3, score="general", seed=0),
        dict(query_size=4, memory_size=3, score="additive", hidden_size=5, seed=0),
    ],
    ids=str,
)
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "ragged"])
def test_attention(options, lengths):
    attention = el.Attention(**options)
    size = attention.memory_size

    def wired(x, memory):
        return attention(x, memory)

    model = el.Model(wired, x=el.Input((None, 4)), memory=el.Input((None, size)))
    check(model, lengths, x=floats(0, 4, 5, 4), memory=floats(1, 4, 6, size))


def test_an_encoder_of_two_directions_and_a_decoder_with_attention():
    embed, encoder, join = el.Embedding(9, 4, seed=0), el.LSTM(4, 3, bidirectional=True, seed=1), el.JoinDirections()
    decoder, attention, shift = el.LSTM(4, 6, seed=2), el.Attention(6), el.Shift(1)
    output, concat = el.Linear(12, 9, seed=3), el.Concat()

    def translate(source, target):
        memory, (h, c) = encoder(embed(source))
        y, _ = decoder(embed(shift(target)), (join(h), join(c)))
        return output(concat(y, attention(y, memory)))

    model = el.Model(translate, source=el.Input((None,), "int64"), target=el.Input((None,), "int64"))
    rng = np.random.default_rng(0)
    source, target = rng.integers(0, 9, (4, 6)), rng.integers(0, 9, (4, 5))
    check(model, source=source, target=target)
    lengths = {"source": LENGTHS["memory"], "target": LENGTHS["x"]}
    check(model, lengths, [run_onnxruntime], source=source, target=target)


def test_steps_are_shifted_stacked_gathered_and_scattered():
    gather, scatter, stack, shift, lstm = (
        el.Gather(),
        el.Scatter(),
        el.StackFrames(2),
        el.Shift(0.5),
        el.LSTM(3, 4, seed=0),
    )

    def words(x, ends, owners):
        y, _ = lstm(shift(x))
        picked = gather(y, ends)
        return picked + scatter(y, owners, ends)

    inputs = dict(x=el.Input(("t", 3)), ends=el.Input(("s",), "int64"), owners=el.Input(("t",), "int64"))
    ends = np.array([[1, 4, -1], [0, 2, 3]])
    owners = np.array([[0, 0, 1, 1, 1], [0, 1, 1, 2, -1]])
    check(el.Model(words, **inputs), x=floats(0, 2, 5, 3), ends=ends, owners=owners)

    stacked = el.Model(lambda x: stack(x), x=el.Input((None, 3)))
    for steps in (5, 6, 1):
        check(stacked, x=floats(0, 2, steps, 3))


@pytest.mark.parametrize("padding", ["same", "causal"])
@pytest.mark.parametrize("kernel, dilation, bias", [(3, 1, True), (4, 2, False), (1, 1, True)])
def test_convolutions_and_a_tied_output(padding, kernel, dilation, bias):
    embed = el.Embedding(9, 4, seed=0)
    conv = el.Conv1D(4, 4, kernel, padding=padding, dilation=dilation, bias=bias, seed=1)
    lstm, output = el.LSTM(4, 4, seed=2), el.TiedLinear(embed, bias=bias)

    def wired(x):
        y, _ = lstm(conv(embed(x)))
        return output(y)

    model = el.Model(wired, x=el.Input((None,), "int64"))
    if bias:
        model.flat_params += floats(3, model.num_params) * 0.1
    x = np.random.default_rng(0).integers(0, 9, (4, 6))
    check(model, x=x)
    check(model, {"x": LENGTHS["memory"]}, [run_onnxruntime], x=x)
    tables = [t for t in model_proto(model).graph.initializer if list(t.dims) == [9, 4]]
    assert len(tables) == 1  # embedding and output share it


def test_what_has_no_form_is_refused():
    stack = el.StackFrames(2)
    model = el.Model(lambda x: stack(x), x=el.Input((None, 3)))
    with pytest.raises(
        ValueError, match="layer stack: StackFrames changes the number of steps, which can't be exported"
    ):
        model_proto(model, lengths=True)
    with pytest.raises(ValueError, match=r"onnx.save: layer 1 \(CRF\) has no form in ONNX here"):
        model_proto(el.Sequential([el.LSTM(3, 4), el.CRF(4)]))


class Gather(el.Dropout):
    """A layer of the user's own, named as one here."""


def test_a_layer_of_the_users_own_is_not_taken_for_ours():
    with pytest.raises(ValueError, match=r"onnx.save: layer 1 \(Gather\) has no form in ONNX here"):
        model_proto(el.Sequential([el.Linear(3, 4), Gather(0.1)]))
