"""Checks that hold for every layer with ``forward -> y, tape`` and ``backward(tape, dy) -> dx``."""

import copy
import json
import pickle

import numpy as np

from eigenlstm.layers.registry import class_name, layer_class


def randomised(layer, seed=0):
    """`layer` with parameters of order one everywhere, biases too."""
    rng = np.random.default_rng(seed)
    layer.flat_params = rng.standard_normal(layer.num_params).astype(layer.flat_params.dtype)
    return layer


def check_gradients(layer, x, *, bound=1e-6, step=1e-6, **options):
    """backward against central differences of Σ w·y in float64, for x and for every parameter."""
    rng = np.random.default_rng(1)
    y, tape = layer.forward(x, **options)
    w = rng.standard_normal(y.shape)
    layer.flat_grads[:] = 0.5  # to see that backward adds
    dx = layer.backward(tape, w)

    def loss():
        return float((layer.forward(x, **options)[0] * w).sum())

    flat = layer.flat_params
    assert_close(layer.flat_grads - 0.5, differences(loss, flat, step), bound)
    if dx is not None:
        assert dx.shape == x.shape
        assert_close(dx, differences(loss, x, step), bound)


def differences(loss, array, step):
    """Central differences of `loss` by every value of `array`, which is changed in place."""
    gradient = np.zeros(array.shape)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + step
        up = loss()
        array[index] = value - step
        down = loss()
        array[index] = value
        gradient[index] = (up - down) / (2 * step)
    return gradient


def assert_close(ours, expected, bound):
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    assert np.abs(ours - expected).max(initial=0) <= bound * scale


def check_rows_do_not_depend_on_the_batch(layer, x, lengths=None):
    """Forward and dx of each row alone, and of the rows in another order, have the bits of the batch."""
    y, tape = layer.forward(x, lengths=lengths, seed=None)
    w = np.random.default_rng(2).standard_normal(y.shape).astype(y.dtype)
    dx = layer.backward(tape, w)
    order = np.random.default_rng(3).permutation(len(x))
    for rows in [order, *(slice(i, i + 1) for i in range(len(x)))]:
        part = None if lengths is None else lengths[rows]
        cut = x[rows]
        if lengths is not None and isinstance(rows, slice):
            cut = cut[:, : max(int(part[0]), 1)]  # alone, a row needs no padding
        y1, tape1 = layer.forward(cut, lengths=part)
        dx1 = layer.backward(tape1, w[rows] if w.shape[1:] == y1.shape[1:] else w[rows][:, : y1.shape[1]])
        assert same_bits(y1, y[rows][tuple(map(slice, y1.shape))])
        assert same_bits(layer(cut, lengths=part), y1)
        if dx is not None:
            assert same_bits(dx1, dx[rows][tuple(map(slice, dx1.shape))])


def same_bits(a, b):
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def check_copies(layer):
    """config, pickle and deepcopy give an equal layer with its own memory."""
    config = json.loads(json.dumps(layer.config()))
    again = layer_class(class_name(layer)).from_config(config)
    assert again.config() == layer.config()
    assert [spec for spec in again.params] == [spec for spec in layer.params]
    for other in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert other.config() == layer.config()
        assert same_bits(other.flat_params, layer.flat_params)
        assert not np.shares_memory(other.flat_params, layer.flat_params) or not layer.num_params
