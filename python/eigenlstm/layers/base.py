"""What every layer has: parameters in a flat buffer, gradients beside them, a name and a config."""

import itertools
import math
import warnings
from collections.abc import Mapping

import numpy as np

from .. import _core
from ..checks import KnownArguments, KnownAttributes, as_array, as_floats, float_dtype, unmasked
from ..seeds import as_seed, mix_seed, system_seed
from .parameters import ParameterStore, admitted, blank_parameters, initialising
from .registry import register
from .symbolic import Value

_EITHER = object()  # the dtype of a layer without parameters, which takes float32 and float64


class Views(dict):
    """Parameters or gradients by name: views into the flat buffer. Assigning to a name copies a value into its view."""

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


class Layer(KnownArguments, KnownAttributes):
    """Base of all layers.

    A layer holds its parameters and their gradients but no activations: whatever `backward` needs to know of the
    forward pass is in the tape that `forward` returns. To call a layer is to run inference, and many threads may do so
    at once.

    To write a layer, derive a class that calls ``_build(specs, dtype, seed)`` in its constructor and implements
    `forward`, `backward`, `config` and, if it has parameters, ``_initialise(rng)``. The class is registered under its
    name, so that `load` finds it.
    """

    recurrent = False  # forward takes state= and returns (y, state, tape)
    several = False  # forward takes several arrays, lengths as a tuple of one for each; backward gives a tuple
    _no_step = None  # why it can't stream; else `_stream_into` adds a step of it to a graph of steps
    keeps_time = True  # gives (B, T, …) for (B, T, …): lengths go on to the next layer
    stochastic = False  # forward draws random numbers from `seed` in training

    _drawn = 0  # how many random keys the layer has drawn so far
    trainable = True  # False: the layer is frozen: optimizers leave it alone. Files don't keep this
    tied = None  # the layer of the same model whose parameters this one uses, too

    _parent = None  # the class name of the model that the layer is part of

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        name = cls.__name__
        cls._file_name = register(cls)
        cls._fixed = cls._fixed | frozenset(cls._options or ())
        cls._forward_name, cls._backward_name = f"{name}.forward", f"{name}.backward"

    # -- construction ---------------------------------------------------------------------------

    # The options of one of this package's layers: name -> check(value, what), in the order of the constructor's
    # arguments. Each becomes an attribute that cannot be assigned to and an entry of the config. A class that leaves
    # _options at None sees to that by itself.
    _options = None
    _fixed = frozenset()  # the names that cannot be assigned to

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
        """Check the options that the constructor was `given`, and store them as attributes."""
        where = type(self).__name__
        self._become({name: check(given[name], f"{where}: {name}") for name, check in self._options.items()})

    def _become(self, options):
        self.__dict__.update(options)

    def _build(self, specs, dtype=_EITHER, seed=None):
        """Allocate the parameters `specs`, pairs (name, shape), and draw their initial values from `seed`.

        Layers without parameters give no `dtype`; they take float32 and float64.
        """
        where = type(self).__name__
        self._dtype = None if dtype is _EITHER else float_dtype(dtype, where)
        self._seed = None if seed is None else as_seed(seed, where)
        self._draws, self._drawn = itertools.count(), 0  # a count, since next() is atomic and threads share layers
        store = ParameterStore(admitted(specs), self._dtype or np.float32)
        self._specs = store.specs
        self._bind(store, 0)
        if initialising() and store.size:
            self._initialise(np.random.default_rng(seed))
            store.touch()

    def _initialise(self, rng):
        """Write initial values into `_param_views`."""

    def _bind(self, store, offset):
        """Take the part of `store` that begins at `offset` for the parameters; their values are not copied here."""
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
        """Set the gradients of frozen layers to zero."""
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
        """Tell the layer that its parameters were changed by other means than its views."""
        self._store.touch()

    # -- state ----------------------------------------------------------------------------------

    def state_dict(self):
        """Copies of all parameters: dict name -> ndarray, with PyTorch's names and shapes."""
        return {name: view.copy() for name, view in self._param_views.items()}

    def load_state_dict(self, state):
        """Copy values in from a dict such as `state_dict` returns.

        Every name, shape and dtype is checked before anything is changed. A ``ValueError``, or a ``TypeError`` if only
        dtypes are wrong, lists everything that does not fit.
        """
        self._write_state(self._checked_state(state))
        self._store.touch()

    def _checked_state(self, state):
        """`state` as arrays under the usual names; raises the error that says what does not fit."""
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
        """dict name -> shape of what `state` must hold. A layer may accept several names: those that `state` uses."""
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
        """What a copy or a pickle holds beside config and parameters, as a dict: the state of the random draws, so that
        the copy draws next what this layer would draw next."""
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
        """``(y, tape)``, y of ``output_shape(x.shape)``; `backward` needs the tape. `seed` decides random numbers."""
        raise NotImplementedError

    def backward(self, tape, dy):
        """``dx``, of the shape of x, for ``dy``, of the shape of y; adds the gradients of the parameters to `grads`."""
        raise NotImplementedError

    def input_shape(self):
        """Shape of x, with symbols such as "B" for the free sizes; None if x may have any shape."""

    def input_for(self, shape):
        """Shape that x must have for a ``y`` of `shape`, for a layer that takes any x; None if several would do."""
        return shape

    def output_shape(self, shape):
        """Shape of ``y`` for an ``x`` of `shape`, where sizes may be symbols like ``"B"``.

        ``ValueError`` if `x` could not have that shape.
        """
        return shape

    def output_dtype(self, *dtypes):
        """The dtype of y, "float" or "int64", for inputs of the `dtypes` (of the same two). ``TypeError`` if an input
        can't have its dtype."""
        for dtype in dtypes:
            if dtype != "float":
                raise TypeError(f"{type(self).__name__} takes floats, got {dtype}")
        return "float"

    def output_lengths(self, lengths):
        """The number of steps of each row of ``y``, (B,), given that of x (`lengths`), if y has a time axis."""
        return lengths

    def state_shapes(self):
        """The shapes of h and c of a recurrent layer, with "B" for the batch; None if a `Model` can't pass them on."""
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
