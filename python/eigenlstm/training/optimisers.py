"""Optimizers over the flat buffer of a layer or model: one pass over memory for each step.

>>> optimizer, loss = el.Adam(1e-3), el.losses.MSE()
>>> y_pred, tape = model.forward(x)
>>> value, dy = loss(y_pred, y)
>>> model.zero_grad()
>>> dx = model.backward(tape, dy)
>>> optimizer.step(model)

The formulas, the defaults and the order of operations are those of ``torch.optim``.

``weight_decay`` is a number, or a dict from patterns of parameter names to numbers, of which the first that
fits counts: ``{"*bias*": 0, "0.weight_hh*": 1e-4, "*": 1e-5}``. A number holds for all parameters; in
`AdamW`, for those of two or more axes, which leaves biases and LayerNorm alone.

``lr_factors`` is a dict from patterns of parameter names to factors of the learning rate, of which the first that fits
counts, else 1: ``{"embed.*": 0.1, "encoder.*": 0}``. What has a factor of 0, and the layers whose `trainable` is False,
are left as they are, weight decay included, and their state too.
"""

import fnmatch

import numpy as np

from .. import _core, did_you_mean
from ..checks import KnownArguments, flag, number
from .clipping import clip_norm as clip_norm
from .clipping import clip_value as clip_value

__getattr__ = did_you_mean.attributes_of(__name__, "el.optimizers", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])


