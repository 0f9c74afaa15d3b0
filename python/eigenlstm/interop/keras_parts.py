"""A layer of Keras on its way to being layers of ours: what it needs, and whether a file has it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ..layers.activation import Activation
from ..safetensors_files import FileError
from .keras_config import LayerConfig, Refused


@dataclass(frozen=True)
class Shape:
    """What is known of an array between two layers: its number of axes, the size of the last; None where unknown."""

    rank: int | None = None
    features: int | None = None


@dataclass
class Part:
    """A layer of Keras on its way to being layers of ours.

    source : the layer as Keras has it
    gives : the `Shape` of its output
    tensors : [(name, shape, ...), ...] that it must have, in Keras's order, with one shape or several that will do;
        None is a size that the architecture leaves open
    make : called with the arrays and a dtype, gives ``[(layer, state_dict), ...]``
    mask : the value that marks steps to skip from here on, None for none
    unmasked : why it must not be given a mask, empty where it may
    notes : what a reader of the report should know
    """

    source: LayerConfig
    gives: Shape
    tensors: list = field(default_factory=list)
    make: Callable = lambda arrays, dtype: []
    mask: float | None = None
    unmasked: str = ""
    notes: list = field(default_factory=list)


def matched(parts, weights, path):
    """The arrays of each part, every one of the shape that it must have; ``FileError`` lists what doesn't fit."""
    wrong, arrays = [], []
    for one in parts:
        taken = weights.take(one.source)
        if len(taken) != len(one.tensors):
            wrong.append(f"{one.source}: expected {_listed(one.tensors)}, got {_listed(taken)}")
        for (name, *shapes), (stored, array) in zip(one.tensors, taken):
            if not any(_fits(array.shape, shape) for shape in shapes):
                what = f"the {name} of {one.source}, {_text(shapes[0])}"
                wrong.append(f"tensor {stored}: expected {what}, got {_text(array.shape)}")
            elif array.dtype.kind != "f":
                wrong.append(f"tensor {stored}: expected floats, got {array.dtype}")
        arrays.append([array for _, array in taken])
    wrong += [f"tensor {name}: belongs to no layer" for name in weights.left()]
    if wrong:
        raise FileError("\n  ".join([f"{path}: the weights don't fit the architecture:", *wrong]))
    return arrays


def _listed(tensors):
    return f"{len(tensors)} tensors ({', '.join(name for name, *_ in tensors) or 'none'})"


def _fits(shape, expected):
    return len(shape) == len(expected) and all(size in (None, got) for size, got in zip(expected, shape))


def _text(shape):
    return f"({', '.join('any' if size is None else str(size) for size in shape)}{',' * (len(shape) == 1)})"


def rate(layer, option):
    """The option as a probability of dropping."""
    rate = layer.number(option, 0.0)
    if not 0 <= rate < 1:
        raise Refused(f"{layer}: {option} must be at least 0 and below 1, got {rate}")
    return rate


# -- activations --------------------------------------------------------------------------------

# What the LSTM's cell can compute itself. leaky_relu's slope is 0.2 in Keras 3 and in TensorFlow.
_IN_THE_CELL = {name: name for name in ("sigmoid", "tanh", "linear", "relu", "softsign", "softplus", "elu")} | {
    "leaky_relu": ("leaky_relu", 0.2),
    "hard_silu": "hard_swish",
    "hard_swish": "hard_swish",
}
_AFTER_A_LAYER = (
    _IN_THE_CELL
    | {name: name for name in ("softmax", "log_softmax", "selu", "exponential", "relu6")}
    | {"swish": "silu", "silu": "silu"}
)


def activation(layer, version):
    """An `Activation` for the option `activation` of `layer`; None where that is linear."""
    name = _activation_name(layer, "activation", "linear")
    made = "hard_sigmoid_keras3" if version >= 3 else "hard_sigmoid"
    made = made if name == "hard_sigmoid" else _AFTER_A_LAYER.get(name)
    if made is None:
        known = ", ".join([*_AFTER_A_LAYER, "hard_sigmoid"])
        raise Refused(f"{layer}: activation={name!r} cannot be read; those that can: {known}")
    if made == "linear":
        return None
    return Activation(*made) if isinstance(made, tuple) else Activation(made)


def lstm_activation(layer, option, default, version):
    name = _activation_name(layer, option, default)
    if name == "hard_sigmoid":  # 0.2 x + 0.5 in Keras 2, x / 6 + 0.5 in Keras 3
        return "hard_sigmoid_keras3" if version >= 3 else "hard_sigmoid"
    if name not in _IN_THE_CELL:
        raise Refused(
            f"{layer}: {option}={name!r} cannot be computed in a cell; those that can: "
            f"{', '.join([*_IN_THE_CELL, 'hard_sigmoid'])}"
        )
    return _IN_THE_CELL[name]


def _activation_name(layer, option, default):
    value = layer.get(option, (str, dict, type(None)), default)
    if isinstance(value, dict):
        raise Refused(
            f"{layer}: {option} is {value.get('class_name', 'an object')!r}, not the name of a function of Keras"
        )
    return "linear" if value is None else value
