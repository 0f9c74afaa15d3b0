"""What every layer has: parameters in a flat buffer, gradients beside them, a name and a config."""

import itertools
import math
import warnings
from collections.abc import Mapping

import numpy as np

from .. import _core
from ..checks import KnownArguments, as_array, as_floats, float_dtype, unmasked
from ..seeds import as_seed, mix_seed, system_seed
from .parameters import ParameterStore, admitted, blank_parameters, initialising
from .registry import register
from .symbolic import Value

_EITHER = object()  # no dtype of its own


class Views(dict):
    """name -> view into the flat buffer. Assigning to a name copies into the view."""

    def __setitem__(self, name, value):
        if name not in self:
            raise KeyError(f"no parameter {name!r}; there are {', '.join(self) or 'none'}")
        view = self[name]
        value = as_array(value, view.dtype, name, "value")
        if value.shape != view.shape:
            raise ValueError(f"{name}: shape must be {view.shape}, got {value.shape}")
        view[...] = value

    def update(self, *others, **named):
        for name, value in dict(*others, **named).items():
            self[name] = value

    def __ior__(self, other):
        self.update(other)
        return self

    def _fixed(self, *_, **__):
        raise TypeError("the names of a layer's parameters are fixed")

    __delitem__ = pop = popitem = clear = setdefault = _fixed

    def __reduce__(self):  # a copy owns its arrays and is an ordinary dict
        return dict, ({name: np.array(view) for name, view in self.items()},)


