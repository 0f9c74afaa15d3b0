"""The options of an LSTM in one table, which the constructor, `config`, reading back and the core share.

An entry of the table checks its option alone. What several options make senseless together is refused by `LSTMOptions`
or, where it depends on the sizes of the layers, by the core.
"""

import math

import numpy as np

from .. import _core
from ..checks import dtype_option, finite, flag, number, one_of, optional, positive_int, probability
from ..seeds import as_seed


def several(value):
    """Whether `value` is a sequence of values and not one."""
    return isinstance(value, (list, tuple)) or isinstance(value, np.ndarray) and value.ndim > 0


def _widths(value, what):
    """One width of all layers, or a list with that of each."""
    if not several(value):
        return positive_int(value, what)
    sizes = [positive_int(size, what) for size in value]
    if not sizes:
        raise ValueError(f"{what} must have one entry for each layer, got none")
    return sizes


def _num_layers(value, what):
    value = positive_int(value, what)
    if value > _core.MAX_LAYERS:
        raise ValueError(f"{what} must be at most {_core.MAX_LAYERS}, got {value}")
    return value


def _probabilities(value, what):
    """One probability for all layers but the last, or a list with one for each layer."""
    return [probability(each, what) for each in value] if several(value) else probability(value, what)


def _proj_size(value, what):
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value <= 0:
        if value < 0:
            raise ValueError(f"{what} must be 0, for none, or more, got {value}")
        return 0
    return positive_int(value, what)


def _clip(value, what):
    value = None if value is None else number(value, what)
    if value is not None and not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{what} must be None or a positive number, got {value}")
    return value


def _string(value, what):
    """A string; the core knows which ones there are."""
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a string, got {value!r}")
    return value


def _zoneout(value, what):
    """[of h, of c]."""
    if not several(value):
        return [probability(value, what)] * 2
    if len(value) != 2:
        raise ValueError(f"{what} must be one probability or a pair (h, c), got {len(value)}")
    return [probability(p, f"{what} of {name}") for name, p in zip("hc", value)]


def _activations(value, what):
    """Three; or two lists of three, where the second direction has others than the first."""
    if _sequence_of(2, value) and all(_sequence_of(3, three) for three in value):
        first, second = (_activations(three, what) for three in value)
        return first if first == second else [first, second]
    if not _sequence_of(3, value):
        raise (ValueError if isinstance(value, (tuple, list)) else TypeError)(
            f"{what} must be three, (gates, candidate, output), or two such triples, one for each direction, "
            f"got {value!r}"
        )
    return [_activation(activation, what) for activation in value]


def _sequence_of(n, value):
    return isinstance(value, (tuple, list)) and len(value) == n


def _activation(value, what):
    """A name, or [name, parameters...]; the core knows the names and how many parameters each has."""
    name, *parameters = value if isinstance(value, (tuple, list)) and value else [value]
    if not isinstance(name, str):
        raise TypeError(f"{what} must be names, (name, alpha) or (name, alpha, beta), got {value!r}")
    parameters = [number(each, f"{what}: a parameter of {name}") for each in parameters]
    return [name, *parameters] if parameters else name


# name -> check(value, what): returns the option in the form in which it is kept, or raises. `config` always has these.
BASIC = {
    "input_size": positive_int,
    "hidden_size": _widths,
    "num_layers": _num_layers,
    "bias": flag,
    "bidirectional": flag,
    "dropout": _probabilities,
    "time_major": flag,
    "dtype": dtype_option,
    "init": one_of("default", "torch"),
    "seed": optional(as_seed),
    "forget_bias": optional(finite),
}
# name -> (default, check). `config` has those that differ from the default.
_VARIANTS = {
    "reverse": (False, flag),
    "proj_size": (0, _proj_size),
    "peephole": (False, flag),
    "coupled_input_forget": (False, flag),
    "layer_norm": (False, flag),
    "activations": (["sigmoid", "tanh", "tanh"], _activations),
    "gate_clip": (None, _clip),
    "cell_clip": (None, _clip),
    "merge": ("concat", _string),
    "residual": (False, flag),
    "learned_state": (False, flag),
    "input_dropout": (0.0, probability),
    "recurrent_dropout": (0.0, probability),
    "zoneout": ([0.0, 0.0], _zoneout),
    "weight_drop": (0.0, probability),
    "missing": ("propagate", _string),
}
DEFAULTS = {name: default for name, (default, _) in _VARIANTS.items()}
_RANDOM = ("input_dropout", "recurrent_dropout", "zoneout", "weight_drop")
CONSTRUCTOR = frozenset({*BASIC, *_VARIANTS})
# What only Python knows of: the core has no use for it.
_PYTHON_ONLY = {"time_major", "dtype", "init", "seed", "forget_bias"}


