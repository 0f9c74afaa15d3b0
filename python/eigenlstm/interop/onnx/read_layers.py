"""One function for each operator that `load` makes a layer of: what its outputs are, from what its inputs are."""

from dataclasses import replace

import numpy as np

from ...layers.activation import Activation
from ...layers.convolution import Conv1D
from ...layers.dropout import Dropout
from ...layers.embedding import Embedding
from ...layers.layer_norm import LayerNorm
from ...layers.linear import Linear
from ...layers.lstm import LSTM
from ...layers.normalization import Normalization
from ...layers.pooling import MaxPool, MeanPool
from ...layers.wiring import Add, Multiply
from .operator import Unsupported, attributes, described, layer_options, layer_params
from .read_shapes import SHAPES, constant, features_of, gather, layer_output, place_of, value_of
from .reading import attribute_values
from .values import Axis, Directions, Final, Repeated, Sizes, Spec


def lstm(reader, node):
    """Y, Y_h and Y_c; Y_c has no layer, and is known as an output of the graph only."""
    options = attributes(node, attribute_values(node))
    W, R, B, P = (constant(reader, node, k) for k in (1, 2, 3, 7))
    arguments, weights = layer_options(node, options, W, R, B, P), layer_params(W, R, B, P)
    D, H = options.directions, R.shape[2]
    _lengths(reader, node)
    state = [_initial(reader, node, place, D, H) for place in (5, 6)]
    if any(part is not None for part in state):
        arguments["learned_state"] = True
        for kind, part in zip(("h0", "c0"), state):
            rows = np.zeros((D, H), W.dtype) if part is None else part
            weights.update((f"{kind}_l0{way}", row) for way, row in zip(("", "_reverse"), rows))
    places = (1, 0) if options.layout else (0, 1)
    value = features_of(layer_output(reader, node), W.shape[2])
    axes = value.axes
    if len(axes) != 3 or axes[2] != W.shape[2] or not all(isinstance(axes[k], Axis) for k in (0, 1)):
        raise Unsupported(
            f"{described(node)}: X ({node.input[0]!r}) must have the axes (time, batch, {W.shape[2]}), "
            f"got {value.shape}"
        )
    time, batch = axes[places[0]], axes[places[1]]
    for axis, role in ((time, "time"), (batch, "batch")):
        if axis.role not in (None, role):
            raise Unsupported(f"{described(node)}: reads as {role} what another node reads as {axis.role}")
        axis.role = role
    made = value.through(Spec(LSTM, arguments, weights))
    finals = tuple(Final(made.made, d) for d in range(D))
    if options.layout:
        y, last = (batch, time, Directions(D), H), (batch, Directions(D), H)
    else:
        y, last = (time, Directions(D), batch, H), (Directions(D), batch, H)
    h = replace(made, axes=last, finals=finals)
    return [made.rearranged(y), h, replace(h, finals=())]


def _lengths(reader, node):
    """Note which input of the graph tells the steps of each row."""
    name = node.input[4] if len(node.input) > 4 else ""
    if not name:
        return
    if name not in reader.inputs or reader.lengths not in (None, name):
        raise Unsupported(
            f"{described(node)}: sequence_lens ({name!r}) must be an input of the graph, the same for all"
        )
    reader.lengths = name


def _initial(reader, node, place, D, H):
    """None for zeros, else (D, H): the same for each row."""
    name = node.input[place] if place < len(node.input) else ""
    if not name:
        return None
    value, what = reader.known.get(name), f"{described(node)}: initial_{'hc'[place - 5]} ({name!r})"
    array = value.array if isinstance(value, Repeated) else value
    if not isinstance(array, np.ndarray):
        raise Unsupported(f"{what} must be constant for a model to train on; Session takes states as inputs")
    if not array.any():
        return None
    try:
        uniform = isinstance(value, Repeated) and value.uniform  # repeated as often as any shape asks
        rows = np.full((D, 1, H), array.flat[0]) if uniform else array
        rows = rows if rows.ndim == 3 and rows.shape[1] > 1 else np.broadcast_to(rows, (D, 1, H))
    except ValueError:
        raise Unsupported(f"{what} must have shape ({D}, batch, {H}), got {array.shape}") from None
    if (rows != rows[:, :1]).any():
        raise Unsupported(f"{what} must be the same for each row")
    return rows[:, 0]


