"""A Keras architecture as the straight chain of layers that it is, or the reason why it isn't one."""

from dataclasses import dataclass, field

from ..safetensors_files import FileError

_CHAINS = ("Sequential", "Functional", "Model")
_MASK_OPERATIONS = ("NotEqual", "Any")  # Keras 3 writes the masks of functional models down as operations

# Options that say how a layer starts, is trained or is executed, and nothing about what it computes.
_IRRELEVANT = {
    "name",
    "trainable",
    "dtype",
    "seed",
    "batch_input_shape",
    "batch_shape",
    "input_shape",
    "input_length",
    "input_dtype",
    "sparse",
    "ragged",
    "optional",
    "unroll",
    "implementation",
    "unit_forget_bias",
    "activity_regularizer",
    "shared_object_id",
    "weights",
}
_IRRELEVANT_ENDINGS = ("_initializer", "_regularizer", "_constraint")


class Refused(Exception):
    """Why something in an architecture cannot be read; becomes a ``FileError`` that names the file."""


@dataclass
class LayerConfig:
    """One layer of an architecture.

    kind : the class, as "LSTM"
    name : the layer's own name
    options : its config
    read : the names of the options that somebody asked for
    """

    kind: str
    name: str
    options: dict
    read: set = field(default_factory=set)

    def __str__(self):
        return f"{self.name} ({self.kind})"

    def get(self, option, kinds, default=None):
        """The option's value, which must be one of the types `kinds`; `default` where the file leaves it out."""
        self.read.add(option)
        value = self.options.get(option, default)
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds in (int, (int, float))):
            raise Refused(f"{self}: {option} has the unexpected value {value!r}")
        return value

    def flag(self, option, default=False):
        """The option as a bool."""
        return bool(self.get(option, (bool, type(None)), default))

    def size(self, option):
        """The option as an integer of at least 1."""
        value = self.get(option, int)
        if not 1 <= value < 2**31:
            raise Refused(f"{self}: {option} must be an integer of at least 1, got {value}")
        return value

    def number(self, option, default):
        """The option as a float."""
        return float(self.get(option, (int, float), default))

    def demand(self, **values):
        """Refuse the layer where an option is there with another value."""
        for option, value in values.items():
            self.read.add(option)
            if self.options.get(option, value) != value:
                raise Refused(f"{self}: {option}={self.options[option]!r} is not supported, only {value!r}")

    def finish(self):
        """Refuse what nobody read: an option that this reader doesn't know could change what the layer computes."""
        for option, value in self.options.items():
            known = option in self.read or option in _IRRELEVANT or option.endswith(_IRRELEVANT_ENDINGS)
            if not known and value not in (None, False):
                raise Refused(f"{self}: the option {option}={value!r} is not known here")

    def inner(self, option="layer"):
        """The layer that this one wraps."""
        return layer_config(self.get(option, dict), f"{self}: {option}")


def chain(architecture, path):
    """The layers of `architecture` from input to output: list of `LayerConfig`.

    ``FileError`` where it is not a chain: several inputs or outputs, branches, shared layers, a model within the model,
    classes of the user's own.
    """
    try:
        kind = architecture.get("class_name")
        if kind not in _CHAINS:
            raise Refused(f"a model of class {kind!r} cannot be read, only Sequential and straight Functional models")
        config = architecture.get("config")
        items = config.get("layers") if isinstance(config, dict) else config
        if not isinstance(items, list) or not items:
            raise Refused("the model has no layers")
        if kind == "Sequential" or not isinstance(config, dict) or "input_layers" not in config:
            layers, pair = [layer_config(item, f"layer {i}") for i, item in enumerate(items)], False
        else:
            layers, pair = _straight(items, config)
        for layer in layers:
            unmerged = layer.kind == "Bidirectional" and layer.options.get("merge_mode", "concat") is None
            if unmerged != (pair and layer is layers[-1]):
                raise Refused(
                    f"{layer}: merge_mode=None can only be read where both its outputs are those of the model"
                )
        return layers
    except Refused as reason:
        raise FileError(f"{path}: {reason}") from None


def layer_config(item, where):
    """A `LayerConfig` from an entry ``{"class_name", "config", ...}``."""
    if (
        not isinstance(item, dict)
        or not isinstance(item.get("class_name"), str)
        or not isinstance(item.get("config"), dict)
    ):
        raise Refused(f"{where} has no class_name and config")
    kind = item["class_name"]
    name = item["config"].get("name") or item.get("name") or kind.lower()
    if not isinstance(name, str):
        raise Refused(f"{where}: its name must be text, got {name!r}")
    module, registered = item.get("module"), item.get("registered_name")
    if registered not in (None, kind) or module is not None and not str(module).startswith("keras"):
        raise Refused(f"{name} ({kind}) is a class of its author's own ({registered or module}), which cannot be read")
    return LayerConfig(kind, name, item["config"])


# -- functional models --------------------------------------------------------------------------


@dataclass
class _Node:
    """A layer of a functional model with what it was called on."""

    layer: LayerConfig
    inputs: list  # names of the layers whose outputs are its positional arguments
    constants: list  # positional arguments that are no tensors
    mask: str | None


