"""ONNX files, which are untrusted: the size that a tensor claims is compared with the bytes that are there."""

import math
import os

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ...safetensors_files import FileError

_LARGEST = 2**31 - 1  # bytes of a protobuf message, and so of all tensors together
_FIELDS = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")


def read_model(source, where):
    """The ``onnx.ModelProto`` in a file or in bytes, its external data read into it; `where` names the caller.

    ``OSError`` if a file can't be read, `FileError` if it is not an ONNX model, if a tensor has other bytes than its
    shape needs, or if its data would come from outside the file's folder.
    """
    name, folder = "the model", None
    if isinstance(source, onnx.ModelProto):
        model = onnx.ModelProto()
        model.CopyFrom(source)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        model = _parsed(bytes(source), name, where)
    else:
        try:
            name = os.fspath(source)
        except TypeError:
            kind = type(source).__name__
            raise TypeError(f"{where}: expected a path or the bytes of an ONNX file, got {kind}") from None
        with open(name, "rb") as file:
            data = file.read()
        folder = os.path.dirname(os.path.realpath(name))
        model = _parsed(data, name, where)
    total = 0
    for tensor in tensors(model):
        total += _complete(tensor, folder, f"{where}: {name}: tensor {tensor.name!r}", _LARGEST - total)
    return model


def tensors(model):
    """Every tensor of a model, those in attributes and in bodies of If, Loop and Scan too."""
    yield from _of_graph(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from _of_node(node)


def array(tensor):
    """A tensor that `read_model` has seen, as an ndarray."""
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        raise FileError(f"tensor {tensor.name!r} can't be read: {error}") from None


def attribute_values(node):
    """The attributes of a node as a dict, text as str."""

    def value(attribute):
        value = helper.get_attribute_value(attribute)
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        return (
            [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in value]
            if isinstance(value, list)
            else value
        )

    return {attribute.name: value(attribute) for attribute in node.attribute if not attribute.ref_attr_name}


def subgraphs(node):
    """The bodies of a node: of If, Loop, Scan."""
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        elif attribute.type == onnx.AttributeProto.GRAPHS:
            yield from attribute.graphs


def _parsed(data, source, where):
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception as error:  # protobuf's DecodeError, whose module is not the same in all its versions
        raise FileError(f"{where}: {source}: is not an ONNX file: {error}") from None
    if not model.HasField("graph") or not model.graph.output:
        raise FileError(f"{where}: {source}: is not an ONNX file: it has no graph with outputs")
    return model


def _of_graph(graph):
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _of_node(node)


def _of_node(node):
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        if attribute.HasField("sparse_tensor"):
            yield from (attribute.sparse_tensor.values, attribute.sparse_tensor.indices)
        yield from attribute.tensors
    for graph in subgraphs(node):
        yield from _of_graph(graph)


def _complete(tensor, folder, where, allowed):
    """Check the bytes of a tensor, and read them where they lie in another file; their number."""
    if any(size < 0 for size in tensor.dims):
        raise FileError(f"{where}: has an impossible shape {tuple(tensor.dims)}")
    values = math.prod(tensor.dims)
    try:
        dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    except (KeyError, TypeError, ValueError):
        raise FileError(f"{where}: has an unknown type {tensor.data_type}") from None
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        _read_external(tensor, folder, values * dtype.itemsize, where, allowed)
        return len(tensor.raw_data)
    stored = sum(len(getattr(tensor, field)) for field in _FIELDS)
    if tensor.HasField("raw_data"):
        packed = -(-values * _bits(tensor, dtype) // 8)
        if len(tensor.raw_data) != packed:
            raise FileError(
                f"{where}: needs {packed} bytes for {tuple(tensor.dims)} {dtype}, has {len(tensor.raw_data)}"
            )
    elif not stored <= 2 * values <= 16 * stored:  # complex numbers are two entries; up to eight numbers share one
        raise FileError(f"{where}: needs {values} values for shape {tuple(tensor.dims)}, has {stored}")
    return values * max(1, dtype.itemsize)


def _bits(tensor, dtype):
    name = onnx.TensorProto.DataType.Name(tensor.data_type)
    for bits in (2, 4):
        if name.endswith(f"INT{bits}") or name.startswith(f"FLOAT{bits}"):
            return bits
    return 8 * np.dtype(dtype).itemsize


def _read_external(tensor, folder, needed, where, allowed):
    """Move the data of a tensor from its file, which must lie in `folder`, into the tensor."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    if folder is None:
        raise FileError(f"{where}: has its data in the file {location!r}, which bytes don't bring along; give a path")
    path = os.path.realpath(os.path.join(folder, location))
    if not location or os.path.isabs(location) or os.path.commonpath([path, folder]) != folder:
        raise FileError(f"{where}: its data lies in {location!r}, outside of the folder of the model")
    if not os.path.isfile(path):
        raise FileError(f"{where}: its data should lie in {location!r}, which is not there")
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", needed))
    except ValueError:
        raise FileError(f"{where}: offset and length of its data must be integers, got {entries}") from None
    there = os.path.getsize(path)
    if length != needed or offset < 0 or offset + length > there:
        raise FileError(
            f"{where}: needs {needed} bytes, names {length} from {offset} on in {location!r}, which has {there}"
        )
    if needed > allowed:
        raise FileError(f"{where}: the tensors of the model are larger than 2 GiB together")
    with open(path, "rb") as file:
        file.seek(offset)
        tensor.raw_data = file.read(length)
    del tensor.external_data[:]
    tensor.data_location = onnx.TensorProto.DEFAULT
