"""One step of an LSTM with every variant, and its gradient. Backward mirrors forward line by line.

Sources: peepholes Gers & Schmidhuber 2000 (i and f see c_{t-1}, o sees c_t); coupled gates Greff et al. 2017
(f = 1 - i, ONNX `input_forget`); projection Sak et al. 2014; layer normalisation Ba et al. 2016, with each gate's
whole pre-activation W x + R h normalised over its H units, and the cell on its way to the output only; zoneout
Krueger et al. 2017 (h is made from the cell before its zoneout); `cell_clip` clips the state (TensorFlow, cuDNN),
`gate_clip` what enters the gates' activations (ONNX); recurrent dropout Gal & Ghahramani 2016; weight drop
Merity et al. 2018.
"""

from dataclasses import dataclass

import numpy as np

from .activations import activate, derivative

LAYER_NORM_EPSILON = 1e-5


@dataclass(frozen=True)
class CellOptions:
    """What the parameters themselves don't show (a peephole is there when the parameter `peephole` is)."""

    activations: tuple = ("sigmoid", "tanh", "tanh")  # gates, candidate, output
    coupled_input_forget: bool = False
    cell_clip: float = np.inf
    gate_clip: float = np.inf
    zoneout: tuple = (0.0, 0.0)  # (h, c): the expectation that inference uses


def normalise(v):
    """(v - mean) / standard deviation over the last axis; also the deviation, for backward."""
    deviation = np.sqrt(v.var(axis=-1, keepdims=True) + LAYER_NORM_EPSILON)
    return (v - v.mean(axis=-1, keepdims=True)) / deviation, deviation


def normalise_backward(n, deviation, dn):
    mean = lambda a: a.mean(axis=-1, keepdims=True)
    return (dn - mean(dn) - n * mean(dn * n)) / deviation


def cell_forward(x, h_prev, c_prev, p, options, masks):
    """x (B, I), h_prev (B, P), c_prev (B, H) -> h, c, tape.

    `p`: weight_ih (4H, I), weight_hh (4H, P) and, where used, bias (4H,), weight_hr (P, H), peephole (3H,) as i f o,
    norm_weight (4H,), norm_cell_weight (H,), norm_cell_bias (H,).
    `masks`: recurrent (B, P), weight (4H, P), zoneout_h (B, P), zoneout_c (B, H); all optional.
    """
    gate, candidate, output = options.activations
    clip = lambda z: np.clip(z, -options.gate_clip, options.gate_clip)
    B, H = c_prev.shape
    zone_h = masks.get("zoneout_h", options.zoneout[0])
    zone_c = masks.get("zoneout_c", options.zoneout[1])
    p_i, p_f, p_o = np.split(p.get("peephole", np.zeros(3 * H)), 3)

    h_in = h_prev * masks.get("recurrent", 1.0)
    R = p["weight_hh"] * masks.get("weight", 1.0)
    z = x @ p["weight_ih"].T + h_in @ R.T
    z_hat = z_deviation = None
    if "norm_weight" in p:
        z_hat, z_deviation = normalise(z.reshape(B, 4, H))
        z = z_hat.reshape(B, 4 * H) * p["norm_weight"]
    z_i, z_f, z_g, z_o = np.split(z + p.get("bias", 0.0), 4, axis=1)

    z_i = z_i + p_i * c_prev
    z_f = z_f + p_f * c_prev
    i = activate(gate, clip(z_i))
    f = 1 - i if options.coupled_input_forget else activate(gate, clip(z_f))
    g = activate(candidate, clip(z_g))
    c_sum = f * c_prev + i * g
    c_new = np.clip(c_sum, -options.cell_clip, options.cell_clip)
    z_o = z_o + p_o * c_new
    o = activate(gate, clip(z_o))
    c_hat = c_deviation = None
    c_out = c_new
    if "norm_cell_weight" in p:
        c_hat, c_deviation = normalise(c_new)
        c_out = c_hat * p["norm_cell_weight"] + p["norm_cell_bias"]
    m = o * activate(output, c_out)
    h_new = m @ p["weight_hr"].T if "weight_hr" in p else m

    c = zone_c * c_prev + (1 - zone_c) * c_new
    h = zone_h * h_prev + (1 - zone_h) * h_new
    return h, c, dict(locals())