class Optimiser(KnownArguments):
    """Base of the optimizers.

    Attributes
    ----------
    lr : float
        Learning rate; may be changed between steps.
    steps : int
        Steps done.
    """

    _options = ()  # names of the numbers that the formula takes
    _decays_vectors = True
    lr_factors = _grouped = None  # of the class, too: pickles from before there were any

    def __init__(self, lr, weight_decay, lr_factors=None, **options):
        where = type(self).__name__
        if lr_factors is not None and not isinstance(lr_factors, dict):
            raise TypeError(f"{where}: lr_factors must be a dict from patterns of names to numbers, got {lr_factors!r}")
        self.lr_factors = (
            None if lr_factors is None else {str(k): _number(v, f"{where}: lr_factors") for k, v in lr_factors.items()}
        )
        self.lr = _number(lr, f"{where}: lr")
        self.weight_decay = (
            {str(k): _number(v, f"{where}: weight_decay") for k, v in weight_decay.items()}
            if isinstance(weight_decay, dict)
            else _number(weight_decay, f"{where}: weight_decay")
        )
        for name, value in options.items():
            setattr(self, name, value if isinstance(value, bool) else _number(value, f"{where}: {name}"))
        self.steps = 0
        self._layer = None
        self._state = {}

    # -- what a subclass says -------------------------------------------------------------------

    def _initial_state(self, n, dtype):
        """dict name -> array (n,) of the state before the first step."""
        return {name: _core.zeros(n, dtype) for name in self._slots()}

    def _slots(self):
        """Names of the state's arrays."""
        raise NotImplementedError

    def _update(self, params, grads, ends, decay):
        """The native step."""
        raise NotImplementedError

    # -- use ------------------------------------------------------------------------------------

    def step(self, layer):
        """Update the parameters of `layer` (a layer, a model, what `share` gave) by its gradients.

        An optimiser belongs to the first layer that it steps: its state has that layer's shape.
        """
        if layer is not self._layer:
            self._attach(layer)
        self.steps += 1
        try:
            for part, ends, decay, factor in self._parts(layer):
                self._update_part(layer, part, ends, decay, factor)
        finally:  # Ctrl-C may come between the two
            layer.touch()

    def _attach(self, layer):
        where = f"{type(self).__name__}.step"
        if self._layer is not None:
            raise ValueError(
                f"{where}: this optimiser belongs to another {type(self._layer).__name__}; each model needs its own"
            )
        params = layer._flat_params
        fresh = self._initial_state(params.size, params.dtype)
        for name, array in self._state.items():
            if array.shape != params.shape or array.dtype != params.dtype:
                raise ValueError(
                    f"{where}: the loaded state has {array.size} values of {array.dtype} in "
                    f"{name}, {type(layer).__name__} has {params.size} of {params.dtype}"
                )
        self._grouped = None
        self._state = self._state or fresh
        self._layer = layer

    def _update_part(self, layer, part, ends, decay, factor):
        """`_update` of a slice of the parameters, at a factor of the learning rate."""
        if part == slice(0, layer._size) and factor == 1:
            self._update(layer._flat_params, layer._flat_grads, ends, decay)
            return
        state, lr = self._state, self.lr
        self._state, self.lr = {name: array[part] for name, array in state.items()}, lr * factor
        try:
            self._update(layer._flat_params[part], layer._flat_grads[part], ends, decay)
        finally:
            self._state, self.lr = state, lr

    def _parts(self, layer):
        """What to update, as slices of one factor of the learning rate each: see `_groups`."""
        trained = layer._trainable()
        if self._grouped is None or self._grouped[0] != trained:
            self._grouped = trained, self._groups(layer)
        return self._grouped[1]

    def _groups(self, layer):
        """[(slice, ends, decays, factor)]: in each, where runs of parameters of equal weight decay end, and that
        decay.
        """
        trained = [leaf.trainable for leaf in layer._leaves() for _ in leaf._specs]
        parts = []
        for (name, shape), part, train in zip(layer._specs, layer.param_slices().values(), trained):
            factor, decay = self._factor_of(name) if train else 0.0, self._decay_of(name, shape)
            if factor == 0:
                continue
            if not parts or parts[-1][3] != factor or parts[-1][0].stop != part.start:
                parts.append((part, [part.stop - part.start], [decay], factor))
                continue
            start, ends, decays = parts[-1][0].start, *parts[-1][1:3]
            if decays[-1] == decay:
                ends[-1] = part.stop - start
            else:
                ends.append(part.stop - start)
                decays.append(decay)
            parts[-1] = slice(start, part.stop), ends, decays, factor
        return parts

    def _factor_of(self, name):
        factors = self.lr_factors or {}
        return next((value for pattern, value in factors.items() if fnmatch.fnmatchcase(name, pattern)), 1.0)

    def _decay_of(self, name, shape):
        if isinstance(self.weight_decay, dict):
            return next(
                (value for pattern, value in self.weight_decay.items() if fnmatch.fnmatchcase(name, pattern)), 0.0
            )
        return self.weight_decay if self._decays_vectors or len(shape) > 1 else 0.0

    # -- state ----------------------------------------------------------------------------------

    def state_dict(self):
        """Everything that the next step depends on, except the parameters: numbers, and copies of the arrays."""
        numbers = {name: getattr(self, name) for name in ("lr", "weight_decay", "steps", *self._options)}
        if self.lr_factors is not None:
            numbers["lr_factors"] = dict(self.lr_factors)
        return {**numbers, **{name: array.copy() for name, array in self._state.items()}}

    def load_state_dict(self, state):
        """Take over a result of `state_dict`. If it does not fit, an error is raised and nothing is changed."""
        where = f"{type(self).__name__}.load_state_dict"
        numbers = ("lr", "weight_decay", "steps", *self._options, *("lr_factors",) * ("lr_factors" in state))
        arrays = {name: value for name, value in state.items() if name not in numbers}
        missing = [name for name in numbers if name not in state]
        if missing or set(arrays) not in (set(), set(self._slots_of(state))):
            raise ValueError(f"{where}: the state does not fit: it holds {', '.join(state) or 'nothing'}")
        steps = state["steps"]
        if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or not 0 <= steps < 2**48:
            raise ValueError(f"{where}: steps must be an integer of at least 0, got {steps!r}")
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray) or array.ndim != 1:
                raise TypeError(f"{where}: {name} must be a 1-D array, got {type(array).__name__}")
            params = array if self._layer is None else self._layer._flat_params
            if array.shape != params.shape or array.dtype != params.dtype:
                raise ValueError(
                    f"{where}: {name} must have {params.size} values of {params.dtype}, "
                    f"got {array.size} of {array.dtype}"
                )
        fresh = type(self)(**{name: state[name] for name in numbers if name != "steps"})
        for name in (*numbers, "lr_factors"):
            setattr(self, name, getattr(fresh, name))
        self.steps = int(steps)
        if self._layer is not None:
            self._grouped = None
        if arrays or self._layer is None:
            self._state = {name: np.array(array) for name, array in arrays.items()}
        else:
            self._state = self._initial_state(self._layer._flat_params.size, self._layer._flat_params.dtype)

    def _slots_of(self, state):
        """The names of the arrays that go with the options in `state`."""
        return type(self)(**{name: state[name] for name in ("lr", "weight_decay", *self._options)})._slots()

    def __repr__(self):
        options = ", ".join(f"{name}={getattr(self, name)!r}" for name in ("lr", "weight_decay", *self._options))
        return f"{type(self).__name__}({options})"


class SGD(Optimiser):
    """``m = momentum·m + (1 − dampening)·g; p −= lr·m``; with nesterov ``p −= lr·(g + momentum·m)``.

    Source: Sutskever et al. 2013, in the form of ``torch.optim.SGD``.
    """

    _options = ("momentum", "dampening", "nesterov")

    def __init__(self, lr=1e-2, momentum=0.0, *, dampening=0.0, weight_decay=0.0, nesterov=False, lr_factors=None):
        super().__init__(
            lr,
            weight_decay,
            lr_factors,
            momentum=momentum,
            dampening=dampening,
            nesterov=flag(nesterov, "SGD: nesterov"),
        )
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError("SGD: nesterov needs a momentum and no dampening")

    def _slots(self):
        return ("momentum_buffer",) if self.momentum else ()

    def _update(self, params, grads, ends, decay):
        _core.sgd_step(
            params,
            grads,
            self.steps,
            self.lr,
            ends,
            decay,
            self._state.get("momentum_buffer"),
            self.momentum,
            self.dampening,
            self.nesterov,
        )


