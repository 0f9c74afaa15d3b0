"""What `eigenlstm.LSTM` computes: directions, ragged rows and stacks of `cell`, forward and backward.

x (B, T, I), y (B, T, D*P), state (h, c) with h (layers*D, B, P) and c (layers*D, B, H), D directions; parameters are
named as PyTorch names them, with one bias: weight_ih_l0, weight_hh_l0, bias_l0, weight_hr_l0, weight_ih_l0_reverse, ….
The numbers of layers and directions, projection, peepholes, normalisation and learned states (h0_l0, c0_l0) show
in the names. Where layers differ in width, h and c are lists of arrays (B, P) and (B, H).
"""

from dataclasses import dataclass, field, replace

import numpy as np

from .cell import CellOptions, cell_backward, cell_forward


@dataclass(frozen=True)
class Options:
    cell: CellOptions = CellOptions()
    second_activations: tuple = None  # of the second direction, where they aren't those of `cell`
    reverse: bool = False  # a single direction that runs backwards (ONNX direction="reverse")
    merge: str = "concat"  # two directions: concat, sum, mean, mul
    residual: bool = False  # from the second layer on, y = lstm(x) + x
    missing: str = "error"  # NaN in x: error, forward_fill, mask (zero plus an indicator: I doubles)
    masks: dict = field(default_factory=dict)
    # input_l0 (B, T or 1, I): multiplies what a layer sees; recurrent_l0 (B, P); weight_l0 (4H, P);
    # zoneout_h_l0 (B, T, P), zoneout_c_l0 (B, T, H): 1 keeps the old state. All with _reverse for that direction.


def options(**chosen):
    """Options from keywords, whether they belong to the stack or to the cell."""
    cell = {name: chosen.pop(name) for name in list(chosen) if name in CellOptions.__dataclass_fields__}
    return replace(Options(**chosen), cell=CellOptions(**cell))


def cell_of(options, suffix):
    """The cell's options in one direction."""
    if options.second_activations is None or not suffix.endswith("_reverse"):
        return options.cell
    return replace(options.cell, activations=options.second_activations)


def suffixes(params):
    """[["l0", "l0_reverse"], ["l1", …], …]: per layer, the names of its directions."""
    layers = sum(name.startswith("weight_ih_l") and not name.endswith("_reverse") for name in params)
    directions = ["", "_reverse"] if "weight_ih_l0_reverse" in params else [""]
    return [[f"l{k}{d}" for d in directions] for k in range(layers)]


def of_direction(named, suffix):
    """The entries of one direction of one layer, without the suffix: {"weight_ih": …}."""
    return {name[: -len(suffix) - 1]: value for name, value in named.items() if name.endswith("_" + suffix)}


def reverse_rows(a, lengths):
    """Each row of a (B, T, …) turned around within its own length."""
    reversed_ = a.copy()
    for row, source, length in zip(reversed_, a, lengths):
        row[:length] = source[:length][::-1]
    return reversed_


def direction_forward(x, h, c, p, lengths, cell, masks, reverse):
    """One direction of one layer: x (B, T, I), h (B, P), c (B, H) -> y (B, T, P), h, c, tape."""
    B, T, _ = x.shape
    zoneout = {
        name: np.broadcast_to(masks[name], (B, T, masks[name].shape[2]))
        for name in ("zoneout_h", "zoneout_c")
        if name in masks
    }
    if reverse:
        x = reverse_rows(x, lengths)
        zoneout = {name: reverse_rows(mask, lengths) for name, mask in zoneout.items()}
    y = np.zeros((B, T, h.shape[1]))
    steps = []
    for t in range(T):
        alive = (t < lengths)[:, None]
        step_masks = {**masks, **{name: mask[:, t] for name, mask in zoneout.items()}}
        h_new, c_new, step = cell_forward(x[:, t], h, c, p, cell, step_masks)
        h = np.where(alive, h_new, h)
        c = np.where(alive, c_new, c)
        y[:, t] = np.where(alive, h, 0)
        steps.append(step)
    if reverse:
        y = reverse_rows(y, lengths)
    return y, h, c, steps


def direction_backward(steps, dy, dh, dc, lengths, grads, reverse, I):
    """dy (B, T, P), dh, dc of the last state -> dx (B, T, I), dh0, dc0; adds to grads."""
    B, T, _ = dy.shape
    if reverse:
        dy = reverse_rows(dy, lengths)
    dx = np.zeros((B, T, I))
    for t in reversed(range(T)):
        alive = (t < lengths)[:, None]
        # a row past its length sends nothing into the step and passes the state's gradient on
        dh_t, dc_t = np.where(alive, dh + dy[:, t], 0), np.where(alive, dc, 0)
        dx_t, dh_prev, dc_prev = cell_backward(steps[t], dh_t, dc_t, grads)
        dx[:, t] = dx_t
        dh = np.where(alive, dh_prev, dh)
        dc = np.where(alive, dc_prev, dc)
    return (reverse_rows(dx, lengths) if reverse else dx), dh, dc


def merge_forward(ys, merge):
    if len(ys) == 1 or merge == "concat":
        return np.concatenate(ys, axis=2)
    forward, backward = ys
    return {"sum": forward + backward, "mean": (forward + backward) / 2, "mul": forward * backward}[merge]


