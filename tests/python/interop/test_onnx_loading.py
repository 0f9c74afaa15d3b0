"""ONNX graphs as models to train on: what `save`, PyTorch and Keras's converters write, and what is refused by name."""

import os
import warnings

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the graphs are onnx's")

import onnx_graphs as graphs  # noqa: E402
from onnx_models import random_model, run_reference  # noqa: E402

import eigenlstm as el  # noqa: E402
from eigenlstm.interop.onnx.saving import model_proto  # noqa: E402

MODELS = int(os.environ.get("EIGENLSTM_ONNX_MODELS", "40"))


def floats(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize("seed", range(MODELS))
def test_what_save_writes_comes_back(seed):
    model, x = random_model(np.random.default_rng(seed), operator_only=True)
    again = el.onnx.load(model_proto(model))
    assert again.dtype == np.float32
    np.testing.assert_allclose(again(x), model(x), atol=1e-5)


def test_a_chain_is_a_sequential_of_the_same_weights():
    layers = [el.Embedding(9, 4, seed=0), el.LSTM(4, 5, bidirectional=True, seed=1), el.Last(bidirectional=True)]
    model = el.Sequential([*layers, el.LayerNorm(10), el.Linear(10, 2, seed=2), el.Activation("softmax")])
    again = el.onnx.load(model_proto(model))
    assert isinstance(again, el.Sequential) and kinds(again) == kinds(model)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[name], value)


def test_it_can_be_trained_and_saved(tmp_path):
    teacher = el.Sequential([el.LSTM(2, 6, seed=0), el.Last(), el.Linear(6, 1, seed=1)])
    student = el.onnx.load(model_proto(el.Sequential([el.LSTM(2, 6, seed=2), el.Last(), el.Linear(6, 1, seed=3)])))
    x = floats(32, 8, 2)
    y = teacher(x)
    before = student.evaluate(x, y, loss="mse")["loss"]
    student.fit(x, y, loss="mse", optimizer=el.Adam(1e-2), epochs=20, seed=0, verbose=0)
    assert student.evaluate(x, y)["loss"] < 0.3 * before
    student.save(tmp_path / "student.safetensors")
    np.testing.assert_array_equal(el.load(tmp_path / "student.safetensors")(x), student(x))


def test_float64_and_half_precision():
    model = el.Sequential([el.LSTM(2, 3, dtype="float64", seed=0), el.Linear(3, 1, dtype="float64", seed=1)])
    again = el.onnx.load(model_proto(model))
    assert again.dtype == np.float64
    np.testing.assert_allclose(again(floats(2, 4, 2).astype(float)), model(floats(2, 4, 2).astype(float)), atol=1e-14)
    made, plain = graphs.weights_made(np.random.default_rng(0), dtype=np.float16)
    lstm = el.onnx.load(made)
    assert isinstance(lstm, el.LSTM) and lstm.time_major and lstm.dtype == np.float32
    expected = run_reference(plain, {"x": floats(4, 2, 3).astype(np.float16)})["Y"]
    np.testing.assert_allclose(lstm(floats(4, 2, 3))[0][:, None], expected, atol=1e-2)


def test_a_model_of_branches_and_several_inputs():
    lstm, other, gate = el.LSTM(3, 4, seed=0), el.Linear(2, 4, seed=1), el.Linear(8, 4, seed=2)

    def wired(x, knobs):
        y, _ = lstm(x)
        both = el.Concat()(y, other(knobs))
        return gate(both) * y + y

    model = el.Model(wired, x=el.Input((None, 3)), knobs=el.Input(("x", 2)))
    again = el.onnx.load(model_proto(model))
    assert isinstance(again, el.Model) and list(again.inputs) == ["x", "knobs"]
    x, knobs = floats(2, 5, 3), floats(2, 5, 2)
    np.testing.assert_allclose(again(x, knobs), model(x, knobs), atol=1e-6)


@pytest.mark.parametrize("options", [dict(), dict(padding="causal", dilation=2), dict(bias=False)], ids=str)
def test_convolutions_come_back(options):
    model = el.Sequential([el.LSTM(3, 4, seed=0), el.Conv1D(4, 5, 3, seed=1, **options), el.Activation("relu")])
    again = el.onnx.load(model_proto(model))
    assert kinds(again) == ["LSTM", "Conv1D", "Activation"]
    np.testing.assert_allclose(again(floats(2, 6, 3)), model(floats(2, 6, 3)), atol=1e-6)


# -- what others write ---------------------------------------------------------------------------


