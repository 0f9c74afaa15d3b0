"""A graph of layers as data: what `eigenlstm.Model` traces a function to, runs, and writes to files.

Values are numbered: the inputs first, in their order, then what each node gives. A node is a call of a layer; the nodes
are in the order in which they run. `Graph` is all that exporters and streams need:

    graph.inputs   {"source": Input(("S",), "int64"), "target": Input(("T",), "int64")}
    graph.layers   {"embed": Embedding(...), "encoder": LSTM(...), "output": Linear(...)}
    graph.nodes    (Node(layer=0, inputs=(0,), outputs=(2,)), Node(layer=1, inputs=(2,), outputs=(3, 4, 5)), ...)
    graph.outputs  (9,)
    graph.values   what is known of each value: its shape and dtype

A recurrent layer gives three values: y, h and c; it takes one, x, or three: x, h and c.
"""

import inspect
from dataclasses import dataclass

from .checks import positive_int
from .layers.base import Layer
from .layers.registry import described, layer_from
from .layers.symbolic import Value, shape_text

RESERVED = ("lengths", "training", "seed", "need_dx")  # arguments of Model.forward that no input may be called


@dataclass(frozen=True)
class Input:
    """What an input of a `Model` is like.

    Parameters
    ----------
    shape : tuple
        Without the batch axis: ``(None, 8)`` is an array (B, T, 8). A size is an integer or, where it is free, None or
        a name. The first axis is time wherever it is free. Inputs that give their time the same name have the same
        lengths; None stands for a name of the input's own.
    dtype : "float" or "int64"
        Floats have the dtype of the model. Any integers are taken for int64.
    """

    shape: tuple
    dtype: str = "float"

    def __post_init__(self):
        if not isinstance(self.shape, (tuple, list)):
            raise TypeError(f"Input: shape must be a tuple without the batch axis, got {self.shape!r}")
        for size in self.shape:
            if isinstance(size, str) and (not size.isidentifier() or size == "B"):
                raise ValueError(f"Input: the name of a size must be an identifier other than B, got {size!r}")
            if size is not None and not isinstance(size, str):
                positive_int(size, "Input: a size")
        if self.dtype not in ("float", "int64"):
            raise ValueError(f'Input: dtype must be "float" or "int64", got {self.dtype!r}')
        object.__setattr__(self, "shape", tuple(self.shape))


@dataclass(frozen=True)
class Node:
    """A call of a layer: the position of the layer in `Graph.layers`, and the numbers of the values in and out."""

    layer: int
    inputs: tuple
    outputs: tuple


@dataclass(frozen=True)
class Graph:
    """See the head of this module. `values` holds a `Value` for each number, for its shape and dtype."""

    inputs: dict
    layers: dict
    nodes: tuple
    outputs: tuple
    values: tuple

    def config(self):
        """The graph as JSON values; `from_config` reads them."""
        names = {id(layer): name for name, layer in self.layers.items()}
        return {
            "inputs": [
                {"name": name, "shape": list(each.shape), "dtype": each.dtype} for name, each in self.inputs.items()
            ],
            "layers": [{"name": name, **described(layer, names)} for name, layer in self.layers.items()],
            "nodes": [{"layer": node.layer, "inputs": list(node.inputs)} for node in self.nodes],
            "outputs": list(self.outputs),
        }

    @classmethod
    def from_config(cls, config):
        """The graph that `config` wrote, every call checked as when it was traced. ``ValueError`` for anything else."""
        _exactly(config, ("inputs", "layers", "nodes", "outputs"), "a graph")
        inputs, layers = {}, {}
        for item in config["inputs"]:
            _exactly(item, ("name", "shape", "dtype"), "an input")
            inputs[_new_name(item["name"], inputs, "input")] = Input(tuple(item["shape"]), item["dtype"])
        for item in config["layers"]:
            _exactly(item, ("name", "class", "config", *("tied",) * ("tied" in item)), "a layer")
            name = _new_name(item["name"], layers, "layer")
            layers[name] = layer_from(item, layers)
        trace = Trace(inputs, {id(layer): name for name, layer in layers.items()})
        for item in config["nodes"]:
            _exactly(item, ("layer", "inputs"), "a node")
            layer = _one_of(tuple(layers.values()), item["layer"], "layer")
            trace.replay(layer, [_one_of(trace.values, index, "value") for index in item["inputs"]])
        if list(trace.layers) != list(layers):
            raise ValueError("the layers of a graph must be in the order of their first calls, and all be called")
        return trace.graph([_one_of(trace.values, index, "value") for index in config["outputs"]])

    @classmethod
    def chain(cls, layers, shape):
        """The graph of a chain of `layers` that takes `shape`, the batch axis first."""
        integers = "Embedding" in [base.__name__ for base in type(_leaf(layers[0])).__mro__]
        trace = Trace(
            {"x": Input(shape[1:], "int64" if integers else "float")},
            {id(layer): str(i) for i, layer in enumerate(layers)},
        )
        value = trace.values[0]
        for layer in layers:
            given = trace.call(layer, (value,))
            value = given[0] if layer.recurrent else given
        return trace.graph([value])