def _straight(items, config):
    nodes = {}
    for i, item in enumerate(items):
        layer = layer_config(item, f"layer {i}")
        name = item.get("name", layer.name)
        if not isinstance(name, str) or name in nodes:
            raise Refused(f"layer {i}: its name {name!r} is no text or occurs twice")
        nodes[name] = _node(layer, item.get("inbound_nodes"))
    first, pair = _end(config, "input_layers"), _pair(config)
    last = pair or _end(config, "output_layers")
    order = []
    name = last
    while True:
        if name not in nodes or name in order:
            raise Refused(f"the layer {name!r} is {'in a circle' if name in order else 'named but not there'}")
        order.append(name)
        if name == first:
            break
        if len(nodes[name].inputs) != 1:
            raise Refused(
                f"{nodes[name].layer} has {len(nodes[name].inputs)} inputs; only a straight chain of layers can be read"
            )
        name = nodes[name].inputs[0]
    order.reverse()
    _check_masks(nodes, order)
    aside = [
        node.layer for name, node in nodes.items() if name not in order and node.layer.kind not in _MASK_OPERATIONS
    ]
    if aside:
        raise Refused(
            f"{aside[0]} lies beside the way from input to output; only a straight chain of layers can be read"
        )
    return [nodes[name].layer for name in order], pair is not None


def _pair(config):
    """The layer whose two outputs are those of the model, None if there is none."""
    ends = config.get("output_layers")
    if not (isinstance(ends, list) and len(ends) == 2 and all(isinstance(end, list) and len(end) == 3 for end in ends)):
        return None
    (name, *one), (other, *two) = ends
    return name if isinstance(name, str) and name == other and (one, two) == ([0, 0], [0, 1]) else None


def _end(config, which):
    """The one layer in `input_layers` or `output_layers`, which is ["name", 0, 0] or a list with one such."""
    ends = config.get(which)
    if isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], list):
        ends = ends[0]
    if not (isinstance(ends, list) and len(ends) == 3 and isinstance(ends[0], str)):
        count = len(ends) if isinstance(ends, (list, dict)) else 0
        raise Refused(f"the model has {count} {which.partition('_')[0]}s; only models with one can be read")
    if ends[1:] != [0, 0]:
        raise Refused(f"{ends[0]}: only the first output of a layer that is called once can be read")
    return ends[0]


def _node(layer, calls):
    """The one call of a layer, which is [[name, node, tensor, kwargs]] in Keras 2 and {"args", "kwargs"} in Keras 3."""
    if not isinstance(calls, list) or len(calls) > 1:
        raise Refused(
            f"{layer} is called {len(calls) if isinstance(calls, list) else '?'} times; shared layers cannot be read"
        )
    node = _Node(layer, [], [], None)
    if not calls:
        return node
    call = calls[0]
    if isinstance(call, dict):
        arguments, keywords = call.get("args", []), call.get("kwargs", {})
    else:
        call = [call] if isinstance(call, list) and call and isinstance(call[0], str) else call
        if not isinstance(call, list) or not all(isinstance(one, list) and len(one) in (3, 4) for one in call):
            raise Refused(f"{layer}: its inbound_nodes cannot be read")
        arguments = [{"class_name": "__keras_tensor__", "config": {"keras_history": one[:3]}} for one in call]
        keywords = call[0][3] if call and len(call[0]) == 4 else {}
    if not isinstance(arguments, list) or not isinstance(keywords, dict):
        raise Refused(f"{layer}: its inbound_nodes cannot be read")
    for argument in _flat(arguments):
        source = _source(argument, layer)
        (node.constants if source is None else node.inputs).append(argument if source is None else source)
    for keyword, value in keywords.items():
        source = _source(value, layer)
        if keyword == "mask" and source is not None:
            node.mask = source
        elif value not in (None, False, []):
            raise Refused(
                f"{layer} is called with {keyword}={'a tensor' if source else repr(value)}, which is not supported"
            )
    return node


def _flat(arguments):
    for argument in arguments:
        if isinstance(argument, list):
            yield from _flat(argument)
        else:
            yield argument


def _source(value, layer):
    """The name of the layer whose output a described tensor is; None for what is no tensor."""
    if not isinstance(value, dict) or value.get("class_name") != "__keras_tensor__":
        return None
    history = value.get("config", {}).get("keras_history") if isinstance(value.get("config"), dict) else None
    if not (isinstance(history, list) and len(history) == 3 and isinstance(history[0], str)):
        raise Refused(f"{layer}: one of its inputs cannot be read")
    if history[1:] != [0, 0]:
        raise Refused(
            f"{layer} reads output {history[2]} of call {history[1]} of {history[0]}; only first outputs can be read"
        )
    return history[0]


def _check_masks(nodes, order):
    """Masks that are given to layers must be those that Keras makes by itself of an Embedding or Masking further up."""
    made = {}  # name of the operation that gives the mask -> the layer whose mask it is
    for name, node in nodes.items():
        if node.layer.kind != "NotEqual":
            continue
        readers = [nodes[other] for other in order if nodes[other].inputs == node.inputs]
        for reader in readers:
            value = reader.layer.options.get("mask_value", 0) if reader.layer.kind == "Masking" else 0
            if reader.layer.kind not in ("Masking", "Embedding") or node.constants != [value]:
                continue
            if reader.layer.kind == "Embedding":
                made[name] = reader.layer
            else:
                made.update(
                    (other, reader.layer)
                    for other, any_ in nodes.items()
                    if any_.layer.kind == "Any" and any_.inputs == [name] and any_.layer.options.get("axis") == -1
                )
    for position, name in enumerate(order):
        mask = nodes[name].mask
        if mask is not None and made.get(mask) not in [nodes[other].layer for other in order[:position]]:
            raise Refused(
                f"{nodes[name].layer} is given a mask that is not the one of an Embedding or Masking before it"
            )