def matmul(reader, node):
    value, matrix = layer_output(reader, node), constant(reader, node, 1)
    return [_linear(node, value, matrix.T if matrix.ndim == 2 else matrix, None)]


def gemm(reader, node):
    value, matrix, bias = layer_output(reader, node), constant(reader, node, 1), constant(reader, node, 2)
    options = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0, **attribute_values(node)}
    if (options["alpha"], options["beta"], options["transA"]) != (1.0, 1.0, 0):
        raise Unsupported(f"{described(node)}: alpha and beta must be 1 and transA 0, got {options}")
    return [_linear(node, value, matrix if options["transB"] else matrix.T, bias)]


def _linear(node, value, weight, bias):
    """weight (out, in)."""
    value = features_of(value, weight.shape[-1])
    features = value.axes[-1] if value.axes else None
    if weight.ndim != 2 or weight.shape[1] != features:
        raise Unsupported(f"{described(node)}: a matrix of ({features}, out) is needed, got {weight.shape[::-1]}")
    spec = Spec(
        Linear, {"in_features": weight.shape[1], "out_features": weight.shape[0], "bias": False}, {"weight": weight}
    )
    made = value.through(spec, (*value.axes[:-1], weight.shape[0]))
    return made if bias is None else _biased(node, made, bias)


def add(reader, node):
    values, arrays = _operands(reader, node)
    if len(values) == 2:
        return [_joined(node, values, Add)]
    (value,), (array,) = values, arrays
    last, size = value.last, value.axes[-1]
    if last is not None and last.cls is Linear and not last.arguments["bias"] and array.size in (1, size):
        return [_biased(node, value, array)]
    if array.size == 1:
        return [value.through(_affine(1.0, array))]
    return [_shifted(node, value, array)]


def multiply(reader, node):
    """A product of two values (x sigmoid(x) is one activation), or with a number; or of sizes."""
    sizes = [value_of(reader, node, k) for k in (0, 1)]
    if all(isinstance(value, Sizes) for value in sizes):
        pairs = list(zip(*(value.entries for value in sizes)))
        if not all(isinstance(a, int) and isinstance(b, int) for a, b in pairs):
            raise Unsupported(f"{described(node)}: multiplies sizes that are free")
        return [Sizes(tuple(a * b for a, b in pairs), sizes[0].scalar)]
    values, arrays = _operands(reader, node)
    if len(values) == 1:
        if arrays[0].size == 1:
            return [values[0].through(_affine(arrays[0], 0.0))]
        return [_scaled(node, values[0], arrays[0])]
    sigmoid = Spec(Activation, {"name": "sigmoid", "parameters": []})
    for x, gate in (values, values[::-1]):
        if gate.last == sigmoid and gate.made.takes[0] is x.made:
            return [x.through(Spec(Activation, {"name": "silu", "parameters": []}))]
    return [_joined(node, values, Multiply)]


def _operands(reader, node):
    """The two inputs of a node: what layers make, and constants."""
    arrays = [k for k in (0, 1) if isinstance(value_of(reader, node, k), np.ndarray)]
    values = [layer_output(reader, node, k) for k in (0, 1) if k not in arrays]
    return values, [value_of(reader, node, k) for k in arrays]


def _joined(node, values, cls):
    first, second = values
    if first.axes != second.axes:
        raise Unsupported(f"{described(node)}: joins {first.shape} and {second.shape}, which must have one shape")
    return first.through(Spec(cls), others=[second])


def _affine(factor, summand):
    parameters = [float(np.reshape(factor, ())), float(np.reshape(summand, ()))]
    return Spec(Activation, {"name": "affine", "parameters": parameters})


def _scaled(node, value, factors, summands=None):
    """Each feature times a factor of its own, and perhaps plus a summand: a Normalization back to the data's scale."""
    value, summands = features_of(value, factors.size), np.zeros_like(factors) if summands is None else summands
    if factors.size != value.axes[-1] or not (factors > 0).all():
        raise Unsupported(f"{described(node)}: must scale the last axis of {value.shape} by positive numbers")
    weights = {"mean": summands.reshape(-1), "std": factors.reshape(-1)}
    return value.through(Spec(Normalization, {"features": factors.size, "invert": True}, weights))