class LSTMOptions:
    """The checked options of one LSTM.

    Attributes: `basic` and `variants` (dicts in the form in which the core takes them), `widths` (H of each layer) and
    `dropouts` (one probability for each layer, the last one 0).
    """

    def __init__(self, given):
        """From the arguments of `LSTM`'s constructor, name -> value."""
        self.basic = {name: check(given[name], f"LSTM: {name}") for name, check in BASIC.items()}
        self.variants = {name: check(given[name], f"LSTM: {name}") for name, (_, check) in _VARIANTS.items()}
        self.widths = self._each_width()
        self.basic["num_layers"] = len(self.widths)
        self.basic["hidden_size"] = self.widths[0] if len(set(self.widths)) == 1 else self.widths
        self.dropouts = self._each_dropout()
        same = len(set(self.dropouts[:-1])) <= 1
        self.basic["dropout"] = self.dropouts[0] if same else self.dropouts
        self.basic["forget_bias"] = self._forget_bias()

    def _each_width(self):
        sizes, num_layers = self.basic["hidden_size"], self.basic["num_layers"]
        if isinstance(sizes, int):
            return [sizes] * num_layers
        if num_layers not in (1, len(sizes)):
            raise ValueError(
                f"LSTM: hidden_size must have one entry for each of the {num_layers} layers, got {len(sizes)}"
            )
        return sizes

    def _each_dropout(self):
        value, num_layers = self.basic["dropout"], self.basic["num_layers"]
        if not isinstance(value, list):
            if value > 0 and num_layers == 1:
                raise ValueError(
                    "LSTM: dropout lies between layers and needs num_layers > 1; put el.Dropout after a single layer"
                )
            return [value] * (num_layers - 1) + [0.0]
        if len(value) != num_layers:
            raise ValueError(
                f"LSTM: dropout must have one probability for each of the {num_layers} layers, got {len(value)}"
            )
        if value[-1] > 0:
            raise ValueError(f"LSTM: dropout lies between layers; that of the last layer must be 0, got {value[-1]}")
        return value

    def _forget_bias(self):
        value = self.basic["forget_bias"]
        if value is None:
            return float(self.basic["init"] == "default")
        if not self.basic["bias"]:
            raise ValueError("LSTM: forget_bias needs bias=True")
        if self.variants["coupled_input_forget"]:
            raise ValueError(
                "LSTM: forget_bias biases the forget gate, which coupled_input_forget=True replaces by 1 - i"
            )
        return value

    @property
    def random(self):
        """Whether training draws random numbers."""
        return any(self.dropouts) or any(self.variants[name] != DEFAULTS[name] for name in _RANDOM)

    @staticmethod
    def check_memory(value, what):
        """Refuse what is neither "full" nor "light" nor a number of bytes."""
        number_of_bytes = isinstance(value, (int, np.integer)) and not isinstance(value, bool) and 0 <= value < 2**63
        if not number_of_bytes and not (isinstance(value, str) and value in ("full", "light")):
            raise ValueError(f"{what} must be 'full', 'light' or a number of bytes, got {value!r}")

    def public(self):
        """name -> value of what a layer gives back: one number where one stands for all, tuples for sequences."""
        values = self.basic | self.variants
        if len(set(values["zoneout"])) == 1:
            values["zoneout"] = values["zoneout"][0]
        return {name: _frozen(value) for name, value in values.items()}

    def config(self):
        """The constructor's arguments as JSON values: the basic ones and the variants that were chosen."""
        config = {**self.basic, "dtype": self.basic["dtype"].name}
        if not config["bias"] or self.variants["coupled_input_forget"]:
            config["forget_bias"] = None
        chosen = {name: value for name, value in self.variants.items() if value != DEFAULTS[name]}
        return {name: _copied(value) for name, value in (config | chosen).items()}

    def native(self):
        """The arguments of the core."""
        keywords = {name: value for name, value in self.basic.items() if name not in _PYTHON_ONLY}
        keywords |= {name: value for name, value in self.variants.items() if value is not None}
        if len(set(self.widths)) > 1:
            keywords["hidden_sizes"] = self.widths
        return keywords | {"hidden_size": max(self.widths), "dropout": self.dropouts}


def _frozen(value):
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _copied(value):
    return list(map(_copied, value)) if isinstance(value, list) else value
