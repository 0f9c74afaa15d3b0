"""The ONNX operator LSTM (opset 7 to 22) and `el.LSTM`: attributes, gate order and weights, both ways.

W (D, 4H, I), R (D, 4H, H), B (D, 8H: that of W, then that of R) hold the gates in the order i o f c, P (D, 3H) the
peepholes in the order i o f, D directions. Ours are i f g o and i f o.
https://onnx.ai/onnx/operators/onnx__LSTM.html
"""

from dataclasses import dataclass

import numpy as np

from ...layers.lstm import LSTM
from ...layers.parameters import blank_parameters
from ...safetensors_files import FileError
from ..gates import reorder

INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")

_GATES = "iofc"
_TO_ONNX = (0, 3, 1, 2)  # where the gates i o f c are among i f g o
_PEEPHOLES = (0, 2, 1)  # i o f <-> i f o

# ONNX's activation -> ours, and how many parameters it has: alpha, or alpha and beta.
_ACTIVATIONS = {
    "Sigmoid": ("sigmoid", 0),
    "Tanh": ("tanh", 0),
    "Relu": ("relu", 0),
    "Softsign": ("softsign", 0),
    "Softplus": ("softplus", 0),
    "LeakyRelu": ("leaky_relu", 1),
    "ThresholdedRelu": ("thresholded_relu", 1),
    "Elu": ("elu", 1),
    "Affine": ("affine", 2),
    "ScaledTanh": ("scaled_tanh", 2),
    "HardSigmoid": ("hard_sigmoid", 2),
}
_OPERATORS = {ours: onnx for onnx, (ours, _) in _ACTIVATIONS.items()}
# Of the parameters of ours.
DEFAULTS = {
    "leaky_relu": (0.01,),
    "thresholded_relu": (1.0,),
    "elu": (1.0,),
    "affine": (1.0, 0.0),
    "scaled_tanh": (1.0, 1.0),
    "hard_sigmoid": (0.2, 0.5),
    "hard_sigmoid_keras3": (1 / 6, 0.5),
}
_SPELLINGS = {name.lower(): name for name in _ACTIVATIONS}
_DIRECTIONS = ("forward", "reverse", "bidirectional")
_NO_CLIP = 1e38  # some exporters write the largest float where nothing is clipped
_USUAL = ("sigmoid", "tanh", "tanh")


class Unsupported(ValueError):
    """A node, layer or option that has no counterpart here or there."""


@dataclass(frozen=True)
class Attributes:
    """The attributes of an LSTM node, checked: `activations` has three names or (name, alpha, ...) a direction."""

    direction: str
    activations: tuple
    hidden_size: int | None
    clip: float | None
    input_forget: bool
    layout: int

    @property
    def directions(self):
        return 1 + (self.direction == "bidirectional")


def described(node):
    """How errors call a node: LSTM node 'name', or the name of its first output where it has none."""
    return f"{node.op_type} node {node.name or next(filter(None, node.output), '')!r}"


