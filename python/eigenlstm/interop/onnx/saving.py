"""Models as ONNX files: `save`."""

import numpy as np
from onnx import helper

from ... import __version__
from ...atomic_files import write_atomically
from ...layers.base import Layer
from ...model import Model
from .emit import Emitter
from .operator import Unsupported
from .writer import IR_VERSION, OPSET, Value, Writer, tensor


def save(model, path, *, lengths=False, state=False):
    """Write `model` to `path` as an ONNX file (opset 22) that computes what ``model(x)`` does in inference.

    The graph takes ``x`` (of a `Model`, its inputs by name) and gives ``y`` (where a Model has several outputs, ``y0``,
    ``y1``, ...); batch and time are free. The LSTM becomes the operator LSTM wherever that can say what the layer does,
    else a Scan with the same equations (projection, layer normalisation, cell clip, zoneout).

    Parameters
    ----------
    model : Model, Sequential, or a layer
    path : str or path
        The file is written beside it, synced and renamed: a kill leaves the old file or the new one.
    lengths : bool
        True: a further input ``lengths`` (B,) int32, the steps of each row. Of a Model with several inputs, one for
        each time that they have: ``source_lengths`` for an input ``source``.
    state : bool
        True: the states of the LSTMs are further inputs and outputs, for streaming: ``h0``, ``c0`` and ``h``, ``c`` of
        a model that is an LSTM, ``0.h0`` and so on of layer 0 of a Sequential, ``encoder.h0`` of a Model's layer
        ``encoder`` that isn't given a state, of the shapes that a call takes and gives; ``0.h0_l0``,
        ``0.h0_l0_reverse``, ... where an LSTM's layers differ in width.

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
        raise TypeError(f"onnx.save: model must be a Model, a Sequential or a layer, got {type(model).__name__}")
    dtype = np.dtype(model.dtype or np.float32)
    emitter = Emitter(Writer(dtype), state)
    written = _graph(emitter, model, lengths) if isinstance(model, Model) else _chain(emitter, model, lengths)
    if state and not emitter.states_in:
        raise ValueError("onnx.save: state=True needs a model with an LSTM whose state is its own")
    inputs, outputs = written
    inputs += [(name, dtype, shape) for name, shape in emitter.states_in]
    outputs += emitter.states_out
    nodes = [helper.make_node("Identity", [inner], [name], name=name) for name, inner, _ in outputs]
    graph = helper.make_graph(
        emitter.writer.nodes + nodes,
        "eigenlstm",
        [tensor(*each) for each in inputs],
        [tensor(name, dtype, shape) for name, _, shape in outputs],
        list(emitter.writer.initializers.values()),
    )
    return helper.make_model(
        graph,
        producer_name="eigenlstm",
        producer_version=__version__,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )


def _chain(emitter, model, lengths):
    """The nodes of a layer or Sequential: its inputs (name, dtype, shape) and outputs (name, value, shape)."""
    shape, dtype = _input(model, emitter.writer.dtype)
    if lengths and "T" not in shape:
        raise ValueError(f"onnx.save: lengths=True needs a model with a time axis; x has shape {shape}")
    x = Value("x", shape, dtype == np.int64)
    y = emitter.call(model, [x], "", ("lengths" if lengths else None,))
    y = y[0] if model.recurrent else y
    inputs = [("x", dtype, shape)] + [("lengths", np.int32, ("B",))] * bool(lengths)
    return inputs, [("y", y.name, y.shape)]


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


def _graph(emitter, model, lengths):
    """The nodes of a Model: its inputs and outputs, as those of a chain."""
    graph, layers = model.graph, list(model.graph.layers.items())
    values, known, inputs = [], {}, []
    for (name, each), value in zip(graph.inputs.items(), graph.values):
        values.append(Value(name, value.shape, each.dtype != "float"))
        inputs.append((name, emitter.writer.dtype if each.dtype == "float" else np.int64, value.shape))
        time = _time(value.shape)
        if lengths and time is not None and time not in known:
            known[time] = "lengths" if len(graph.inputs) == 1 else f"{name}_lengths"
    if lengths and not known:
        raise ValueError("onnx.save: lengths=True needs a model with an input that has a time axis of free length")
    inputs += [(name, np.int32, ("B",)) for name in known.values()]
    calls = {}
    for node in graph.nodes:
        name, layer = layers[node.layer]
        calls[name] = calls.get(name, 0) + 1
        where = name if calls[name] == 1 else f"{name}_call{calls[name]}"
        taken = [values[index] for index in node.inputs]
        steps = [known.get(_time(value.shape)) for value in taken]
        if layer.recurrent:
            given = tuple(value.name for value in taken[1:]) or None
            y, h, c = emitter.call(layer, taken[:1], where, steps[:1], given)
            values += [y, *(Value(each, graph.values[k].shape) for each, k in zip((h, c), node.outputs[1:]))]
        else:
            values.append(emitter.call(layer, taken, where, steps))
    names = ["y"] if len(graph.outputs) == 1 else [f"y{k}" for k in range(len(graph.outputs))]
    return inputs, [(name, values[k].name, graph.values[k].shape) for name, k in zip(names, graph.outputs)]


def _time(shape):
    """The name of the time axis of a shape, None where it has none of free length."""
    return shape[1] if shape is not None and len(shape) > 1 and isinstance(shape[1], str) else None
