"""A graph with its constants folded: what doesn't depend on an input is computed once, and an If of it is resolved."""

import math
from collections import ChainMap
from itertools import count

import numpy as np
import onnx
from onnx import helper, inliner, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

from ...safetensors_files import FileError
from .operator import described
from .reading import array, attribute_values, subgraphs

_LARGEST_RESULT = 1 << 26  # bytes of a folded result that is larger than what it is made of
_SMALL = 256  # values of a constant that shape inference may need

# Operators without a state whose results are no larger than their inputs, or whose size `_result_bytes` knows.
_ELEMENTWISE = {
    "Add", "Sub", "Mul", "Div", "Pow", "Mod", "Min", "Max", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual",
    "And", "Or", "Where",
}  # fmt: skip
_FOLDED = _ELEMENTWISE | {
    "Identity", "Transpose", "Concat", "Slice", "Cast", "CastLike", "Squeeze", "Unsqueeze", "Reshape", "Flatten",
    "Split", "Gather", "Shape", "Size", "Neg", "Not", "Abs", "Ceil", "Floor", "Sqrt", "ReduceSum", "ReduceProd",
    "ReduceMin", "ReduceMax", "ConstantOfShape", "Expand", "Tile", "Range", "DequantizeLinear",
}  # fmt: skip


