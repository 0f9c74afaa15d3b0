"""Checks of the LSTM's options: what makes no sense is refused with the reason. (What depends on several, the core refuses.)"""

import math

import numpy as np

from .. import _core
from ..checks import number, positive_int

DEFAULTS = {
    "reverse": False,
    "proj_size": 0,
    "peephole": False,
    "coupled_input_forget": False,
    "layer_norm": False,
    "activations": ["sigmoid", "tanh", "tanh"],
    "gate_clip": None,
    "cell_clip": None,
    "merge": "concat",
    "residual": False,
    "learned_state": False,
    "input_dropout": 0.0,
    "recurrent_dropout": 0.0,
    "zoneout": [0.0, 0.0],
    "weight_drop": 0.0,
    "missing": "propagate",
}
_RANDOM = ("input_dropout", "recurrent_dropout", "zoneout", "weight_drop")


def flag(value, what):
    """`value` as a bool; `what` names the caller and the argument."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{what} must be True or False, got {value!r}")
    return bool(value)


def finite(value, what):
    """`value` as a finite float."""
    value = number(value, what)
    if not math.isfinite(value):
        raise ValueError(f"{what} must be finite, got {value}")
    return value


def several(value):
    """Whether `value` is a sequence of values and not one."""
    return isinstance(value, (list, tuple)) or isinstance(value, np.ndarray) and value.ndim > 0


def probability(value, what):
    """`value` as a float in [0, 1)."""
    value = number(value, what)
    if not 0 <= value < 1:
        raise ValueError(f"{what} must be at least 0 and below 1, got {value}")
    return value


def between_layers(value, num_layers, what):
    """One probability for each layer, the last one 0: a number stands for all layers but the last."""
    if not several(value):
        value = probability(value, what)
        if value > 0 and num_layers == 1:
            raise ValueError(
                f"{what} lies between layers and needs num_layers > 1; put el.Dropout after a single layer"
            )
        return [value] * (num_layers - 1) + [0.0]
    values = [probability(v, what) for v in value]
    if len(values) != num_layers:
        raise ValueError(f"{what} must have one probability for each of the {num_layers} layers, got {len(values)}")
    if values[-1] > 0:
        raise ValueError(f"{what} lies between layers; that of the last layer must be 0, got {values[-1]}")
    return values


def together(probabilities):
    """One number for the list that `between_layers` makes of it, else the list."""
    return probabilities[0] if len(set(probabilities[:-1])) <= 1 else probabilities


def widths(hidden_size, num_layers):
    """H of each layer: of all the same, or from a list."""
    num_layers = positive_int(num_layers, "LSTM: num_layers")
    if num_layers > _core.MAX_LAYERS:
        raise ValueError(f"LSTM: num_layers must be at most {_core.MAX_LAYERS}, got {num_layers}")
    if not several(hidden_size):
        return [positive_int(hidden_size, "LSTM: hidden_size")] * num_layers
    sizes = [positive_int(size, "LSTM: hidden_size") for size in hidden_size]
    if not sizes:
        raise ValueError("LSTM: hidden_size must have one entry for each layer, got none")
    if num_layers not in (1, len(sizes)):
        raise ValueError(f"LSTM: hidden_size must have one entry for each of the {num_layers} layers, got {len(sizes)}")
    return sizes


def variants(**options):
    """The options of `DEFAULTS`, checked and in one form each."""
    options["proj_size"] = _proj_size(options["proj_size"])
    for name in ("reverse", "peephole", "coupled_input_forget", "layer_norm", "residual", "learned_state"):
        options[name] = flag(options[name], f"LSTM: {name}")
    for name in ("gate_clip", "cell_clip"):
        options[name] = _clip(options[name], f"LSTM: {name}")
    for name in ("input_dropout", "recurrent_dropout", "weight_drop"):
        options[name] = probability(options[name], f"LSTM: {name}")
    options["zoneout"] = _zoneout(options["zoneout"])
    options["activations"] = _activations(options["activations"])
    for name in ("merge", "missing"):
        if not isinstance(options[name], str):
            raise TypeError(f"LSTM: {name} must be a string, got {options[name]!r}")
    return options


def chosen(options):
    """Those of `options` that are not the default."""
    return {name: value for name, value in options.items() if value != DEFAULTS[name]}


def is_random(options):
    """Whether training draws random numbers for them."""
    return any(options[name] != DEFAULTS[name] for name in _RANDOM)


def _proj_size(value):
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value <= 0:
        if value < 0:
            raise ValueError(f"LSTM: proj_size must be 0, for none, or more, got {value}")
        return 0
    return positive_int(value, "LSTM: proj_size")


def _clip(value, what):
    if value is None:
        return None
    value = number(value, what)
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{what} must be None or a positive number, got {value}")
    return value


def _zoneout(zoneout):
    """[of h, of c]."""
    if not several(zoneout):
        return [probability(zoneout, "LSTM: zoneout")] * 2
    if len(zoneout) != 2:
        raise ValueError(f"LSTM: zoneout must be one probability or a pair (h, c), got {len(zoneout)}")
    return [probability(p, f"LSTM: zoneout of {name}") for name, p in zip("hc", zoneout)]


def _activations(activations):
    """Three; or two lists of three, where the second direction has others than the first."""
    if _sequence_of(2, activations) and all(_sequence_of(3, three) for three in activations):
        first, second = map(_activations, activations)
        return first if first == second else [first, second]
    if not _sequence_of(3, activations):
        raise ValueError(
            "LSTM: activations must be three, (gates, candidate, output), or two such triples, one for each direction, "
            f"got {activations!r}"
        )
    return [_activation(activation) for activation in activations]


def _sequence_of(n, value):
    return isinstance(value, (tuple, list)) and len(value) == n


def _activation(activation):
    """A name, or [name, parameters...]; the core knows the names and how many parameters each has."""
    name, *parameters = activation if isinstance(activation, (tuple, list)) and activation else [activation]
    if not isinstance(name, str):
        raise TypeError(f"LSTM: activations must be names, (name, alpha) or (name, alpha, beta), got {activation!r}")
    parameters = [number(value, f"LSTM: activations: a parameter of {name}") for value in parameters]
    return [name, *parameters] if parameters else name
