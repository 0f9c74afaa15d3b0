"""Checks of the LSTM's options: what makes no sense is refused with the reason. (What depends on several, the core refuses.)"""

import math

import numpy as np

from . import _core
from .arrays import positive_int

DEFAULTS = {
    "proj_size": 0, "peephole": False, "coupled_input_forget": False, "layer_norm": False,
    "activations": ["sigmoid", "tanh", "tanh"], "gate_clip": None, "cell_clip": None,
    "merge": "concat", "residual": False, "learned_state": False,
    "input_dropout": 0.0, "recurrent_dropout": 0.0, "zoneout": [0.0, 0.0], "weight_drop": 0.0, "missing": "propagate",
}
_RANDOM = ("input_dropout", "recurrent_dropout", "zoneout", "weight_drop")


def number(value, what):
    """`value` as a float; `what` names the caller and the argument."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{what} must be a number, got {value!r}")
    return float(value)


def probability(value, what):
    """`value` as a float in [0, 1)."""
    value = number(value, what)
    if not 0 <= value < 1:
        raise ValueError(f"{what} must be at least 0 and below 1, got {value}")
    return value


def between_layers(value, num_layers, what):
    """One probability for each layer, the last one 0: a number stands for all layers but the last."""
    if not isinstance(value, (list, tuple, np.ndarray)):
        value = probability(value, what)
        if value > 0 and num_layers == 1:
            raise ValueError(f"{what} lies between layers and needs num_layers > 1; put el.Dropout after a single layer")
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
    if not isinstance(hidden_size, (list, tuple, np.ndarray)):
        return [positive_int(hidden_size, "LSTM: hidden_size")] * num_layers
    sizes = [positive_int(size, "LSTM: hidden_size") for size in hidden_size]
    if not sizes or num_layers not in (1, len(sizes)):
        raise ValueError(f"LSTM: hidden_size must have one entry for each of the {num_layers} layers, got {len(sizes)}")
    return sizes


def variants(**options):
    """The options of `DEFAULTS`, checked and in one form each."""
    size = options["proj_size"]
    options["proj_size"] = size if size == 0 and not isinstance(size, bool) else positive_int(size, "LSTM: proj_size")
    for name in ("peephole", "coupled_input_forget", "layer_norm", "residual", "learned_state"):
        options[name] = bool(options[name])
    for name in ("gate_clip", "cell_clip"):
        options[name] = _clip(options[name], f"LSTM: {name}")
    for name in ("input_dropout", "recurrent_dropout", "weight_drop"):
        options[name] = probability(options[name], f"LSTM: {name}")
    options["zoneout"] = _pair(options["zoneout"])
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


def _clip(value, what):
    if value is None:
        return None
    value = number(value, what)
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{what} must be None or a positive number, got {value}")
    return value


def _pair(zoneout):
    if isinstance(zoneout, (tuple, list)):
        if len(zoneout) != 2:
            raise ValueError(f"LSTM: zoneout must be a pair of probabilities (h, c), got {len(zoneout)}")
        return [probability(p, "LSTM: zoneout") for p in zoneout]
    return [probability(zoneout, "LSTM: zoneout")] * 2


def _activations(activations):
    if isinstance(activations, str) or not isinstance(activations, (tuple, list)) or len(activations) != 3:
        raise ValueError(f"LSTM: activations must be three, (gates, candidate, output), got {activations!r}")
    return [_activation(activation) for activation in activations]


def _activation(activation):
    if isinstance(activation, str):
        return activation
    if not (isinstance(activation, (tuple, list)) and 1 <= len(activation) <= 3 and isinstance(activation[0], str)):
        raise ValueError(f"LSTM: an activation must be a name, (name, alpha) or (name, alpha, beta), got {activation!r}")
    return [activation[0], *(number(value, f"LSTM: activations: {activation[0]}") for value in activation[1:])]