class Layer(KnownArguments):
    """Base of all layers.

    A layer holds parameters and gradients and no activations: what `forward` must remember for
    `backward` is in the tape that it returns. Calling a layer is inference and may be done from
    many threads at once.

    A subclass calls ``_build(specs, dtype, seed)`` in its constructor, implements `forward`,
    `backward`, `config` and, where it has parameters, ``_initialise(rng)``. It is registered under
    its class name, so that `load` finds it.
    """

    recurrent = False  # forward takes state= and returns (y, state, tape)
    several = False  # forward takes several arrays, lengths as a tuple of one for each; backward gives a tuple
    _no_step = None  # why it can't stream; else `_stream_into` adds a step of it to a graph of steps
    keeps_time = True  # gives (B, T, …) for (B, T, …): lengths go on to the next layer
    stochastic = False  # forward draws random numbers from `seed` in training

    _drawn = 0  # keys that the layer has drawn
    trainable = True  # False: optimisers leave its parameters alone, and clipping its gradients; files don't hold it
    tied = None  # a layer of the same model whose parameters it uses

    _parent = None  # name of the model that it is part of

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        name = cls.__name__
        cls._file_name = register(cls)
        cls._fixed = cls._fixed | frozenset(cls._options or ())
        cls._forward_name, cls._backward_name = f"{name}.forward", f"{name}.backward"

    # -- construction ---------------------------------------------------------------------------

    # The options of a layer of this package, name -> check(value, what), in the order of its constructor's arguments.
    # They are
    # attributes that cannot be assigned to, and the config. A class that leaves it None has to do these things itself.
    _options = None
    _fixed = frozenset()

    def __setattr__(self, name, value):
        if name in self._fixed:
            kind = type(self).__name__
            raise AttributeError(
                f"{kind}.{name} is fixed when the layer is made; make a new one, as in el.{kind}(..., "
                f"{name}={value!r:.40}), "
                "and copy the parameters with new.load_state_dict(old.state_dict())"
            )
        super().__setattr__(name, value)

    def _take(self, **given):
        """Check the options that the constructor was `given`, and become a layer that has them."""
        where = type(self).__name__
        self._become({name: check(given[name], f"{where}: {name}") for name, check in self._options.items()})

    def _become(self, options):
        self.__dict__.update(options)

    def _build(self, specs, dtype=_EITHER, seed=None):
        """Allocate `specs` (an iterable of (name, shape)) and draw the initial values from `seed`.

        Layers without parameters give no `dtype` and take either.
        """
        where = type(self).__name__
        self._dtype = None if dtype is _EITHER else float_dtype(dtype, where)
        self._seed = None if seed is None else as_seed(seed, where)
        self._draws, self._drawn = itertools.count(), 0  # threads may share a layer: a count is drawn from in one go
        store = ParameterStore(admitted(specs), self._dtype or np.float32)
        self._specs = store.specs
        self._bind(store, 0)
        if initialising() and store.size:
            self._initialise(np.random.default_rng(seed))
            store.touch()

    def _initialise(self, rng):
        """Write initial values into `_param_views`."""

    def _bind(self, store, offset):
        """Make `store` from `offset` on the home of the parameters; values are not copied here."""
        size = sum(math.prod(shape) for _, shape in self._specs)
        self._store, self._offset, self._size = store, offset, size
        self._flat_params = store.params[offset : offset + size]
        self._flat_grads = store.grads[offset : offset + size]
        self._param_views = self._cut(self._flat_params)
        self._grad_views = self._cut(self._flat_grads)

    def _cut(self, flat):
        return Views(
            (name, flat[part].reshape(shape)) for (name, shape), part in zip(self._specs, self.param_slices().values())
        )

    def _move(self, store, offset):
        """Move parameters and gradients to `store` from `offset` on."""
        if self._size and self._store.held():
            warnings.warn(
                f"views of the parameters of this {type(self).__name__} that were taken "
                "before it became part of a model no longer belong to it",
                stacklevel=4,
            )
        params, grads = self._flat_params, self._flat_grads
        self._bind(store, offset)
        self._flat_params[:] = params
        self._flat_grads[:] = grads
        store.touch()

    # -- parameters -----------------------------------------------------------------------------

    def _leaves(self):
        """The layers that have the parameters, in their order."""
        return [self]

    def _trainable(self):
        """For each layer of `_leaves`, whether it is trained."""
        return tuple(leaf.trainable for leaf in self._leaves())

    def _drop_frozen(self):
        """Set the gradients of what is not trained to zero."""
        for leaf in self._leaves():
            if not leaf.trainable:
                leaf.zero_grad()

    @property
    def dtype(self):
        """``np.dtype`` of the parameters; None where there are none and either float is taken."""
        return self._dtype

    @property
    def num_params(self):
        """Number of trained values."""
        return self._size

    @property
    def params(self):
        """dict name -> writable view into `flat_params`."""
        return self._cut(self.flat_params)

    @property
    def grads(self):
        """dict name -> writable view into `flat_grads`."""
        return self._cut(self._flat_grads)

    @property
    def flat_params(self):
        """All parameters, ``(num_params,)``, as a writable view. Assigning copies values in."""
        return self._store.public(self._offset, self._offset + self._size)

    @flat_params.setter
    def flat_params(self, values):
        self._flat_params[:] = self._flat(values, "flat_params")
        self._store.touch()

    @property
    def flat_grads(self):
        """All gradients, ``(num_params,)``, as a writable view. Assigning copies values in."""
        return self._flat_grads[:]

    @flat_grads.setter
    def flat_grads(self, values):
        self._flat_grads[:] = self._flat(values, "flat_grads")

    def _flat(self, values, name):
        where = f"{type(self).__name__}.{name}"
        values = as_array(values, self._store.dtype, where, "values")
        if values.shape != (self._size,):
            raise ValueError(f"{where}: must have shape ({self._size},), got {values.shape}")
        return values

    def param_slices(self):
        """dict name -> slice of `flat_params` that holds the parameter."""
        slices, start = {}, 0
        for name, shape in self._specs:
            slices[name] = slice(start, start := start + math.prod(shape))
        return slices

    def zero_grad(self):
        """Set all gradients to zero."""
        _core.set_zero(self._flat_grads)

    def touch(self):
        """Say that parameters were changed by other means than the views of this layer."""
        self._store.touch()

    # -- state ----------------------------------------------------------------------------------

    def state_dict(self):
        """Copies of all parameters: dict name -> ndarray, in PyTorch's names and layouts."""
        return {name: view.copy() for name, view in self._param_views.items()}

    def load_state_dict(self, state):
        """Copy values in from a dict like `state_dict` gives.

        Every name, shape and dtype is checked before anything changes: ``ValueError`` (or
        ``TypeError`` if only dtypes differ) lists all that does not fit.
        """
        self._write_state(self._checked_state(state))
        self._store.touch()

    def _checked_state(self, state):
        """`state` as arrays under the usual names, or the error that says what does not fit."""
        where = f"{type(self).__name__}.load_state_dict"
        if not isinstance(state, Mapping):
            raise TypeError(f"{where}: state must be a dict of arrays, got {type(state).__name__}")
        state = {name: np.asarray(unmasked(value, where, name)) for name, value in state.items()}
        expected = self._state_specs(state)
        shapes = [f"  missing     {name} {shape}" for name, shape in expected.items() if name not in state]
        shapes += [f"  unexpected  {name} {value.shape}" for name, value in state.items() if name not in expected]
        shapes += [
            f"  {name}: expected shape {expected[name]}, got {value.shape}"
            for name, value in state.items()
            if name in expected and value.shape != expected[name]
        ]
        dtypes = [
            f"  {name}: expected dtype {self._store.dtype}, got {value.dtype}"
            for name, value in state.items()
            if name in expected and value.dtype != self._store.dtype
        ]
        if shapes or dtypes:
            error = ValueError if shapes else TypeError
            raise error("\n".join([f"{where}: nothing was loaded, the state does not fit:", *shapes, *dtypes]))
        return self._canonical_state(state)

    def _state_specs(self, state):
        """dict name -> shape of what `state` must hold, under the accepted names that it uses."""
        return dict(self._specs)

    def _canonical_state(self, state):
        """`state` (name -> ndarray, checked) under the usual names."""
        return state

    def _write_state(self, state):
        """Copy a checked `state` into the parameters."""
        for name, view in self._param_views.items():
            view[...] = state[name]

    def config(self):
        """The constructor's arguments as a dict of JSON values."""
        if self._options is None:
            raise NotImplementedError
        values = {name: self.__dict__[name] for name in self._options}
        return {name: value.name if isinstance(value, np.dtype) else value for name, value in values.items()}

    @classmethod
    def from_config(cls, config):
        """A new layer from what `config` gave."""
        return cls(**config)

    def __reduce__(self):
        arrays = self._flat_params.copy(), self._flat_grads.copy()
        return _rebuild, (type(self), self.config(), *arrays, self._trainable(), self._kept())

    def _kept(self):
        """What a copy or a pickle takes along beside config and parameters, as a dict: so that it draws next what this
        layer would draw next."""
        return {"drawn": self._drawn, "seed_drawn": getattr(self, "_seed_drawn", None)}

    def _take_along(self, kept):
        """Take over what `_kept` gave."""
        self._draws, self._drawn = itertools.count(kept["drawn"]), kept["drawn"]
        self._seed_drawn = kept["seed_drawn"]

    # -- computation ----------------------------------------------------------------------------

    def __call__(self, x, lengths=None):
        """Inference: the ``y`` of `forward` with ``training=False``."""
        if isinstance(x, Value):
            return x._trace.call(self, (x,), lengths=lengths)
        return self.forward(x, lengths=lengths, training=False)[0]

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``(y, tape)``; the tape is what `backward` needs. `seed` keys random draws."""
        raise NotImplementedError

    def backward(self, tape, dy):
        """``dx``; adds the gradients of the parameters to `grads`."""
        raise NotImplementedError

    def input_shape(self):
        """Shape of x with symbols for the free sizes, None if any will do."""

    def input_for(self, shape):
        """Shape of x for a ``y`` of `shape`, where any x will do; None if that can't be said."""
        return shape

    def output_shape(self, shape):
        """Shape of ``y`` for an ``x`` of `shape`, where sizes may be symbols like ``"B"``.

        ``ValueError`` if `x` could not have that shape.
        """
        return shape

    def output_dtype(self, *dtypes):
        """ "float" or "int64", for x of such: `output_shape`'s companion. ``TypeError`` if `x` could not be of that."""
        for dtype in dtypes:
            if dtype != "float":
                raise TypeError(f"{type(self).__name__} takes floats, got {dtype}")
        return "float"

    def output_lengths(self, lengths):
        """The steps of each row of ``y`` for the `lengths` of x, where y has a time axis."""
        return lengths

    def state_shapes(self):
        """The shapes of h and c of a recurrent layer, the batch axis "B"; None where they can't be handed on."""
        return None, None

    def _expect_features(self, shape, size):
        if shape[-1] != size:
            raise ValueError(f"{type(self).__name__} takes {size} features, got {shape[-1]}")

    def _input(self, x):
        """`x` as an array of the layer's dtype (of either float dtype if it has none)."""
        if self._dtype is None:
            return as_floats(x, self._forward_name)
        return as_array(x, self._dtype, self._forward_name)

    def _opened(self, tape):
        """`tape`, which must not be that of an inference call."""
        if tape is None:
            raise ValueError(f"{self._backward_name}: tape is None; it must come from forward with training=True")
        return tape

    def _gradient(self, dy, shape, dtype=None):
        """`dy` as an array of `shape` and `dtype` (the layer's own if None)."""
        dy = as_array(dy, dtype or self._dtype, self._backward_name, "dy")
        if dy.shape != shape:
            raise ValueError(f"{self._backward_name}: dy must have shape {shape}, got {dy.shape}")
        return dy

    def _next_seed(self):
        """A fresh 64-bit key: the n-th of the layer's seed, or of one drawn from the system."""
        if self._seed is None:
            self._seed_drawn = getattr(self, "_seed_drawn", None) or system_seed()
        n = next(self._draws)
        self._drawn = max(self._drawn, n + 1)
        return mix_seed(self._seed_drawn if self._seed is None else self._seed, n)

    def __repr__(self):
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.config().items())
        return f"{type(self).__name__}({arguments})"


def _rebuild(cls, config, params, grads, trainable=(), kept=None):
    with blank_parameters(limit=params.size):
        layer = cls.from_config(config)
    layer.flat_params = params
    layer.flat_grads = grads
    for leaf, trained in zip(layer._leaves(), trainable):
        leaf.trainable = trained
    if kept is not None:
        layer._take_along(kept)
    return layer
