"""The classes of layers by the names that files give them."""

import contextlib
import importlib
from contextvars import ContextVar

_registry = {}
_PACKAGE = __package__.rpartition(".")[0]
# Files call the first ten layers by their class name alone and all later ones by a name such as "eigenlstm.Add". A file
# that says plain "Add" was written by someone who had a layer of that name before this package did.
_BUILT_IN = {
    name: f"{_PACKAGE}.{module}"
    for name, module in {
        "LSTM": "layers.lstm",
        "Linear": "layers.linear",
        "Embedding": "layers.embedding",
        "Dropout": "layers.dropout",
        "LayerNorm": "layers.layer_norm",
        "Last": "layers.pooling",
        "MeanPool": "layers.pooling",
        "MaxPool": "layers.pooling",
        "Group": "sequential",
        "Sequential": "sequential",
        "eigenlstm.Activation": "layers.activation",
        "eigenlstm.Add": "layers.wiring",
        "eigenlstm.Concat": "layers.wiring",
        "eigenlstm.Multiply": "layers.wiring",
        "eigenlstm.Slice": "layers.wiring",
        "eigenlstm.Attention": "layers.attention",
        "eigenlstm.CRF": "layers.crf",
        "eigenlstm.Conv1D": "layers.convolution",
        "eigenlstm.Normalization": "layers.normalization",
        "eigenlstm.Gather": "layers.steps",
        "eigenlstm.JoinDirections": "layers.steps",
        "eigenlstm.Scatter": "layers.steps",
        "eigenlstm.Shift": "layers.steps",
        "eigenlstm.StackFrames": "layers.steps",
        "eigenlstm.TiedLinear": "layers.tied",
        "eigenlstm.SpatialDropout1D": "layers.dropout",
        "eigenlstm.Reverse": "layers.reverse",
        "eigenlstm.Model": "model",
        "eigenlstm.MaskedSequential": "masked_sequential",
    }.items()
}
_allowed = ContextVar("classes of the user's own that layer_class may give", default=None)  # None: all


def layer_class(name):
    """The class of layers that files call `name`.

    ``KeyError`` if there is none, or if it is one of the user's that `only_custom_layers` does not allow.
    """
    if name in _BUILT_IN:
        importlib.import_module(_BUILT_IN[name])
    cls, allowed = _registry[name], _allowed.get()
    if allowed is not None and cls.__module__ != _BUILT_IN.get(name) and cls not in allowed:
        raise KeyError(name)
    return cls


def described(layer, names):
    """`layer` as JSON values that `layer_from` reads. `names` maps the id of each layer of the model to its name in the
    file, for layers that are tied to others.
    """
    description = {"class": class_name(layer), "config": layer.config()}
    if layer.tied is not None:
        description["tied"] = names[id(layer.tied)]
    return description


def layer_from(description, layers=None):
    """The layer that a file describes as ``{"class": its name, "config": what `from_config` takes}``.

    ``ValueError`` if `description` is anything else. A layer that is tied to another one names it; `layers` holds the
    layers of the model that come before it, by name.
    """
    if not (isinstance(description, dict) and isinstance(description.get("config"), dict)):
        raise ValueError("an architecture must have a class and a config")
    try:
        cls = layer_class(description["class"])
    except (KeyError, TypeError):
        raise ValueError(
            f"there is no layer {description.get('class')!r}; a class of your own must be imported before loading, "
            "and be among custom_layers where these are given"
        ) from None
    if "tied" not in description:
        return cls.from_config(description["config"])
    tied = description["tied"]
    if not isinstance(tied, str) or tied not in (layers or {}):
        raise ValueError(f"a layer is tied to {tied!r}, which is no layer before it")
    return cls.from_config(description["config"], tied=layers[tied])


@contextlib.contextmanager
def only_custom_layers(classes):
    """Within this context, `layer_class` knows the library's own classes and, of the user's, only those in `classes`.
    None allows all of them.
    """
    token = _allowed.set(None if classes is None else tuple(classes))
    try:
        yield
    finally:
        _allowed.reset(token)


def class_name(layer):
    """What files call the class of `layer`: see `layer_class`."""
    return type(layer)._file_name


def register(cls):
    """Make `cls` known to `layer_class`, and return what files call it.

    ``TypeError`` if another module has a layer of this name already.
    """
    name = cls.__name__
    later = cls.__module__.startswith(f"{_PACKAGE}.") and name not in _BUILT_IN
    file_name = f"eigenlstm.{name}" if later else name
    home = _BUILT_IN.get(file_name) or getattr(_registry.get(file_name), "__module__", cls.__module__)
    if cls.__module__ != home:
        raise TypeError(f"a layer named {name} exists already, in {home}")
    _registry[file_name] = cls
    return file_name
