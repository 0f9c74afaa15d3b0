"""Models and runs as files: `save`, `load`, and the state from which `fit` goes on."""

import json

import numpy as np

from .safetensors_files import FileError, parse_json, read_tensors, write_tensors
from .layers.base import class_name, layer_class
from .layers.parameters import blank_parameters

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


def load(path):
    """The layer or model in a file that `save` or a checkpoint wrote.

    ``FileError`` if the file is not such a file; nothing is allocated from what it claims before
    it was held against what it holds.
    """
    tensors, about = _read(path)
    state = {name: array for name, array in tensors.items() if not name.startswith(_RUN)}
    try:
        with blank_parameters(limit=sum(array.size for array in state.values())):
            layer = _build(about["architecture"])
        layer.load_state_dict(state)
        if "evaluation" in about:
            layer._evaluation = about["evaluation"]["loss"], tuple(about["evaluation"]["metrics"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise FileError(f"{path}: its architecture or parameters do not fit: {error}") from None
    return layer


def save_run(path, layer, run):
    """`save`, with the state of a run: nested dicts and lists of JSON values and ndarrays."""
    tensors = layer.state_dict()
    about = architecture(layer)
    about["run"] = _packed(run, _RUN.rstrip("."), tensors)
    write_tensors(path, tensors, {_KEY: _text(about)})


def load_run(path, layer):
    """``(state_dict, run)`` from a file of `save_run` for a model built like `layer`."""
    tensors, about = _read(path)
    if "run" not in about:
        raise FileError(f"{path}: holds a model but no run to resume")
    ours = json.loads(_text(architecture(layer)))
    if _seedless(about["architecture"]) != _seedless(ours["architecture"]):
        raise FileError(f"{path}: holds a run of another architecture")
    state = {name: array for name, array in tensors.items() if not name.startswith(_RUN)}
    try:
        return state, _unpacked(about["run"], tensors)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FileError(f"{path}: its run cannot be read: {error}") from None


def architecture(layer):
    """What `load` needs to build `layer` again, as JSON values."""
    about = {"format": _FORMAT, "architecture": {"class": class_name(layer), "config": layer.config()}}
    loss, metrics = getattr(layer, "_evaluation", None) or (None, ())
    if isinstance(loss, str) and all(isinstance(metric, str) for metric in metrics):
        about["evaluation"] = {"loss": loss, "metrics": list(metrics)}
    return about


def _text(about):
    return json.dumps(about, separators=(",", ":"))


def _read(path):
    tensors, metadata = read_tensors(path)
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
    return tensors, about


def _build(description):
    if not (isinstance(description, dict) and isinstance(description.get("config"), dict)):
        raise ValueError("an architecture must have a class and a config")
    try:
        cls = layer_class(description["class"])
    except KeyError:
        raise ValueError(
            f"there is no layer {description.get('class')!r}; a class of your own must be imported before loading"
        ) from None
    return cls.from_config(description["config"])


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
