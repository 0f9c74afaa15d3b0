"""A graph cut into steps: LSTM nodes run in eigenlstm, the sub-graphs between them in ONNX Runtime."""

from dataclasses import dataclass

import onnx
from onnx import helper, numpy_helper

from .bodies import with_bodies
from .graph import free_names, model_of
from .lstm_node import LSTMStep
from .operator import Unsupported
from .reading import subgraphs
from .views import View, add_views

OURS, NUMPY, THEIRS, REFERENCE = "eigenlstm", "numpy", "onnxruntime", "onnx.reference"


@dataclass(frozen=True)
class Placement:
    """Where a node runs, and for an LSTM that doesn't run here, why not."""

    node: str
    operator: str
    runtime: str
    reason: str = ""


class Plan:
    """The steps of a `Graph` in their order.

    Attributes
    ----------
    steps : list
        Each has ``run(values)``, which takes its inputs from the dict name -> ndarray and writes its outputs there.
    placements : list of Placement
        Of every node, those in bodies too.
    """

    def __init__(self, graph, runtime):
        self.graph, self.runtime = graph, runtime
        self.placements, self.steps = [], []
        special = self._special_steps()
        self._order(special)

    def run(self, values):
        """Compute all outputs of the graph into `values`, which holds its inputs."""
        for step in self.steps:
            step.run(values)

    def value(self, values, name):
        return values[name] if name in values else self.graph.constants[name]

    # -- cutting --------------------------------------------------------------------------------

    def _special_steps(self):
        """dict index of a node -> the step that runs it outside of the sub-graphs of the other runtime."""
        special, reasons = {}, {}
        for index, node in enumerate(self.graph.nodes):
            try:
                if is_lstm(node):
                    special[index] = LSTMStep(node, self.graph.constants)
                elif holds_lstm(node):
                    special[index] = with_bodies(node, self)
            except Unsupported as error:
                reasons[index] = str(error)
        add_views(self.graph, special)
        for index, node in enumerate(self.graph.nodes):
            step = special.get(index)
            where = self.runtime.name if step is None else NUMPY if isinstance(step, View) else OURS
            self.placements.append(Placement(node.name or node.output[0], node.op_type, where, reasons.get(index, "")))
            self.placements += getattr(step, "placements", [])
        return special

    def _order(self, special):
        """Sub-graphs as large as the special steps between them allow.

        A stage is one sub-graph, then the special steps that wait for it; views come in front of the sub-graph where
        they need nothing of it; the others are read by special steps only. A value of time 2 k is there before stage k,
        one of time 2 k + 1 after its sub-graph.
        """
        times, stages = {}, {}
        for index, node in enumerate(self.graph.nodes):
            time = max((times.get(name, 0) for name in free_names(node)), default=0)
            step = special.get(index)
            if isinstance(step, View):
                place, done = (0, time) if time % 2 == 0 else (2, time)
            elif step is not None:
                place, done = 2, time // 2 * 2 + 2
            else:
                place, done = 1, time // 2 * 2 + 1
            stages.setdefault(time // 2, ([], [], []))[place].append(step or node)
            times.update((name, done) for name in node.output)
        for stage in sorted(stages):
            before, plain, after = stages[stage]
            self.steps += before
            if plain:
                self.steps.append(_SubGraph(plain, self._wanted(plain), self))
            self.steps += after

    def _wanted(self, plain):
        """Those results of the nodes of a sub-graph that others need, in the graph's order."""
        inside = {id(node) for node in plain}
        needed = {value.name for value in self.graph.outputs}
        for node in self.graph.nodes:
            if id(node) not in inside:
                needed.update(free_names(node))
        return [name for node in plain for name in node.output if name in needed]


class _SubGraph:
    """Nodes that another runtime runs. Compiled as soon as the types of all inputs are known."""

    def __init__(self, nodes, outputs, plan):
        self.nodes, self.outputs, self.plan = nodes, outputs, plan
        made = {name for node in nodes for name in node.output}
        read = dict.fromkeys(name for node in nodes for name in free_names(node) if name not in made)
        constants = plan.graph.constants
        self.constants = {name: constants[name] for name in read if name in constants}
        self.inputs = [name for name in read if name not in constants]
        types = [plan.graph.types.get(name) for name in self.inputs]
        self._call = None if None in types else self._compiled(types)

    def run(self, values):
        given = {name: values[name] for name in self.inputs}
        call = self._call
        if call is None:
            types = [
                helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(v.dtype), None) for v in given.values()
            ]
            call = self._call = self._compiled(types)
        values.update(zip(self.outputs, call(given)))

    def _compiled(self, types):
        inputs = [onnx.ValueInfoProto(name=name, type=_free_sizes(proto)) for name, proto in zip(self.inputs, types)]
        outputs = []
        for name in self.outputs:
            value = onnx.ValueInfoProto(name=name)
            if name in self.plan.graph.types:
                value.type.CopyFrom(_free_sizes(self.plan.graph.types[name]))
            outputs.append(value)
        tensors = [numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        graph = helper.make_graph(self.nodes, "part", inputs, outputs, tensors)
        return self.plan.runtime.compiled(model_of(graph, self.plan.graph.opsets))


def is_lstm(node):
    return node.op_type == "LSTM" and node.domain in ("", "ai.onnx")


def holds_lstm(node):
    """Whether there is an LSTM in a body of a node."""
    return any(is_lstm(inner) or holds_lstm(inner) for graph in subgraphs(node) for inner in graph.node)


def _free_sizes(proto):
    """A type whose unknown sizes have no names: what is cut apart can't be held to agree on them."""
    copy = onnx.TypeProto()
    copy.CopyFrom(proto)
    if copy.HasField("tensor_type"):
        for d in copy.tensor_type.shape.dim:
            if not d.HasField("dim_value"):
                d.Clear()
    return copy
