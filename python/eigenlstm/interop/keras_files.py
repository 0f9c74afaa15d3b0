"""Keras's files as untrusted data: the architecture and the tensors of a `.keras` or `.h5` file, read without Keras.

Nothing in them is executed or unpickled, no link out of the file is followed, and what a file claims about sizes is
held against the bytes that it has before memory is taken for it.
"""

import contextlib
import io
import mmap
import os
import re
import zipfile
import zlib
from dataclasses import dataclass

import numpy as np

from ..safetensors_files import FileError, parse_json

_ZIP, _HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
_MAX_DEPTH = 24  # of groups in a file
_MAX_OBJECTS = 100_000  # groups and tensors of a file
_EXPANSION = 20  # at most: a member's length divided by that of the whole archive (Keras doesn't compress)
_MAX_TEXT = 1 << 26  # bytes of an architecture

# What a layer keeps its variables under in the files of Keras 3.
_STORES = ("layers", "_layer_checkpoint_dependencies")


@dataclass
class KerasFile:
    """What a file holds.

    path : for messages
    version : int or None, the major version of the Keras that wrote it
    architecture : dict or None, as Keras's `to_json` has it (None: weights alone)
    weights : `NamedWeights` or `NumberedWeights`
    """

    path: str
    version: int | None
    architecture: dict | None
    weights: object


def read_keras_file(path):
    """The `KerasFile` at `path`; ``FileError`` says what is wrong, ``OSError`` if there is no file that can be read."""
    path = os.fspath(path)
    if os.path.isdir(path):
        raise FileError(f"{path}: is a folder (a TensorFlow SavedModel?); save the model as .keras or .h5")
    with open(path, "rb") as file:
        start = file.read(8)
        file.seek(0)
        if start.startswith(_ZIP):
            return _read_archive(file, path)
        if start == _HDF5:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                _check_heaps(data, path)
            with _opened(file, path) as root:
                return _read_hdf5(root, path)
    if start == b"version ":
        raise FileError(f"{path}: is a pointer of Git LFS, not the model; fetch the file itself with git lfs pull")
    raise FileError(f"{path}: is neither a .keras archive nor an HDF5 file")


def read_architecture(source):
    """``(architecture, version)`` of what `to_json` gave: its text, that text parsed, or the path of a file with it."""
    if isinstance(source, (str, os.PathLike)) and not str(source).lstrip().startswith("{"):
        path = os.fspath(source)
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > _MAX_TEXT:
                raise FileError(f"{path}: an architecture of {size} bytes is too long, {_MAX_TEXT} are allowed")
            source = parse_json(file.read(), path, "the architecture")
    elif isinstance(source, str):
        source = parse_json(source.encode(), "architecture", "the text")
    if not isinstance(source, dict):
        raise FileError(
            f"architecture: must be an object of JSON as model.to_json() gives it, got {type(source).__name__}"
        )
    version = _major(source.get("keras_version")) or (3 if "module" in source else 2)
    return source, version


# -- the archive of Keras 3 ---------------------------------------------------------------------


def _read_archive(file, path):
    try:
        with zipfile.ZipFile(file) as archive:
            size = os.fstat(file.fileno()).st_size
            parts = [
                _member(archive, name, size, path) for name in ("metadata.json", "config.json", "model.weights.h5")
            ]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OverflowError) as error:
        raise FileError(f"{path}: its zip archive is damaged: {error}") from None
    metadata, config = parse_json(parts[0], path, "metadata.json"), parse_json(parts[1], path, "config.json")
    if not isinstance(metadata, dict) or not isinstance(config, dict):
        raise FileError(f"{path}: metadata.json and config.json must be objects")
    _check_heaps(parts[2], path)
    with _opened(io.BytesIO(parts[2]), path) as root:
        weights = NumberedWeights(_stored_tensors(root, path), path)
    return KerasFile(path, _major(metadata.get("keras_version")), config, weights)


def _member(archive, name, size, path):
    found = [info for info in archive.infolist() if info.filename == name]
    if len(found) != 1:
        raise FileError(
            f"{path}: {name} is {'twice' if found else 'not'} in the archive; is it a model that Keras 3 saved?"
        )
    claimed, most = found[0].file_size, _EXPANSION * size + (1 << 20)
    if claimed > most:
        raise FileError(f"{path}: {name} claims {claimed} bytes; an archive of {size} bytes may hold {most}")
    with archive.open(found[0]) as member:
        data = member.read(claimed + 1)
    if len(data) != claimed:
        raise FileError(f"{path}: {name} claims {claimed} bytes and has {len(data)}")
    return data