def _shifted(node, value, summands):
    """A summand for each feature: the rest of a Normalization, or one of its own."""
    last = value.last
    if last is None or last.cls is not Normalization or last.weights["mean"].any():
        return _scaled(node, value, np.ones_like(summands), summands)
    if summands.size != value.axes[-1]:
        raise Unsupported(f"{described(node)}: adds {summands.size} values to {value.axes[-1]} features")
    return value.again(Spec(Normalization, last.arguments, {**last.weights, "mean": summands.reshape(-1)}))


def _biased(node, value, bias):
    """A Linear without a bias, with one."""
    last, size = value.last, value.axes[-1]
    if bias.size not in (1, size):
        raise Unsupported(f"{described(node)}: the bias must have {size} values, got shape {bias.shape}")
    weights = {**last.weights, "bias": np.broadcast_to(bias.reshape(-1), (size,))}
    return value.again(Spec(Linear, {**last.arguments, "bias": True}, weights))


def rows_or_steps(reader, node):
    """Gather: the rows of a constant table that integers name, else a step or a direction."""
    table = value_of(reader, node)
    if not isinstance(table, np.ndarray):
        return gather(reader, node)
    value = layer_output(reader, node, 1)
    if table.ndim != 2 or table.dtype.kind != "f" or attribute_values(node).get("axis", 0) != 0 or value.last:
        raise Unsupported(f"{described(node)}: an embedding takes rows of a matrix, by integers of an input")
    spec = Spec(Embedding, {"num_embeddings": table.shape[0], "embedding_dim": table.shape[1]}, {"weight": table})
    return [value.through(spec, (*value.axes, table.shape[1]))]


def layer_norm(reader, node):
    value, scale, bias = layer_output(reader, node), constant(reader, node, 1), constant(reader, node, 2)
    options, value = attribute_values(node), features_of(value, scale.size)
    features = value.axes[-1]
    last = place_of(node, options.get("axis", -1), len(value.axes)) == len(value.axes) - 1
    if not last or scale.shape != (features,) or (bias is not None and bias.shape != (features,)):
        raise Unsupported(f"{described(node)}: must normalise the last axis of {value.shape}, with {features} gains")
    bias = np.zeros_like(scale) if bias is None else bias
    arguments = {"features": features, "eps": float(options.get("epsilon", 1e-5))}
    return [value.through(Spec(LayerNorm, arguments, {"weight": scale, "bias": bias}))]