def cell_backward(tape, dh, dc, grads):
    """dh (B, P), dc (B, H) -> dx, dh_prev, dc_prev; adds to `grads`, which has the names of `p`."""
    s = tape
    p, masks, options = s["p"], s["masks"], s["options"]
    gate, candidate, output = options.activations
    slope = lambda activation, z: derivative(activation, s["clip"](z)) * (np.abs(z) <= options.gate_clip)

    # h = zone_h * h_prev + (1 - zone_h) * h_new;  c = zone_c * c_prev + (1 - zone_c) * c_new
    dh_prev = s["zone_h"] * dh
    dh_new = (1 - s["zone_h"]) * dh
    dc_prev = s["zone_c"] * dc
    dc_new = (1 - s["zone_c"]) * dc

    # h_new = m @ weight_hr.T
    dm = dh_new
    if "weight_hr" in p:
        grads["weight_hr"] += dh_new.T @ s["m"]
        dm = dh_new @ p["weight_hr"]

    # m = o * output(c_out);  c_out = c_hat * norm_cell_weight + norm_cell_bias
    do = dm * activate(output, s["c_out"])
    dc_out = dm * s["o"] * derivative(output, s["c_out"])
    if "norm_cell_weight" in p:
        grads["norm_cell_weight"] += (dc_out * s["c_hat"]).sum(0)
        grads["norm_cell_bias"] += dc_out.sum(0)
        dc_out = normalise_backward(s["c_hat"], s["c_deviation"], dc_out * p["norm_cell_weight"])
    dc_new = dc_new + dc_out

    # o = gate(z_o + p_o * c_new)
    dz_o = do * slope(gate, s["z_o"])
    dc_new = dc_new + dz_o * s["p_o"]

    # c_new = clip(f * c_prev + i * g)
    dc_sum = dc_new * (np.abs(s["c_sum"]) <= options.cell_clip)
    di = dc_sum * s["g"]
    df = dc_sum * s["c_prev"]
    dg = dc_sum * s["i"]
    dc_prev = dc_prev + dc_sum * s["f"]

    # i = gate(z_i + p_i * c_prev);  f = gate(z_f + p_f * c_prev), or f = 1 - i;  g = candidate(z_g)
    if options.coupled_input_forget:
        di = di - df
        df = np.zeros_like(df)
    dz_i = di * slope(gate, s["z_i"])
    dz_f = df * slope(gate, s["z_f"])
    dz_g = dg * slope(candidate, s["z_g"])
    dc_prev = dc_prev + dz_i * s["p_i"] + dz_f * s["p_f"]
    if "peephole" in p:
        seen = [dz_i * s["c_prev"], dz_f * s["c_prev"], dz_o * s["c_new"]]
        grads["peephole"] += np.concatenate(seen, axis=1).sum(0)

    # z = norm_weight * normalise(x @ W.T + h_in @ R.T) + bias
    dz = np.concatenate([dz_i, dz_f, dz_g, dz_o], axis=1)
    if "bias" in p:
        grads["bias"] += dz.sum(0)
    if "norm_weight" in p:
        B, H = s["c_prev"].shape
        grads["norm_weight"] += (dz * s["z_hat"].reshape(B, 4 * H)).sum(0)
        dz_hat = (dz * p["norm_weight"]).reshape(B, 4, H)
        dz = normalise_backward(s["z_hat"], s["z_deviation"], dz_hat).reshape(B, 4 * H)
    grads["weight_ih"] += dz.T @ s["x"]
    grads["weight_hh"] += dz.T @ s["h_in"] * masks.get("weight", 1.0)
    dx = dz @ p["weight_ih"]
    dh_prev = dh_prev + dz @ s["R"] * masks.get("recurrent", 1.0)
    return dx, dh_prev, dc_prev