def attributes(node, values):
    """`Attributes` from the dict of an LSTM node's attribute values; `Unsupported` names what it doesn't understand."""

    def refuse(problem):
        raise Unsupported(f"{described(node)}: {problem}")

    known = {"direction", "activations", "activation_alpha", "activation_beta", "hidden_size", "clip", "input_forget"}
    unknown = sorted(set(values) - known - {"layout"})
    if unknown:
        refuse(f"attribute {unknown[0]} isn't one of opsets 7 to 22")
    direction = values.get("direction", "forward")
    if direction not in _DIRECTIONS:
        refuse(f"direction must be one of {', '.join(_DIRECTIONS)}, got {direction!r}")
    clip, layout, forget = values.get("clip"), values.get("layout", 0), values.get("input_forget", 0)
    if clip is not None and not clip > 0:
        refuse(f"clip must be greater than 0, got {clip}")
    clip = None if clip is not None and clip >= _NO_CLIP else clip
    for name, value in (("layout", layout), ("input_forget", forget)):
        if value not in (0, 1):
            refuse(f"{name} must be 0 or 1, got {value}")
    count = 3 * (1 + (direction == "bidirectional"))
    names = [str(name) for name in values.get("activations") or ["Sigmoid", "Tanh", "Tanh"] * (count // 3)]
    if len(names) != count:
        refuse(f"activations must be {count} names, got {len(names)}")
    alphas, betas = (list(values.get(name) or ()) for name in ("activation_alpha", "activation_beta"))
    activations = tuple(_activation(name, alphas, betas, refuse) for name in names)
    if alphas or betas:
        refuse(f"activation_{'alpha' if alphas else 'beta'} has {len(alphas or betas)} values that no activation takes")
    three = tuple(activations[at : at + 3] for at in range(0, count, 3))
    return Attributes(direction, three, values.get("hidden_size"), clip, bool(forget), layout)


def _activation(name, alphas, betas, refuse):
    """One of ours, with the parameters that it takes from the lists, in order, or else their defaults."""
    if name.lower() not in _SPELLINGS:
        refuse(f"activations must be of {', '.join(_ACTIVATIONS)}; got {name!r}")
    ours, count = _ACTIVATIONS[_SPELLINGS[name.lower()]]
    if not count:
        return ours
    defaults = DEFAULTS[ours]
    given = [(values.pop(0) if values else default) for values, default in zip((alphas, betas), defaults)]
    return (ours, *given)


def onnx_activations(directions):
    """The operator's attributes for activations of ours, three for each direction; None where it has no name for one.

    They are left out where all are the usual ones.
    """
    if all(tuple(three) == _USUAL for three in directions):
        return {}
    names, alphas, betas = [], [], []
    for activation in (a for three in directions for a in three):
        name, parameters = with_parameters(activation)
        if name == "linear":
            name, parameters = "affine", [1.0, 0.0]
        name = "hard_sigmoid" if name == "hard_sigmoid_keras3" else name
        if name not in _OPERATORS:
            return None
        names.append(_OPERATORS[name])
        alphas += parameters[:1]
        betas += parameters[1:2]
    lists = {"activations": names, "activation_alpha": alphas, "activation_beta": betas}
    return {name: values for name, values in lists.items() if values}


def with_parameters(activation):
    """An activation of ours, a name or [name, parameters...], as its name and the list of all its parameters."""
    name, *given = [activation] if isinstance(activation, str) else activation
    return name, [*given, *DEFAULTS.get(name, ())[len(given) :]]


def per_direction(activations, directions):
    """The three activations of each direction, from those of an LSTM's options."""
    return activations if len(activations) == 2 else [activations] * directions


def onnx_weights(params, suffixes):
    """W, R, B and P of the operator from `params` of an `el.LSTM`, for the directions ``["_l0", "_l0_reverse"]``.

    B and P are None where the layer has none.
    """

    def stacked(kind, order):
        if kind + suffixes[0] not in params:
            return None
        return np.stack([_blocks(params[kind + suffix], order) for suffix in suffixes])

    bias = stacked("bias", _TO_ONNX)
    if bias is not None:
        bias = np.concatenate([bias, np.zeros_like(bias)], axis=1)
    return stacked("weight_ih", _TO_ONNX), stacked("weight_hh", _TO_ONNX), bias, stacked("peephole", _PEEPHOLES)


def layer_of(node, attributes, W, R, B=None, P=None):
    """A time-major `el.LSTM` of one layer that computes an LSTM node, with the weights given.

    Half precision becomes float32. `FileError` names the tensor that has another shape than it must, before anything is
    built.
    """
    options = layer_options(node, attributes, W, R, B, P)
    if P is not None and not P.any():  # as exporters write where there are none
        options["peephole"], P = False, None
    dtype = "float64" if W.dtype == np.float64 else "float32"
    params = layer_params(W, R, B, P)
    with blank_parameters(limit=sum(value.size for value in params.values())):  # nothing is drawn
        layer = LSTM(**options, time_major=True, dtype=dtype)
    views = layer.params
    for name, value in params.items():
        views[name] = value.astype(dtype)
    return layer


def layer_options(node, attributes, W, R, B=None, P=None):
    """The arguments of an `el.LSTM` that computes an LSTM node; the weights are checked."""
    check_weights(node, attributes, W, R, B, P)
    three = attributes.activations
    return {
        "input_size": W.shape[2],
        "hidden_size": R.shape[2],
        "bias": B is not None,
        "bidirectional": attributes.directions == 2,
        "reverse": attributes.direction == "reverse",
        "peephole": P is not None,
        "gate_clip": attributes.clip,
        "coupled_input_forget": attributes.input_forget,
        "activations": three[0] if len(set(three)) == 1 else three,
    }


def layer_params(W, R, B=None, P=None):
    """dict name -> array: the parameters of an `el.LSTM` from the operator's weights."""
    params = {}
    for d, suffix in enumerate(("_l0", "_l0_reverse")[: len(W)]):
        params["weight_ih" + suffix] = reorder(W[d], _GATES)
        params["weight_hh" + suffix] = reorder(R[d], _GATES)
        if B is not None:
            params["bias" + suffix] = reorder(np.add(*np.split(B[d], 2)), _GATES)
        if P is not None:
            params["peephole" + suffix] = _blocks(P[d], _PEEPHOLES)
    return params


def check_weights(node, attributes, W, R, B=None, P=None):
    """`FileError`, with the tensor's name, for weights that don't fit each other or the attributes."""
    names = dict(zip(INPUTS, node.input))
    D, H = attributes.directions, attributes.hidden_size or (R.shape[-1] if R.ndim else 0)
    inputs = W.shape[2] if W.ndim == 3 else "I"
    expected = {"W": (D, 4 * H, inputs), "R": (D, 4 * H, H), "B": (D, 8 * H), "P": (D, 3 * H)}
    for key, value in {"W": W, "R": R, "B": B, "P": P}.items():
        if value is None:
            continue
        if value.dtype.kind != "f" and value.dtype.name != "bfloat16":
            raise FileError(f"{described(node)}: {key} ({names[key]!r}) must be of floats, got {value.dtype}")
        if value.shape != expected[key]:
            raise FileError(
                f"{described(node)}: {key} ({names[key]!r}) must have shape {_text(expected[key])}, got {value.shape}"
            )
    if 0 in W.shape or H < 1:
        raise FileError(f"{described(node)}: W ({names['W']!r}) must not be empty, got shape {W.shape}")


def _text(shape):
    return f"({', '.join(map(str, shape))})"


def _blocks(array, order):
    """The equal blocks of the first axis of `array`, in another order."""
    parts = np.split(array, len(order))
    return np.concatenate([parts[k] for k in order])
