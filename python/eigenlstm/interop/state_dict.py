"""PyTorch's names for the parameters of an LSTM: written, read, and the sizes and options that they imply.

PyTorch has two biases where this package has one, and numbers layers as ``_l0``, ``_l0_reverse``, ``_l1``, ...
Everything here works on NumPy arrays; torch itself is never imported.
"""

import re
from collections.abc import Mapping

import numpy as np

from ..checks import float_dtype
from ..layers.parameters import blank_parameters

_KINDS = (
    "weight_ih", "weight_hh", "weight_hr", "bias_ih", "bias_hh", "bias",
    "peephole", "norm_weight", "norm_cell_weight", "norm_cell_bias", "h0", "c0",
)  # fmt: skip
_NAME = re.compile(rf"({'|'.join(_KINDS)})(?:_l(\d{{1,4}})(_reverse)?)?")

# What the arrays tell, and so cannot be given; and what only chooses initial values.
_INFERRED = (
    *("input_size", "hidden_size", "num_layers", "bias", "bidirectional", "proj_size"),
    *("peephole", "layer_norm", "learned_state", "init", "forget_bias"),
)


def torch_biases(name):
    """The two names that torch.nn.LSTM has in place of the bias `name`; none for other parameters."""
    return [name.replace("bias", f"bias_{source}") for source in ("ih", "hh")] if name.startswith("bias") else []


def add_biases(ih, hh):
    """The one bias that stands for torch's two. Where the second is zero this is the first to the bit, also -0."""
    return np.where(hh == 0, ih, ih + hh)


def to_torch(parameters):
    """Copies of `parameters` (name -> array) under torch's names: a bias as ``bias_ih``, with zeros as ``bias_hh``."""
    state = {}
    for name, value in parameters.items():
        if pair := torch_biases(name):
            state[pair[0]], state[pair[1]] = value.copy(), np.zeros_like(value)
        else:
            state[name] = value.copy()
    return state


def accepted_specs(specs, state):
    """dict name -> shape of what `state` must hold for the parameters `specs`: one bias or two, as it has them."""
    accepted = {}
    for name, shape in specs:
        pair = torch_biases(name)
        split = name not in state and any(part in state for part in pair)
        accepted.update(dict.fromkeys(pair if split else [name], shape))
    return accepted


def from_torch(specs, state):
    """`state` (name -> array, with the names of `accepted_specs`) under this package's names."""
    state = dict(state)
    for name, _ in specs:
        if name not in state:
            state[name] = add_biases(*map(state.pop, torch_biases(name)))
    return state


def build_lstm(cls, mapping, prefix, dtype, options):
    """What `LSTM.from_state_dict` returns, which documents it; `cls` is LSTM or a subclass."""
    if given := [name for name in options if name in _INFERRED]:
        raise TypeError(f"LSTM.from_state_dict: {', '.join(given)} cannot be given: the arrays tell")
    state = _floats(_renamed(_selected(mapping, prefix), prefix), dtype)
    inferred = _inferred(state, options.get("missing") == "mask")
    dtype = next(iter(state.values())).dtype.name
    # Where shapes contradict each other the LSTM may be larger than the arrays, but not by much: R (4H, H) has each H.
    with blank_parameters(limit=4 * sum(value.size for value in state.values())):
        lstm = cls(**inferred, dtype=dtype, **options)
    lstm.load_state_dict(state)
    return lstm


def _selected(mapping, prefix):
    """name without `prefix` -> value, of the entries whose names start with it."""
    if not isinstance(mapping, Mapping):
        hint = "; pass its state_dict()" if hasattr(mapping, "state_dict") else ""
        raise TypeError(f"LSTM.from_state_dict: mapping must be a dict of arrays, got {type(mapping).__name__}{hint}")
    if not isinstance(prefix, str):
        raise TypeError(f"LSTM.from_state_dict: prefix must be a string, got {prefix!r}")
    names = [name for name in mapping if isinstance(name, str)]
    if prefix and any(name.startswith(prefix + ".") for name in names):
        prefix += "."  # "encoder" for "encoder."
    return {name[len(prefix) :]: mapping[name] for name in names if name.startswith(prefix)}


def _renamed(state, prefix):
    """`state` with LSTMCell's names changed to those of layer 0. ValueError for what is no parameter of an LSTM."""
    if not ("weight_ih" in state or "weight_ih_l0" in state):
        raise ValueError(
            f"LSTM.from_state_dict: there is no {prefix}weight_ih_l0 (LSTM) or {prefix}weight_ih (LSTMCell)"
            + _elsewhere(state, prefix)
        )
    matches = {name: _NAME.fullmatch(name) for name in state}
    if leftovers := [prefix + name for name, match in matches.items() if match is None]:
        raise ValueError(
            f"LSTM.from_state_dict: these are no parameters of an LSTM: {_some(leftovers)}"
            + ("" if prefix else "; prefix= names the part of the mapping that is to be read")
        )
    renamed = {match[1] + f"_l{int(match[2] or 0)}" + (match[3] or ""): state[name] for name, match in matches.items()}
    if len(renamed) < len(state):
        raise ValueError(
            f"LSTM.from_state_dict: names of an LSTM and of an LSTMCell side by side: {_some(sorted(state))}"
        )
    return renamed


