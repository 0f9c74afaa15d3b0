"""`from_torch`: a PyTorch model that is a chain of layers becomes a model of this package.

What a module computes is read from its ``forward`` by torch.fx, which records the operations as a graph. The graph is
walked from the input to the output; each operation must take what the one before it gave, and must be known here.
"""

import operator

import torch
from torch import fx, nn

from ..layers.activation import Activation
from ..layers.dropout import Dropout
from ..layers.embedding import Embedding
from ..layers.layer_norm import LayerNorm
from ..layers.linear import Linear
from ..layers.lstm import LSTM
from ..layers.pooling import Last, MaxPool, MeanPool
from ..sequential import Sequential
from . import torch_modules
from .torch_activations import activation, is_activation, of_function

_LSTMS = (nn.LSTM, torch_modules.LSTM)
_UNCHANGED = {"contiguous", "detach", "clone"}  # methods that keep the values
_OF_ZEROS = {"to", "detach", "requires_grad_", "float", "double", "type_as", "cpu"}


def from_torch(module):
    """A model of this package that computes what the PyTorch `module` does in evaluation, with copies of its weights.

    Parameters
    ----------
    module : torch.nn.Module
        An LSTM, or a chain: an nn.Sequential, or a module whose ``forward`` calls one part after the other. The parts
        are LSTM, Linear, Embedding, LayerNorm, Dropout and activations, as modules or as functions; the last step of an
        LSTM (``y[:, -1]``, ``h[-1]``, for two directions ``torch.cat((h[-2], h[-1]), 1)``), the mean and the maximum
        over time. Initial states must be zeros.

    Returns
    -------
    LSTM or Sequential
        An LSTM for an LSTM, time-major where ``batch_first`` is false. A Sequential for all else, which takes
        (B, T, ...) also where the LSTMs in `module` take (T, B, ...).

    Raises
    ------
    TypeError
        If `module` is no torch.nn.Module.
    ValueError
        For what has no counterpart here, or is no chain; it names the operation. Nothing is built then.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"el.torch.from_torch: module must be a torch.nn.Module, got {type(module).__name__}")
    if type(module) in _LSTMS:
        return _lstm(module, "the module", time_major=not module.batch_first)
    return Sequential(_Walk(module).layers())


class _Tracer(fx.Tracer):
    def is_leaf_module(self, module, name):
        return isinstance(module, (torch_modules.LSTM, torch_modules.LSTMCell)) or super().is_leaf_module(module, name)


class _Refused(Exception):
    """Why a part has no counterpart."""


class _Walk:
    """From the nodes of a graph to a list of layers.

    Each node that has been passed is known as (what it is, after how many layers): "value" for an array that flows on,
    "lstm" for an LSTM's ``(y, (h, c))``, "states" for ``(h, c)``, "h", "c", "final h" for that of one direction,
    "maximum" for ``max``'s values and indices, "zeros", and "fact" for sizes, devices and the like.
    """

    def __init__(self, module):
        self.module = module
        self.builders = []  # of the layers, which are built when all is known
        self.known = {}
        self.lstm = None  # the last one that was passed
        self.has_time = True
        try:
            self.graph = _Tracer().trace(module)
        except Exception as error:
            raise ValueError(
                "el.torch.from_torch: torch.fx cannot record what this module's forward does "
                f"({type(error).__name__}: {error}); pass nn.Sequential(...) of its parts in their order"
            ) from error

    def layers(self):
        for node in self.graph.nodes:
            try:
                self.known[node] = getattr(self, "_" + node.op)(node)
            except _Refused as reason:
                raise ValueError(f"el.torch.from_torch: {_described(node, self.module)}: {reason}") from None
        return [build() for build in self.builders]

    def _add(self, build):
        self.builders.append(build)
        return "value", len(self.builders)

    def _kind(self, node):
        return self.known[node][0] if isinstance(node, fx.Node) else None

    def _check_chained(self, node):
        """Refuse an input that is not what the last layer gave."""
        if self._kind(node) not in ("value", "lstm"):
            raise _Refused("its input is not what the part before it gives")
        if self.known[node][1] != len(self.builders):
            raise _Refused("this is no chain: its input goes into another part, too (el.Model makes such graphs)")

    # -- kinds of nodes -----------------------------------------------------------------------

    def _placeholder(self, node):
        if not self.known:
            return "value", 0
        if node.args == (None,):  # an argument that is None by default, as a state
            return "zeros", 0
        raise _Refused("there must be one input")

    def _get_attr(self, node):
        return "attribute", 0

    def _call_module(self, node):
        part = self.module.get_submodule(node.target)
        source, *others = [*node.args, *node.kwargs.values()]
        self._check_chained(source)
        if type(part) in _LSTMS:
            return self._pass_lstm(part, node.target, others)
        if others:
            raise _Refused("it must have one argument")
        return self.known[source] if type(part) is nn.Identity else self._add(_builder(part))

    def _pass_lstm(self, part, name, state):
        halves = (
            state[0]
            if state and isinstance(state[0], (tuple, list))
            else [value for value in state if value is not None]
        )
        if not all(self._kind(half) == "zeros" for half in halves):
            raise _Refused("its initial state must be None or zeros")
        if not self.has_time:
            raise _Refused("it comes after a part that makes one vector of the sequence")
        if self.lstm is not None and self.lstm.batch_first != part.batch_first:
            raise _Refused("it has another batch_first than the LSTM before it")
        self.lstm = part
        self._add(lambda: _lstm(part, name))
        return "lstm", len(self.builders)

    def _call_function(self, node):
        if node.target is operator.getitem:
            return self._item(*node.args)
        if node.target is getattr:
            return self._over_time(MaxPool) if self._is_maximum(*node.args) else ("fact", 0)
        if node.target in (torch.zeros, torch.zeros_like):
            return "zeros", 0
        if node.target is torch.cat:
            return self._both_directions(*node.args, **node.kwargs)
        return self._operation(node.target.__name__, node.args, node.kwargs)

    def _call_method(self, node):
        kind = self._kind(node.args[0])
        if node.target == "new_zeros" or (kind == "zeros" and node.target in _OF_ZEROS):
            return "zeros", 0
        if node.target in ("size", "dim"):
            return "fact", 0
        if node.target in _UNCHANGED and kind == "value":
            return self.known[node.args[0]]
        return self._operation(node.target, node.args, node.kwargs)

    def _output(self, node):
        if isinstance(node.args[0], (tuple, list)):
            raise _Refused("it must be one tensor, the output of the last part")
        self._check_chained(node.args[0])
        return "nothing", 0

    # -- operations ---------------------------------------------------------------------------

    def _operation(self, name, arguments, keywords):
        source, *arguments = arguments
        if self._kind(source) == "fact":
            return "fact", 0
        self._check_chained(source)
        if name in ("mean", "max", "amax"):
            axes = [*arguments, *keywords.values()]
            if not self.has_time or axes not in ([self._time_axis()], [(self._time_axis(),)]):
                raise _Refused("it must be over time")
            if name == "max":
                return "maximum", len(self.builders)
            return self._over_time(MeanPool if name == "mean" else MaxPool)
        if name == "dropout":
            return self._add(_builder(nn.Dropout(arguments[0] if arguments else keywords.get("p", 0.5))))
        if (part := of_function(name, arguments, keywords)) is not None:
            return self._add(_builder(part))
        raise _Refused("this operation has no counterpart in a Sequential")

    def _item(self, source, index):
        kind, after = self.known[source]
        if kind == "fact":
            return "fact", 0
        if kind == "lstm" and index in (0, 1):
            return ("value", "states")[index], after
        if kind == "states" and index in (0, 1):
            return ("h", "c")[index], after
        if kind == "h" and isinstance(index, int):
            back = index if index < 0 else index - self.lstm.num_layers * (1 + self.lstm.bidirectional)
            if back == -1 and not self.lstm.bidirectional and after == len(self.builders):
                return self._over_time(Last)
            return "final h", after, back
        if kind == "maximum" and index == 0:
            return self._over_time(MaxPool)
        if kind == "value" and self._is_last_step(index):
            self._check_chained(source)
            return self._over_time(Last)
        raise _Refused(f"[{index}] must be the last step, or an LSTM's y or h[-1]")

    def _is_last_step(self, index):
        index = index if isinstance(index, tuple) else (index,)
        at = self._time_axis()
        wanted = [slice(None)] * 3
        wanted[at] = -1
        return self.has_time and at < len(index) <= 3 and list(index) == wanted[: len(index)]

    def _is_maximum(self, source, name):
        return self._kind(source) == "maximum" and name == "values"

    def _both_directions(self, parts, dim=0):
        wanted = [("final h", len(self.builders), back) for back in (-2, -1)]
        if [self.known.get(part) for part in parts] != wanted or dim not in (1, -1) or not self.lstm.bidirectional:
            raise _Refused("it must join h[-2] and h[-1] of a bidirectional LSTM, along the last axis")
        return self._over_time(lambda: Last(bidirectional=True))

    def _over_time(self, build):
        self.has_time = False
        return self._add(build)

    def _time_axis(self):
        if self.lstm is None:
            raise _Refused("which axis is time cannot be known before an LSTM")
        return 1 if self.lstm.batch_first else 0


def _described(node, module):
    """A node of the graph as an error names it."""
    if node.op == "call_module":
        return f"{node.target} ({type(module.get_submodule(node.target)).__name__})"
    if node.op == "output":
        return "what forward returns"
    return node.target if isinstance(node.target, str) else node.target.__name__


def _lstm(part, name, time_major=False):
    variants = getattr(part, "_variants", {})
    told_by_names = ("peephole", "layer_norm", "learned_state")
    options = {option: value for option, value in variants.items() if option not in told_by_names}
    dropout = part.dropout if part.num_layers > 1 else 0.0
    try:
        return LSTM.from_state_dict(part.state_dict(), time_major=time_major, dropout=dropout, **options)
    except ValueError as error:
        raise ValueError(f"el.torch.from_torch: {name}: {error}") from error


def _builder(part):
    """A function that makes our layer of a module of torch's; _Refused if there is none."""
    kind = type(part)
    if kind is nn.Linear:
        sizes, bias = (part.in_features, part.out_features), part.bias is not None
        return lambda: _filled(Linear(*sizes, bias=bias, dtype=_array(part.weight).dtype), part)
    if kind is nn.Embedding:
        if part.max_norm is not None or part.scale_grad_by_freq:
            raise _Refused("max_norm and scale_grad_by_freq have no counterpart here")
        sizes, padding = (part.num_embeddings, part.embedding_dim), part.padding_idx
        return lambda: _filled(Embedding(*sizes, padding_idx=padding, dtype=_array(part.weight).dtype), part)
    if kind is nn.LayerNorm:
        if len(part.normalized_shape) != 1 or part.weight is None or part.bias is None:
            raise _Refused("it must be over the last axis, with weight and bias")
        return lambda: _filled(LayerNorm(*part.normalized_shape, eps=part.eps, dtype=_array(part.weight).dtype), part)
    if kind is nn.Dropout:
        if part.p >= 1:
            raise _Refused("p must be below 1")
        return lambda: Dropout(part.p)
    if is_activation(part):
        arguments = activation(part)
        if arguments is None:
            raise _Refused(f"{part} has settings that have no counterpart here")
        return lambda: Activation(*arguments)
    raise _Refused("this module has no counterpart here")


def _filled(layer, part):
    layer.load_state_dict({name: _array(value) for name, value in part.state_dict().items()})
    return layer


def _array(tensor):
    """A tensor as an array of float32 or float64; those of half precision become float32."""
    tensor = tensor.detach().cpu()
    return (tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()).numpy()
