"""Models and runs as files: `save`, `load`, and the state from which `fit` goes on."""

import contextlib
import json

import numpy as np

from .layers.base import Layer
from .layers.parameters import blank_parameters
from .layers.registry import class_name, layer_from, only_custom_layers
from .safetensors_files import FileError, parse_json, read_tensors, write_tensors

_KEY = "eigenlstm"  # of our text in the metadata
_FORMAT = 1
_RUN = "run."  # prefix of the tensors that are not the model's


def save(layer, path, metadata=None):
    """Write a layer or model to `path` as safetensors: its state_dict, the architecture as metadata.

    `metadata` (dict text -> text) goes into the file's metadata as well. The file is written beside
    `path`, synced and renamed: a kill leaves the old file or the new one.
    """
    if metadata and _KEY in metadata:
        raise ValueError(f"save: the metadata entry {_KEY!r} is the architecture's")
    write_tensors(path, layer.state_dict(), {**(metadata or {}), _KEY: _text(architecture(layer))})


def load(path, *, kind=None, custom_layers=None):
    """The layer or model in a file that `save` or a checkpoint wrote.

    Parameters
    ----------
    path : str, bytes or os.PathLike
    kind : class, optional
        What the file must hold, as in ``el.load(path, kind=el.LSTM)``; anything else is a ``FileError``. Type checkers
        then know the class of the result. Without it, they take the result for a `Sequential` or a `Model`.
    custom_layers : iterable of classes, optional
        Which classes of your own the file may name. The file chooses the arguments that they are built with, so
        restrict this for files from strangers: ``()`` allows the library's layers alone. By default every class that
        your program has defined is allowed.

    Raises
    ------
    FileError
        The file is not such a file, or it holds no `kind`. Sizes that the file claims are compared with what it holds
        before memory is allocated for them.
    OSError
        The file cannot be read.
    MemoryError
        It does not fit into memory.
    """

    if kind is not None and not (isinstance(kind, type) and issubclass(kind, Layer)):
        raise TypeError(f"load: kind must be a class of layers or models, such as el.LSTM, got {kind!r}")

    def build(outline, metadata):
        about = _described(path, metadata)
        state = _parameters(outline)
        with (
            _misfits(path, "architecture or parameters do not fit"),
            only_custom_layers(custom_layers),
            blank_parameters(limit=sum(array.size for array in state.values())),
        ):
            layer = layer_from(about["architecture"])
            if kind is not None and not isinstance(layer, kind):
                raise FileError(f"{path}: kind must be {kind.__name__}, the file holds {type(layer).__name__}")
            layer._checked_state(state)
            if "evaluation" in about:
                layer._evaluation = about["evaluation"]["loss"], tuple(about["evaluation"]["metrics"])
        return layer

    tensors, layer = read_tensors(path, build)
    with _misfits(path, "parameters do not fit"):
        layer.load_state_dict(_parameters(tensors))
    return layer


def save_run(path, layer, run):
    """`save`, with the state of a run: nested dicts and lists of JSON values and ndarrays."""
    tensors = layer.state_dict()
    about = architecture(layer)
    about["run"] = _packed(run, _RUN.rstrip("."), tensors)
    write_tensors(path, tensors, {_KEY: _text(about)})


def load_run(path, layer):
    """``(state_dict, run)`` from a file of `save_run` for a model built like `layer`."""
    ours = json.loads(_text(architecture(layer)))

    def check(outline, metadata):
        about = _described(path, metadata)
        if "run" not in about:
            raise FileError(f"{path}: holds a model but no run to resume")
        if _seedless(about["architecture"]) != _seedless(ours["architecture"]):
            raise FileError(f"{path}: holds a run of another architecture")
        with _misfits(path, "parameters do not fit"):
            layer._checked_state(_parameters(outline))
        return about

    tensors, about = read_tensors(path, check)
    with _misfits(path, "run cannot be read"):
        return _parameters(tensors), _unpacked(about["run"], tensors)


def architecture(layer):
    """What `load` needs to build `layer` again, as JSON values."""
    about = {"format": _FORMAT, "architecture": {"class": class_name(layer), "config": layer.config()}}
    loss, metrics = getattr(layer, "_evaluation", None) or (None, ())
    if isinstance(loss, str) and all(isinstance(metric, str) for metric in metrics):
        about["evaluation"] = {"loss": loss, "metrics": list(metrics)}
    return about


def _text(about):
    return json.dumps(about, separators=(",", ":"))


def _parameters(tensors):
    return {name: array for name, array in tensors.items() if not name.startswith(_RUN)}


@contextlib.contextmanager
def _misfits(path, what):
    """What the code of layers and of runs raises at values of the wrong kind becomes a ``FileError``."""
    try:
        yield
    except FileError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError, IndexError) as error:
        raise FileError(f"{path}: its {what}: {error}") from None


def _described(path, metadata):
    """What `architecture` made, from a file's metadata."""
    if _KEY not in metadata:
        raise FileError(
            f"{path}: is a safetensors file without an eigenlstm model; its arrays can "
            "be read with safetensors.numpy.load_file and given to load_state_dict"
        )
    about = parse_json(metadata[_KEY].encode(), path, "its description of the model")
    if not isinstance(about, dict) or "architecture" not in about:
        raise FileError(f"{path}: its description of the model names no architecture")
    if about.get("format") != _FORMAT:
        raise FileError(f"{path}: has format {about.get('format')!r}, this version reads {_FORMAT}")
    return about


def _seedless(value):
    """`value` without the seeds: the weights that they drew are in the file."""
    if isinstance(value, dict):
        return {key: _seedless(item) for key, item in value.items() if key != "seed"}
    if isinstance(value, list):
        return [_seedless(item) for item in value]
    return value


def _packed(value, name, tensors):
    """`value` as JSON values, its arrays moved to `tensors` and its non-finite floats spelt out."""
    if isinstance(value, np.ndarray):
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return {"float": repr(value)}
    if isinstance(value, dict):
        return {"dict": {key: _packed(item, f"{name}.{key}", tensors) for key, item in value.items()}}
    if isinstance(value, (list, tuple)):
        return [_packed(item, f"{name}.{i}", tensors) for i, item in enumerate(value)]
    if isinstance(value, (str, int, float)) or value is None:
        return value
    raise TypeError(f"{name}: a {type(value).__name__} cannot be written to a checkpoint")


def _unpacked(value, tensors):
    if isinstance(value, list):
        return [_unpacked(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "dict":
        return {key: _unpacked(item, tensors) for key, item in content.items()}
    return tensors[content] if kind == "tensor" else float(content)