class Trace:
    """Writes down the calls of layers on the values that it gives out.

    Parameters
    ----------
    inputs : dict name -> Input
    names : dict from the id of a layer to its name
        Other layers are called by their class.
    """

    def __init__(self, inputs, names):
        self.inputs, self._names = inputs, names
        self.layers, self.values, self._nodes = {}, [], []
        self._open = True
        for name, each in inputs.items():
            sizes = [f"{name}_{i}" if i else name for i in range(len(each.shape))]
            self._value(("B", *(own if size is None else size for size, own in zip(each.shape, sizes))), each.dtype)

    def call(self, layer, values, state=None, lengths=None):
        """What `layer` gives for `values`: a value, or y, (h, c) of a recurrent one. Called by ``Layer.__call__``."""
        name = self._name(layer)
        where = f"Model: {name} ({type(layer).__name__})"
        if not self._open:
            raise ValueError(f"{where}: a value was kept from a trace that has ended")
        if lengths is not None:
            raise ValueError(f"{where}: lengths are given with the inputs of the model, not in its function")
        if getattr(layer, "time_major", False):
            raise ValueError(f"{where} has time_major=True; a Model is batch-major")
        for value in (*values, *(state or ())):
            if not isinstance(value, Value) or value._trace is not self:
                raise TypeError(f"{where}: takes values of the trace it is called in, got {type(value).__name__}")
            if value.shape is None:
                raise ValueError(f"{where}: a state whose layers have different widths can't be handed on")
        if layer.tied is not None and not any(layer.tied is other for other in self.layers.values()):
            raise ValueError(f"{where} is tied to a layer that was not called before")
        shapes = [value.shape for value in values]
        try:
            dtype = layer.output_dtype(*(value.dtype for value in values))
            shape = layer.output_shape(*shapes)
        except (ValueError, TypeError) as error:
            taken = " and ".join(f"{shape_text(value.shape)} of {value.dtype}" for value in values)
            raise type(error)(f"{where} does not fit: {error}; it is called on {taken}") from None
        self.layers.setdefault(name, layer)
        given = [self._value(shape, dtype)]
        if layer.recurrent:
            states = layer.state_shapes()
            self._check_state(where, state, states)
            given += [self._value(each, "float") for each in states]
        position = list(self.layers).index(name)
        taken = (*values, *(state or ()))
        self._nodes.append(
            Node(position, tuple(value._index for value in taken), tuple(value._index for value in given))
        )
        return (given[0], tuple(given[1:])) if layer.recurrent else given[0]

    def replay(self, layer, values):
        """`call` with all the values of a node."""
        if layer.recurrent and len(values) not in (1, 3):
            raise ValueError(f"a node of a recurrent layer takes x, or x, h and c, got {len(values)} values")
        if layer.recurrent:
            return self.call(layer, values[:1], tuple(values[1:]) or None)
        if not layer.several and len(values) != 1:
            raise ValueError(f"a node of a {type(layer).__name__} takes one value, got {len(values)}")
        return self.call(layer, tuple(values))

    def graph(self, outputs):
        """What was written down, as a graph that gives `outputs`."""
        if not outputs or not self._nodes:
            raise ValueError("a graph must call a layer and give a value; this one gives no value")
        self._open = False
        return Graph(
            self.inputs,
            self.layers,
            tuple(self._nodes),
            tuple(value._index for value in outputs),
            tuple(self.values),
        )

    def _value(self, shape, dtype):
        self.values.append(Value(self, len(self.values), shape, dtype))
        return self.values[-1]

    def _name(self, layer):
        """The name of `layer`, which no other layer that was called has."""
        kind = self._names.get(id(layer)) or f"{type(layer).__name__.lower()}_1"
        stem, i = kind.removesuffix("_1"), 1
        while self.layers.get(kind, layer) is not layer:
            i += 1
            kind = f"{stem}_{i}"
        self._names[id(layer)] = kind
        return kind

    @staticmethod
    def _check_state(where, state, shapes):
        for letter, value, shape in zip("hc", state or (), shapes):
            if shape is None:
                raise ValueError(f"{where}: its layers have different widths: it can't be given a state in a Model")
            if value.shape != shape:
                raise ValueError(
                    f"{where}: {letter}0 must have shape {shape_text(shape)}, got {shape_text(value.shape)}; see "
                    "JoinDirections for a state of two directions, and Linear to change its width"
                )


