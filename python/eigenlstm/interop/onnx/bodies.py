"""If, Loop and Scan with LSTMs in their bodies: the bodies are plans of their own, cut as the graph around them is."""

import numpy as np
import onnx
from onnx import helper

from .graph import Graph, static_sizes
from .operator import Unsupported, described
from .reading import attribute_values


class Body:
    """The body of a node as a plan, which sees the values around it."""

    def __init__(self, proto, plan):
        self.plan = type(plan)(Graph(proto, plan.graph.opsets, outer=plan.graph), plan.runtime)
        self._inputs = [value.name for value in proto.input]
        self._outputs = [value.name for value in proto.output]
        self._types = [value.type for value in proto.output]
        self.placements = self.plan.placements

    def collected(self, rows, k):
        """Output `k` of all steps, one above the other; `rows` has a list of outputs for each."""
        if rows:
            return np.stack([row[k] for row in rows])
        sizes = static_sizes(self._types[k]) or ()  # no step was taken: what is told of the shape
        dtype = helper.tensor_dtype_to_np_dtype(self._types[k].tensor_type.elem_type or onnx.TensorProto.FLOAT)
        return np.zeros((0, *(size or 0 for size in sizes)), dtype)

    def __call__(self, values, *given):
        """The list of its outputs for `given` inputs, in the scope of `values`."""
        inner = dict(values)
        inner.update(zip(self._inputs, given))
        self.plan.run(inner)
        return [self.plan.value(inner, name) for name in self._outputs]


class _WithBodies:
    """A step that runs a node with bodies."""

    def __init__(self, node, plan):
        self.node, self._plan = node, plan
        self.attributes = attribute_values(node)
        self._bodies = {name: Body(self.attributes[name], plan) for name in self.bodies if name in self.attributes}
        if len(self._bodies) < len(self.bodies):
            raise Unsupported(f"{described(node)}: must have the attributes {', '.join(self.bodies)}")
        self.placements = [placement for body in self._bodies.values() for placement in body.placements]

    def value(self, values, name):
        return self._plan.value(values, name)

    def run(self, values):
        values.update((name, result) for name, result in zip(self.node.output, self.results(values)) if name)


class _If(_WithBodies):
    bodies = ("then_branch", "else_branch")

    def results(self, values):
        condition = bool(np.reshape(self.value(values, self.node.input[0]), ()))
        return self._bodies["then_branch" if condition else "else_branch"](values)


class _Loop(_WithBodies):
    bodies = ("body",)

    def results(self, values):
        trips, condition, *initial = (self.value(values, name) if name else None for name in self.node.input)
        state, rows = initial, []
        going = condition is None or bool(np.reshape(condition, ()))
        steps = None if trips is None else int(np.reshape(trips, ()))
        t = 0
        while going and (steps is None or t < steps):
            results = self._bodies["body"](values, np.asarray(t), np.asarray(True), *state)
            state = results[1 : 1 + len(initial)]
            rows.append(results)
            going, t = bool(np.reshape(results[0], ())), t + 1
        scanned = range(1 + len(initial), 1 + len(self.node.output))
        return [*state, *(self._bodies["body"].collected(rows, k) for k in scanned)]


class _Scan(_WithBodies):
    bodies = ("body",)

    def results(self, values):
        number = self.attributes["num_scan_inputs"]
        inputs = [self.value(values, name) for name in self.node.input]
        state, scanned = inputs[:-number], inputs[-number:]
        axes = self._option("scan_input_axes", number)
        backwards = self._option("scan_input_directions", number)
        scanned = [np.moveaxis(a, axis, 0)[:: -1 if turned else 1] for a, axis, turned in zip(scanned, axes, backwards)]
        rows, carried = [], len(state)
        for step in zip(*scanned):
            results = self._bodies["body"](values, *state, *step)
            state = results[:carried]
            rows.append(results)
        count = len(self.node.output) - carried
        axes, backwards = (self._option(f"scan_output_{name}", count) for name in ("axes", "directions"))
        outputs = [self._bodies["body"].collected(rows, carried + k) for k in range(count)]
        return [
            *state,
            *(np.moveaxis(a[:: -1 if turned else 1], 0, axis) for a, axis, turned in zip(outputs, axes, backwards)),
        ]

    def _option(self, name, count):
        return self.attributes.get(name) or [0] * count


_STEPS = {"If": _If, "Loop": _Loop, "Scan": _Scan}


def with_bodies(node, plan):
    """The step that runs an If, Loop or Scan with LSTMs inside; `Unsupported` for another operator with a body."""
    if node.domain not in ("", "ai.onnx") or node.op_type not in _STEPS:
        raise Unsupported(f"{described(node)}: LSTMs inside run here for {', '.join(_STEPS)} only")
    if node.op_type == "Scan" and plan.graph.opsets.get("", 1) < 9:
        raise Unsupported(f"{described(node)}: a Scan of opset 8 runs over batches")
    return _STEPS[node.op_type](node, plan)
