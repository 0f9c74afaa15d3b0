"""safetensors files as untrusted data.

Format: https://huggingface.co/docs/safetensors — 8 bytes of header length (little-endian), a JSON
header ``{name: {"dtype", "shape", "data_offsets"}, "__metadata__": {text: text}}``, then the data.
"""

import json
import math
import os
import re
import stat

import numpy as np

from .atomic_files import write_atomically

_MAX_HEADER = 32_000_000  # bytes; the reference implementation allows 100 million
_MAX_DEPTH = 64  # of JSON: an architecture of nested models needs about four a level
_MAX_VALUES = 2_000_000  # of JSON: some 100 bytes each when parsed, and ten a tensor
_MAX_RANK = 64  # of an array, as in NumPy
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
_DTYPES = {
    code: np.dtype(kind)
    for code, kind in {
        "BOOL": "?",
        "U8": "<u1",
        "I8": "<i1",
        "U16": "<u2",
        "I16": "<i2",
        "F16": "<f2",
        "U32": "<u4",
        "I32": "<i4",
        "F32": "<f4",
        "U64": "<u8",
        "I64": "<i8",
        "F64": "<f8",
    }.items()
}
_CODES = {dtype: code for code, dtype in _DTYPES.items()}
_WITHOUT_NUMPY = {"BF16", "F8_E4M3", "F8_E5M2"}  # dtypes of the format that NumPy lacks
_OTHER_FORMATS = {  # by how their files begin
    b"PK\x03\x04": "a zip archive: a .pt file of PyTorch is read by torch.load(path, weights_only=True), whose "
    "state_dict load_state_dict takes, "
    "a .keras file by el.keras.load",
    b"\x89HDF": "an HDF5 file: el.keras.load reads those of Keras",
    b"\x80\x02": "a pickle, which is never read",
    b"\x80\x03": "a pickle, which is never read",
    b"\x80\x04": "a pickle, which is never read",
    b"\x80\x05": "a pickle, which is never read",
    **{bytes([8, version, 18]): "an ONNX model: el.onnx.load reads it" for version in range(3, 15)},
    **dict.fromkeys((b'{"', b"{\n ", b"{\r\n"), "JSON: an amplifier in it is read by el.audio.load"),
}


class FileError(ValueError):
    """A file that is not what it should be: broken, hostile, or of another model."""


def opened(path):
    """The regular file `path`, opened for reading bytes; ``FileError`` for any other. A pipe is not waited for:
    O_NONBLOCK says so.
    """
    file = open(os.fspath(path), "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0)))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise FileError(f"{path}: is not a regular file")
    return file


def starts_as_tensors(path):
    """Whether the file starts as one of safetensors: a length that it has, and an object. A text claims too much."""
    with opened(path) as file:
        start = file.read(9)
        return start[8:] == b"{" and int.from_bytes(start[:8], "little") < os.fstat(file.fileno()).st_size


def read_tensors(path, check=None):
    """``(tensors, metadata)`` of a safetensors file: dict name -> ndarray, dict text -> text.

    The header is compared with the size of the file before memory is allocated for what it claims. `check`, a
    function of ``(outline, metadata)``, is called before any data is read, and may raise; what it returns comes
    back in place of the metadata. The outline has arrays of the shapes and dtypes to come, which take no
    memory. ``FileError`` says what is wrong with the file; ``OSError`` if it cannot be read.
    """
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        header_bytes = _header_size(file.read(8), size, path)
        header = parse_json(file.read(header_bytes), path, "its header")
        metadata = _check_header(header, size - 8 - header_bytes, path)
        result = metadata
        if check is not None:
            dtypes = {name: _DTYPES[entry["dtype"]].newbyteorder("=") for name, entry in header.items()}
            outline = {
                name: np.broadcast_to(np.empty((), dtypes[name]), entry["shape"]) for name, entry in header.items()
            }
            result = check(outline, metadata)
        tensors = {}
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):  # as they lie in the file
            array = np.empty(entry["shape"], _DTYPES[entry["dtype"]])
            if array.size and file.readinto(array.reshape(-1).view(np.uint8)) != array.nbytes:
                raise FileError(f"{path}: became shorter while it was read")
            tensors[name] = array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    return tensors, result