def _elsewhere(state, prefix):
    """Where else an LSTM's weights are, for the message that says that they are not here."""
    ends = ("weight_ih_l0", ".weight_ih", "weight_ih")
    found = {prefix + name[: -len(end.lstrip("."))] for name in state for end in ends[:2] if name.endswith(end)}
    if found:
        return f"; there are weights under prefix={_some(sorted(map(repr, found)), ' or ')}"
    return f", only {_some(sorted(prefix + name for name in state))}" if state else ", nor anything else that starts so"


def _floats(state, dtype):
    """`state` as arrays of `dtype`, or if it is None of the dtype that they have (float32 for half precision)."""
    arrays = {name: _as_array(value, name) for name, value in state.items()}
    if dtype is None:
        kinds = {array.dtype if array.dtype.itemsize > 2 else np.dtype(np.float32) for array in arrays.values()}
        if len(kinds) > 1:
            raise TypeError(
                f"LSTM.from_state_dict: the arrays are {' and '.join(sorted(map(str, kinds)))}; "
                "dtype= says which the LSTM is to have"
            )
        (dtype,) = kinds
    dtype = float_dtype(dtype, "LSTM.from_state_dict")
    return {name: array.astype(dtype, copy=False) for name, array in arrays.items()}


def _as_array(value, name):
    """`value` as an array of floats, of any width."""
    if hasattr(
        value, "detach"
    ):  # a torch tensor, which NumPy does not read if it has a gradient, is elsewhere, or is bfloat16
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":
            value = value.float()
    array = np.asarray(value)
    if array.dtype.name == "bfloat16":
        array = array.astype(np.float32)
    if array.dtype.kind != "f" or array.dtype.itemsize > 8:
        raise TypeError(f"LSTM.from_state_dict: {name} must be of floats of 16, 32 or 64 bits, got {array.dtype}")
    return array


def _inferred(state, indicators):
    """The constructor's arguments that `state` implies. `indicators`: half of W's columns are for missing values."""
    parts = [_NAME.fullmatch(name).groups() for name in state]
    layers = 1 + max(int(layer) for _, layer, _ in parts)
    ways = ["", "_reverse"] if any(way for _, _, way in parts) else [""]
    kinds = {kind for kind, _, _ in parts} | {"weight_hh"}
    if "bias" not in kinds and kinds & {"bias_ih", "bias_hh"}:
        kinds |= {"bias_ih", "bias_hh"}
    if layers > len(state):
        raise ValueError(f"LSTM.from_state_dict: {len(state)} arrays cannot be those of {layers} layers")
    expected = [f"{kind}_l{layer}{way}" for layer in range(layers) for way in ways for kind in _KINDS if kind in kinds]
    if missing := [name for name in expected if name not in state]:
        raise ValueError(f"LSTM.from_state_dict: missing {_some(missing)}")

    widths = [_width(state, layer) for layer in range(layers)]
    input_size = state["weight_ih_l0"].shape[1]
    if indicators and input_size % 2:
        raise ValueError(
            "LSTM.from_state_dict: weight_ih_l0 must have an even number of columns with missing='mask', "
            f"got {input_size}"
        )
    return {
        "input_size": input_size // 2 if indicators else input_size,
        "hidden_size": widths[0] if len(set(widths)) == 1 else widths,
        "num_layers": layers,
        "bidirectional": len(ways) == 2,
        "bias": bool(kinds & {"bias", "bias_ih"}),
        "proj_size": state["weight_hr_l0"].shape[0] if "weight_hr" in kinds and state["weight_hr_l0"].ndim == 2 else 0,
        "peephole": "peephole" in kinds,
        "layer_norm": "norm_weight" in kinds,
        "learned_state": "h0" in kinds,
    }


def _width(state, layer):
    """H of a layer, from the rows of its W and R."""
    W, R = state[f"weight_ih_l{layer}"], state[f"weight_hh_l{layer}"]
    hr = state.get(f"weight_hr_l{layer}")
    for name, weight in (("weight_ih", W), ("weight_hh", R), ("weight_hr", hr)):
        if weight is not None and (weight.ndim != 2 or 0 in weight.shape):
            raise ValueError(
                f"LSTM.from_state_dict: {name}_l{layer} must have two axes, none of them empty, "
                f"got shape {weight.shape}"
            )
    rows, columns = R.shape
    width = columns if hr is None else hr.shape[1]
    if rows == 4 * width and W.shape[0] == rows:
        return width
    other = {3: "; three gates are a GRU's", 1: "; one is a plain RNN's"}.get(rows / width, "")
    raise ValueError(
        f"LSTM.from_state_dict: weight_ih_l{layer} and weight_hh_l{layer} must have 4 * {width} rows, "
        f"got {W.shape[0]} and {rows}{other}"
    )


def _some(names, separator=", ", most=8):
    names = list(names)
    return separator.join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
