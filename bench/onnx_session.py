"""`el.onnx.Session` against ONNX Runtime on the whole graph: ``python -m bench.onnx_session``.

Graphs of LSTMs among convolutions, as voice detection, keyword spotting and text recognition have them. One thread
each; in each of many rounds each has one turn, and what is counted is processor time, so that what else the machine
does disturbs both alike and little; the answers are compared first. "LSTMs" is the share of ONNX Runtime's own time
that its LSTM nodes take, from its profile.

On two shared cores of an AMD EPYC with avx512 under load, ONNX Runtime 1.32.0:

    graph                                   LSTMs  ONNX Runtime    Session   ratio   quartiles
    voice detection, a frame of 7 steps      46%         42 us      46 us    0.92   0.91 to 0.95
    keyword, 100 steps                       77%        207 us     177 us    1.17   1.16 to 1.18
    streaming, 1 step                        36%         16 us      24 us    0.66   0.65 to 0.67
    text recognition                         84%       4117 us    3749 us    1.10   1.05 to 1.15
    mostly convolutions                       8%       6776 us    6912 us    0.97   0.95 to 1.00
    mostly LSTMs                             93%      20136 us   16844 us    1.19   1.17 to 1.21

Each cut costs about 4 us: a call of ONNX Runtime from Python and what it copies. Graphs that take less than 100 us in
all feel that.
"""

import json
import os
import statistics
import tempfile
import time
from functools import partial

import numpy as np
import onnxruntime
from onnx import helper, numpy_helper

import eigenlstm as el

# name: (batch, channels in, steps, [(convolutions' channels, how many)], hidden, LSTM layers, bidirectional)
GRAPHS = {
    "voice detection, a frame of 7 steps": (1, 64, 7, [(64, 3)], 128, 1, False),
    "keyword, 100 steps": (1, 40, 100, [(64, 2)], 96, 1, False),
    "streaming, 1 step": (1, 32, 1, [(32, 2)], 64, 2, False),
    "text recognition": (8, 32, 60, [(96, 3)], 128, 2, True),
    "mostly convolutions": (8, 48, 200, [(128, 8)], 32, 1, False),
    "mostly LSTMs": (16, 24, 80, [(32, 1)], 192, 2, True),
}


def graph(rng, batch, channels, steps, convolutions, hidden, layers, bidirectional):
    """x (batch, channels, steps) through convolutions, LSTMs, a convolution and a matrix."""
    nodes, weights, value = [], {}, "x"

    def weight(name, *shape):
        weights[name] = (rng.standard_normal(shape) / np.sqrt(shape[-1] * (shape[-2] if len(shape) > 2 else 1))).astype(
            np.float32
        )
        return name

    def node(operator, *inputs, outputs=1, **attributes):
        names = [f"{operator}_{len(nodes)}_{k}" for k in range(outputs)]
        nodes.append(helper.make_node(operator, list(inputs), names, name=names[0], **attributes))
        return names[0]

    def convolved(value, channels, more, k):
        value = node("Conv", value, weight(f"K{k}", more, channels, 3), pads=[1, 1])
        return node("Relu", value)

    for more, count in convolutions:
        for k in range(count):
            value, channels = convolved(value, channels, more, f"{more}_{k}"), more
    D, features = 1 + bidirectional, channels
    weights.update({"shape": np.array([0, 0, -1])} if bidirectional else {"one": np.array([1])})
    value = node("Transpose", value, perm=[2, 0, 1])
    for layer in range(layers):
        shapes = (D, 4 * hidden, features), (D, 4 * hidden, hidden), (D, 8 * hidden)
        names = [weight(f"{kind}{layer}", *shape) for kind, shape in zip("WRB", shapes)]
        direction = "bidirectional" if bidirectional else "forward"
        value = node("LSTM", value, *names, hidden_size=hidden, direction=direction)
        if bidirectional:
            value = node("Reshape", node("Transpose", value, perm=[0, 2, 1, 3]), "shape")
        else:
            value = node("Squeeze", value, "one")
        features = D * hidden
    value = convolved(node("Transpose", value, perm=[1, 2, 0]), features, 16, "last")
    value = node("MatMul", node("Transpose", value, perm=[0, 2, 1]), weight("M", 16, 4))
    nodes.append(helper.make_node("Identity", [value], ["y"], name="y"))
    inputs = [helper.make_tensor_value_info("x", 1, ["N", weights["K" + str(convolutions[0][0]) + "_0"].shape[1], "T"])]
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    outputs = [helper.make_tensor_value_info("y", 1, ["N", "T", 4])]
    made = helper.make_graph(nodes, "graph", inputs, outputs, tensors)
    model = helper.make_model(made, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])
    return model.SerializeToString(), rng.standard_normal(
        (batch, inputs[0].type.tensor_type.shape.dim[1].dim_value, steps)
    )


def options(profile=None):
    chosen = onnxruntime.SessionOptions()
    chosen.intra_op_num_threads = chosen.inter_op_num_threads = 1
    if profile:
        chosen.enable_profiling, chosen.profile_file_prefix = True, profile
    return chosen


def lstm_share(data, feed):
    """The share of the time of ONNX Runtime's nodes that LSTM nodes take."""
    with tempfile.TemporaryDirectory() as folder:
        session = onnxruntime.InferenceSession(data, options(os.path.join(folder, "profile")))
        for _ in range(30):
            session.run(None, feed)
        with open(session.end_profiling()) as file:
            events = json.load(file)
    spent = {True: 0, False: 0}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            spent[event["args"]["op_name"] == "LSTM"] += event["dur"]
    return spent[True] / sum(spent.values())


def race(contestants, rounds, seconds):
    """Microseconds of processor time of a call of each in every round, by turns."""
    times = [[] for _ in contestants]
    repeats = []
    for call in contestants:
        start = time.process_time()
        for _ in range(3):
            call()
        repeats.append(max(1, int(seconds / max(1e-6, (time.process_time() - start) / 3))))
    for k in range(rounds):
        order = list(range(len(contestants)))
        for i in order if k % 2 else order[::-1]:
            start = time.process_time()
            for _ in range(repeats[i]):
                contestants[i]()
            times[i].append((time.process_time() - start) / repeats[i] * 1e6)
    return times


def main(rounds=40, seconds=0.02):
    el.set_num_threads(1)
    print(
        f"onnxruntime {onnxruntime.__version__}, {el.isa()}, one thread each, {rounds} rounds; "
        "a ratio above 1: Session is faster"
    )
    print(f"{'graph':38}{'LSTMs':>7}{'ONNX Runtime':>14}{'Session':>11}{'ratio':>8}   quartiles")
    rng = np.random.default_rng(0)
    for name, shape in GRAPHS.items():
        data, x = graph(rng, *shape)
        feed = {"x": x.astype(np.float32)}
        whole = onnxruntime.InferenceSession(data, options(), providers=["CPUExecutionProvider"])
        session = el.onnx.Session(data, options())
        expected, got = whole.run(None, feed)[0], session.run(None, feed)[0]
        assert np.abs(got - expected).max() < 1e-4 * max(1, np.abs(expected).max()), name
        share = lstm_share(data, feed)
        theirs, ours = race([partial(whole.run, None, feed), partial(session.run, None, feed)], rounds, seconds)
        ratios = statistics.quantiles([a / b for a, b in zip(theirs, ours)], n=4)
        print(
            f"{name:38}{share:6.0%}{statistics.median(theirs):11.0f} us{statistics.median(ours):8.0f} us"
            f"{ratios[1]:8.2f}   {ratios[0]:.2f} to {ratios[2]:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
