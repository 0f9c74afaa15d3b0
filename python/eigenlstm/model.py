"""Model: layers wired by a function, which is traced once into a graph."""

import numpy as np

from .checks import as_array, as_lengths
from .graph import Graph, trace
from .layers.symbolic import Value, shape_text
from .seeds import as_seed, mix_seed
from .sequential import Group
from .tables import Table
from .trained import Trained


class Model(Trained, Group):
    """Layers that a function wires: several inputs, branches, layers used twice, states handed from one to the next.

    The function is called once, with a traced value for each input; what it returns is the output. It calls layers as
    it would on arrays, and joins values by ``a + b``, ``a * b``, ``a[..., start:stop]`` and by layers that take several
    (`Concat`, `Attention`, ...). An encoder and a decoder:

    >>> embed, encoder, decoder, output = el.Embedding(99, 16), el.LSTM(16, 32), el.LSTM(16, 32), el.Linear(32, 99)
    >>> def translate(source, target):
    ...     _, state = encoder(embed(source))
    ...     hidden, _ = decoder(embed(target), state)
    ...     return output(hidden)
    >>> model = el.Model(translate, source=el.Input((None,), "int64"), target=el.Input((None,), "int64"))

    Parameters
    ----------
    function : callable
        Takes the inputs by name and returns a value, or a tuple of values.
    **inputs : Input
        One for each of its arguments.

    Attributes
    ----------
    graph : `eigenlstm.graph.Graph`
        What the function was traced to, as data. This is what files hold: `load` doesn't need the function.
    layers : list of layers, in the order of their first calls

    Notes
    -----
    `fit`, `predict` and `evaluate` take x as a dict from the names of the inputs to arrays or lists of arrays, and
    `lengths` as a dict, too; for a single input, x is also taken as it is. Steps of a value are those of the input
    whose time it has (see `Input`), and a layer is given their `lengths`. Parameters are called by the variables that
    the function knows its layers by, as in ``encoder.weight_ih_l0``. A layer that is called twice gets the sum of both
    gradients.
    """

    def __init__(self, function, **inputs):
        self._set_up(trace(function, inputs))

    @classmethod
    def from_config(cls, config):
        model = cls.__new__(cls)
        model._set_up(Graph.from_config(config))
        return model

    def config(self):
        return self.graph.config()

    def _set_up(self, graph):
        self.graph, self.inputs = graph, graph.inputs
        self._gather(list(graph.layers.values()), list(graph.layers))
        self._steps = _steps(graph)
        self._time = {name: _time(value) for name, value in zip(graph.inputs, graph.values)}
        outputs = [graph.values[index] for index in graph.outputs]
        self._time_out = _time(outputs[0]) if len(outputs) == 1 else None

    def _check_member(self, layer, where):
        super()._check_member(layer, where)
        if isinstance(layer, Group) and not isinstance(layer, Trained):
            raise TypeError(f"{where} is a Group, which has no forward")

    several = True

    @property
    def keeps_time(self):
        """Whether the output has a time axis, of free length."""
        return self._time_out is not None

    # -- computation ----------------------------------------------------------------------------

    def __call__(self, *values, lengths=None, **named):
        """Inference: the outputs for the inputs, in the order of the function's arguments or by name."""
        if any(isinstance(value, Value) for value in (*values, *named.values())):
            raise TypeError("Model: a Model can't be called in the function of another; call its layers there")
        return self._run(self._named(values, named), lengths, False, None, None)[0]

    def forward(self, *values, lengths=None, training=True, seed=None, **named):
        """``y, tape`` for the inputs, in the order of the function's arguments or by name.

        Parameters
        ----------
        lengths : dict from names of inputs to integers (B,), or None
            Steps of each row. An input that names its time as another does has the same.
        seed : int or None
            Node i draws its random numbers from ``mix_seed(seed, i)``.

        Returns
        -------
        y : array, or tuple of arrays where the function returns one
        tape : what `backward` needs
        """
        y, tape, _ = self._run(self._named(values, named), lengths, training, seed, None)
        return y, tape

    def backward(self, tape, dy, *, need_dx=True):
        """``dy -> dict of dx`` by the names of the inputs, None for integers; adds to `grads`.

        `dy` is a tuple where the outputs are. None in place of the dict if `need_dx` is false.
        """
        if tape is None:
            raise ValueError("Model.backward: tape is None; it must come from forward with training=True")
        graph = self.graph
        gradients = _Gradients(len(graph.values))
        steps = self._steps[: len(tape)]  # without the head, where the loss was computed with it
        given = graph.outputs if len(steps) == len(self._steps) else self._steps[-1].node.inputs
        gradients.add_all(given, dy if len(graph.outputs) > 1 else (dy,))
        for step, part in zip(reversed(steps), reversed(tape)):
            dy, *dstate = (gradients.take(index) for index in step.node.outputs)
            if dy is None and not any(each is not None for each in dstate):
                continue
            gradients.add_all(step.node.inputs, step.backward(part, dy, dstate, need_dx))
        if not need_dx:
            return None
        return {name: gradients.take(index) for index, name in enumerate(self.inputs)}

    def _stream_into(self, *_):
        """`stream` adds the nodes of the graph itself: no other model holds a Model."""

    def _head_layer(self):
        last, graph = self._steps[-1], self.graph
        alone = graph.outputs == last.node.outputs and len(last.node.inputs) == 1
        return last.layer if alone else None

    def _run(self, x, lengths, training, seed, states, until_head=False):
        """`forward` with the states of the recurrent nodes in (None: zeros) and out; `until_head`: without the last
        node.

        A node that the function gives a state starts from that one.
        """
        x = x if isinstance(x, dict) or len(self.inputs) > 1 else {next(iter(self.inputs)): x}
        values = [*self._arrays(x), *[None] * (len(self.graph.values) - len(self.inputs))]
        known = self._known_lengths(lengths, values)
        tape, states_out = [], []
        seed = None if seed is None else as_seed(seed, "Model.forward")
        for i, step in enumerate(self._steps[:-1] if until_head else self._steps):
            key = None if seed is None else mix_seed(seed, i)
            state = None if states is None else states[i]
            *given, part, state = step.forward(values, known, training, key, state)
            for index, value in zip(step.node.outputs, given):
                values[index] = value
            for index in step.done:
                values[index] = None
            if step.new_time is not None and known.get(step.time[0]) is not None:
                known[step.new_time] = step.layer.output_lengths(known[step.time[0]])
            tape.append(part)
            states_out.append(state)
        y = tuple(values[index] for index in (self._steps[-1].node.inputs if until_head else self.graph.outputs))
        return y if len(y) > 1 else y[0], (tape if training else None), states_out

    def _named(self, values, named):
        """The inputs as a dict, from arguments by position and by name."""
        names = list(self.inputs)
        if len(values) > len(names) or set(names[len(values) :]) != set(named):
            raise TypeError(
                f"Model: takes ({', '.join(names)}), got {len(values)} by position and ({', '.join(named)}) by name"
            )
        return {**dict(zip(names, values)), **named}

    def _arrays(self, x):
        """The inputs as arrays in the order of the graph, their shapes and dtypes checked."""
        sizes = {}
        for (name, each), value in zip(self.inputs.items(), self.graph.values):
            where = "Model.forward"
            if each.dtype == "float":
                array = as_array(x[name], self._store.dtype, where, name)
            else:
                array = np.asarray(x[name])
                if array.dtype.kind not in "iu" and array.size:
                    raise TypeError(f"{where}: {name} must be of integers, got {array.dtype}")
            fits = array.ndim == value.ndim and all(
                sizes.setdefault(wanted, size) == size if isinstance(wanted, str) else wanted == size
                for wanted, size in zip(value.shape, array.shape)
            )
            if not fits:
                known = tuple(sizes.get(size, size) for size in value.shape)
                raise ValueError(
                    f"{where}: {name} must have shape {shape_text(value.shape)}"
                    + f" = {shape_text(known)}" * (known != value.shape and array.ndim == value.ndim)
                    + f", got {array.shape}"
                )
            yield array

    def _known_lengths(self, lengths, values):
        """dict from the name of a time to the lengths of the rows."""
        known = {}
        for name, each in self._by_input(lengths).items():
            array = values[list(self.inputs).index(name)]
            each = as_lengths(each, *array.shape[:2], f"Model.forward: {name}")
            before = known.setdefault(self._time[name], each)
            if not np.array_equal(before, each):
                raise ValueError(f"Model.forward: {name} has other lengths than the input whose time it shares")
        return known

    def _by_input(self, lengths):
        """`lengths` as a dict by the names of inputs that have a time axis."""
        if lengths is None:
            return {}
        if not isinstance(lengths, dict):
            timed = [name for name, time in self._time.items() if time is not None]
            if len(self.inputs) > 1 or not timed:
                raise TypeError(f"Model: lengths must be a dict from names of inputs, got {type(lengths).__name__}")
            lengths = {timed[0]: lengths}
        for name in lengths:
            if self._time.get(name) is None:
                raise ValueError(f"Model: lengths has {name!r}, which is no input with a time axis of free length")
        return {name: each for name, each in lengths.items() if each is not None}

    def output_lengths(self, lengths):
        """The steps of each row of y for the `lengths` of the inputs; None where y has no time axis or no lengths."""
        known = {self._time[name]: each for name, each in self._by_input(lengths).items()}
        for step in self._steps:
            if step.new_time is not None and known.get(step.time[0]) is not None:
                known[step.new_time] = step.layer.output_lengths(np.asarray(known[step.time[0]]))
        return known.get(self._time_out)

    def _check_carried(self, where):
        times = {time for time in self._time.values()}
        if times != {self._time_out}:
            raise ValueError(
                f"{where}: tbptt and stateful cut the output and all inputs into pieces of the same steps; the times "
                f"of this model's inputs are {', '.join(map(str, self._time.values()))}, that of its output is "
                f"{self._time_out}"
            )

    def _check_outputs(self, where):
        if len(self.graph.outputs) > 1:
            raise ValueError(
                f"{where}: the model gives {len(self.graph.outputs)} values; a loss takes one: for "
                "several, call forward, the losses, backward and the optimiser by hand"
            )

    # -- what it is made of ----------------------------------------------------------------------

    def input_shape(self):
        return None

    def summary(self):
        """A table of the nodes, what they take, their output shapes and numbers of parameters."""
        graph, names = self.graph, list(self.graph.layers)
        label = dict(enumerate(graph.inputs))
        rows = [("value", "layer", "takes", "output", "parameters")]
        rows += [(name, "Input", "", shape_text(value.shape), "") for name, value in zip(graph.inputs, graph.values)]
        seen = set()
        for node in graph.nodes:
            layer, name = self.layers[node.layer], names[node.layer]
            takes = ", ".join(label[index] for index in node.inputs)
            shape = shape_text(graph.values[node.outputs[0]].shape)
            rows.append(
                (name, type(layer).__name__, takes, shape, "shared" if name in seen else f"{layer.num_params:,}")
            )
            seen.add(name)
            label.update(zip(node.outputs, (name, f"{name}.h", f"{name}.c")))
        return Table(rows, footer=self._total())

    def __repr__(self):
        inputs = ", ".join(f"{name}={each!r}" for name, each in self.inputs.items())
        lines = "".join(
            f"\n    {name}={line},"
            for name, layer in self.graph.layers.items()
            for line in [repr(layer).replace("\n", "\n    ")]
        )
        return f"Model({inputs}){lines}"


