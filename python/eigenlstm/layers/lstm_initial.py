"""Initial values of an LSTM's parameters."""

import math

import numpy as np


def draw(lstm, rng):
    """Write initial values into the parameters of `lstm`, drawn from `rng` in their order."""
    for name, view in lstm._param_views.items():
        kind = name.rsplit("_l", 1)[0]
        if kind in ("weight_ih", "weight_hh", "weight_hr", "bias"):
            H = view.shape[1] if kind == "weight_hr" else view.shape[0] // 4
            view[...] = _values(lstm.init, kind, view.shape, H, rng)
            if kind == "bias":
                view[H : 2 * H] += lstm.forget_bias
        else:  # A variant's own parameters start as if the variant were not there: gains at one, all else at zero.
            view[...] = kind in ("norm_weight", "norm_cell_weight")


def _values(init, kind, shape, H, rng):
    if init == "torch":
        return rng.uniform(-1 / math.sqrt(H), 1 / math.sqrt(H), shape)
    if kind == "bias":
        return 0
    if kind == "weight_hh":
        q, r = np.linalg.qr(rng.standard_normal(shape))
        return q * np.sign(np.diagonal(r))  # the signs make the distribution uniform (Mezzadri 2007)
    limit = math.sqrt(6 / sum(shape))
    return rng.uniform(-limit, limit, shape)
