"""`load`: an ONNX graph as a model to train on."""

import inspect
import keyword
import re

import numpy as np
import onnx

from ...graph import RESERVED, Input
from ...layers.lstm import LSTM
from ...layers.parameters import blank_parameters
from ...model import Model
from ...safetensors_files import FileError
from ...sequential import Sequential
from .graph import simplified, static_sizes
from .operator import Unsupported, described
from .read_layers import READERS
from .reading import read_model
from .session import constant_inputs
from .values import Axis, Directions, Values

_FLOATS = {
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.DOUBLE,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.BFLOAT16,
}


def load(path_or_bytes, *, constants=None):
    """The model in an ONNX file, to train on: a `Sequential` where its layers are a chain, else a `Model`.

    The graph is read as PyTorch, Keras and `save` write it, batch-major: LSTM, Linear, Embedding, LayerNorm, Conv1D,
    pooling, the first or last step, Dropout, activations, sums, products, and features side by side. What lies between
    (transpositions, reshapes, constants) is understood and left out. A graph of a single LSTM whose input is time-major
    becomes an `LSTM` with ``time_major=True``; its y has the directions side by side, where the operator's Y has an
    axis for them. `Session` runs what can't be loaded.

    Parameters
    ----------
    path_or_bytes : path, bytes or ModelProto
    constants : dict name -> value
        Inputs that are the same in every call.

    Notes
    -----
    Further outputs are left out where they are final states of the LSTMs. Initial states must be zero, or constant and
    the same for each row: then they are learned from there on (`LSTM`'s `learned_state`). An input that is the LSTMs'
    ``sequence_lens`` is the model's `lengths`. Inputs of a Model have the graph's names, with "_" for what Python
    allows in no name. Dropout in the file is dropout in training. Half precision becomes float32.

    Raises
    ------
    OSError, FileError
        For a file that can't be read or is damaged.
    ValueError
        For a graph that is something else, before anything is built: it names the node, its operator, what was expected
        and what came.
    """
    return read(path_or_bytes, constants)[0]


def read(path_or_bytes, constants=None):
    """`load`, with a list of (node, layer) that says which node became what."""
    model = read_model(path_or_bytes, "onnx.load")
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise FileError(f"onnx.load: the model is not valid: {error}") from None
    constants = constant_inputs(model.graph, dict(constants or {}), "onnx.load")
    try:
        reader = _Reader(simplified(model, constants))
        return reader.model(), reader.became
    except Unsupported as error:
        raise Unsupported(f"onnx.load: {error}") from None