class Adam(Optimiser):
    """``m = β1·m + (1 − β1)·g; v = β2·v + (1 − β2)·g²; p −= lr·m̂ / (√v̂ + eps)``, bias-corrected.

    ``betas`` = (β1, β2). Weight decay is added to the gradient. Source: Kingma, Ba 2015.
    """

    _options = ("betas", "eps")
    _decoupled = False

    def __init__(self, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, *, weight_decay=0.0, lr_factors=None):
        super().__init__(lr, weight_decay, lr_factors, eps=eps)
        where = type(self).__name__
        self.betas = tuple(_number(beta, f"{where}: betas", below=1) for beta in betas)
        if len(self.betas) != 2:
            raise ValueError(f"{where}: betas must be two numbers, got {betas!r}")

    def _slots(self):
        return "exp_avg", "exp_avg_sq"

    def _update(self, params, grads, ends, decay):
        _core.adam_step(
            params,
            grads,
            self.steps,
            self.lr,
            ends,
            decay,
            self._state["exp_avg"],
            self._state["exp_avg_sq"],
            *self.betas,
            self.eps,
            self._decoupled,
        )


class AdamW(Adam):
    """Adam with decoupled weight decay: ``p *= 1 − lr·weight_decay`` before each step.

    Not on parameters of one axis (biases, LayerNorm) unless a dict says so. Source: Loshchilov, Hutter 2019.
    """

    _decoupled = True
    _decays_vectors = False

    def __init__(self, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, *, weight_decay=1e-2, lr_factors=None):
        super().__init__(lr, betas, eps, weight_decay=weight_decay, lr_factors=lr_factors)


class RMSprop(Optimiser):
    """``v = α·v + (1 − α)·g²; p −= lr·g / (√v + eps)``.

    ``centered`` takes v − a² for v, a the running mean of g (Graves 2013); ``momentum`` gathers the
    steps. Source: Hinton 2012, lecture 6e.
    """

    _options = ("alpha", "eps", "momentum", "centered")

    def __init__(
        self, lr=1e-2, alpha=0.99, eps=1e-8, *, weight_decay=0.0, momentum=0.0, centered=False, lr_factors=None
    ):
        super().__init__(
            lr,
            weight_decay,
            lr_factors,
            alpha=alpha,
            eps=eps,
            momentum=momentum,
            centered=flag(centered, "RMSprop: centered"),
        )

    def _slots(self):
        return ("square_avg", *["momentum_buffer"] * bool(self.momentum), *["grad_avg"] * self.centered)

    def _update(self, params, grads, ends, decay):
        _core.rmsprop_step(
            params,
            grads,
            self.steps,
            self.lr,
            ends,
            decay,
            self._state["square_avg"],
            self._state.get("momentum_buffer"),
            self._state.get("grad_avg"),
            self.alpha,
            self.eps,
            self.momentum,
        )


class Adagrad(Optimiser):
    """``s += g²; p −= lr / (1 + (step − 1)·lr_decay) · g / (√s + eps)``; s starts at
    ``initial_accumulator_value``. Source: Duchi, Hazan, Singer 2011.
    """

    _options = ("lr_decay", "initial_accumulator_value", "eps")

    def __init__(
        self, lr=1e-2, *, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10, lr_factors=None
    ):
        super().__init__(
            lr,
            weight_decay,
            lr_factors,
            lr_decay=lr_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )

    def _slots(self):
        return ("sum",)

    def _initial_state(self, n, dtype):
        return {"sum": np.full(n, self.initial_accumulator_value, dtype)}

    def _update(self, params, grads, ends, decay):
        _core.adagrad_step(params, grads, self.steps, self.lr, ends, decay, self._state["sum"], self.lr_decay, self.eps)


_by_name = {"sgd": SGD, "adam": Adam, "adamw": AdamW, "rmsprop": RMSprop, "adagrad": Adagrad}


def get(optimizer):
    """The optimiser that a name or an instance stands for."""
    if isinstance(optimizer, str):
        if optimizer not in _by_name:
            raise ValueError(did_you_mean.no_such("optimizer", optimizer, _by_name))
        return _by_name[optimizer]()
    if isinstance(optimizer, Optimiser):
        return optimizer
    example = f"; write el.{optimizer.__name__}(lr)" if optimizer in _by_name.values() else ""
    raise TypeError(f"an optimizer must be a name or an instance like el.Adam(1e-3), got {optimizer!r}{example}")


def average(averaged, params, decay):
    """Move `averaged` (n,) towards `params` (n,) in place: ``decay·averaged + (1 − decay)·params``."""
    _core.ema(averaged, params, decay)


def _number(value, what, below=float("inf")):
    value = number(value, what)
    if not 0 <= value < below:
        raise ValueError(
            f"{what} must be {'' if below == float('inf') else f'below {below} and '}at least 0 "
            f"and finite, got {value!r}"
        )
    return value
