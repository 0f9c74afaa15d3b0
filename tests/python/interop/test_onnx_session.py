"""Graphs in `Session`: what it computes, against the oracle and ONNX Runtime, and where it computes what."""

import warnings

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="Session reads onnx's graphs")
ort = pytest.importorskip("onnxruntime", reason="ONNX Runtime is the peer, and runs what is no LSTM")

import onnx_graphs as graphs  # noqa: E402
from onnx import numpy_helper  # noqa: E402
from onnx_case import node, random_arrays  # noqa: E402

import eigenlstm as el  # noqa: E402
from eigenlstm.interop.onnx import Session  # noqa: E402


def floats(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def lstms(session):
    return [(p.node, p.runtime) for p in session.placements if p.operator == "LSTM"]


# -- whole graphs --------------------------------------------------------------------------------


def check(model, feed, runtimes=("onnxruntime", "reference"), **how):
    """`Session` against ONNX Runtime on the whole graph; the sessions."""
    onnx.checker.check_model(model, full_check=True)
    whole = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected, sessions = whole.run(None, feed), []
    for runtime in runtimes:
        sessions.append(Session(model.SerializeToString(), runtime=runtime, **how))
        given = {name: value for name, value in feed.items() if name not in how.get("constants", {})}
        for got, value in zip(sessions[-1].run(None, given), expected, strict=True):
            assert got.dtype == value.dtype and got.shape == value.shape
            np.testing.assert_allclose(got, value, rtol=0, atol=5e-6)
    return sessions


def test_lstms_among_convolutions():
    rng = np.random.default_rng(0)
    session, alone = check(graphs.convolutions_and_lstms(rng), {"x": floats(rng, 2, 8, 9)})
    assert lstms(session) == [("Y", "eigenlstm"), ("Z", "eigenlstm")]
    where = {(p.operator, p.runtime) for p in session.placements}
    assert ("Conv", "onnxruntime") in where and ("Transpose", "numpy") in where  # views beside an LSTM cost nothing
    assert {p.runtime for p in alone.placements} == {"eigenlstm", "numpy", "onnx.reference"}
    text = str(session.summary())
    assert "eigenlstm" in text and "2 nodes" in text
    assert [(v.name, v.type, v.shape) for v in session.get_inputs()] == [("x", "tensor(float)", ["N", 8, "T"])]
    assert [v.name for v in session.get_outputs()] == ["y", "h"]
    assert len(session.run(["h"], {"x": floats(rng, 1, 8, 3)})) == 1


@pytest.mark.parametrize("rate", [16000, 8000, 1])
def test_lstms_in_branches(rate):
    rng = np.random.default_rng(0)
    feed = {"x": floats(rng, 3, 2, 4), "state": floats(rng, 2, 2, 5), "sr": np.array(rate)}
    session, _ = check(graphs.chosen_by_rate(rng), feed)
    assert lstms(session) == [("wide_Y", "eigenlstm"), ("narrow_Y", "eigenlstm")]


@pytest.mark.parametrize("rate, chosen", [(16000, 1), (8000, 1), (1, 0)])
def test_a_condition_fixed_by_a_constant_is_resolved(rate, chosen):
    rng = np.random.default_rng(0)
    feed = {"x": floats(rng, 3, 2, 4), "state": floats(rng, 2, 2, 5), "sr": np.array(rate)}
    session, _ = check(graphs.chosen_by_rate(rng), feed, constants={"sr": rate})
    assert all(p.operator != "If" for p in session.placements) and len(lstms(session)) == chosen
    assert [value.name for value in session.get_inputs()] == ["x", "state"]


def test_an_lstm_in_a_loop():
    rng = np.random.default_rng(0)
    feed = {"x": floats(rng, 2, 7, 3), "h0": floats(rng, 1, 2, 4), "c0": floats(rng, 1, 2, 4)}
    session, _ = check(graphs.looped(rng), feed)
    assert [p.runtime for p in session.placements if p.operator in ("Loop", "LSTM")] == ["eigenlstm"] * 2
    check(graphs.looped(rng), {**feed, "x": floats(rng, 2, 0, 3)}, runtimes=["onnxruntime"])


@pytest.mark.parametrize("backwards", [0, 1])
def test_an_lstm_in_a_scan(backwards):
    rng = np.random.default_rng(0)
    feed = {"x": floats(rng, 2, 7, 3), "h0": floats(rng, 1, 2, 4), "c0": floats(rng, 1, 2, 4)}
    session = check(graphs.scanned(rng, backwards), feed, runtimes=["onnxruntime"])[0]
    assert [p.runtime for p in session.placements if p.operator in ("Scan", "LSTM")] == ["eigenlstm"] * 2


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_weights_computed_from_constants(dtype):
    rng = np.random.default_rng(0)
    made, plain = graphs.weights_made(rng, dtype=dtype)
    x = floats(rng, 4, 2, 3).astype(dtype)
    session = Session(made)
    assert [(p.operator, p.runtime) for p in session.placements] == [("LSTM", "eigenlstm")]
    np.testing.assert_array_equal(session.run(None, {"x": x})[0], Session(plain).run(None, {"x": x})[0])
    if dtype == np.float32:
        check(made, {"x": x})


def test_sizes_known_from_the_inputs_are_constants():
    body = """
    graph (float[5, 2, 3] x) => (float[5, 1, 2, 4] Y) {
      size = Shape (x)
      batch = Gather (size, at)
      row = Unsqueeze (batch, zero)
      wanted = Concat <axis = 0> (one, row, units)
      h0 = ConstantOfShape (wanted)
      Y = LSTM <hidden_size = 4> (x, W, R, B, , h0, h0)
    }
    """
    rng = np.random.default_rng(0)
    numbers = {"at": np.array(1), "zero": np.array([0]), "one": np.array([1]), "units": np.array([4])}
    session, _ = check(graphs.parse(body, {**graphs.lstm_weights(rng, 3, 4), **numbers}), {"x": floats(rng, 5, 2, 3)})
    assert len(session.placements) == 1


def test_a_condition_on_a_size_that_is_known_is_resolved():
    """As voice detectors have it: the state's first size is fixed, its second is not."""
    body = """
    graph (float[T, N, 3] x, float[2, N, 4] state) => (float[T, N, 4] y) {
      size = Shape (state)
      rank = Size (size)
      halves = Gather (size, zero)
      has_state = Equal (halves, two)
      is_batch = Equal (rank, three)
      all = And (has_state, is_batch)
      y = If (all) <
        then_branch = with_state () => (a) {
          h, c = Split <axis = 0, num_outputs = 2> (state)
          Y = LSTM <hidden_size = 4> (x, W, R, B, , h, c)
          a = Squeeze (Y, one)
        },
        else_branch = without () => (b) {
          Z = LSTM <hidden_size = 4> (x, W, R, B)
          b = Squeeze (Z, one)
        }
      >
    }
    """
    rng = np.random.default_rng(0)
    numbers = {"zero": np.array(0), "two": np.array(2), "three": np.array(3), "one": np.array([1])}
    model = graphs.parse(body, {**graphs.lstm_weights(rng, 3, 4), **numbers})
    session, _ = check(model, {"x": floats(rng, 5, 2, 3), "state": floats(rng, 2, 2, 4)})
    assert len(lstms(session)) == 1 and all(p.operator != "If" for p in session.placements)


def test_shapes_that_a_file_tells_of_its_traced_example_are_not_believed():
    body = """
    graph (float[N, T, 3] x) => (float[2, 7, 4] y) <float[2, 7, 3] a, float[7, 1, 2, 4] Y> {
      a = Relu (x)
      b = Transpose <perm = [1, 0, 2]> (a)
      Y = LSTM <hidden_size = 4> (b, W, R, B)
      c = Squeeze (Y, one)
      d = Transpose <perm = [1, 0, 2]> (c)
      size = Shape (a)
      two = Slice (size, zero, end)
      wanted = Concat <axis = 0> (two, four)
      e = Reshape (d, wanted)
      y = Tanh (e)
    }
    """
    rng = np.random.default_rng(0)
    numbers = {"one": np.array([1]), "zero": np.array([0]), "end": np.array([2]), "four": np.array([4])}
    model = graphs.parse(body, {**graphs.lstm_weights(rng, 3, 4), **numbers})
    assert len(model.graph.value_info) == 2
    x = floats(rng, 3, 5, 3)
    del model.graph.value_info[:2]
    expected = Session(model).run(None, {"x": x})[0]
    told = graphs.parse(body, {t.name: numpy_helper.to_array(t) for t in model.graph.initializer})
    for runtime in ("onnxruntime", "reference"):
        got = Session(told, runtime=runtime).run(None, {"x": x})[0]
        np.testing.assert_allclose(got, expected, atol=1e-6)
    assert expected.shape == (3, 5, 4)


def test_a_local_function_is_looked_into():
    rng = np.random.default_rng(0)
    body = """
    <ir_version: 10, opset_import: ["" : 20, "local" : 1]>
    graph (float[T, N, 3] x) => (float[T, N, 4] y) { y = local.squeezed (x, W, R, one) }
    <domain: "local", opset_import: ["" : 20]>
    squeezed (x, W, R, axis) => (y) { Y = LSTM <hidden_size = 4> (x, W, R)  y = Squeeze (Y, axis) }
    """
    model = onnx.parser.parse_model(body)
    weights = {**graphs.lstm_weights(rng, 3, 4, names="WRB"), "one": np.array([1])}
    model.graph.initializer.extend(numpy_helper.from_array(weights[name], name) for name in ("W", "R", "one"))
    assert len(lstms(check(model, {"x": floats(rng, 5, 2, 3)})[0])) == 1


def test_an_lstm_that_cant_run_here_is_left_to_the_other_runtime_with_the_reason():
    rng = np.random.default_rng(0)
    arrays = {name: value.astype(np.float32) for name, value in random_arrays(rng, 4, 2, 3, 5, 1).items()}
    model = node(arrays, {"activation_alpha": [0.5]})
    session = Session(model)
    (placement,) = session.placements
    assert placement.runtime == "onnxruntime"
    assert placement.reason == "LSTM node 'Y': activation_alpha has 1 values that no activation takes"
    assert placement.reason in str(session.summary())


def test_a_graph_without_an_lstm_runs_as_it_is():
    body = "graph (float[N, 3] x) => (float[N, 3] y) { y = Relu (x) }"
    session, _ = check(graphs.parse(body, {}), {"x": floats(np.random.default_rng(0), 2, 3)})
    assert [p.runtime for p in session.placements] == ["onnxruntime"]


def test_what_save_writes_runs_here_to_the_bit(tmp_path):
    model = el.Sequential([el.LSTM(3, 6, bidirectional=True, seed=0), el.Last(bidirectional=True)])
    x = floats(np.random.default_rng(0), 2, 5, 3)
    el.onnx.save(model, tmp_path / "model.onnx")
    np.testing.assert_array_equal(Session(tmp_path / "model.onnx").run(None, {"x": x})[0], model(x))


@pytest.mark.parametrize("dynamo", [False, True])
def test_what_pytorch_exports(dynamo, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch's exporters write the files of this test")
    if dynamo:
        pytest.importorskip("onnxscript", reason="PyTorch's newer exporter needs it")

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv1d(4, 6, 3, padding=1)
            self.lstm = torch.nn.LSTM(6, 5, num_layers=2, bidirectional=True, batch_first=True)
            self.head = torch.nn.Linear(10, 2)

        def forward(self, x):
            y, _ = self.lstm(torch.relu(self.conv(x)).transpose(1, 2))
            return self.head(y)

    torch.manual_seed(0)
    net, path = Net().eval(), tmp_path / "net.onnx"
    axes = dict(dynamic_shapes=[{0: "N", 2: "T"}]) if dynamo else dict(dynamic_axes={"x": {0: "N", 2: "T"}})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net, (torch.zeros(2, 4, 9),), path, input_names=["x"], output_names=["y"], dynamo=dynamo, **axes
        )
    session = Session(path)
    assert len(lstms(session)) == 2 and {where for _, where in lstms(session)} == {"eigenlstm"}
    x = floats(np.random.default_rng(0), 3, 4, 7)
    np.testing.assert_allclose(session.run(None, {"x": x})[0], net(torch.tensor(x)).detach().numpy(), atol=2e-6)


# -- calls ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names, feed, error, message",
    [
        (["z"], {}, ValueError, "Session.run: 'z' is no output; there are y, h"),
        (None, {}, ValueError, "Session.run: the inputs x are missing; got none"),
        (None, {"x": np.zeros((1, 8, 3), np.float32), "q": 1}, ValueError, "'q' is no input; there are x"),
        (None, {"x": np.zeros((1, 8, 3))}, TypeError, "Session.run: x must have dtype float32, got float64"),
        (
            None,
            {"x": np.zeros((1, 7, 3), np.float32)},
            ValueError,
            r"x must have shape \('N', 8, 'T'\), got \(1, 7, 3\)",
        ),
        (None, {"x": np.zeros((8, 3), np.float32)}, ValueError, r"x must have shape .*, got \(8, 3\)"),
    ],
)
def test_a_call_that_does_not_fit(names, feed, error, message):
    session = Session(graphs.convolutions_and_lstms(np.random.default_rng(0)))
    with pytest.raises(error, match=message):
        session.run(names, feed)


