"""ONNX files that are damaged, hostile or of another kind: refused by name, before anything is built from them."""

import subprocess
import sys

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the files are onnx's")

import onnx_graphs as graphs  # noqa: E402
from onnx import TensorProto, external_data_helper, helper, numpy_helper  # noqa: E402

import eigenlstm as el  # noqa: E402
from eigenlstm.interop.onnx import Session  # noqa: E402
from eigenlstm.interop.onnx.reading import read_model  # noqa: E402


def small():
    rng = np.random.default_rng(0)
    body = "graph (float[T, N, 3] x) => (float[T, 1, N, 5] Y) { Y = LSTM <hidden_size = 5> (x, W, R, B) }"
    return graphs.parse(body, graphs.lstm_weights(rng, 3, 5))


def feed():
    return {"x": np.random.default_rng(1).standard_normal((4, 2, 3)).astype(np.float32)}


def initializer(model, name):
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def refused(model, message, **how):
    with pytest.raises(el.FileError, match=message):
        Session(model.SerializeToString(), runtime="reference", **how)


def test_without_onnx_the_error_names_the_extra():
    code = "import sys; sys.modules['onnx'] = None; import eigenlstm as el; el.onnx"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 'ImportError: el.onnx needs onnx: pip install "eigenlstm[onnx]"' in done.stderr


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Session(tmp_path / "none.onnx")
    with pytest.raises(TypeError, match="onnx.Session: expected a path or the bytes of an ONNX file, got int"):
        Session(3)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 not this", b"\xff" * 100, b"{}"])
def test_what_is_no_onnx_file(data, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    with pytest.raises(el.FileError, match="is not an ONNX file"):
        Session(path)


def test_every_truncation_is_refused_or_runs_nothing_wrong():
    data = small().SerializeToString()
    for end in range(0, len(data), 7):
        with pytest.raises((el.FileError, ValueError)):
            Session(data[:end], runtime="reference").run(None, feed())


def test_bytes_that_are_changed_at_random_never_do_harm():
    data = small().SerializeToString()
    rng = np.random.default_rng(0)
    expected = Session(data, runtime="reference").run(None, feed())[0]
    for _ in range(150):
        broken = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            broken[at] = rng.integers(256)
        try:
            got = Session(bytes(broken), runtime="reference").run(None, feed())
        except Exception as error:  # whatever is wrong, it is told
            assert not isinstance(error, (MemoryError, SystemError, RecursionError)) and str(error)
        else:
            assert got[0].shape == expected.shape or got[0].size <= 10 * expected.size


def test_a_tensor_that_claims_more_than_it_has():
    for dims in ([1, 20, 2**40], [2**62, 2**62, 7], [1, 20, 4], [1, 20]):
        model = small()
        tensor = initializer(model, "W")
        del tensor.dims[:]
        tensor.dims.extend(dims)
        refused(model, r"onnx.Session: the model: tensor 'W': needs \d+ bytes for .* float32, has 240")
    model = small()
    initializer(model, "W").dims[0] = -1
    refused(model, "tensor 'W': has an impossible shape")
    model = small()
    initializer(model, "W").data_type = 99
    refused(model, "tensor 'W': has an unknown type 99")
    model = small()
    model.graph.initializer.append(helper.make_tensor("many", TensorProto.FLOAT, [2], [1.0, 2.0]))
    model.graph.initializer[-1].dims[0] = 10**9
    refused(model, "tensor 'many': needs 1000000000 values for shape .*, has 2")


@pytest.mark.parametrize("operator", ["ConstantOfShape", "Expand", "Tile", "Reshape"])
def test_constants_that_would_be_huge_are_not_computed(operator):
    model = small()
    model.graph.initializer.append(numpy_helper.from_array(np.array([2**20, 2**20, 2**10]), "huge"))
    model.graph.initializer.append(numpy_helper.from_array(np.ones((1, 1, 1), np.float32), "one"))
    inputs = ["huge"] if operator == "ConstantOfShape" else ["one", "huge"]
    model.graph.node.insert(0, helper.make_node(operator, inputs, ["big"]))
    session = Session(model, runtime="reference")  # nothing needs it
    assert session.run(None, feed())[0].shape == (4, 1, 2, 5) and len(session.placements) == 1


def external(tmp_path, location, offset=0, length=None, data=None):
    """The small model with W in another file."""
    model = small()
    tensor = initializer(model, "W")
    raw = tensor.raw_data
    (tmp_path / "weights.bin").write_bytes(raw if data is None else data)
    external_data_helper.set_external_data(tensor, location, offset, len(raw) if length is None else length)
    tensor.ClearField("raw_data")
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_weights_in_another_file_of_the_same_folder(tmp_path):
    expected = Session(small(), runtime="reference").run(None, feed())[0]
    path = external(tmp_path, "weights.bin")
    np.testing.assert_array_equal(Session(path, runtime="reference").run(None, feed())[0], expected)
    with pytest.raises(el.FileError, match="has its data in the file 'weights.bin', which bytes don't bring along"):
        Session(path.read_bytes())


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "a/../../secret", ""])
def test_weights_from_outside_the_folder(location, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(bytes(240))
    with pytest.raises(el.FileError, match="tensor 'W': its data lies in .*, outside of the folder of the model"):
        read_model(external(folder, location), "onnx.Session")


def test_a_link_that_leads_out_of_the_folder(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(bytes(240))
    (folder / "inside.bin").symlink_to(tmp_path / "secret")
    with pytest.raises(el.FileError, match="outside of the folder"):
        read_model(external(folder, "inside.bin"), "onnx.Session")


@pytest.mark.parametrize(
    "how, message",
    [
        (dict(location="none.bin"), "should lie in 'none.bin', which is not there"),
        (dict(location="weights.bin", length=2**40), "needs 240 bytes, names 1099511627776"),
        (
            dict(location="weights.bin", offset=1),
            "needs 240 bytes, names 240 from 1 on in 'weights.bin', which has 240",
        ),
        (dict(location="weights.bin", data=b"short"), "which has 5"),
    ],
)
def test_external_data_that_does_not_fit(how, message, tmp_path):
    with pytest.raises(el.FileError, match=message):
        read_model(external(tmp_path, **how), "onnx.Session")


def test_a_node_that_reads_what_nobody_writes():
    model = small()
    model.graph.node[0].input[0] = "ghost"
    refused(model, "LSTM node 'Y': its input 'ghost' is computed by no node before it")


def test_weights_that_do_not_fit_the_node():
    model = small()
    model.graph.node[0].attribute[0].i = 6
    refused(model, r"LSTM node 'Y': W \('W'\) must have shape \(1, 24, 3\), got \(1, 20, 3\)")
    model = small()
    del model.graph.initializer[2].dims[:]
    model.graph.initializer[2].dims.extend([2, 20])
    refused(model, r"LSTM node 'Y': B \('B'\) must have shape \(1, 40\), got \(2, 20\)")
