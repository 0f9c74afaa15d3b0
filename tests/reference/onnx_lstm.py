"""The ONNX operator LSTM (opset 22) on the oracle: its layouts (gates i o f c, P in i o f) and attributes.

Time-major X (T, B, I); W (D, 4H, I), R (D, 4H, H), B (D, 8H) as Wb then Rb, P (D, 3H); Y (T, D, B, H), Y_h and
Y_c (D, B, H). Activation names may be ONNX's (HardSigmoid) or ours (hard_sigmoid).
"""

import re

import numpy as np

from .lstm import lstm_forward, options

IFGO_FROM_ONNX = [0, 2, 3, 1]  # gate blocks: i o f c -> i f g o


def snake_case(name):
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def reorder(a, blocks):
    """The equal blocks of the first axis of `a` in another order."""
    return np.concatenate([np.split(a, len(blocks))[k] for k in blocks])


def to_params(W, R, B=None, P=None):
    """ONNX weights -> the oracle's dict, one layer."""
    params = {}
    for d, suffix in enumerate(["l0", "l0_reverse"][: len(W)]):
        params[f"weight_ih_{suffix}"] = reorder(W[d], IFGO_FROM_ONNX)
        params[f"weight_hh_{suffix}"] = reorder(R[d], IFGO_FROM_ONNX)
        if B is not None:
            Wb, Rb = np.split(B[d], 2)
            params[f"bias_{suffix}"] = reorder(Wb + Rb, IFGO_FROM_ONNX)
        if P is not None:
            params[f"peephole_{suffix}"] = reorder(P[d], [0, 2, 1])
    return params


def onnx_lstm(
    X,
    W,
    R,
    B=None,
    sequence_lens=None,
    initial_h=None,
    initial_c=None,
    P=None,
    *,
    direction="forward",
    activations=None,
    clip=None,
    input_forget=0,
):
    """-> Y, Y_h, Y_c. `activations`: (f, g, h) of every direction; f is for the gates."""
    D, rows, H = R.shape[0], X.shape[1], R.shape[2]
    names = [snake_case(a) if isinstance(a, str) else a for a in activations or ["sigmoid", "tanh", "tanh"] * D]
    chosen = options(
        activations=tuple(names[:3]),
        second_activations=tuple(names[3:]) or None,
        gate_clip=np.inf if clip is None else clip,
        coupled_input_forget=bool(input_forget),
        reverse=direction == "reverse",
    )
    zeros = np.zeros((D, rows, H))
    state = (zeros if initial_h is None else initial_h, zeros if initial_c is None else initial_c)
    y, (h, c), _ = lstm_forward(X.transpose(1, 0, 2), to_params(W, R, B, P), state, sequence_lens, chosen)
    return y.reshape(*y.shape[:2], D, H).transpose(1, 2, 0, 3), h, c