class _Gradients:
    """The gradients of values while they are summed; a sum never writes into an array that a layer gave."""

    def __init__(self, count):
        self._values, self._own = [None] * count, [False] * count

    def add(self, index, value):
        if value is None:
            return
        if self._values[index] is None:
            self._values[index] = value
        elif self._own[index]:
            self._values[index] += value
        else:
            self._values[index], self._own[index] = self._values[index] + value, True

    def add_all(self, indices, values):
        for index, value in zip(indices, values):
            self.add(index, value)

    def take(self, index):
        value, self._values[index] = self._values[index], None
        return value


class _Step:
    """A node with its layer, ready to be called.

    Attributes
    ----------
    time : tuple
        The names of the time axes of what it takes, None where there is none.
    new_time : str or None
        The name of the time axis of its output, if that is not one of `time`.
    done : list
        Values that no later node takes.
    need : bool
        Whether a gradient of what it takes is wanted even where that of the inputs of the model is not.
    """

    def __init__(self, node, graph, done, need):
        self.node, self.done, self.need = node, done, need
        self.layer = list(graph.layers.values())[node.layer]
        taken = node.inputs[:1] if self.layer.recurrent else node.inputs
        self.time = tuple(_time(graph.values[index]) for index in taken)
        given = _time(graph.values[node.outputs[0]])
        self.new_time = given if given not in self.time else None

    def forward(self, values, known, training, seed, state):
        """``y, …, tape, state to carry on``."""
        layer, inputs = self.layer, self.node.inputs
        if layer.several:
            lengths = tuple(known.get(time) for time in self.time) if known else None
            xs = (values[index] for index in inputs)
            return *layer.forward(*xs, lengths=lengths, training=training, seed=seed), None
        x, lengths = values[inputs[0]], known.get(self.time[0])
        if layer.recurrent:
            given = state if len(inputs) == 1 else (values[inputs[1]], values[inputs[2]])
            y, state, tape = layer.forward(x, state=given, lengths=lengths, training=training, seed=seed)
            return y, *state, tape, state
        if isinstance(layer, Trained):
            y, tape, state = layer._run(x, lengths, training, seed, state)
            return y, tape, state
        return *layer.forward(x, lengths=lengths, training=training, seed=seed), None

    def backward(self, tape, dy, dstate, need_dx):
        """The gradients of what it took, in that order."""
        layer, need = self.layer, self.need or need_dx
        if layer.recurrent:
            dx, (dh, dc) = layer.backward(tape, dy, dstate, need_dx=need)
            return dx, dh, dc
        if isinstance(layer, Trained):
            return (layer.backward(tape, dy, need_dx=need),)
        if layer.several:
            return layer.backward(tape, dy)
        return (layer.backward(tape, dy),)


def _steps(graph):
    """The nodes of `graph` as steps of a run."""
    last = {index: i for i, node in enumerate(graph.nodes) for index in (*node.inputs, *node.outputs)}
    last.update((index, len(graph.nodes)) for index in graph.outputs)
    layers, wanted, steps = list(graph.layers.values()), set(), []
    for i, node in enumerate(graph.nodes):
        need = any(index in wanted for index in node.inputs)
        if need or layers[node.layer].num_params:
            wanted.update(node.outputs)
        steps.append(_Step(node, graph, [index for index, at in last.items() if at == i], need))
    return steps


def _time(value):
    """The name of the time axis of a value, None where it has none or one of a fixed size."""
    shape = value.shape
    return shape[1] if shape is not None and len(shape) > 1 and isinstance(shape[1], str) and shape[1] != "B" else None
