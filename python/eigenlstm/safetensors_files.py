"""safetensors files as untrusted data, and writes that a kill cannot tear.

Format: https://huggingface.co/docs/safetensors — 8 bytes of header length (little-endian), a JSON
header ``{name: {"dtype", "shape", "data_offsets"}, "__metadata__": {text: text}}``, then the data.
"""

import contextlib
import json
import math
import os
import re

import numpy as np
import safetensors
import safetensors.numpy

_MAX_HEADER = 100_000_000  # bytes, as in safetensors
_MAX_DEPTH = 64  # of JSON: an architecture of nested models needs about four a level
_MAX_RANK = 64  # of an array, as in NumPy
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)
_ITEM_BYTES = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "U16": 2,
    "I16": 2,
    "F16": 2,
    "BF16": 2,
    "U32": 4,
    "I32": 4,
    "F32": 4,
    "U64": 8,
    "I64": 8,
    "F64": 8,
}


class FileError(ValueError):
    """A file that is not what it should be: broken, hostile, or of another model."""


def read_tensors(path):
    """``(tensors, metadata)`` of a safetensors file: dict name -> ndarray, dict text -> text.

    The header is held against the size of the file before anything that it claims is allocated.
    ``FileError`` says what is wrong; ``OSError`` if the file cannot be read.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        header_bytes = _header_size(file.read(8), size, path)
        header = parse_json(file.read(header_bytes), path, "its header")
        metadata = _check_header(header, size - 8 - header_bytes, path)
        file.seek(0)
        data = file.read(size)
    try:
        return safetensors.numpy.load(data), metadata
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise FileError(f"{path}: safetensors cannot read it: {error}") from None


def write_tensors(path, tensors, metadata):
    """Write ndarrays and texts as a safetensors file, whole or not at all."""
    # safetensors 0.8 writes the bytes of other layouts in the wrong order, without a word.
    tensors = {name: _contiguous(array) for name, array in tensors.items()}
    write_atomically(path, safetensors.numpy.save(tensors, metadata))


def write_atomically(path, data):
    """Replace the file `path` by `data`: a kill at any moment leaves the old file or the new one."""
    path = os.path.realpath(os.fspath(path))
    temporary = f"{path}.{os.urandom(6).hex()}.tmp"
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError as error:  # the caller knows nothing of the temporary file
        raise OSError(error.errno, error.strerror, path) from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError):  # there is no old file
            os.chmod(temporary, os.stat(path).st_mode & 0o777)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):  # renamed already
            os.unlink(temporary)
        raise
    _sync_folder(os.path.dirname(path))


def parse_json(data, path, what):
    """JSON `data` (bytes) without duplicate keys, endless nesting or NaN; ``FileError`` otherwise."""
    try:
        text = data.decode("utf-8")
        _check_depth(text)
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path}: {what} is not valid JSON: {error}") from None


def _contiguous(array):
    return np.ascontiguousarray(array).reshape(array.shape)


def _sync_folder(folder):
    """Make the rename itself survive a power cut (where folders can be opened)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _header_size(prefix, size, path):
    if len(prefix) < 8:
        raise FileError(f"{path}: {size} bytes are too few for a safetensors file")
    length = int.from_bytes(prefix, "little")
    if length > min(size - 8, _MAX_HEADER):
        raise FileError(
            f"{path}: claims a header of {length} bytes; the file has {size - 8} after "
            f"the length, and {_MAX_HEADER} are allowed"
        )
    return length


def _check_depth(text):
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        bracket = token.group()
        if bracket in "[{":
            depth += 1
            if depth > _MAX_DEPTH:
                raise ValueError(f"nested deeper than {_MAX_DEPTH}")
        elif bracket in "]}":
            depth -= 1


def _unique(pairs):
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key occurs twice")
    return result


def _no_constant(name):
    raise ValueError(f"{name} is not JSON")


def _check_header(header, data_size, path):
    """The metadata of a `header` that describes `data_size` bytes exactly."""

    def require(condition, problem):
        if not condition:
            raise FileError(f"{path}: {problem}")

    require(isinstance(header, dict), "its header is not a JSON object")
    metadata = header.pop("__metadata__", {})
    require(
        isinstance(metadata, dict) and all(isinstance(v, str) for v in metadata.values()),
        "its __metadata__ is not an object of strings",
    )
    spans = []
    for name, entry in header.items():
        require(
            isinstance(entry, dict) and entry.keys() == {"dtype", "shape", "data_offsets"},
            f"{name!r} must have dtype, shape and data_offsets",
        )
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        require(isinstance(dtype, str) and dtype in _ITEM_BYTES, f"{name!r} has an unknown dtype")
        require(_naturals(shape), f"{name!r} has an impossible shape")
        require(
            _naturals(offsets) and len(offsets) == 2 and offsets[0] <= offsets[1] <= data_size,
            f"{name!r} has offsets outside of the {data_size} bytes of data",
        )
        needed = math.prod(shape) * _ITEM_BYTES[dtype]
        require(
            offsets[1] - offsets[0] == needed,
            f"{name!r} needs {needed} bytes for {shape} {dtype}, has {offsets[1] - offsets[0]}",
        )
        spans.append((*offsets, name))
    end = 0
    for start, stop, name in sorted(spans):
        require(start == end, f"{name!r} starts at byte {start}, expected {end}: the tensors overlap or leave a hole")
        end = stop
    require(end == data_size, f"{data_size - end} bytes of data belong to no tensor")
    return metadata


def _naturals(values):
    return (
        isinstance(values, list)
        and len(values) <= _MAX_RANK
        and all(type(v) is int and 0 <= v < 1 << 63 for v in values)
    )