class Graph:
    """A graph, or the body of an If, with its constants folded.

    Attributes
    ----------
    nodes : list of NodeProto
        What is left to compute, in order.
    constants : mapping name -> ndarray
        Initializers and folded results, those of the graphs around it too.
    inputs, outputs : list of ValueInfoProto
    types : mapping name -> TypeProto
        Of the values whose types are known.
    opsets : dict domain -> version
    """

    def __init__(self, proto, opsets, constants=None, outer=None, types=None, prefix=""):
        self.opsets, self.name = opsets, proto.name
        self.constants = ChainMap({}, *([] if outer is None else outer.constants.maps))
        self.types = ChainMap({}, *([] if outer is None else outer.types.maps))
        self._names = count() if outer is None else outer._names
        self._shapes = {}  # of values whose shapes are known in part: sizes, None where one isn't
        self._prefix = prefix
        for tensor in proto.initializer:
            self.constants[tensor.name] = array(tensor)
        given = constants or {}
        self.constants.update(given)
        self.inputs = [v for v in proto.input if v.name not in given and v.name not in self.constants.maps[0]]
        self.outputs = list(proto.output)
        self._note(proto.input if outer is None else (), lambda proto: proto)
        self._note((*(proto.input if outer else ()), *proto.value_info, *proto.output), without_shape)
        self.types.update(types or {})
        known = {v.name for v in self.inputs} | ({""} if outer is None else {"", *outer.available})
        self.available = known
        self.nodes = []
        for node in proto.node:
            self._take(node)
        self._drop_unused()

    def _note(self, values, known):
        """Note the types that a file tells. Shapes are believed of the graph's inputs only, which are checked in every
        call: exporters leave those of the example that they traced in the file."""
        for value in values:
            if value.type.WhichOneof("value"):
                self.types[value.name] = known(value.type)

    # -- folding --------------------------------------------------------------------------------

    def _take(self, node):
        for name in free_names(node):
            if name not in self.available and name not in self.constants:
                raise FileError(f"{described(node)}: its input {name!r} is computed by no node before it")
        condition = self.constants.get(node.input[0]) if node.op_type == "If" and node.input else None
        if condition is not None and condition.size == 1:
            self._inline(node, bool(condition.reshape(())))
            return
        results = self._folded(node)
        if results is None:
            self.nodes.append(node)
            self.available.update(node.output)
        else:
            self.constants.update((name, value) for name, value in zip(node.output, results) if name)

    def _folded(self, node):
        """The results of a node whose inputs are all constant, or None."""
        if node.domain not in ("", "ai.onnx"):
            return None
        if node.op_type == "Constant":
            return [_constant(node)]
        if node.op_type == "Shape" and node.input[0] not in self.constants:
            return self._static_shape(node)
        if node.input and node.input[0] in self._shapes:
            return self._of_shape(node)
        if node.op_type not in _FOLDED or any(name and name not in self.constants for name in node.input):
            return None
        inputs = {name: self.constants[name] for name in node.input if name}
        allowed = max(_LARGEST_RESULT, 2 * sum(value.nbytes for value in inputs.values()))
        try:
            if _result_bytes(node, [self.constants[name] if name else None for name in node.input]) > allowed:
                return None
            return evaluated(node, inputs, self.opsets)
        except Exception:  # the evaluator doesn't know the operator for this type, or the node is wrong: it stays
            return None

    def _static_shape(self, node):
        sizes = static_sizes(self.types.get(node.input[0]))
        if sizes is None:
            return None
        values = attribute_values(node)
        sizes = sizes[values.get("start", 0) : values.get("end")]
        if None in sizes:
            self._shapes[node.output[0]] = sizes
            return None
        return [np.asarray(sizes, np.int64)]

    def _of_shape(self, node):
        """What a node gives of a shape that is known in part: its rank, or sizes that are known."""
        sizes = self._shapes[node.input[0]]
        if node.op_type == "Size":
            return [np.asarray(len(sizes))]
        if node.op_type != "Gather" or node.input[1] not in self.constants:
            return None
        places = self.constants[node.input[1]]
        if any(not -len(sizes) <= place < len(sizes) or sizes[place] is None for place in places.ravel()):
            return None
        return [np.asarray([sizes[place] for place in places.ravel()], np.int64).reshape(places.shape)]

    def _inline(self, node, condition):
        """The nodes of the branch that `condition` chooses, in place of an If."""
        values = {a.name: a.g for a in node.attribute}
        branch = values.get("then_branch" if condition else "else_branch")
        if branch is None or len(branch.output) != len(node.output):
            raise FileError(f"{described(node)}: must have two branches of {len(node.output)} outputs")
        prefix = f"{self._prefix}if{next(self._names)}/"
        branch = renamed(branch, prefix)
        for tensor in branch.initializer:
            self.constants[tensor.name] = array(tensor)
        for inner in branch.node:
            self._take(inner)
        for value, name in zip(branch.output, node.output):
            if name:
                self._take(helper.make_node("Identity", [value.name], [name], name=f"{prefix}{name}"))

    def _drop_unused(self):
        wanted = {value.name for value in self.outputs}
        kept = []
        for node in reversed(self.nodes):
            if wanted.intersection(node.output):
                kept.append(node)
                wanted.update(free_names(node))
        self.nodes = kept[::-1]

    # -- as onnx has it -------------------------------------------------------------------------

    def proto(self, weights=True):
        """The whole graph as a ``ModelProto``; without `weights`, large constants are inputs of their types."""
        used = {name for node in self.nodes for name in free_names(node)} | {v.name for v in self.outputs}
        constants = {name: self.constants[name] for name in sorted(used) if name in self.constants}
        large = {name: value for name, value in constants.items() if not weights and value.size > _SMALL}
        tensors = [numpy_helper.from_array(constants[name], name) for name in constants if name not in large]
        inputs = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            for name, value in large.items()
        ]
        graph = helper.make_graph(self.nodes, self.name or "graph", [*self.inputs, *inputs], self.outputs, tensors)
        return model_of(graph, self.opsets)

    def with_inferred_types(self):
        """Fill `types` by onnx's shape inference, as far as it goes."""
        try:
            proto = self.proto(weights=False)
            for value in proto.graph.output:
                value.type.CopyFrom(without_shape(value.type))
            inferred = shape_inference.infer_shapes(proto, data_prop=True).graph
        except Exception:  # an operator of another library, or a file that contradicts itself: types stay unknown
            return self
        for value in (*inferred.value_info, *inferred.output):
            if value.type.WhichOneof("value"):
                self.types[value.name] = value.type
        return self


def simplified(model, constants=None):
    """The `Graph` of a model: functions inlined, constants folded, shapes that are known from the inputs' too."""
    if model.functions:
        model = inliner.inline_local_functions(model)
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    graph = Graph(model.graph, opsets, constants).with_inferred_types()
    while True:  # what is known now may decide more
        before = [node.output[0] for node in graph.nodes]
        again = graph.proto(weights=False).graph
        graph = Graph(again, opsets, dict(graph.constants), types=dict(graph.types)).with_inferred_types()
        if [node.output[0] for node in graph.nodes] == before:
            return graph


