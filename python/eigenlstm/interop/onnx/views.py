"""Nodes that only look at an array in another shape: done on the spot, in NumPy, between LSTMs."""

import numpy as np

from .graph import free_names
from .reading import attribute_values


class View:
    """A node that only looks at an array in another shape: done on the spot, in NumPy, beside an LSTM."""

    def __init__(self, node, arrange):
        self.input, self.output, self._arrange = node.input[0], node.output[0], arrange

    def run(self, values):
        values[self.output] = self._arrange(values[self.input])


def add_views(graph, special):
    """Make `View` steps of nodes between LSTMs that would be a sub-graph of their own else."""
    made_by = {name: index for index, node in enumerate(graph.nodes) for name in node.output}
    for index, node in enumerate(graph.nodes):  # after an LSTM, or after what comes after one
        if index not in special and node.input and made_by.get(node.input[0]) in special:
            arrange = _arrangement(node, graph)
            if arrange is not None:
                special[index] = View(node, arrange)
    readers = {}
    for index, node in enumerate(graph.nodes):
        for name in free_names(node):
            readers.setdefault(name, []).append(index)
    outputs = {value.name for value in graph.outputs}
    for index, node in reversed(list(enumerate(graph.nodes))):  # before one
        if index in special or node.output[0] in outputs or not node.input or node.input[0] in graph.constants:
            continue
        if all(reader in special for reader in readers.get(node.output[0], ())):
            arrange = _arrangement(node, graph)
            if arrange is not None:
                special[index] = View(node, arrange)


def _arrangement(node, graph):
    """The function that gives a NumPy view for one of the operators that only rearrange, or None."""
    values = attribute_values(node)
    if node.domain not in ("", "ai.onnx"):
        return None
    if node.op_type == "Identity":
        return lambda a: a
    if node.op_type == "Transpose":
        perm = values.get("perm")
        return lambda a: a.transpose(perm)
    if node.op_type in ("Squeeze", "Unsqueeze"):
        axes = values.get("axes")
        if axes is None and len(node.input) > 1 and node.input[1]:
            if node.input[1] not in graph.constants:
                return None
            axes = [int(axis) for axis in graph.constants[node.input[1]].ravel()]
        if node.op_type == "Squeeze":
            return lambda a: np.squeeze(a, None if axes is None else tuple(axes))
        return None if axes is None else lambda a: np.expand_dims(a, tuple(axes))
    constant = node.op_type == "Reshape" and len(node.input) == 2 and node.input[1] in graph.constants
    if constant and not values.get("allowzero", 0):
        shape = [int(size) for size in graph.constants[node.input[1]].ravel()]
        return lambda a: a.reshape([a.shape[k] if size == 0 else size for k, size in enumerate(shape)])
    return None