class Nets:
    """PyTorch modules, made when they are asked for."""

    def final_states_of_a_stack(torch):
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.lstm = torch.nn.LSTM(3, 5, num_layers=2, bidirectional=True, batch_first=True)
                self.head = torch.nn.Linear(10, 2)

            def forward(self, x):
                _, (h, _) = self.lstm(x)
                return self.head(torch.cat([h[-2], h[-1]], dim=1))

        return Net()

    def last_step(torch):
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.lstm = torch.nn.LSTM(3, 5, batch_first=True)
                self.norm = torch.nn.LayerNorm(5)
                self.head = torch.nn.Linear(5, 2)

            def forward(self, x):
                return torch.relu(self.head(self.norm(self.lstm(x)[0][:, -1])))

        return Net()

    def every_step(torch):
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.first = torch.nn.LSTM(3, 5, batch_first=True, bidirectional=True)
                self.second = torch.nn.LSTM(10, 4, batch_first=True, bias=False)
                self.head = torch.nn.Linear(4, 2)

            def forward(self, x):
                y, _ = self.first(x)
                return torch.log_softmax(self.head(torch.sigmoid(self.second(y)[0])), dim=-1)

        return Net()

    def pooled_and_skipped(torch):
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.first = torch.nn.LSTM(3, 3, batch_first=True)
                self.head = torch.nn.Linear(3, 2)

            def forward(self, x):
                return self.head((self.first(x)[0] + x).mean(dim=1))

        return Net()


@pytest.mark.parametrize("dynamo", [False, True])
@pytest.mark.parametrize("name", [name for name in vars(Nets) if not name.startswith("_")])
def test_what_pytorch_exports(name, dynamo, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch's exporters write the files of this test")
    if dynamo:
        pytest.importorskip("onnxscript", reason="PyTorch's newer exporter needs it")
    torch.manual_seed(0)
    net, path = getattr(Nets, name)(torch).eval(), tmp_path / "net.onnx"
    axes = dict(dynamic_shapes=[{0: "N"}]) if dynamo else dict(dynamic_axes={"x": {0: "N", 1: "T"}})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (torch.zeros(2, 9, 3),), path, input_names=["x"], dynamo=dynamo, **axes)
    model = el.onnx.load(path)
    x = floats(3, 9 if dynamo else 7, 3)  # the newer exporter fixes the time of an LSTM
    np.testing.assert_allclose(model(x), net(torch.tensor(x)).detach().numpy(), atol=2e-6)


def test_what_tf2onnx_writes_for_a_keras_model():
    """Sequential([Embedding, Bidirectional(LSTM, "sum"), LSTM, TimeDistributed(Dense)]), time-major inside."""
    rng = np.random.default_rng(0)
    first, second = graphs.lstm_weights(rng, 3, 4, 2), graphs.lstm_weights(rng, 4, 5, names=["W2", "R2", "B2"])
    body = """
    graph (int64[N, T] tokens) => (float[N, T, 2] y) {
      rows = Gather (table, tokens)
      time_first = Transpose <perm = [1, 0, 2]> (rows)
      Y = LSTM <hidden_size = 4, direction = "bidirectional"> (time_first, W, R, B)
      summed = ReduceSum <keepdims = 0> (Y, one)
      Z = LSTM <hidden_size = 5> (summed, W2, R2, B2)
      squeezed = Squeeze (Z, one)
      batch_first = Transpose <perm = [1, 0, 2]> (squeezed)
      size = Shape (batch_first)
      flat = Reshape (batch_first, flat_shape)
      dense = MatMul (flat, M)
      biased = Add (dense, bias)
      start = Slice (size, zero, two)
      wanted = Concat <axis = 0> (start, two)
      y = Reshape (biased, wanted)
    }
    """
    more = {"table": floats(7, 3), "M": floats(5, 2), "bias": floats(2), "one": np.array([1]), "two": np.array([2])}
    sizes = {"zero": np.array([0]), "flat_shape": np.array([-1, 5])}
    proto = graphs.parse(body, {**first, **second, **more, **sizes})
    onnx.checker.check_model(proto, full_check=True)
    model = el.onnx.load(proto)
    assert kinds(model) == ["Embedding", "LSTM", "LSTM", "Linear"] and model.layers[1].config()["merge"] == "sum"
    tokens = rng.integers(0, 7, (3, 6))
    np.testing.assert_allclose(model(tokens), run_reference(proto, {"tokens": tokens})["y"], atol=1e-6)


