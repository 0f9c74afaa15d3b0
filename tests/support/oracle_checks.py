"""The gradients of the oracle itself, against central differences."""

import numpy as np

from reference.gradcheck import central_differences, relative_error
from reference.lstm import lstm_backward, lstm_forward, options


def check_gradients(params, x, lengths=None, state=True, seed=3, tolerance=1e-6, **chosen):
    """Every gradient of the oracle against central differences of sum(y dy) + sum(h dh) + sum(c dc)."""
    rng = np.random.default_rng(seed)
    opts = options(**chosen)
    y, (h, c), _ = lstm_forward(x, params, None, lengths, opts)
    h0, c0 = ([0.5 * rng.standard_normal(a.shape) for a in s] for s in (h, c))
    dy = rng.standard_normal(y.shape)
    dh, dc = ([rng.standard_normal(a.shape) for a in s] for s in (h, c))
    given = (h0, c0) if state else None
    dot = lambda arrays, weights: sum(np.nansum(a * w) for a, w in zip(arrays, weights))

    def loss():
        y, (h, c), _ = lstm_forward(x, params, given, lengths, opts)
        return dot([y], [dy]) + dot(h, dh) + dot(c, dc)

    _, _, tape = lstm_forward(x, params, given, lengths, opts)
    dx, (dh0, dc0), grads = lstm_backward(tape, dy, (dh, dc))
    checks = {"x": (x, dx), **{name: (params[name], grads[name]) for name in params}}
    if state:
        checks.update({f"h0[{k}]": (a, dh0[k]) for k, a in enumerate(h0)})
        checks.update({f"c0[{k}]": (a, dc0[k]) for k, a in enumerate(c0)})
    for name, (array, gradient) in checks.items():
        assert relative_error(gradient, central_differences(loss, array)) < tolerance, name