def free_names(node):
    """The values that a node reads: its inputs, and what its bodies take from around them."""
    names = [name for name in node.input if name]
    for graph in subgraphs(node):
        own = {v.name for v in graph.input} | {t.name for t in graph.initializer}
        for inner in graph.node:
            names += [name for name in free_names(inner) if name not in own]
            own.update(inner.output)
        names += [v.name for v in graph.output if v.name not in own]
    return list(dict.fromkeys(names))


def renamed(graph, prefix):
    """A copy of a body whose own values have `prefix` before their names."""
    copy = onnx.GraphProto()
    copy.CopyFrom(graph)
    _rename(copy, {}, prefix)
    return copy


def _rename(graph, names, prefix):
    names = dict(names)
    for item in (*graph.input, *graph.initializer):
        names[item.name] = item.name = prefix + item.name
    for node in graph.node:
        for k, name in enumerate(node.input):
            node.input[k] = names.get(name, name)
        for inner in subgraphs(node):
            _rename(inner, names, prefix)
        for k, name in enumerate(node.output):
            if name:
                names[name] = node.output[k] = prefix + name
    for value in (*graph.output, *graph.value_info):
        value.name = names.get(value.name, value.name)


def evaluated(node, inputs, opsets):
    """The outputs of one node for `inputs` (name -> ndarray), by onnx's reference evaluator."""
    outputs = [name for name in node.output if name]
    graph = helper.make_graph(
        [node],
        "node",
        [onnx.ValueInfoProto(name=name) for name in inputs],
        [onnx.ValueInfoProto(name=name) for name in outputs],
    )
    values = dict(zip(outputs, ReferenceEvaluator(model_of(graph, opsets)).run(None, inputs)))
    return [np.asarray(values[name]) if name else None for name in node.output]


def model_of(graph, opsets):
    """A model of `graph`."""
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    return helper.make_model(graph, ir_version=10, opset_imports=imports, producer_name="eigenlstm")


def without_shape(proto):
    """A type, without the shape of a tensor."""
    copy = onnx.TypeProto()
    copy.CopyFrom(proto)
    if copy.HasField("tensor_type"):
        copy.tensor_type.ClearField("shape")
    return copy


def static_sizes(proto):
    """The sizes of a tensor's type, None where one isn't fixed; None where not even the rank is known."""
    if proto is None or not proto.HasField("tensor_type") or not proto.tensor_type.HasField("shape"):
        return None
    return [d.dim_value if d.HasField("dim_value") else None for d in proto.tensor_type.shape.dim]


def _constant(node):
    values = attribute_values(node)
    if "value" in values:
        return array(values["value"])
    for name, dtype in (("value_float", np.float32), ("value_floats", np.float32), ("value_int", np.int64),
                        ("value_ints", np.int64), ("value_string", object), ("value_strings", object)):  # fmt: skip
        if name in values:
            return np.asarray(values[name], dtype)
    raise FileError(
        f"{described(node)}: has none of the values that are read here, only {', '.join(values) or 'nothing'}"
    )


def _result_bytes(node, inputs):
    """A bound on the bytes of what a node of `_FOLDED` gives."""
    given = [value for value in inputs if value is not None]
    itemsize = max(8, *(value.itemsize for value in given))
    if node.op_type in _ELEMENTWISE:
        return itemsize * math.prod(np.broadcast_shapes(*(value.shape for value in given)))
    if node.op_type == "ConstantOfShape":
        return itemsize * math.prod(map(int, inputs[0].ravel()))
    if node.op_type == "Expand":
        return itemsize * math.prod(np.broadcast_shapes(inputs[0].shape, tuple(map(int, inputs[1].ravel()))))
    if node.op_type == "Tile":
        return itemsize * inputs[0].size * math.prod(map(int, inputs[1].ravel()))
    if node.op_type == "Range":
        start, limit, delta = (float(value.reshape(())) for value in inputs)
        return itemsize * max(0.0, (limit - start) / delta)
    if node.op_type == "Gather":
        return itemsize * inputs[1].size * inputs[0].size
    return itemsize * sum(value.size for value in given)
