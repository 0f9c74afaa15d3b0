"""Random models of ours for the ONNX exporter, and the peers that run what it writes."""

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

import eigenlstm as el

GATES = ["sigmoid", "hard_sigmoid", ("hard_sigmoid", 0.3, 0.4), "softsign", "tanh"]
OTHERS = [
    "tanh",
    "relu",
    "softsign",
    ("leaky_relu", 0.2),
    ("elu", 0.7),
    ("affine", 0.6, 0.1),
    ("scaled_tanh", 0.8, 1.3),
]
ONLY_SCAN = ["hard_swish"]  # the operator LSTM has no name for it


def pick(rng, values):
    return values[rng.integers(len(values))]


def chance(rng, p):
    return bool(rng.random() < p)


def random_lstm(rng, features, operator_only=False, dtype="float32"):
    """An `el.LSTM` with random options and weights; `operator_only`: those for which the operator LSTM has a word."""
    options = {"bidirectional": chance(rng, 0.4), "dtype": dtype, "seed": int(rng.integers(1000))}
    layers = int(rng.integers(1, 3))
    uniform = chance(rng, 0.7)
    # At least 4: layer normalisation of two units is little more than a sign, and magnifies every rounding.
    widths = int(rng.integers(4, 9)) if uniform else [int(w) for w in rng.integers(4, 9, layers)]

    def option(p, **chosen):
        if chance(rng, p):
            options.update(chosen)

    three = lambda: (pick(rng, GATES), pick(rng, OTHERS), pick(rng, OTHERS))
    option(0.2, bias=False)
    option(0.3, peephole=True)
    option(0.3, coupled_input_forget=True)
    option(0.3, gate_clip=float(rng.uniform(0.3, 2)))
    option(0.3, learned_state=True)
    option(0.3, activations=three())
    if options["bidirectional"]:
        option(0.3, activations=(three(), three()))
        option(0.4, merge=pick(rng, ["sum", "mean", "mul"]))
    else:
        option(0.3, reverse=True)
    if uniform and layers > 1:
        option(0.3, dropout=0.2)
    if uniform and layers > 1 and (not options["bidirectional"] or options.get("merge", "concat") != "concat"):
        option(0.3, residual=True)
    if not operator_only:
        option(0.2, proj_size=1)
        option(0.2, layer_norm=True)
        option(0.2, cell_clip=float(rng.uniform(0.2, 1)))
        option(0.2, zoneout=(0.1, 0.3))
        option(0.1, activations=("sigmoid", pick(rng, ONLY_SCAN), "tanh"))
        option(0.2, missing=pick(rng, ["mask", "forward_fill"]))
        if not uniform and options.get("residual"):
            del options["residual"]
    lstm = el.LSTM(features, widths, layers, **options)
    lstm.flat_params += 0.3 * rng.standard_normal(lstm.num_params).astype(dtype)
    return lstm


def random_model(rng, operator_only=False, dtype="float32"):
    """A Sequential, and an x for it. A learned state is used where no state is given."""
    B, T, features = int(rng.integers(1, 5)), int(rng.integers(1, 8)), int(rng.integers(1, 6))
    layers = []
    if chance(rng, 0.25):
        x = rng.integers(0, 9, (B, T))
        layers.append(el.Embedding(9, features, dtype=dtype, seed=0))
    else:
        x = rng.standard_normal((B, T, features)).astype(dtype)
    for _ in range(int(rng.integers(1, 3))):
        lstm = random_lstm(rng, features, operator_only, dtype)
        features = lstm.output_shape(("B", "T", features))[-1]
        layers.append(el.Sequential([lstm]) if chance(rng, 0.2) else lstm)
        if chance(rng, 0.3):
            layers.append(el.Dropout(0.3))
        if chance(rng, 0.3):
            layers.append(el.LayerNorm(features, dtype=dtype))
        if chance(rng, 0.3):
            layers += [el.Linear(features, features + 1, bias=chance(rng, 0.7), dtype=dtype, seed=1)]
            features += 1
        if chance(rng, 0.3):
            layers.append(
                el.Activation(pick(rng, ["relu", "gelu_tanh", "silu", "softmax", "hard_swish", "relu6", "selu"]))
            )
        if chance(rng, 0.15):
            layers.append(el.Reverse())
    if chance(rng, 0.6):
        ends = [el.Last(), el.MeanPool(), el.MaxPool(), el.Last(reverse=True)]
        if features % 2 == 0:
            ends += [el.Last(bidirectional=True), el.Last(bidirectional=True, merge="mean")]
        layers += [pick(rng, ends)]
        features = layers[-1].output_shape(("B", "T", features))[-1]
        layers += [el.Linear(features, 2, dtype=dtype, seed=2)] * chance(rng, 0.7)
    return el.Sequential(layers), x


def walk(model, x, lengths=None, states=None, where=""):
    """y, and dict name -> final state under the exporter's names; `states` likewise (initial ones, "0.h0")."""
    finals = {}
    for i, layer in enumerate(model.layers):
        name = f"{where}{i}."
        if isinstance(layer, el.Sequential):
            x, inner = walk(layer, x, lengths, states, name)
            finals.update(inner)
        elif isinstance(layer, el.LSTM):
            given = None if states is None else tuple(of_layer(states, name, part) for part in ("h0", "c0"))
            x, final = layer(x, given, lengths)
            for part, values in zip("hc", final):
                ways = ("", "_reverse")[: layer.num_directions]
                names = [f"{part}_l{k}{way}" for k in range(layer.num_layers) for way in ways]
                finals.update({name + part: values} if isinstance(values, np.ndarray) else
                              {name + n: value for n, value in zip(names, values)})  # fmt: skip
        else:
            x = layer(x, lengths=lengths)
        if not layer.keeps_time:
            lengths = None
    return x, finals


def of_layer(states, name, part):
    """The initial state of one layer: an array, or a list in the order in which the graph has them."""
    if name + part in states:
        return states[name + part]
    return [value for key, value in states.items() if key.startswith(f"{name}{part}_l")]


def run_onnxruntime(proto, feed):
    """dict name -> output of ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, feed)))


def run_reference(proto, feed):
    """dict name -> output of onnx's reference evaluator."""
    return dict(zip([o.name for o in proto.graph.output], ReferenceEvaluator(proto).run(None, feed)))


def reference_understands(proto):
    """Whether onnx's reference evaluator computes all that the LSTM nodes say: it passes over what it doesn't know."""
    for node in proto.graph.node:
        if node.op_type == "LSTM":
            said = {attribute.name for attribute in node.attribute}
            if said - {"hidden_size", "direction"} or (len(node.input) > 4 and node.input[4]):
                return False
    return True


def feed_for(proto, x, lengths=None, rng=None, sizes=None):
    """The inputs of an exported graph; states of the sizes it says, drawn from `rng`."""
    feed = {"x": x}
    for value in proto.graph.input[1:]:
        if value.name == "lengths":
            feed["lengths"] = lengths.astype(np.int32)
        else:
            dims = [d.dim_value or len(x) for d in value.type.tensor_type.shape.dim]
            dtype = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
            feed[value.name] = (0.5 * rng.standard_normal(dims)).astype(dtype)
    return feed