# -- HDF5 ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def _opened(file, path):
    """The root group of an open HDF5 `file`; what h5py says of a broken one becomes a ``FileError``."""
    try:
        import h5py
    except ImportError:
        raise ImportError('reading the files of Keras needs h5py: pip install "eigenlstm[keras]"') from None
    try:
        with h5py.File(file, "r") as root:
            yield root
    except FileError:
        raise
    except (OSError, KeyError, RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise FileError(f"{path}: its HDF5 part is damaged: {error}") from None


def _check_heaps(data, path):
    """Walk the heaps in which HDF5 `data` keeps its texts: the HDF5 library runs in circles in a damaged one.

    A heap is GCOL, version, 3 zeros, its size (8 bytes), then objects: number and uses (2 bytes each), 4 zeros, size
    (8), and as many bytes rounded up to 8. Object 0 is the free space, whose size includes these 16 bytes.
    """
    start = -1
    while (start := data.find(b"GCOL\x01\0\0\0", start + 1)) >= 0:
        end = start + int.from_bytes(data[start + 8 : start + 16], "little")
        place, damaged = start + 16, end > len(data)
        while not damaged and place + 16 <= end:
            size = int.from_bytes(data[place + 8 : place + 16], "little")
            free = data[place : place + 2] == b"\0\0"
            damaged = free and size < 16
            place += size if free else 16 + (size + 7) // 8 * 8
            damaged |= place > end
        if damaged:
            raise FileError(f"{path}: its HDF5 part is damaged: the heap at byte {start} does not add up")


def _read_hdf5(root, path):
    holder = root["model_weights"] if "model_weights" in root else root
    if "layer_names" in holder.attrs or "layer_names0" in holder.attrs:
        text = _attribute(root, "model_config", path)
        architecture = None if text is None else parse_json(_as_bytes(text, path, "model_config"), path, "model_config")
        if text is not None and not isinstance(architecture, dict):
            raise FileError(f"{path}: model_config must be an object")
        version = _attribute(root, "keras_version", path) or _attribute(holder, "keras_version", path)
        return KerasFile(path, _major(version) or 2, architecture, _named_weights(holder, path))
    if any(_posix(name).partition("/")[0] in _STORES for name in root):
        return KerasFile(path, 3, None, NumberedWeights(_stored_tensors(root, path), path))
    raise FileError(
        f"{path}: is an HDF5 file without the weights of a Keras model (neither layer_names nor a group 'layers')"
    )


def _attribute(group, name, path):
    """An attribute's value, None if there is none."""
    if name not in group.attrs:
        return None
    stored = group.attrs.get_id(name)
    if stored.shape is None or 0 in stored.shape:  # h5py cannot tell the size of nothing
        return np.zeros(0)
    if stored.get_type().get_class() != _text_class():  # HDF5 itself crashes on some damaged attributes of other types
        raise FileError(f"{path}: the attribute {name} of {group.name} must be text")
    if stored.get_storage_size() > _MAX_TEXT:
        raise FileError(f"{path}: the attribute {name} of {group.name} is too long")
    return group.attrs[name]


def _text_class():
    import h5py

    return h5py.h5t.STRING


def _names(group, name, path):
    """The list of texts in an attribute, which Keras cuts into `name`0, `name`1, ... where it is long."""
    values, parts = _attribute(group, name, path), 0
    if values is None:
        values = []
        while (part := _attribute(group, f"{name}{parts}", path)) is not None:
            values.extend(np.atleast_1d(part))
            parts += 1
    return [
        _as_bytes(value, path, name).decode("utf-8", "replace") for value in np.atleast_1d(np.asarray(values, object))
    ]


def _as_bytes(value, path, what):
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, str):
        return value.encode()
    raise FileError(f"{path}: {what} must be text, got {type(value).__name__}")


def _walk(group, path, depth=0, budget=None):
    """``(name, dataset)`` of everything below `group`. Links out of the file or to another place in it are refused."""
    import h5py

    budget = [_MAX_OBJECTS] if budget is None else budget
    for name in group:
        budget[0] -= 1
        if depth > _MAX_DEPTH or budget[0] < 0:
            raise FileError(f"{path}: its groups are nested deeper than {_MAX_DEPTH}, or more than {_MAX_OBJECTS}")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise FileError(f"{path}: {group.name}/{name} is a link to another place, which Keras doesn't write")
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from _walk(item, path, depth + 1, budget)
        elif isinstance(item, h5py.Dataset):
            yield item.name, item
        else:
            raise FileError(f"{path}: {item.name} is neither a group nor a tensor")


def _tensor(dataset, path):
    """The values of `dataset`, all of which must lie in the file, uncompressed."""
    name = dataset.name.lstrip("/")
    if dataset.dtype.kind not in "fiub" or dataset.shape is None:
        raise FileError(f"{path}: tensor {name} must hold numbers, got {dataset.dtype}")
    if dataset.external or dataset.is_virtual:
        raise FileError(f"{path}: tensor {name} lies in another file")
    if dataset.id.get_create_plist().get_nfilters():
        raise FileError(f"{path}: tensor {name} is compressed, which Keras doesn't do")
    stored, needed = dataset.id.get_storage_size(), dataset.size * dataset.dtype.itemsize
    chunk = int(np.prod(dataset.chunks or (0,), dtype=object)) * dataset.dtype.itemsize
    if stored < max(needed, chunk if needed else 0):
        raise FileError(f"{path}: tensor {name} needs {needed} bytes for {dataset.shape} {dataset.dtype}, has {stored}")
    return dataset[()] if dataset.shape else np.asarray(dataset[()])