def write_tensors(path, tensors, metadata):
    """Write ndarrays and texts as a safetensors file, whole or not at all."""
    arrays = {name: _little_endian(name, array) for name, array in tensors.items()}
    # In the order of the reference implementation: the widest items first, so that each tensor is aligned to its items.
    names = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    header, end = {"__metadata__": dict(metadata)}, 0
    for name in names:
        array = arrays[name]
        header[name] = {
            "dtype": _CODES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [end, end + array.nbytes],
        }
        end += array.nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > _MAX_HEADER:
        raise ValueError(
            f"{path}: a header of {len(text)} bytes is larger than the {_MAX_HEADER} that can be read again"
        )
    write_atomically(
        path, len(text).to_bytes(8, "little") + text, *(arrays[name].reshape(-1).view(np.uint8) for name in names)
    )


def parse_json(data, path, what):
    """JSON `data` (bytes) as values that other code may rely on; ``FileError`` otherwise.

    Refused are: duplicate keys, nesting or numbers of values without end, NaN and infinities, integers beyond 64 bits,
    and texts that are no Unicode.
    """
    try:
        text = data.decode("utf-8")
        _check_structure(text)
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite, parse_int=_of_64_bits
        )
        if "\\u" in text:  # an escape may stand for half of a surrogate pair, which no encoding can write
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        return value
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path}: {what} is not valid JSON: {error}") from None


def _little_endian(name, array):
    """`array` as the format has it: contiguous, in the order of C, little-endian."""
    array = np.asarray(array)
    little = array.dtype.newbyteorder("<")
    if little not in _CODES:
        raise TypeError(f"{name}: an array of {array.dtype} cannot be written to a safetensors file")
    return np.ascontiguousarray(array, little).reshape(array.shape)


def _header_size(prefix, size, path):
    if len(prefix) < 8:
        raise FileError(f"{path}: {size} bytes are too few for a safetensors file")
    length = int.from_bytes(prefix, "little")
    if length > min(size - 8, _MAX_HEADER):
        for beginning, what in _OTHER_FORMATS.items():
            if prefix.startswith(beginning):
                raise FileError(f"{path}: is no safetensors file but {what}")
        raise FileError(
            f"{path}: claims a header of {length} bytes; the file has {size - 8} after "
            f"the length, and {_MAX_HEADER} are allowed"
        )
    return length


def _check_structure(text):
    """Bounds the depth of JSON `text`, and the memory that its values will take, before it is parsed."""
    depth = values = 0
    for structure in _between_strings(text):
        values += sum(map(structure.count, "[{,"))
        if values > _MAX_VALUES:
            raise ValueError(f"more than {_MAX_VALUES} values")
        for bracket in _BRACKET.findall(structure):
            depth += 1 if bracket in "[{" else -1
            if depth > _MAX_DEPTH:
                raise ValueError(f"nested deeper than {_MAX_DEPTH}")


def _between_strings(text):
    position = 0
    for string in _STRING.finditer(text):
        yield text[position : string.start()]
        position = string.end()
    yield text[position:]


def _unique(pairs):
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key occurs twice")
    return result


def _no_constant(name):
    raise ValueError(f"{name} is not JSON")


def _finite(digits):
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:20]} is too large for a float")
    return value


def _of_64_bits(digits):
    if len(digits) > 20 or not -(1 << 63) <= (value := int(digits)) < 1 << 64:
        raise ValueError(f"{digits[:20]}{'…' * (len(digits) > 20)} does not fit 64 bits")
    return value


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
        require(
            isinstance(dtype, str) and dtype not in _WITHOUT_NUMPY, f"{name!r} has dtype {dtype}, which NumPy lacks"
        )
        require(dtype in _DTYPES, f"{name!r} has an unknown dtype")
        require(_naturals(shape), f"{name!r} has an impossible shape")
        require(
            _naturals(offsets) and len(offsets) == 2 and offsets[0] <= offsets[1] <= data_size,
            f"{name!r} has offsets outside of the {data_size} bytes of data",
        )
        needed = math.prod(shape) * _DTYPES[dtype].itemsize
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
