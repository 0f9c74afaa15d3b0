"""Central differences: the derivative of a scalar function, from two evaluations per element."""

import numpy as np


def central_differences(loss, a, step=3e-6):
    """d loss() / d a, where `loss` reads the float64 array `a`, which is moved in place and put back."""
    gradient = np.zeros_like(a)
    for index in np.ndindex(a.shape):
        value = a[index]
        a[index] = value + step
        above = loss()
        a[index] = value - step
        below = loss()
        a[index] = value
        gradient[index] = (above - below) / (2 * step)
    return gradient


def relative_error(got, expected):
    """The largest difference over the largest expected value (of one array); 0 for empty arrays."""
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    assert got.shape == expected.shape, f"shape {got.shape}, expected {expected.shape}"
    if expected.size == 0:
        return 0.0
    difference, scale = np.abs(got - expected).max(), np.abs(expected).max()
    return difference / scale if scale > 0 else difference
