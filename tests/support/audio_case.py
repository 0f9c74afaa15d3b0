"""Files of amplifiers with random weights, and what they sound like: NumPy in float64, straight from the documents."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


ACTIVATIONS = {
    "": lambda x: x,
    "linear": lambda x: x,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": sigmoid,
    "softmax": lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum(),
    "elu": lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x),
}


def lstm(x, W, R, b, h, c):
    """y (T, H) of x (T, I), and the state: gates i f g o in the rows of W (4H, I), R (4H, H) and b."""
    H, y = len(h), []
    for x_t in x:
        z = W @ x_t + R @ h + b
        i, f, g, o = sigmoid(z[:H]), sigmoid(z[H : 2 * H]), np.tanh(z[2 * H : 3 * H]), sigmoid(z[3 * H :])
        c = f * c + i * g
        h = o * np.tanh(c)
        y.append(h)
    return np.array(y), (h, c)


def uniform(rng, *shape):
    return rng.uniform(-0.6, 0.6, shape).tolist()


# -- NAM ---------------------------------------------------------------------------------------------


def nam(rng, inputs=1, hidden=3, layers=1, outputs=1, rate=4000):
    weights = []
    for k in range(layers):
        width = inputs if k == 0 else hidden
        weights += uniform(rng, 4 * hidden * (width + hidden) + 6 * hidden)
    weights += uniform(rng, outputs * (hidden + 1))
    config = {"input_size": inputs, "hidden_size": hidden, "num_layers": layers}
    if outputs > 1:
        config["out_channels"] = outputs
    return {
        "version": "0.5.4", "architecture": "LSTM", "config": config, "weights": weights, "sample_rate": rate,
        "metadata": {"name": "random", "loudness": -18.5},
    }  # fmt: skip


def play_nam(document, x, silence):
    config, flat = document["config"], np.array(document["weights"])
    H, width, outputs = config["hidden_size"], config["input_size"], config.get("out_channels", 1)
    x = np.concatenate([np.zeros((silence, width)), x])
    for _ in range(config["num_layers"]):
        size = 4 * H * (width + H)
        matrix, rest = flat[:size].reshape(4 * H, width + H), flat[size:]
        b, h, c, flat = rest[: 4 * H], rest[4 * H : 5 * H], rest[5 * H : 6 * H], rest[6 * H :]
        x, _ = lstm(x, matrix[:, :width], matrix[:, width:], b, h, c)
        width = H
    head, bias = flat[:-outputs].reshape(outputs, H), flat[-outputs:]
    return (x @ head.T + bias)[silence:]


# -- GuitarML ----------------------------------------------------------------------------------------


def guitarml(rng, inputs=1, hidden=3, layers=1, skip=1, bias=True):
    state = {}
    for k in range(layers):
        state[f"rec.weight_ih_l{k}"] = uniform(rng, 4 * hidden, inputs if k == 0 else hidden)
        state[f"rec.weight_hh_l{k}"] = uniform(rng, 4 * hidden, hidden)
        state[f"rec.bias_ih_l{k}"] = uniform(rng, 4 * hidden)
        state[f"rec.bias_hh_l{k}"] = uniform(rng, 4 * hidden)
    state["lin.weight"] = uniform(rng, 1, hidden)
    if bias:
        state["lin.bias"] = uniform(rng, 1)
    data = {
        "model": "SimpleRNN", "input_size": inputs, "skip": skip, "output_size": 1, "unit_type": "LSTM",
        "num_layers": layers, "hidden_size": hidden, "bias_fl": bias,
    }  # fmt: skip
    return {"model_data": data, "state_dict": state}


def play_guitarml(document, x):
    data, state = document["model_data"], {name: np.array(value) for name, value in document["state_dict"].items()}
    y, H = x, data["hidden_size"]
    for k in range(data["num_layers"]):
        b = state[f"rec.bias_ih_l{k}"] + state[f"rec.bias_hh_l{k}"]
        y, _ = lstm(y, state[f"rec.weight_ih_l{k}"], state[f"rec.weight_hh_l{k}"], b, np.zeros(H), np.zeros(H))
    y = y @ state["lin.weight"].T + state.get("lin.bias", 0.0)
    return y + x[:, :1] if data["skip"] else y


# -- a bare state_dict of PyTorch ----------------------------------------------------------------------


def torch_state(rng, inputs=1, hidden=4, bias=True, layers=((1, "lstm."), (2, "lstm2."), (1, "lstm10."))):
    """`layers`: how many, and the prefix, of each LSTM."""
    state, width = {"dense.weight": uniform(rng, 1, hidden), "dense.bias": uniform(rng, 1)}, inputs
    for count, prefix in reversed(layers):  # in an order that says nothing
        for k in range(count):
            width = inputs if (k, prefix) == (0, layers[0][1]) else hidden
            state[f"{prefix}weight_ih_l{k}"] = uniform(rng, 4 * hidden, width)
            state[f"{prefix}weight_hh_l{k}"] = uniform(rng, 4 * hidden, hidden)
            if bias:
                state |= {f"{prefix}bias_{each}_l{k}": uniform(rng, 4 * hidden) for each in ("ih", "hh")}
    return state


def play_torch_state(document, x, prefixes=("lstm.", "lstm2.", "lstm10.")):
    state = {name: np.array(value) for name, value in document.items()}
    y, H = x, state["dense.weight"].shape[1]
    for prefix in prefixes:
        k = 0
        while f"{prefix}weight_ih_l{k}" in state:
            b = sum(state.get(f"{prefix}bias_{each}_l{k}", np.zeros(4 * H)) for each in ("ih", "hh"))
            W, R = state[f"{prefix}weight_ih_l{k}"], state[f"{prefix}weight_hh_l{k}"]
            y, _ = lstm(y, W, R, b, np.zeros(H), np.zeros(H))
            k += 1
    return y @ state["dense.weight"].T + state["dense.bias"]


# -- RTNeural and AIDA-X -------------------------------------------------------------------------------


def rtneural(rng, inputs=1, sizes=(("lstm", 4, "tanh"), ("dense", 1, ""))):
    """`sizes`: (type, outputs, activation) of each layer."""
    layers, width = [], inputs
    for kind, size, activation in sizes:
        if kind == "lstm":
            weights = [uniform(rng, width, 4 * size), uniform(rng, size, 4 * size), uniform(rng, 4 * size)]
        else:
            weights = [uniform(rng, width, size), uniform(rng, size)] if kind != "activation" else []
            weights = weights[: 1 if kind == "dense" and activation == "linear" else 2]  # a dense layer without bias
        layers.append({"type": kind, "activation": activation, "shape": [None, None, size], "weights": weights})
        width = size
    return {"in_shape": [None, None, inputs], "layers": layers}


def play_rtneural(document, x, gains=True):
    y = x = np.array(x)
    if gains:
        x[:, 0] *= 10 ** (document.get("in_gain", 0) / 20)
    for layer in document["layers"]:
        weights, size = [np.array(weight) for weight in layer["weights"]], layer["shape"][-1]
        if layer["type"] == "lstm":
            y, _ = lstm(y, weights[0].T, weights[1].T, weights[2], np.zeros(size), np.zeros(size))
            continue
        if layer["type"] != "activation":
            y = y @ weights[0] + (weights[1] if len(weights) > 1 else 0)
        y = np.array([ACTIVATIONS[layer["activation"]](row) for row in y])
    if document.get("in_skip"):
        y = y + x[:, : y.shape[1]]
    return y * 10 ** (document.get("out_gain", 0) / 20) if gains else y


def aidax(rng, inputs=1, skip=1, test=2048):
    document = rtneural(rng, inputs, (("lstm", 4, ""), ("dense", 1, "")))
    document |= {
        "in_skip": skip,
        "in_gain": -6.5,
        "out_gain": 3.25,
        "metadata": {"name": "random", "samplerate": "44100"},
    }
    x = np.zeros((test, inputs))
    x[:, 0] = rng.uniform(-0.5, 0.5, test)
    document["input_batch"] = x[:, 0].tolist()
    document["output_batch"] = play_rtneural(document, x, gains=False)[:, 0].tolist()
    return document