def trace(function, inputs):
    """The graph of the layers that `function` calls on `inputs` (dict name -> Input)."""
    expected = list(inspect.signature(function).parameters)
    if sorted(expected) != sorted(inputs):
        raise TypeError(
            f"Model: the function takes ({', '.join(expected)}), but inputs are given for ({', '.join(inputs)})"
        )
    if reserved := set(inputs) & set(RESERVED):
        raise ValueError(f"Model: an input can't be called {sorted(reserved)[0]}: that is an argument of forward")
    for name, each in inputs.items():
        if not isinstance(each, Input):
            raise TypeError(f"Model: {name} must be an Input, got {type(each).__name__}")
    inputs = {name: inputs[name] for name in expected}
    tracing = Trace(inputs, names_of_layers(function))
    given = function(**dict(zip(inputs, tracing.values)))
    outputs = given if isinstance(given, (tuple, list)) else [given]
    for value in outputs:
        if not isinstance(value, Value) or value._trace is not tracing:
            raise TypeError(
                "Model: the function must return a value, or a tuple of values, that came from its layers, got "
                f"{type(value).__name__}" + " (a recurrent layer gives y, (h, c))" * isinstance(value, tuple)
            )
        if value.dtype != "float":
            raise TypeError(f"Model: what the function returns must be floats, got {value!r}")
    return tracing.graph(outputs)


def names_of_layers(function):
    """dict from the id of a layer to the name under which `function` knows it: a variable, or an attribute of one."""
    bound, function = getattr(function, "__self__", None), getattr(function, "__func__", function)
    known = inspect.getclosurevars(function) if inspect.isfunction(function) else None
    scopes = [known.nonlocals, known.globals] if known else []
    scopes += [vars(bound)] if bound is not None else []
    scopes += [vars(value) for scope in list(scopes) for value in scope.values() if _has_layers(value)]
    names = {}
    for scope in scopes:
        for name, value in scope.items():
            if isinstance(value, Layer):
                names.setdefault(id(value), name)
    return names


def _has_layers(value):
    plain = not isinstance(value, (Layer, type)) and not inspect.ismodule(value) and hasattr(value, "__dict__")
    return plain and any(isinstance(each, Layer) for each in vars(value).values())


def _leaf(layer):
    return _leaf(layer.layers[0]) if hasattr(layer, "layers") else layer


def _exactly(item, keys, what):
    if not isinstance(item, dict) or set(item) != set(keys):
        raise ValueError(
            f"{what} must have {', '.join(keys)}, got {item if not isinstance(item, dict) else list(item)!r}"
        )


def _new_name(name, taken, what):
    if not isinstance(name, str) or not name.isidentifier() or name in taken:
        raise ValueError(f"the name of {what} {len(taken)} must be an identifier that no other has, got {name!r}")
    return name


def _one_of(values, index, what):
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(values):
        raise ValueError(f"there is no {what} {index!r}: there are {len(values)}")
    return values[index]