def merge_backward(ys, merge, dy):
    if len(ys) == 1:
        return [dy]
    if merge == "concat":
        return np.split(dy, 2, axis=2)
    forward, backward = ys
    return {"sum": [dy, dy], "mean": [dy / 2, dy / 2], "mul": [dy * backward, dy * forward]}[merge]


def fill_missing(x, how):
    """x without NaN, and for forward_fill the time each value was taken from (-1: none yet, 0 is used)."""
    if how == "error":
        return x, None
    nan = np.isnan(x)
    if how == "mask":
        return np.concatenate([np.where(nan, 0, x), nan], axis=2), None
    times = np.arange(x.shape[1])[None, :, None]
    source = np.maximum.accumulate(np.where(nan, -1, times), axis=1)
    return np.where(source < 0, 0, np.take_along_axis(x, np.maximum(source, 0), axis=1)), source


def fill_missing_backward(x, how, source, dx):
    if how == "error":
        return dx
    if how == "mask":
        return np.where(np.isnan(x), 0, dx[:, :, : x.shape[2]])
    out = np.zeros_like(x)
    for b, t, i in np.ndindex(x.shape):
        if source[b, t, i] >= 0:
            out[b, source[b, t, i], i] += dx[b, t, i]
    return out


def initial_state(params, names, state, B):
    """Per direction h0 (B, P) and c0 (B, H): given, learned (h0_l0, c0_l0) or zero."""
    flat = [suffix for layer in names for suffix in layer]
    if state is not None:
        return [np.asarray(h, np.float64) for h in state[0]], [np.asarray(c, np.float64) for c in state[1]]
    sizes = {s: (params[f"weight_hh_{s}"].shape[1], params[f"weight_hh_{s}"].shape[0] // 4) for s in flat}
    row = lambda name, size: np.tile(params.get(name, np.zeros(size)), (B, 1))
    return [row(f"h0_{s}", sizes[s][0]) for s in flat], [row(f"c0_{s}", sizes[s][1]) for s in flat]


def stacked(arrays):
    """One array (layers*D, B, H) where the layers' widths allow it."""
    return np.stack(arrays) if len({a.shape for a in arrays}) == 1 else arrays


def lstm_forward(x, params, state=None, lengths=None, options=Options()):
    """-> y, (h, c), tape."""
    x = np.asarray(x, np.float64)
    params = {name: np.asarray(value, np.float64) for name, value in params.items()}
    B, T, _ = x.shape
    lengths = np.full(B, T) if lengths is None else np.asarray(lengths)
    names = suffixes(params)
    h0, c0 = initial_state(params, names, state, B)
    padding = (np.arange(T) >= lengths[:, None])[:, :, None]
    u, source = fill_missing(np.where(padding, 0, x), options.missing)

    h, c, layers = [], [], []
    for k, layer in enumerate(names):
        ys, runs, seen = [], [], []
        for suffix in layer:
            masks = of_direction(options.masks, suffix)
            seen.append(np.broadcast_to(masks.get("input", 1.0), u.shape))
            y, h_last, c_last, steps = direction_forward(
                u * seen[-1],
                h0[len(h)],
                c0[len(c)],
                of_direction(params, suffix),
                lengths,
                cell_of(options, suffix),
                masks,
                suffix.endswith("_reverse") or options.reverse,
            )
            ys.append(y), runs.append(steps), h.append(h_last), c.append(c_last)
        layers.append({"ys": ys, "runs": runs, "seen": seen, "I": u.shape[2]})
        y = merge_forward(ys, options.merge)
        u = y + u if options.residual and k > 0 else y
    tape = {
        "x": x,
        "params": params,
        "lengths": lengths,
        "names": names,
        "options": options,
        "source": source,
        "layers": layers,
        "given_state": state is not None,
        "shapes": ([a.shape for a in h], [a.shape for a in c]),
    }
    return u, (stacked(h), stacked(c)), tape


def lstm_backward(tape, dy, dstate=None):
    """-> dx, (dh0, dc0), grads (a dict with the parameters' names)."""
    options, names, params, lengths = tape["options"], tape["names"], tape["params"], tape["lengths"]
    grads = {name: np.zeros_like(value) for name, value in params.items()}
    if dstate is None:
        dstate = [[np.zeros(shape) for shape in shapes] for shapes in tape["shapes"]]
    dh, dc = ([np.asarray(a, np.float64) for a in d] for d in dstate)
    du = np.asarray(dy, np.float64)

    at = len(dh)
    for k, layer in reversed(list(enumerate(names))):
        L = tape["layers"][k]
        at -= len(layer)
        dx = np.zeros(du.shape[:2] + (L["I"],))
        if options.residual and k > 0:
            dx += np.where((np.arange(du.shape[1]) < lengths[:, None])[:, :, None], du, 0)
        dys = merge_backward(L["ys"], options.merge, du)
        for d, suffix in enumerate(layer):
            own = of_direction(grads, suffix)
            dx_d, dh[at + d], dc[at + d] = direction_backward(
                L["runs"][d],
                dys[d],
                dh[at + d],
                dc[at + d],
                lengths,
                own,
                suffix.endswith("_reverse") or options.reverse,
                L["I"],
            )
            dx += dx_d * L["seen"][d]
            if "h0" in own and not tape["given_state"]:
                own["h0"] += dh[at + d].sum(0)
                own["c0"] += dc[at + d].sum(0)
        du = dx
    dx = fill_missing_backward(tape["x"], options.missing, tape["source"], du)
    return dx, (stacked(dh), stacked(dc)), grads
