"""Several layers with one flat buffer: `share` for any wiring, `Sequential` for a chain."""

from collections import Counter

import numpy as np

from .graph import Graph
from .layers.base import Layer
from .layers.parameters import ParameterStore
from .layers.registry import described, layer_from
from .model_stream import stream_into
from .saving import save
from .seeds import as_seed, mix_seed
from .tables import Table
from .trained import Trained


class Group(Layer):
    """Layers whose parameters lie in one flat buffer; what `share` returns.

    It is to optimisers, clipping, `save` and `load_state_dict` what a layer is. The names of the
    parameters are prefixed with the position of their layer: ``0.weight``. It has no `forward`: the
    wiring between the layers is the caller's.
    """

    @property
    def layers(self):
        return self._layers

    @layers.setter
    def layers(self, _):
        kind = type(self).__name__
        raise AttributeError(f"{kind}.layers is fixed when the model is made: make a new {kind} of other layers")

    def __new__(cls, *layers, **named):
        if len(layers) > 1:
            raise TypeError(
                f"{cls.__name__}: takes one list, as in el.{cls.__name__}([...]), got {len(layers)} arguments"
            )
        return super().__new__(cls, *layers, **named)

    def __init__(self, layers):
        layers = list(layers)
        self._gather(layers, [str(i) for i in range(len(layers))])

    def _gather(self, layers, names):
        """Move the parameters of `layers` into one buffer; `names` go before the names of theirs."""
        where = type(self).__name__
        self._layers, self._names = layers, names
        if not self.layers:
            raise ValueError(f"{where}: needs at least one layer")
        occurrences = Counter(map(id, self.layers))
        for i, layer in enumerate(self.layers):
            self._check_member(layer, f"{where}: layer {i}")
            if occurrences[id(layer)] > 1:
                raise ValueError(f"{where}: layer {i} ({type(layer).__name__}) is given twice")
        self._dtype = _common_dtype(self.layers, where)
        self._seed = None
        self._specs = [
            (f"{prefix}.{name}", shape) for prefix, layer in zip(names, self.layers) for name, shape in layer._specs
        ]
        self._bind(ParameterStore(self._specs, self._dtype or np.float32), 0)
        for layer in self.layers:
            layer._parent = where

    def forward(self, *_, **__):
        raise TypeError(
            f"{type(self).__name__} has no forward: call its layers, the wiring between them is the caller's"
        )

    def _check_member(self, layer, where):
        if not isinstance(layer, Layer):
            raise TypeError(f"{where} must be a layer, got {type(layer).__name__}")
        if layer._parent is not None:
            raise ValueError(
                f"{where} ({type(layer).__name__}) is part of a {layer._parent} "
                "already; a layer has one home (copy.deepcopy makes another)"
            )
        if layer.tied is not None and not any(layer.tied is other for other in self.layers):
            raise ValueError(f"{where} ({type(layer).__name__}) is tied to a layer that is not part of this model")

    def _bind(self, store, offset):
        """Takes the values along: the layers move into `store` one after the other."""
        super()._bind(store, offset)
        for layer in self.layers:
            layer._move(store, offset)
            offset += layer._size
            if layer._dtype is None:
                layer._dtype = self._dtype

    def _move(self, store, offset):
        self._bind(store, offset)

    def _leaves(self):
        return [leaf for layer in self.layers for leaf in layer._leaves()]

    @property
    def trainable(self):
        """Whether any layer is trained; setting it holds for all of them."""
        return any(self._trainable())

    @trainable.setter
    def trainable(self, value):
        for leaf in self._leaves():
            leaf.trainable = bool(value)

    def __len__(self):
        return len(self.layers)

    def __iter__(self):
        return iter(self.layers)

    def __getitem__(self, index):
        return self.layers[index]

    def config(self):
        names = {id(layer): name for layer, name in zip(self.layers, self._names)}
        return {"layers": [described(layer, names) for layer in self.layers]}

    @classmethod
    def from_config(cls, config):
        layers = {}
        for i, item in enumerate(config["layers"]):
            layers[str(i)] = layer_from(item, layers)
        return cls(layers.values())

    def state_dict(self):
        return {
            f"{prefix}.{name}": value
            for prefix, layer in zip(self._names, self.layers)
            for name, value in layer.state_dict().items()
        }

    def _state_specs(self, state):
        parts, _ = self._split(state)
        return {
            f"{prefix}.{name}": shape
            for prefix, layer in zip(self._names, self.layers)
            for name, shape in layer._state_specs(parts[prefix]).items()
        }

    def _canonical_state(self, state):
        parts, rest = self._split(state)
        for prefix, layer in zip(self._names, self.layers):
            rest.update((f"{prefix}.{name}", value) for name, value in layer._canonical_state(parts[prefix]).items())
        return rest

    def _write_state(self, state):
        parts, _ = self._split(state)
        for prefix, layer in zip(self._names, self.layers):
            layer._write_state(parts[prefix])

    def _kept(self):
        return {**super()._kept(), "layers": [layer._kept() for layer in self.layers]}

    def _take_along(self, kept):
        super()._take_along(kept)
        for layer, part in zip(self.layers, kept["layers"]):
            layer._take_along(part)

    def _split(self, state):
        """dict from the prefix of a layer to its state without it, and what belongs to none."""
        parts, rest = {prefix: {} for prefix in self._names}, {}
        for key, value in state.items():
            prefix, dot, name = key.partition(".")
            if dot and prefix in parts:
                parts[prefix][name] = value
            else:
                rest[key] = value
        return parts, rest

    def _total(self):
        """The last line of a summary."""
        return (
            f"{self.num_params:,} parameters, {self._store.dtype}, "
            f"{self.num_params * self._store.dtype.itemsize / 1024:,.1f} KiB"
        )

    save = save

    def __repr__(self):
        lines = "".join(f"\n    {line}," for layer in self.layers for line in [repr(layer).replace("\n", "\n    ")])
        return f"{type(self).__name__}([{lines}\n])"


