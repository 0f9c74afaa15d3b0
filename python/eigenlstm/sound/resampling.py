"""Signals at another sample rate."""

import math

import numpy as np

from ..checks import positive_int
from .framing import as_signal

_BLOCK = 1 << 14  # samples that are computed at a time


def resample(signal, sample_rate, new_rate):
    """`signal` of `sample_rate` at `new_rate`, without the frequencies that the slower of the two cannot hold.

    >>> resample(np.ones(441, np.float32), 44100, 8000).shape
    (80,)

    A windowed sinc (Kaiser, beta 5, ten zeros to each side) for each phase: the same as
    ``scipy.signal.resample_poly(signal, new_rate, sample_rate)``.

    Parameters
    ----------
    signal : float array (n,)
    sample_rate, new_rate : int

    Returns
    -------
    array (⌈n · new_rate / sample_rate⌉,) of the dtype of `signal`
    """
    signal = as_signal(signal, "resample")
    common = math.gcd(positive_int(sample_rate, "resample: sample_rate"), positive_int(new_rate, "resample: new_rate"))
    up, down = new_rate // common, sample_rate // common
    if up == down:
        return signal.copy()
    taps, half = _low_pass(up, down)
    length = -(-len(signal) * up // down)
    padded = np.pad(signal.astype(np.float64), half + 1)
    out = np.empty(length)
    for start in range(0, length, _BLOCK):
        # Sample m lies at m · down / up of the signal, between sample `first` and the next.
        position = np.arange(start, min(start + _BLOCK, length)) * down
        first, phase = position // up, position % up
        windows = np.lib.stride_tricks.sliding_window_view(padded, taps.shape[1])[first + 1]
        out[start : start + len(position)] = (windows * taps[phase]).sum(axis=1)
    return out.astype(signal.dtype)


def _low_pass(up, down):
    """Weights (up, 2 · half + 1) of the samples around a position, for each phase, and `half`."""
    widest = max(up, down)
    half = -(-10 * widest // up)  # samples of the signal to each side
    # distances from a position to samples, in steps of 1 / up of a sample
    distance = np.arange(up)[:, None] - np.arange(-half, half + 1)[None, :] * up
    inside = np.abs(distance) <= 10 * widest
    window = np.i0(5.0 * np.sqrt(np.maximum(0, 1 - np.square(distance / (10 * widest))))) / np.i0(5.0)
    taps = np.where(inside, window * np.sinc(distance / widest), 0)
    # the weights of all phases together have the sum up, as a constant must stay what it is
    return taps * (up / taps.sum()), half
