"""The LSTM as a lecture shows it (Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000).

One matrix and one bias per gate, applied to the concatenation [h_{t-1}, x_t]:

    i_t = sigmoid(W_i [h_{t-1}, x_t] + b_i)        input gate
    f_t = sigmoid(W_f [h_{t-1}, x_t] + b_f)        forget gate
    g_t = tanh   (W_g [h_{t-1}, x_t] + b_g)        candidate
    o_t = sigmoid(W_o [h_{t-1}, x_t] + b_o)        output gate
    c_t = f_t * c_{t-1} + i_t * g_t
    h_t = o_t * tanh(c_t)
"""

import numpy as np

GATES = "ifgo"


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def step(x, h, c, weights):
    """One step of one row: x (I,), h (H,), c (H,) -> h, c. `weights` maps W_i … (H, H + I) and b_i … (H,)."""
    hx = np.concatenate([h, x])
    i = sigmoid(weights["W_i"] @ hx + weights["b_i"])
    f = sigmoid(weights["W_f"] @ hx + weights["b_f"])
    g = np.tanh(weights["W_g"] @ hx + weights["b_g"])
    o = sigmoid(weights["W_o"] @ hx + weights["b_o"])
    c = f * c + i * g
    h = o * np.tanh(c)
    return h, c


def run(x, weights):
    """All steps of one row from a zero state: x (T, I) -> every h (T, H), and the last c (H,)."""
    h = c = np.zeros(len(weights["b_i"]))
    outputs = []
    for x_t in x:
        h, c = step(x_t, h, c, weights)
        outputs.append(h)
    return np.array(outputs), c


def to_stacked(weights):
    """Textbook weights -> `weight_ih_l0` (4H, I), `weight_hh_l0` (4H, H), `bias_l0` (4H,)."""
    H = len(weights["b_i"])
    W = np.concatenate([weights["W_" + gate] for gate in GATES])  # (4H, H + I)
    b = np.concatenate([weights["b_" + gate] for gate in GATES])
    return {"weight_ih_l0": W[:, H:], "weight_hh_l0": W[:, :H], "bias_l0": b}


def from_stacked(params):
    """The inverse of `to_stacked`."""
    hx = np.concatenate([params["weight_hh_l0"], params["weight_ih_l0"]], axis=1)
    weights = {"W_" + gate: W for gate, W in zip(GATES, np.split(hx, 4))}
    weights.update({"b_" + gate: b for gate, b in zip(GATES, np.split(params["bias_l0"], 4))})
    return weights
