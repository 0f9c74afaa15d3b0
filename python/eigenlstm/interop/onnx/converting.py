"""ONNX files for ``python -m eigenlstm convert``."""

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from ...safetensors_files import FileError
from ..convert import Report
from .graph import static_sizes
from .loading import read as read_graph
from .lstm_node import ReferenceLSTM
from .operator import Unsupported
from .reading import read_model


def read(path):
    """``(model, Report)``; `FileError` for what can't be read as a model."""
    try:
        model, became = read_graph(path)
    except Unsupported as error:
        raise FileError(f"{path}: {error}") from None
    report = Report(str(path), "ONNX", [(node, repr(layer)) for node, layer in became])
    if getattr(model, "time_major", False):
        report.notes.append("x and y are (T, B, ...), as in the file")
    return model, report


def compare(path, model):
    """The largest difference from ONNX Runtime, or else onnx's reference evaluator, on random input."""
    proto = read_model(path, "convert")
    rng, feed = np.random.default_rng(0), {}
    known = {tensor.name for tensor in proto.graph.initializer}
    for value in proto.graph.input:
        if value.name in known:
            continue
        sizes = static_sizes(value.type)
        shape = [size or (2, 7, 3)[min(k, 2)] for k, size in enumerate(sizes)]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        if dtype == np.int32 and len(shape) == 1:
            return None, "a model with lengths is not compared"
        feed[value.name] = (rng.integers(0, 2, shape) if dtype.kind in "iu" else rng.standard_normal(shape)).astype(
            dtype
        )
    name, expected = _run(proto, feed)
    inputs = [x.astype(model.dtype) if x.dtype.kind == "f" else x for x in feed.values()]
    got = model(*inputs)
    got = got[0] if isinstance(got, tuple) else got
    return float(np.abs(got.reshape(expected.shape) - expected).max()), f"{name} on random input"


def _run(proto, feed):
    try:
        import onnxruntime
    except ImportError:
        return "onnx's reference evaluator", ReferenceEvaluator(proto, new_ops=[ReferenceLSTM]).run(None, feed)[0]
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return "ONNX Runtime", session.run(None, feed)[0]
