"""Whole models as streams: a graph of layers becomes a list of operations on one step, which the core runs."""

import numpy as np

from . import _core
from .checks import positive_int
from .layers.symbolic import shape_text

_GRAPHS = {np.dtype(np.float32): _core.StepGraphFloat32, np.dtype(np.float64): _core.StepGraphFloat64}


def stream(self, batch_size=1):
    """A streaming session: the model step by step, with a state of its own, one native call a step.

    The session ``s`` has:

    - ``s.step(x, out=None)``: one step of `batch_size` rows side by side, x (batch_size, I) -> y (batch_size, O), for
      one row also (I,) -> (O,). A model that begins with an `Embedding` takes integers (batch_size,), for one row also
      an integer.
    - ``s.process(block, out=None)``: a block of steps in one call, (batch_size, T, I) -> (batch_size, T, O), for one
      row also (T, I) -> (T, O), and (T,) -> (T,) where I and O are 1; integers (batch_size, T), or (T,). `out` may be
      the block itself.
    - ``s.state``: all that the session remembers, an array (batch_size, S), copied out and in: rows can be stored, and
      moved between sessions of one model.
    - ``s.batch_size``, ``s.input_size`` (I; None for integers), ``s.output_size`` (O), ``s.dtype``.
    - ``s.reset()``: back to the start, zero or what an LSTM has learned; ``s.fork()``: an independent copy.

    Results have the bits of `predict` over the whole sequence. The session keeps the weights as they are now. With
    `out` a step allocates nothing; it takes no lock and makes no system call, and `process` gives up the GIL. One
    session is for one thread at a time.

    Raises
    ------
    ValueError
        For a layer that needs more of the sequence than the steps so far (a bidirectional LSTM, `Last` and the pools,
        ``Conv1D(padding="same")``, `Attention`, ...) or has no step of its own, with the reason; for a model of several
        inputs or outputs.
    """
    where = f"{type(self).__name__}.stream"
    batch_size = positive_int(batch_size, f"{where}: batch_size")
    _check_steps(self, where)
    graph = self.graph
    if len(graph.inputs) > 1 or len(graph.outputs) > 1:
        raise ValueError(
            f"{where}: needs a model of one input and one output, this has {len(graph.inputs)} and {len(graph.outputs)}"
        )
    x = graph.values[0]
    integers = x.dtype != "float"
    if not (x.ndim <= 2 if integers else x.ndim in (2, 3) and isinstance(x.shape[-1], int)):
        raise ValueError(f"{where}: x must be (B, T, features), or (B, T) of integers, got {shape_text(x.shape)}")
    steps = _GRAPHS[self.dtype or np.dtype(np.float32)](1 if integers else x.shape[-1], integers)
    return steps.stream(_add_nodes(graph, steps, where), batch_size)


def _add_nodes(graph, steps, where):
    """Adds the nodes of `graph` to `steps`; the number of what it gives."""
    values = {0: 0}  # numbers in the graph -> in steps
    for node in graph.nodes:
        name, layer = list(graph.layers.items())[node.layer]
        if layer.recurrent and len(node.inputs) > 1:
            raise ValueError(f"{where}: {name} ({type(layer).__name__}) starts from the state after a whole sequence")
        for index in node.inputs:
            if index not in values:
                raise ValueError(f"{where}: {name} ({type(layer).__name__}) takes the state after a whole sequence")
        values[node.outputs[0]] = stream_into(
            layer, steps, [values[index] for index in node.inputs], f"{where}: {name}"
        )
    if graph.outputs[0] not in values:
        raise ValueError(f"{where}: the model gives the state after a whole sequence")
    return values[graph.outputs[0]]


def stream_into(layer, steps, xs, where):
    """Adds a step of `layer` on the values `xs` to `steps`; the number of what it gives."""
    _check_steps(layer, f"{where} ({type(layer).__name__})")
    return layer._stream_into(steps, *xs)


def _check_steps(layer, where):
    """Refuse a layer that has no step, or whose `forward` is no longer that of the class that has the step."""
    order = type(layer).__mro__
    first = {name: next((i for i, cls in enumerate(order) if name in vars(cls)), len(order)) for name in _STEP}
    reason = layer._no_step
    if reason is None and first["forward"] < first["_stream_into"]:
        reason = "its forward has no step beside it"
    if reason is not None:
        raise ValueError(f"{where} can't stream: {reason}")


_STEP = ("forward", "_stream_into")
