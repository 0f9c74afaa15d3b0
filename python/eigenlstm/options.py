"""Checks of the LSTM's options: what makes no sense is refused with the reason."""

import numpy as np


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
