"""An LSTM node that runs in eigenlstm: as a step of a plan, and as an operator of onnx's reference evaluator."""

import numpy as np
from onnx.reference.op_run import OpRun

from .operator import INPUTS, Unsupported, attributes, described, layer_of
from .reading import attribute_values


class LSTMNode:
    """An LSTM node: its attributes, checked, and its maths with the layer of some weights."""

    def __init__(self, node):
        self.node, self.attributes = node, attributes(node, attribute_values(node))
        self.directions, self.batch_major = self.attributes.directions, self.attributes.layout == 1
        self._kept = None  # (copies of W, R, B and P, their layer)

    def layer(self, W, R, B=None, P=None):
        """The `el.LSTM` of the weights."""
        return layer_of(self.node, self.attributes, W, R, B, P)

    def layer_for_now(self, *weights):
        """The same for weights that another call may change: the layer of the last call if they are equal to those."""
        kept = self._kept
        if kept is None or not all(map(_equal, kept[0], weights)):
            kept = tuple(None if a is None else a.copy() for a in weights), self.layer(*weights)
            self._kept = kept
        return kept[1]

    def __call__(self, layer, X, lengths, h0, c0):
        """Y, Y_h and Y_c of the operator, which may be views; either of h0 and c0 may be None."""
        dtype, D, batch_major = X.dtype, self.directions, self.batch_major
        if dtype != layer.dtype:
            X, h0, c0 = (None if a is None else a.astype(layer.dtype) for a in (X, h0, c0))
        if batch_major:  # (B, T, I) and (B, D, H): layers here have (T, B, I) and (D, B, H)
            X, h0, c0 = (None if a is None else a.swapaxes(0, 1) for a in (X, h0, c0))
        try:
            y, (h, c) = layer(X, None if h0 is None and c0 is None else (h0, c0), lengths)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{described(self.node)}: {error}") from None
        T, rows, features = y.shape
        y = y[:, None] if D == 1 else y.reshape(T, rows, D, features // D).transpose(0, 2, 1, 3)
        if batch_major:
            y, h, c = y.transpose(2, 0, 1, 3), h.swapaxes(0, 1), c.swapaxes(0, 1)
        if dtype == layer.dtype:
            return y, h, c
        with np.errstate(over="ignore"):  # beyond half precision it is infinity, as with any runtime
            return tuple(a.astype(dtype) for a in (y, h, c))


class LSTMStep:
    """A step of a plan that runs an LSTM node. `Unsupported` if it can't be, or if constant weights don't fit."""

    def __init__(self, node, constants):
        inputs = [*node.input, *[""] * (len(INPUTS) - len(node.input))]
        if len(node.input) > len(INPUTS) or not all(inputs[:3]):
            raise Unsupported(f"{described(node)}: must have the inputs X, W, R and at most {len(INPUTS)} in all")
        self._node = LSTMNode(node)
        X, W, R, B, lengths, h0, c0, P = inputs
        self._weights, self._others = (W, R, B, P), (X, lengths, h0, c0)
        self._constants = {"": None, **{name: constants[name] for name in inputs if name in constants}}
        self._outputs = [(k, name) for k, name in enumerate(node.output) if name]
        fixed = all(name in self._constants for name in self._weights)
        self._layer = self._node.layer(*map(self._constants.get, self._weights)) if fixed else None

    def run(self, values):
        known = self._constants
        layer = self._layer
        if layer is None:
            weights = (known[name] if name in known else values[name] for name in self._weights)
            layer = self._node.layer_for_now(*weights)
        results = self._node(layer, *[known[name] if name in known else values[name] for name in self._others])
        for k, name in self._outputs:
            values[name] = results[k]


class ReferenceLSTM(OpRun):
    """The operator LSTM for onnx's reference evaluator: ``ReferenceEvaluator(model, new_ops=[ReferenceLSTM])``."""

    op_domain = ""

    def __init__(self, onnx_node, run_params, schema=None):
        super().__init__(onnx_node, run_params, schema)
        self._lstm = LSTMNode(onnx_node)

    def _run(self, X, W, R, B=None, sequence_lens=None, initial_h=None, initial_c=None, P=None, **_):
        layer = self._lstm.layer_for_now(W, R, B, P)
        results = self._lstm(layer, X, sequence_lens, initial_h, initial_c)
        return tuple(np.ascontiguousarray(a) for a in results[: len(self.onnx_node.output)])


ReferenceLSTM.__name__ = "LSTM"  # the evaluator finds an operator by the name of its class


def _equal(a, b):
    return a is b if a is None or b is None else a.dtype == b.dtype and np.array_equal(a, b)
