"""How far sigmoid and tanh are from the exact values, in units in the last place."""

import numpy as np

from eigenlstm import _core

MAX_ULP = 4


def reference_sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


FUNCTIONS = {"sigmoid": (_core.sigmoid, reference_sigmoid), "tanh": (_core.tanh, np.tanh)}


def ulp_error(got, exact):
    """|got - exact| in units in the last place of `exact`, which has a wider type.

    Results below the smallest normal number may be flushed to zero (promise 5): there the error counts in units of
    that number, so that 0 and the denormal itself are both right.
    """
    limits = np.finfo(got.dtype)
    size = np.maximum(np.abs(exact), limits.tiny)
    _, exponent = np.frexp(size)
    ulp = np.ldexp(np.ones_like(size), exponent - 1 - limits.nmant)
    ulp = np.where(np.abs(exact) < limits.tiny, limits.tiny, ulp)
    return np.abs(got.astype(exact.dtype) - exact) / ulp


def worst(function, x, wider):
    native, reference = FUNCTIONS[function]
    with np.errstate(all="ignore"):
        error = ulp_error(native(x), reference(x.astype(wider)))
    at = np.argmax(error)
    return error[at], x[at]