def share(*layers):
    """Move the parameters of `layers` into one flat buffer and return them as a `Group`.

    The layers stay usable as before; optimisers, clipping and `save` take the group. An encoder and a
    decoder of a series x (B, T, 1) with the next values y (B, K, 1):

    >>> encoder, decoder, head = el.LSTM(1, 32), el.LSTM(1, 32), el.Linear(32, 1)
    >>> model, loss, optimizer = el.share(encoder, decoder, head), el.losses.MSE(), el.Adam(1e-3)
    >>> for step in range(1000):
    ...     _, state, read = encoder.forward(x)
    ...     before = np.concatenate([x[:, -1:], y[:, :-1]], axis=1)
    ...     hidden, _, written = decoder.forward(before, state=state)
    ...     y_pred, spoken = head.forward(hidden)
    ...     value, dy = loss(y_pred, y)
    ...     model.zero_grad()
    ...     _, dstate = decoder.backward(written, head.backward(spoken, dy))
    ...     encoder.backward(read, None, dstate)
    ...     el.optimisers.clip_norm(model, 1.0)
    ...     optimizer.step(model)
    """
    return Group(layers)


class Sequential(Trained, Group):
    """A chain of layers: each takes the ``y`` of the one before.

    Parameters
    ----------
    layers : iterable of layers
        At most one model may hold a layer. LSTM layers pass their ``y`` on, batch-major only;
        `lengths` go along until a layer gives one vector a row (`Last`, `MeanPool`, `MaxPool`).
    """

    def __init__(self, layers):
        super().__init__(layers)
        self._check_wiring()
        self._plan = [(layer, isinstance(layer, Sequential), layer.recurrent) for layer in self.layers]

    def _check_member(self, layer, where):
        super()._check_member(layer, where)
        if isinstance(layer, Group) and not isinstance(layer, Trained):
            raise TypeError(f"{where} is a Group, which has no forward")
        if layer.several:
            raise TypeError(f"{where} ({type(layer).__name__}) takes several arrays: wire it by el.Model")
        if getattr(layer, "time_major", False):
            raise ValueError(f"{where} ({type(layer).__name__}) has time_major=True; a Sequential is batch-major")

    @property
    def keeps_time(self):
        """Whether y has the time axis of x."""
        return all(layer.keeps_time for layer in self.layers)

    @property
    def graph(self):
        """The chain as a `eigenlstm.graph.Graph`, as exporters take it. ``ValueError`` if no layer knows what it
        takes.
        """
        shape = self.input_shape()
        if shape is None:
            raise ValueError("Sequential.graph: no layer of the chain knows the shape of what it takes")
        return Graph.chain(self.layers, shape)

    # -- computation ----------------------------------------------------------------------------

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x -> y, tape``, of the shapes that the first layer takes and the last one gives; layer i draws its random
        numbers from ``mix_seed(seed, i)``."""
        y, tape, _ = self._run(x, lengths, training, seed, None)
        return y, tape

    def backward(self, tape, dy, *, need_dx=True):
        """``dy -> dx``, of the shapes of y and x; None if `need_dx` is false. Adds to `grads`."""
        if tape is None:
            raise ValueError("Sequential.backward: tape is None; it must come from forward with training=True")
        for (layer, nested, recurrent), part in zip(reversed(self._plan[: len(tape)]), reversed(tape)):
            if recurrent:
                dy, _ = layer.backward(part, dy, need_dx=need_dx or part is not tape[0])
            elif nested:
                dy = layer.backward(part, dy, need_dx=need_dx or part is not tape[0])
            else:
                dy = layer.backward(part, dy)
        return dy if need_dx else None

    def _stream_into(self, graph, x):
        for i, layer in enumerate(self.layers):
            x = stream_into(layer, graph, (x,), f"layer {i} of a Sequential")
        return x

    def _head_layer(self):
        return self.layers[-1] if type(self)._run is Sequential._run else None

    def _run(self, x, lengths, training, seed, states, until_head=False):
        """`forward` with the states of the recurrent layers in (None: zeros) and out; `until_head`: without the last
        layer.
        """
        tape, states_out = [], []
        for i, (layer, nested, recurrent) in enumerate(self._plan[:-1] if until_head else self._plan):
            key = None if seed is None else mix_seed(as_seed(seed, "Sequential.forward"), i)
            state = None if states is None else states[i]
            if nested:
                x, part, state = layer._run(x, lengths, training, key, state)
            elif recurrent:
                x, state, part = layer.forward(x, state=state, lengths=lengths, training=training, seed=key)
            else:
                x, part = layer.forward(x, lengths=lengths, training=training, seed=key)
            lengths = layer.output_lengths(lengths) if layer.keeps_time else None
            tape.append(part)
            states_out.append(state)
        return x, (tape if training else None), states_out

    # -- shapes ---------------------------------------------------------------------------------

    def output_shape(self, shape):
        return self._shapes(shape)[-1]

    def output_dtype(self, *dtypes):
        for layer in self.layers:
            dtypes = (layer.output_dtype(*dtypes),)
        return dtypes[0]

    def output_lengths(self, lengths):
        for layer in self.layers:
            lengths = layer.output_lengths(lengths) if layer.keeps_time else None
        return lengths

    def _shapes(self, shape):
        """The output shape of every layer for an input of `shape`."""
        shapes = []
        for i, layer in enumerate(self.layers):
            try:
                shape = layer.output_shape(shape)
            except ValueError as error:
                raise ValueError(f"Sequential: layer {i} does not fit: {error}") from None
            shapes.append(shape)
        return shapes

    def input_shape(self):
        """Shape of x with symbols for the sizes that are free, None where no layer knows."""
        shapes = [layer.input_shape() for layer in self.layers]
        first = next((i for i, shape in enumerate(shapes) if shape is not None), 0)
        shape = shapes[first]
        if shape is not None and shape[1:2] != ("T",) and self._sees_time():
            shape = (shape[0], "T", *shape[1:])
        for layer in reversed(self.layers[:first]):
            shape = None if shape is None else layer.input_for(shape)
        return shape

    def _sees_time(self):
        """Whether some layer needs a time axis; the others take any rank."""
        return any(
            layer._sees_time() if isinstance(layer, Sequential) else layer.recurrent or not layer.keeps_time
            for layer in self.layers
        )

    def _check_wiring(self):
        shape = self.input_shape()
        if shape is not None:
            self._shapes(shape)

    def summary(self):
        """A table of the layers, their output shapes and numbers of parameters."""
        shape = self.input_shape()
        shapes = self._shapes(shape) if shape is not None else [("?",)] * len(self.layers)
        rows = [("", "layer", "output", "parameters")]
        rows += [
            (str(i), type(layer).__name__, _shape_text(shape), f"{layer.num_params:,}")
            for i, (layer, shape) in enumerate(zip(self.layers, shapes))
        ]
        return Table(rows, footer=self._total())


def _common_dtype(layers, where):
    """The dtype of the layers that have one; they must agree."""
    dtypes = {layer.dtype for layer in layers if layer.dtype is not None}
    if len(dtypes) > 1:
        raise TypeError(f"{where}: all layers must have one dtype, got {' and '.join(sorted(map(str, dtypes)))}")
    return dtypes.pop() if dtypes else None


def _shape_text(shape):
    return f"({', '.join(map(str, shape))})"
