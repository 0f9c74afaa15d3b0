"""Signals in frames, and what is computed from frame to frame."""

import numpy as np

from ..checks import as_floats, number, positive_int


def as_signal(signal, where):
    """`signal` as a 1-D array of floats, all finite."""
    signal = as_floats(signal, where, "signal")
    if signal.ndim != 1:
        raise ValueError(f"{where}: signal must have shape (n,), one channel, got {signal.shape}")
    if not np.isfinite(signal).all():
        raise ValueError(f"{where}: signal must be finite")
    return signal


def as_features(features, where):
    """`features` as an array (T, F) of floats."""
    features = as_floats(features, where, "features")
    if features.ndim != 2:
        raise ValueError(f"{where}: features must have shape (T, F), got {features.shape}")
    return features


def frames(signal, length, hop):
    """The frames of a signal, as a read-only view.

    >>> frames(np.arange(6.0), 4, 2)
    array([[0., 1., 2., 3.],
           [2., 3., 4., 5.]])

    Parameters
    ----------
    signal : float array (n,)
    length, hop : int
        Samples of a frame, and from the start of one to that of the next.

    Returns
    -------
    array (T, length), T = 1 + (n − length) // hop, or 0 where the signal is shorter than a frame
    """
    signal = as_signal(signal, "frames")
    length, hop = positive_int(length, "frames: length"), positive_int(hop, "frames: hop")
    if len(signal) < length:
        return np.zeros((0, length), signal.dtype)
    return np.lib.stride_tricks.sliding_window_view(signal, length)[::hop]


def pre_emphasis(signal, coefficient=0.97):
    """``y_n = x_n − coefficient · x_{n−1}``, y_0 = x_0: high frequencies raised.

    >>> pre_emphasis(np.array([1.0, 1.0, 3.0]), 0.5)
    array([1. , 0.5, 2.5])

    `signal` is (n,) or, for frames, (T, n); the result has its shape and dtype.
    """
    signal = as_floats(signal, "pre_emphasis", "signal")
    coefficient = signal.dtype.type(number(coefficient, "pre_emphasis: coefficient"))
    out = signal.copy()
    out[..., 1:] -= coefficient * signal[..., :-1]
    return out


def deltas(features, width=9):
    """Slopes over time: ``d_t = Σ_k k (x_{t+k} − x_{t−k}) / (2 Σ_k k²)``, k = 1 … (width − 1) / 2.

    >>> deltas(np.array([[0.0], [2.0], [4.0], [6.0]]), width=3)[:, 0]
    array([1., 2., 2., 1.])

    The first and the last frame are repeated outwards. Deltas of deltas are accelerations. The same as HTK's with
    DELTAWINDOW = (width − 1) / 2 (HTK Book, 5.9) and as ``librosa.feature.delta(x, width=width, mode="nearest")``.

    Parameters
    ----------
    features : float array (T, F)
    width : int
        Frames that a slope is fitted to: odd, at least 3.

    Returns
    -------
    array (T, F) of the same dtype
    """
    features = as_features(features, "deltas")
    if positive_int(width, "deltas: width") < 3 or width % 2 == 0:
        raise ValueError(f"deltas: width must be odd and at least 3, got {width}")
    if not len(features):
        return features.copy()
    half = width // 2
    padded = np.pad(features, ((half, half), (0, 0)), mode="edge").astype(np.float64)
    time = len(features)
    slopes = sum(
        k * (padded[half + k : half + k + time] - padded[half - k : half - k + time]) for k in range(1, half + 1)
    )
    return (slopes / (2 * sum(k * k for k in range(1, half + 1)))).astype(features.dtype)


def normalize(features, *, variance=True):
    """Each column of one recording to mean 0 and, with `variance`, standard deviation 1, over time.

    >>> normalize(np.array([[1.0, 5.0], [3.0, 5.0]]))
    array([[-1.,  0.],
           [ 1.,  0.]])

    Cepstral mean and variance normalisation: what microphone and loudness add is taken away. A column that does
    not vary becomes 0. `features` is a float array (T, F); the result has its shape and dtype.
    """
    features = as_features(features, "normalize")
    if not len(features):
        return features.copy()
    values = features.astype(np.float64)
    values -= values.mean(axis=0)
    if variance:
        spread = np.sqrt(np.square(values).mean(axis=0))
        noise = (
            4 * np.finfo(features.dtype).eps * np.abs(features).max(axis=0)
        )  # of rounding in a column that is constant
        values = np.where(spread > noise, values / np.where(spread > noise, spread, 1), 0)
    return values.astype(features.dtype)