@pytest.mark.parametrize("pick", ["Slice", "Split", "Gather"])
@pytest.mark.parametrize("join", ["Concat", "Add"])
def test_directions_that_are_taken_apart_and_joined(pick, join):
    picked = {
        "Slice": "a = Slice (Y, zero, one, one)  b = Slice (Y, one, two, one)  "
                 "there = Squeeze (a, one)  back = Squeeze (b, one)",
        "Split": "a, b = Split <axis = 1, num_outputs = 2> (Y)  there = Squeeze (a, one)  back = Squeeze (b, one)",
        "Gather": "there = Gather <axis = 1> (Y, first)  back = Gather <axis = 1> (Y, second)",
    }[pick]  # fmt: skip
    joined = {"Concat": "y = Concat <axis = 2> (there, back)", "Add": "y = Add (there, back)"}[join]
    body = f"""
    graph (float[N, T, 3] x) => (float[N, T, H] out) {{
      time_first = Transpose <perm = [1, 0, 2]> (x)
      Y = LSTM <hidden_size = 4, direction = "bidirectional"> (time_first, W, R, B)
      {picked}  {joined}
      out = Transpose <perm = [1, 0, 2]> (y)
    }}
    """
    numbers = {"zero": [0], "one": [1], "two": [2], "first": 0, "second": 1}
    weights = graphs.lstm_weights(np.random.default_rng(0), 3, 4, 2)
    proto = graphs.parse(body, {**weights, **{name: np.array(value) for name, value in numbers.items()}})
    model, x = el.onnx.load(proto), floats(2, 5, 3)
    assert isinstance(model, el.Sequential) == (join == "Concat")
    np.testing.assert_allclose(model(x), run_reference(proto, {"x": x})["out"], atol=1e-6)


def test_a_lone_lstm_with_states_out_lengths_in_and_a_learned_start():
    rng = np.random.default_rng(0)
    body = """
    graph (float[T, N, 3] X, int32[N] lens) => (float[T, 1, N, 4] Y, float[1, N, 4] h, float[1, N, 4] c) {
      size = Shape <start = 1, end = 2> (X)
      wanted = Concat <axis = 0> (one, size, four)
      h0 = Expand (start, wanted)
      Y, h, c = LSTM <hidden_size = 4> (X, W, R, B, lens, h0)
    }
    """
    numbers = {"one": np.array([1]), "four": np.array([4]), "start": floats(1, 1, 4)}
    proto = graphs.parse(body, {**graphs.lstm_weights(rng, 3, 4), **numbers})
    ort = pytest.importorskip("onnxruntime", reason="it runs lengths, which the reference evaluator passes over")
    lstm = el.onnx.load(proto)
    assert isinstance(lstm, el.LSTM) and lstm.time_major and "h0_l0" in lstm.params
    X, lens = floats(5, 2, 3), np.array([5, 2], np.int32)
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    y, h, c = session.run(None, {"X": X, "lens": lens})
    got, state = lstm(X, lengths=lens)
    np.testing.assert_allclose(got[:, None], y, atol=1e-6)
    for one, other in zip(state, (h, c)):
        np.testing.assert_allclose(one, other, atol=1e-6)


# -- refusals ------------------------------------------------------------------------------------

