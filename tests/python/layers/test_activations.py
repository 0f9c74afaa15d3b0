"""Promise 2: sigmoid and tanh to 4 ULP over the whole range, in float32 and float64.

EIGENLSTM_FULL_SWEEP=1 tries every float32 value instead of one in 1021.
"""

import os

import numpy as np
import pytest
from activation_sweep import FUNCTIONS, MAX_ULP, worst
from lstm_case import assert_same_bits

from eigenlstm import _core

BLOCK = 1 << 18  # values at a time: they stay in cache


@pytest.mark.parametrize("function", FUNCTIONS)
def test_float32_sweep(function):
    stride = 1 if os.environ.get("EIGENLSTM_FULL_SWEEP") == "1" else 1021
    for start in range(0, 1 << 32, BLOCK * stride):
        bits = np.arange(start, min(start + BLOCK * stride, 1 << 32), stride, dtype=np.uint64)
        x = bits.astype(np.uint32).view(np.float32)
        x = x[np.isfinite(x)]
        if x.size:
            error, at = worst(function, x, np.float64)
            assert error <= MAX_ULP, f"{function}({at!r}): {error:.2f} ULP"


def float64_samples(rng):
    """Dense where the functions bend, over every magnitude, and beside each power of two."""
    powers = np.ldexp(1.0, np.arange(-1074, 1024))
    beside = np.concatenate([np.nextafter(powers, 0), powers, np.nextafter(powers, np.inf)])
    positive = np.concatenate(
        [
            rng.uniform(0, 1, 300_000),
            rng.uniform(0, 25, 300_000),
            rng.uniform(25, 760, 100_000),
            np.ldexp(rng.uniform(0.5, 1, 200_000), rng.integers(-1073, 1024, 200_000)),
            beside,
        ]
    )
    return np.concatenate([positive, -positive])


@pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="needs a long double wider than float64")
@pytest.mark.parametrize("function", FUNCTIONS)
def test_float64_samples(function):
    error, at = worst(function, float64_samples(np.random.default_rng(0)), np.longdouble)
    assert error <= MAX_ULP, f"{function}({at!r}): {error:.2f} ULP"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values(dtype):
    limits = np.finfo(dtype)
    x = np.array([-np.inf, -limits.max, -0.0, 0.0, limits.max, np.inf], dtype)
    assert_same_bits(_core.sigmoid(x), np.array([0, 0, 0.5, 0.5, 1, 1], dtype))
    assert _core.tanh(x).tolist() == [-1, -1, 0, 0, 1, 1]  # the sign of zero is not promised
    nans = np.array([np.nan, -np.nan, 1.0], dtype)
    for native, _ in FUNCTIONS.values():
        assert np.isnan(native(nans)).tolist() == [True, True, False]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_value_leaves_the_range(function, dtype):
    x = np.linspace(-800, 800, 1_000_003, dtype=dtype)
    y = FUNCTIONS[function][0](x)
    assert y.max() == 1 and y.min() == (0 if function == "sigmoid" else -1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_value_does_not_depend_on_its_place(function, dtype):
    """Vector body and scalar tail give the same bits: every length and offset up to 70."""
    native = FUNCTIONS[function][0]
    x = np.random.default_rng(0).standard_normal(200).astype(dtype) * 4
    expected = native(x)
    for size in range(71):
        assert_same_bits(native(x[size : 2 * size].copy()), expected[size : 2 * size], f"size {size}")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_input_is_left_alone_and_other_dtypes_are_refused(function):
    native = FUNCTIONS[function][0]
    x = np.linspace(-3, 3, 50, dtype=np.float32)
    before = x.copy()
    native(x)
    assert_same_bits(x, before)
    for wrong in (np.arange(5), np.ones(3, np.float16), np.ones(3, complex)):
        with pytest.raises(TypeError):
            native(wrong)
