"""Counter-based random numbers: known answers, statistics, the same bits; and the fingerprint."""

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm import _core

# philox4x32 10 of Random123's kat_vectors: counter, key -> four words
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize("counter, key, words", KNOWN)
def test_philox_known_answers(counter, key, words):
    seed, start, substream = key[0] | key[1] << 32, counter[0] | counter[1] << 32, counter[2] | counter[3] << 32
    assert tuple(_core.random_bits(seed, substream, start, 4)) == words


def test_uniform_is_the_bits_of_its_index():
    words = _core.random_bits(11, 5, 0, 2001).astype(np.uint64)
    singles = _core.random_uniform(11, 5, 1999, "float32")
    assert np.array_equal(singles, (words[:1999] >> np.uint64(8)).astype(np.float32) / np.float32(2**24))
    doubles = _core.random_uniform(11, 5, (10, 100))
    high, low = words[0:2000:2] >> np.uint64(5), words[1:2000:2] >> np.uint64(6)
    assert np.array_equal(doubles.ravel(), (high * 2.0**26 + low) / 2.0**53)
    assert singles.min() >= 0 and singles.max() < 1


def test_uniform_looks_uniform_and_substreams_independent():
    n = 200_000
    u = np.array(
        [_core.random_uniform(seed, substream, n) for seed, substream in [(1, 0), (1, 1), (2, 0), (1, 1 << 40)]]
    )
    counts = np.array([np.histogram(row, 64, (0, 1))[0] for row in u])
    chi2 = ((counts - n / 64) ** 2 / (n / 64)).sum(axis=1)
    assert (chi2 > 30).all() and (chi2 < 110).all()  # 63 degrees of freedom: 63 +- 11
    off = np.corrcoef(u) - np.eye(4)
    assert np.abs(off).max() < 0.012 and abs(np.corrcoef(u[0, 1:], u[0, :-1])[0, 1]) < 0.012


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_mask(dtype):
    p, shape = 0.3, (123, 457)
    mask = _core.dropout_mask(7, 3, shape, p, dtype)
    assert mask.shape == shape and mask.dtype == dtype
    uniform = _core.random_uniform(7, 3, shape, "float32")
    assert np.array_equal(mask, np.where(uniform < np.float32(p), 0, dtype(1 / (1 - p))).astype(dtype))
    assert abs((mask == 0).mean() - p) < 0.01
    assert np.array_equal(mask.ravel()[:1000], _core.dropout_mask(7, 3, 1000, p, np.dtype(dtype)))
    assert (_core.dropout_mask(7, 3, 10, 0.0, dtype) == 1).all()


def test_dropout_mask_same_bits_for_any_number_of_threads():
    masks = []
    for threads in (1, 2, 3, 5):
        el.set_num_threads(threads)
        masks.append(_core.dropout_mask(1, 0, 1_300_001, 0.5, "float32"))
    assert all(np.array_equal(mask, masks[0]) for mask in masks)


@pytest.mark.parametrize("p", [-0.1, 1.0, float("nan")])
def test_dropout_mask_refuses_p(p):
    with pytest.raises(ValueError, match=r"dropout_mask: p must lie in \[0, 1\)"):
        _core.dropout_mask(1, 0, 4, p, "float32")
    with pytest.raises(TypeError, match="dropout_mask: dtype must be float32 or float64, got int32"):
        _core.dropout_mask(1, 0, 4, 0.5, "int32")


@pytest.mark.parametrize("n", [1, 3, 8, 63, 64, 65, 1000, 4096])
def test_fingerprint_sees_every_bit(n):
    rng = np.random.default_rng(n)
    data = rng.integers(0, 256, n, np.uint8)
    seen = {_core.fingerprint(data)}
    for i in range(n):
        for bit in range(8):
            data[i] ^= 1 << bit
            seen.add(_core.fingerprint(data))
            data[i] ^= 1 << bit
    assert len(seen) == 8 * n + 1
    assert _core.fingerprint(data.copy()) == _core.fingerprint(data)


def test_fingerprint_sees_order_length_sign_and_small_steps():
    x = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    variants = [
        x,
        x[::-1].copy(),
        x[:-1].copy(),
        -x,
        np.nextafter(x, np.float32(9)),
        np.zeros(1000, np.float32),
        np.zeros(1001, np.float32),
        np.concatenate([x[16:32], x[:16], x[32:]]),
        np.concatenate([x[2:4], x[:2], x[4:]]),
        x.astype(np.float64),
        x[:0].copy(),
    ]
    assert len({_core.fingerprint(v) for v in variants}) == len(variants)
    assert _core.fingerprint(x[:0].copy()) == _core.fingerprint(np.zeros(0))
    low = [(_core.fingerprint(np.array([i])) & 0xFFFF).bit_count() for i in range(2000)]
    assert 7.8 < np.mean(low) < 8.2
    with pytest.raises(ValueError, match="fingerprint: array must be contiguous"):
        _core.fingerprint(x[::2])