class _Reader:
    """What is known of the values of a graph, node by node.

    Attributes
    ----------
    graph : Graph
    known : dict name -> Values, Sizes, Repeated or ndarray
    inputs : dict name -> Values
    lengths : str or None
        The input that is the LSTMs' sequence_lens.
    became : list of (node, layer)
        Filled by `model`.
    """

    def __init__(self, graph):
        self.graph, self.lengths, self.makers, self.became = graph, None, {}, []
        named = {}
        self.inputs = {value.name: _input(value, named) for value in graph.inputs}
        self.floats = {value.name for value in graph.inputs if _is_float(value)}
        self.known = {**graph.constants, **self.inputs}
        for node in graph.nodes:
            read = READERS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
            if read is None:
                raise Unsupported(f"{described(node)}: there is no layer for the operator {node.op_type}")
            results = read(self, node)
            self.known.update((name, value) for name, value in zip(node.output, results) if name)
            for value in results:
                if isinstance(value, Values) and not isinstance(value.made, str):
                    self.makers.setdefault(value.made, described(node))

    def model(self):
        """The model that computes the outputs."""
        outputs = []
        for name in (value.name for value in self.graph.outputs):
            value = self.known.get(name)
            if outputs and getattr(value, "finals", None) is not None:
                continue  # a final state, which every LSTM gives
            if not isinstance(value, Values) or value.finals is not None or value.last is None:
                raise Unsupported(f"output {name!r}: must be what layers make of the graph's inputs")
            outputs.append(value)
        made = _in_order([value.made for value in outputs])
        read = [name for name in self.inputs if any(name in one.takes for one in made)]
        for name in self.inputs:
            if name not in read and name != self.lengths:
                raise Unsupported(f"input {name!r}: is read by no layer of the model")
        time_major = self._time_major(read, outputs, made)
        weights = [value for one in made for value in one.spec.weights.values()]
        dtype = "float64" if any(value.dtype == np.float64 for value in weights) else "float32"
        with blank_parameters(limit=sum(value.size for value in weights)):  # nothing is drawn
            layers = [one.spec.build(dtype, **({"time_major": True} if time_major else {})) for one in made]
        self.became = [(self.makers[one], layer) for one, layer in zip(made, layers)]
        if time_major:
            return layers[0]
        chain = [read, *([one] for one in made[:-1])]
        if len(outputs) == 1 and all(list(one.takes) == before for one, before in zip(made, chain)):
            return Sequential(layers)
        return self._wired(read, outputs, made, layers)

    def _wired(self, read, outputs, made, layers):
        """A `Model` of layers that are no chain."""
        names = {name: _identifier(name) for name in read}
        if len(set(names.values())) < len(names):
            raise Unsupported(f"inputs {', '.join(names)}: are one name once they are identifiers")

        def function(**inputs):
            values = {name: inputs[names[name]] for name in read}
            for one, layer in zip(made, layers):
                given = layer(*(values[taken] for taken in one.takes))
                values[one] = given[0] if layer.recurrent else given
            return tuple(values[value.made] for value in outputs)

        keywords = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names.values()]
        function.__signature__ = inspect.Signature(keywords)
        inputs, free = {}, {}
        for name in read:
            axes = self.inputs[name].axes
            sizes = [
                axis
                if isinstance(axis, int)
                else axis.size
                if axis.role == "features"
                else free.setdefault(axis, f"time_{len(free)}")
                for axis in axes[1:]
            ]
            inputs[names[name]] = Input(tuple(sizes), "float" if name in self.floats else "int64")
        return Model(function, **inputs)

    def _time_major(self, read, outputs, made):
        """Whether the graph is one LSTM on (T, B, I); `Unsupported` where axes are in another order than a model's."""
        alone = [one.spec.cls for one in made] == [LSTM] and len(outputs) == 1
        orders = []
        for name in read:
            free = [axis for axis in self.inputs[name].axes if isinstance(axis, Axis) and axis.role != "features"]
            orders.append([axis.role for axis in free] or [None])
            for value in outputs:
                kept = [axis for axis in value.axes if axis in free]
                directions = any(isinstance(axis, Directions) for axis in value.axes)
                if kept != [axis for axis in free if axis in kept] or (directions and not alone):
                    raise Unsupported(
                        f"an output has the axes {value.shape}; a model keeps the order of its input's axes"
                    )
        if alone and orders == [["time", "batch"]]:
            return True
        for name, (batch, *others) in zip(read, orders):
            if batch == "time" or "batch" in others:
                raise Unsupported(f"input {name!r}: has the axes {self.inputs[name].shape}; models are batch-major")
        return False


def _in_order(outputs):
    """Every layer that `outputs` need, each after those that it takes from."""
    order, seen = [], set()
    waiting = [(made, False) for made in reversed(outputs)]
    while waiting:
        made, ready = waiting.pop()
        if isinstance(made, str) or (made in seen and not ready):
            continue
        if ready:
            order.append(made)
            continue
        seen.add(made)
        waiting.append((made, True))
        waiting += [(taken, False) for taken in reversed(made.takes)]
    return order


def _identifier(name):
    """A name that Python takes: other characters become "_", and what is an argument of `Model.forward` gets one."""
    name = re.sub(r"\W", "_", name)
    name = f"_{name}" if not name or name[0].isdigit() or keyword.iskeyword(name) else name
    return f"{name}_" if name in RESERVED else name


def _input(value, named):
    """What is known of an input: which axes are features, and which batch or time; `named`: the axes with a name."""
    sizes = static_sizes(value.type)
    if sizes is None:
        raise Unsupported(f"input {value.name!r}: its rank must be known")
    names = [d.dim_param for d in value.type.tensor_type.shape.dim]
    axes = [Axis(k, size, _is_float(value) and k == len(sizes) - 1) for k, size in enumerate(sizes)]
    axes = [named.setdefault(name, axis) if name else axis for name, axis in zip(names, axes)]
    if _is_float(value) and len(sizes) > 1 and sizes[-1] is not None:
        axes[-1] = sizes[-1]
    return Values(value.name, tuple(axes))


def _is_float(value):
    return value.type.tensor_type.elem_type in _FLOATS