def convolution(reader, node):
    """Over the time of (batch, features, time), as steps go in and come out of `Conv1D`."""
    value, weight, bias = layer_output(reader, node), constant(reader, node, 1), constant(reader, node, 2)
    options, k = attribute_values(node), weight.shape[-1]
    dilation, stride = options.get("dilations", [1])[0], options.get("strides", [1])[0]
    span = (k - 1) * dilation
    padding = {(span, 0): "causal", (span // 2, span - span // 2): "same"}.get(tuple(options.get("pads", (0, 0))))
    axes = value.axes
    fits = len(axes) == 3 and isinstance(axes[2], Axis) and axes[2].role != "batch" and weight.shape[1:2] == axes[1:2]
    plain = stride == 1 and options.get("group", 1) == 1 and options.get("auto_pad", "NOTSET") == "NOTSET"
    if weight.ndim != 3 or not fits or not plain or padding is None:
        raise Unsupported(
            f"{described(node)}: must be over the time of (batch, features, time), with as many steps out as in; "
            f"got {value.shape}, weights {weight.shape}, {options}"
        )
    axes[2].role = "time"
    arguments = {"in_channels": weight.shape[1], "out_channels": weight.shape[0], "kernel_size": k, "padding": padding}
    weights = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
    spec = Spec(Conv1D, {**arguments, "dilation": dilation, "bias": bias is not None}, weights)
    return [value.through(spec, (axes[0], weight.shape[0], axes[2]))]


def pooling(cls):
    def reader_of(reader, node):
        value, axes = layer_output(reader, node, directions=True), constant(reader, node, 1, "axes")
        places = [] if axes is None else [place_of(node, axis, len(value.axes)) for axis in axes.ravel()]
        axis = value.axes[places[0]] if len(places) == 1 else None
        if isinstance(axis, Directions):
            return [merged(node, value, places[0])]
        if not isinstance(axis, Axis) or axis.role == "batch" or len(value.axes) != 3:
            raise Unsupported(f"{described(node)}: must reduce the time of (batch, time, features), got {value.shape}")
        axis.role = "time"
        kept = [Directions(1)] * attribute_values(node).get("keepdims", 1)
        return [value.through(Spec(cls), [*value.axes[: places[0]], *kept, *value.axes[places[0] + 1 :]])]

    return reader_of


def merging(reader, node):
    """ReduceSum and ReduceProd: of the two directions of an LSTM."""
    value, axes = layer_output(reader, node, directions=True), constant(reader, node, 1, "axes")
    return [merged(node, value, place_of(node, int(axes.ravel()[0]), len(value.axes)) if axes is not None else 0)]


def merged(node, value, k):
    """Two directions of an LSTM reduced to one: its option `merge`."""
    merge = {"ReduceSum": "sum", "ReduceProd": "mul", "ReduceMean": "mean"}.get(node.op_type)
    last = value.last
    if merge is None or value.axes[k] != Directions(2) or last is None or last.cls is not LSTM:
        raise Unsupported(f"{described(node)}: reduces {value.axes[k]} of {value.shape}, which no layer does")
    kept = [Directions(1)] * attribute_values(node).get("keepdims", 1)
    spec = Spec(LSTM, {**last.arguments, "merge": merge}, last.weights)
    return value.again(spec).rearranged([*value.axes[:k], *kept, *value.axes[k + 1 :]])


def activation(name, **defaults):
    """A reader of an operator that is `Activation(name)`, its parameters in the order of `defaults`."""

    def reader_of(reader, node):
        value, options = layer_output(reader, node), attribute_values(node)
        parameters = [float(options.get(key, default)) for key, default in defaults.items()]
        return [value.through(Spec(Activation, {"name": name, "parameters": parameters}))]

    return reader_of


def softmax(name):
    def reader_of(reader, node):
        value = layer_output(reader, node)
        first = 1 if reader.graph.opsets.get("", 1) < 13 else -1
        k = place_of(node, attribute_values(node).get("axis", first), len(value.axes))
        if k != len(value.axes) - 1:
            raise Unsupported(f"{described(node)}: must be over the last axis of {value.shape}, is over axis {k}")
        return [value.through(Spec(Activation, {"name": name, "parameters": []}))]

    return reader_of


def gelu(reader, node):
    if attribute_values(node).get("approximate", "none") != "tanh":
        raise Unsupported(f"{described(node)}: approximate must be 'tanh'")
    return activation("gelu_tanh")(reader, node)


def clip(reader, node):
    low, high = constant(reader, node, 1, "min"), constant(reader, node, 2, "max")
    if low is None or high is None or (float(low), float(high)) != (0.0, 6.0):
        raise Unsupported(f"{described(node)}: only clipping within 0 and 6 is an activation")
    return activation("relu6")(reader, node)


def dropout(reader, node):
    value, ratio = layer_output(reader, node), constant(reader, node, 1, "ratio")
    return [value.through(Spec(Dropout, {"p": 0.5 if ratio is None else float(ratio)}))]


READERS = {
    **SHAPES,
    "LSTM": lstm,
    "MatMul": matmul,
    "Gemm": gemm,
    "Add": add,
    "Gather": rows_or_steps,
    "LayerNormalization": layer_norm,
    "Conv": convolution,
    "ReduceMean": pooling(MeanPool),
    "ReduceMax": pooling(MaxPool),
    "ReduceSum": merging,
    "ReduceProd": merging,
    "Dropout": dropout,
    "Sigmoid": activation("sigmoid"),
    "Tanh": activation("tanh"),
    "Relu": activation("relu"),
    "Softsign": activation("softsign"),
    "Softplus": activation("softplus"),
    "HardSwish": activation("hard_swish"),
    "Selu": activation("selu"),
    "Exp": activation("exponential"),
    "LeakyRelu": activation("leaky_relu", alpha=0.01),
    "Elu": activation("elu", alpha=1.0),
    "ThresholdedRelu": activation("thresholded_relu", alpha=1.0),
    "HardSigmoid": activation("hard_sigmoid", alpha=0.2, beta=0.5),
    "Softmax": softmax("softmax"),
    "LogSoftmax": softmax("log_softmax"),
    "Gelu": gelu,
    "Clip": clip,
    "Mul": multiply,
}
