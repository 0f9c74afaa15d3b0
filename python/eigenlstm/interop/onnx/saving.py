"""Models as ONNX files: `save`."""

import numpy as np
from onnx import helper

from ... import __version__
from ...layers.base import Layer
from ...atomic_files import write_atomically
from .emit import Emitter
from .operator import Unsupported
from .writer import IR_VERSION, OPSET, Value, Writer, tensor


def save(model, path, *, lengths=False, state=False):
    """Write `model` to `path` as an ONNX file (opset 22) that computes what ``model(x)`` does in inference.

    The graph takes ``x`` and gives ``y``; batch and time are free. The LSTM becomes the operator LSTM wherever that can
    say what the layer does, else a Scan with the same equations (projection, layer normalisation, cell clip, zoneout).

    Parameters
    ----------
    model : Sequential, or a layer
    path : str or path
        The file is written beside it, synced and renamed: a kill leaves the old file or the new one.
    lengths : bool
        True: a further input ``lengths`` (B,) int32, the steps of each row.
    state : bool
        True: the states of the LSTMs are further inputs and outputs, for streaming: ``h0``, ``c0`` and ``h``, ``c`` of
        a model that is an LSTM, ``0.h0`` and so on of layer 0 of a Sequential, of the shapes that a call takes and
        gives; ``0.h0_l0``, ``0.h0_l0_reverse``, ... where an LSTM's layers differ in width.

    Raises
    ------
    TypeError, ValueError
        Before anything is written: for what is no model, for a layer or option that ONNX can't express, with the
        reason, and for `lengths` or `state` where the model has no use for them.
    """
    data = model_proto(model, lengths=lengths, state=state)
    try:
        data = data.SerializeToString()
    except ValueError:
        raise ValueError("onnx.save: the model is larger than the 2 GiB of an ONNX file") from None
    write_atomically(path, data)


def model_proto(model, *, lengths=False, state=False):
    """What `save` writes, as an ``onnx.ModelProto``."""
    if not isinstance(model, Layer):
        raise TypeError(f"onnx.save: model must be a Sequential or a layer, got {type(model).__name__}")
    dtype = np.dtype(model.dtype or np.float32)
    shape, input_dtype = _input(model, dtype)
    if lengths and "T" not in shape:
        raise ValueError(f"onnx.save: lengths=True needs a model with a time axis; x has shape {shape}")
    writer = Writer(dtype)
    emitter = Emitter(writer, "lengths" if lengths else None, state)
    value = emitter.layer(model, Value("x", shape))
    writer.scope = ""
    writer.nodes.append(helper.make_node("Identity", [value.name], ["y"], name="y"))
    if state and not emitter.states_in:
        raise ValueError("onnx.save: state=True needs a model with an LSTM")
    inputs = [tensor("x", input_dtype, shape)]
    inputs += [tensor("lengths", np.int32, ("B",))] * bool(lengths)
    inputs += [tensor(name, dtype, shape) for name, shape in emitter.states_in]
    outputs = [tensor("y", dtype, value.shape)]
    for name, inner, state_shape in emitter.states_out:
        writer.nodes.append(helper.make_node("Identity", [inner], [name], name=name))
        outputs.append(tensor(name, dtype, state_shape))
    graph = helper.make_graph(writer.nodes, "eigenlstm", inputs, outputs, list(writer.initializers.values()))
    return helper.make_model(
        graph,
        producer_name="eigenlstm",
        producer_version=__version__,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )


def _input(model, dtype):
    """Shape of x with symbols for the free sizes, and its dtype: integers where an Embedding reads it."""
    shape, first = model.input_shape(), model
    while hasattr(first, "layers"):
        first = first.layers[0]
    if shape is None and not model.keeps_time:
        shape = ("B", "T", "F")
    if shape is None:
        raise Unsupported(
            "onnx.save: no layer of the model says what shape x has; add one that does (Linear, LSTM, ...)"
        )
    return shape, np.dtype(np.int64) if type(first).__name__ == "Embedding" else dtype