def _major(version):
    """3 of "3.15.1"."""
    if isinstance(version, bytes):
        version = version.decode("utf-8", "replace")
    match = re.match(r"\s*(\d{1,3})\b", version) if isinstance(version, str) else None
    return int(match.group(1)) if match else None


# -- weights ------------------------------------------------------------------------------------


class NamedWeights:
    """The weights of an `.h5` of Keras 2 or 3: for each layer, by its name, a list of tensors in the order of Keras.

    layers : list of (layer name, [(tensor name, array), ...]), as the file has them
    """

    def __init__(self, layers, path):
        self.layers, self.path = layers, path
        self._left = {name: tensors for name, tensors in layers if tensors}

    def take(self, layer):
        """``[(tensor name, array), ...]`` of the layer (a `keras_config.LayerConfig`)."""
        return self._left.pop(layer.name, [])

    def left(self):
        """The names of the tensors that nobody took."""
        return [name for tensors in self._left.values() for name, _ in tensors]


def _named_weights(holder, path):
    layers, seen = [], set()
    names = _names(holder, "layer_names", path)
    extra = ["top_level_model_weights"] if "top_level_model_weights" in holder else []
    present = {name.lstrip("/"): dataset for name, dataset in _walk(holder, path)}
    prefix = holder.name.strip("/")
    for name in [*names, *extra]:
        if name in seen or name not in holder:
            raise FileError(
                f"{path}: the layer {name!r} of layer_names is {'twice there' if name in seen else 'not in the file'}"
            )
        seen.add(name)
        tensors = []
        for weight in _names(holder[name], "weight_names", path):
            full = "/".join(part for part in (prefix, name, weight) if part)
            if full not in present:
                raise FileError(f"{path}: tensor {full} is missing (named by weight_names, given once)")
            tensors.append((f"{name}/{weight}", _tensor(present.pop(full), path)))
        layers.append((name, tensors))
    rest = [name for name in present if not name.startswith("optimizer_weights/")]
    if rest:
        raise FileError(f"{path}: tensor {rest[0]} belongs to no layer ({len(rest)} such in the file)")
    return NamedWeights(layers, path)


class NumberedWeights:
    """The weights of a `.keras` or `.weights.h5`: tensors numbered in their layer, layers numbered in their class.

    The groups bear the class of a layer in snake case, and a number from the second of a class on: lstm, lstm_1, dense.
    """

    def __init__(self, tensors, path):
        self.tensors, self.path = tensors, path
        self._left = dict(tensors)
        self._counts = {}

    def take(self, layer):
        """``[(tensor name, array), ...]`` of the layer (a `keras_config.LayerConfig`), in the order of Keras."""
        name = snake_case(layer.kind)
        count = self._counts[name] = self._counts.get(name, -1) + 1
        place = f"{name}_{count}" if count else name
        taken = []
        for part in _VARIABLES.get(layer.kind, ("vars",)):
            prefix = f"{place}/{part}/"
            found = sorted((key for key in self._left if key.startswith(prefix)), key=lambda key: (len(key), key))
            taken += [(key, self._left.pop(key)) for key in found]
        for key in [key for key in self._left if key.startswith(f"{place}/") and "seed_generator" in key]:
            del self._left[key]  # the state of a generator of random numbers
        return taken

    def left(self):
        """The names of the tensors that nobody took."""
        return list(self._left)

    def groups(self):
        """The names of the layers' groups that hold tensors."""
        return list(dict.fromkeys(key.partition("/")[0] for key in self._left))


_LSTM = "cell/vars"
_VARIABLES = {
    "LSTM": (_LSTM,),
    "TimeDistributed": ("layer/vars",),
    "Bidirectional": (f"forward_layer/{_LSTM}", f"backward_layer/{_LSTM}"),
}


def _stored_tensors(root, path):
    """name -> array of the layers' variables, the names without the leading "layers/"."""
    tensors = {}
    for name, dataset in _walk(root, path):
        top, _, rest = _posix(name).lstrip("/").partition("/")
        if top in _STORES:
            tensors[rest] = _tensor(dataset, path)
        elif top not in ("optimizer", "metrics", "loss_tracker"):
            raise FileError(f"{path}: tensor {name.lstrip('/')} belongs to no layer")
    return tensors


def _posix(name):
    """Keras 2 on Windows wrote backslashes into the names of groups."""
    return name.replace("\\", "/")


def snake_case(name):
    """Keras's name of a class in its files: TimeDistributed is time_distributed."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
