"""Checks of layers that take several arrays."""

import numpy as np
from layer_checks import assert_close, differences


def check_joint_gradients(layer, xs, *, bound=1e-6, **options):
    """backward against central differences in float64, for every array of floats and every parameter."""
    y, tape = layer.forward(*xs, **options)
    w = np.random.default_rng(1).standard_normal(y.shape)
    layer.flat_grads[:] = 0.5  # to see that backward adds
    dxs = layer.backward(tape, w)
    assert len(dxs) == len(xs)

    def loss():
        return float((layer.forward(*xs, **options)[0] * w).sum())

    assert_close(layer.flat_grads - 0.5, differences(loss, layer.flat_params, 1e-6), bound)
    for x, dx in zip(xs, dxs):
        if x.dtype.kind == "f" and dx is not None:
            assert_close(dx, differences(loss, x, 1e-6), bound)
        else:
            assert dx is None