@pytest.mark.parametrize(
    "how, error, message",
    [
        (dict(constants={"rate": 3}), ValueError, "constants: 'rate' is no input; there are x, state, sr"),
        (dict(constants={"sr": 16000.5}), ValueError, "constants: sr must be of int64, got 16000.5"),
        (dict(constants={"sr": [1, 2]}), ValueError, r"constants: sr must have shape \(\), got \(2,\)"),
        (dict(runtime="torch"), ValueError, "runtime must be 'onnxruntime', 'reference' or None, got 'torch'"),
        (dict(runtime="reference", providers=["x"]), ValueError, "providers are ONNX Runtime's, which isn't used"),
    ],
)
def test_arguments_that_make_no_sense(how, error, message):
    with pytest.raises(error, match=message):
        Session(graphs.chosen_by_rate(np.random.default_rng(0)), **how)


def test_threads_may_share_a_session():
    from concurrent.futures import ThreadPoolExecutor

    rng = np.random.default_rng(0)
    session = Session(graphs.convolutions_and_lstms(rng))
    inputs = [floats(rng, 2, 8, 5 + k) for k in range(8)]
    expected = [session.run(None, {"x": x})[0] for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        for got, value in zip(pool.map(lambda x: session.run(None, {"x": x})[0], inputs), expected):
            np.testing.assert_array_equal(got, value)


def test_the_reference_evaluator_stands_in_where_onnx_runtime_is_not_installed(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    rng = np.random.default_rng(0)
    model = graphs.convolutions_and_lstms(rng)
    assert {p.runtime for p in Session(model).placements} == {"eigenlstm", "numpy", "onnx.reference"}
    with pytest.raises(ImportError, match=r'pip install "eigenlstm\[onnx\]"'):
        Session(model, runtime="onnxruntime")


def test_masked_entries_are_refused(tmp_path):
    el.onnx.save(el.Sequential([el.LSTM(2, 3, seed=0)]), tmp_path / "m.onnx")
    session = Session(tmp_path / "m.onnx")
    x = np.ma.masked_array(np.zeros((1, 4, 2), np.float32), mask=False)
    session.run(None, {session.get_inputs()[0].name: x})
    x[0, 1] = np.ma.masked
    with pytest.raises(ValueError, match="2 masked entries"):
        session.run(None, {session.get_inputs()[0].name: x})
