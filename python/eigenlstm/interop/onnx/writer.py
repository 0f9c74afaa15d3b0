"""A graph of ONNX under construction: nodes, constants and names that are unique."""

from dataclasses import dataclass
from itertools import count

import numpy as np
from onnx import helper, numpy_helper

OPSET = 22
IR_VERSION = 10


@dataclass(frozen=True)
class Value:
    """A tensor of the graph: its name, its shape with symbols for sizes that are free, whether it is of integers."""

    name: str
    shape: tuple
    integers: bool = False

    @property
    def rank(self):
        return len(self.shape)


class Writer:
    """Nodes and constants of a graph, or of the body of a Scan, whose names continue those of the graph around it.

    Parameters
    ----------
    dtype : np.dtype
        Of the floating values: what `number` writes.
    outer : Writer or None
        The graph around a body. Constants of a body are the graph's, which a body may use.
    """

    def __init__(self, dtype, outer=None):
        self.dtype = np.dtype(dtype)
        self.nodes = []
        self.scope = "" if outer is None else outer.scope
        self._outer = outer
        self._numbers = count() if outer is None else outer._numbers
        self.initializers = {} if outer is None else outer.initializers
        self._small = {} if outer is None else outer._small

    def node(self, operator, *inputs, outputs=1, **attributes):
        """The name of what `operator` gives for the names `inputs` ("": left out); a list of them for `outputs` > 1."""
        names = [self.name(operator) for _ in range(outputs)]
        label = f"{self.scope}{operator}_{names[0].rsplit('_', 1)[1]}"
        while inputs and not inputs[-1]:
            inputs = inputs[:-1]
        self.nodes.append(helper.make_node(operator, list(inputs), names, name=label, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, array, name=None):
        """The name of an initializer; small unnamed ones of the same values are one."""
        array = np.ascontiguousarray(array).reshape(np.shape(array))
        key = (array.dtype.str, array.shape, array.tobytes()) if name is None and array.size < 16 else None
        if key is not None and key in self._small:
            return self._small[key]
        name = self.name("constant") if name is None else self.scope + name
        self.initializers[name] = numpy_helper.from_array(array, name)
        if key is not None:
            self._small[key] = name
        return name

    def number(self, value):
        """A scalar of the floating dtype."""
        return self.constant(np.asarray(value, self.dtype))

    def integers(self, *values):
        """A vector of int64, as axes, shapes and sizes are given."""
        return self.constant(np.asarray(values, np.int64))

    def size(self, name, axis):
        """The size of an axis of the tensor `name`, as a vector of one."""
        return self.node("Shape", name, start=axis, end=axis + 1)

    def body(self):
        """A writer for the body of a Scan in this graph."""
        return Writer(self.dtype, self)

    def name(self, kind):
        """A name that no other tensor of the graph has."""
        return f"{self.scope}{kind.lower()}_{next(self._numbers)}"


def tensor(name, dtype, shape):
    """The description of an input or output; sizes that are text are free and named."""
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), list(shape))