X3, TIME, FREE = "float[N, T, 3] x", "float[T, N, 3] x", "float[N, T, F] x"
WEIGHTS = {
    "K4": np.ones((2, 3, 3, 3), np.float32),
    "K": np.ones((2, 3, 3), np.float32),
    "M": np.ones((3, 2), np.float32),
    "axis": np.array([0]),
    "V": np.array([1, -1, 1], np.float32),
}
REFUSED = [
    (X3, "y = Erf (x)", "Erf node 'y': there is no layer for the operator Erf"),
    (X3, "y = com.x.Thing (x)", "Thing node 'y': there is no layer for the operator Thing"),
    (X3, "z = Transpose <perm = [0, 2, 1]> (x)  y = MatMul (z, M)", r"a matrix of \(.*, out\) is needed, got \(3, 2\)"),
    (X3, "y = Transpose <perm = [1, 0, 2]> (x)", "output 'y': must be what layers make of the graph's inputs"),
    (X3, "z = MatMul (x, M)  y = Transpose <perm = [1, 0, 2]> (z)", "an output has the axes .*; a model keeps"),
    (X3, "y = ReduceMean <keepdims = 0> (x, axis)", r"'x': has the axes \(time, axis 1, 3\); models are batch-major"),
    (FREE, "z = Transpose <perm = [0, 2, 1]> (x)  y = MatMul (z, M)", r"a matrix of \(.*, out\) is needed"),
    (X3, "y = Mul (x, V)", "Mul node 'y': must scale the last axis of .* by positive numbers"),
    (X3, "y = Gemm <alpha = 2.0> (x, M)", "alpha and beta must be 1 and transA 0"),
    (X3, "y = Softmax <axis = 1> (x)", "must be over the last axis of .*, is over axis 1"),
    (TIME, "z = LSTM (x, W, R)  y = LSTM (z, W, R)", r"X \('z'\) must have the axes \(time, batch, 3\)"),
    (f"{TIME}, float[1, N, 4] h", "y = LSTM (x, W, R, , , h)", r"initial_h \('h'\) must be constant for a model"),
    (f"{TIME}, int32[N] n", "m = Identity (n)  y = LSTM (x, W, R, , m)", "sequence_lens .* must be an input"),
    (TIME, "z = LSTM (x, W, R)  s = Squeeze (z, one)  y = Relu (s)", r"has the axes \(time, batch, 3\)"),
    ("float[N, 3, T] x", "y = Conv (x, K)", "must be over the time of .batch, features, time., with as many steps out"),
    ("float[N, 3, T, 5] x", "y = Conv (x, K4)", "must be over the time of .batch, features, time."),
    (TIME, "z = LSTM (x, W, R)  s = Squeeze (z, one)  y = Gather <axis = 1> (s, first)", "index 0 of batch in .time, batch"),
    (f"{X3}, float[N, T, 3] q", "y = MatMul (x, M)", "input 'q': is read by no layer of the model"),
    (X3, "z = MatMul (x, M)  y = Concat <axis = 1> (z, z)", "only features are joined, side by side"),
    (TIME, "Y, y = LSTM <direction = \"bidirectional\"> (x, W2, R2)", "output 'y': must be what layers make"),
]  # fmt: skip


@pytest.mark.parametrize("inputs, nodes, message", REFUSED)
def test_what_it_refuses_by_name(inputs, nodes, message):
    rng = np.random.default_rng(0)
    lstm = {**graphs.lstm_weights(rng, 3, 4), **graphs.lstm_weights(rng, 3, 4, 2, names=["W2", "R2", "B2"])}
    header = '<ir_version: 10, opset_import: ["" : 20, "com.x" : 1]>\n'
    proto = onnx.parser.parse_model(header + f"graph ({inputs}) => (float[] y) {{ {nodes} }}")
    del proto.graph.output[0].type.tensor_type.shape.dim[:]
    weights = {**lstm, **WEIGHTS, "one": np.array([1]), "first": np.array(0)}
    proto.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in weights.items())
    with pytest.raises(ValueError, match=f"onnx.load: .*{message}"):
        el.onnx.load(proto)


def test_damaged_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        el.onnx.load(tmp_path / "none.onnx")
    with pytest.raises(el.FileError, match="onnx.load: the model: is not an ONNX file"):
        el.onnx.load(b"not this")
    proto = model_proto(el.LSTM(2, 3))
    proto.graph.node[1].op_type = "Nonsense"
    with pytest.raises(el.FileError, match="onnx.load: the model is not valid: .*Nonsense"):
        el.onnx.load(proto)


def test_the_command_converts_a_file_and_compares(tmp_path):
    from eigenlstm.interop.convert import convert

    model = el.Sequential(
        [el.LSTM(3, 4, bidirectional=True, seed=0), el.Last(bidirectional=True), el.Linear(8, 2, seed=1)]
    )
    el.onnx.save(model, tmp_path / "model.onnx")
    report = convert(tmp_path / "model.onnx", tmp_path / "model.safetensors")
    assert report.difference < 1e-5 and [ours.partition("(")[0] for _, ours in report.became] == kinds(model)
    assert report.became[0][0] == "LSTM node '0.LSTM_1'"
    np.testing.assert_array_equal(el.load(tmp_path / "model.safetensors")(floats(2, 5, 3)), model(floats(2, 5, 3)))
    (tmp_path / "other.onnx").write_bytes(graphs.parse("graph (float[N, 3] x) => (float[N, 3] y) { y = Erf (x) }", {})
                                          .SerializeToString())  # fmt: skip
    with pytest.raises(el.FileError, match="there is no layer for the operator Erf"):
        convert(tmp_path / "other.onnx", tmp_path / "other.safetensors")
