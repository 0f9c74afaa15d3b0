"""Mel spectrograms and cepstral coefficients, as librosa computes them or as HTK does.

What the two conventions differ in:

============== ================================================ ======================================================
..             "librosa" (0.11)                                 "htk" (3.4, HTK Book chapter 5)
============== ================================================ ======================================================
frames         around t · hop_length, zeros beyond both ends    from t · hop_length, none beyond the end
pre-emphasis   none                                             0.97, within each frame
window         Hann, periodic, in the middle of n_fft           Hamming, symmetric, n_fft filled up with zeros
spectrum       power                                            magnitude, of samples in -32768 … 32767
mel scale      Slaney's, linear to 1000 Hz, then logarithmic    1127 ln(1 + f / 700)
filters        triangles in Hz, each of area 1                  triangles in mel, each of height 1
logarithm      10 log10, at most top_db below the loudest       ln, of at least 1
coefficients   c_0 … , orthonormal DCT-II                       c_1 … , then c_0, DCT-II by sqrt(2 / n_mels)
liftering      none                                             22
sizes          n_fft 2048, hop 512, 128 mels, 20 coefficients   25 ms, every 10 ms, 26 mels, 13 coefficients
============== ================================================ ======================================================

Signals are floats in [-1, 1]. Everything is computed in float64 and given in the dtype of the signal.
"""

import math

import numpy as np

from .. import _core, descriptions
from ..checks import number, positive_int
from ..descriptions import Described
from .framing import as_signal, frames

_CONVENTIONS = ("librosa", "htk")


class LogMel(Described):
    """The logarithm of a mel spectrogram: ``LogMel(sample_rate)(signal)`` is (T, n_mels).

    >>> LogMel(16000, n_mels=40)(np.zeros(16000, np.float32)).shape
    (32, 40)

    Parameters
    ----------
    sample_rate : int
        Samples a second of the signals.
    convention : "librosa" or "htk"
        Whose numbers to give; the table in `eigenlstm.sound.features` has the differences. Sizes that are not
        given are theirs.
    n_fft : int
        Samples that are transformed; at least `win_length`. HTK: the next power of two.
    win_length, hop_length : int
        Samples of a window, and from one to the next. librosa: `win_length` is `n_fft`.
    n_mels : int
    fmin, fmax : float
        Lowest and highest frequency in Hz; `fmax` is half of `sample_rate` by default.
    top_db : float or None
        librosa: decibels below the loudest value of the recording at which values are cut off; None: not at all,
        so that a value depends on its own frame alone. HTK has no such thing.
    """

    def __init__(
        self,
        sample_rate,
        *,
        convention="librosa",
        n_fft=None,
        win_length=None,
        hop_length=None,
        n_mels=None,
        fmin=0.0,
        fmax=None,
        top_db=80.0,
    ):
        where = type(self).__name__
        if convention not in _CONVENTIONS:
            raise ValueError(f"{where}: convention must be 'librosa' or 'htk', got {convention!r}")
        self.sample_rate, self.convention = positive_int(sample_rate, f"{where}: sample_rate"), convention
        htk = convention == "htk"
        if win_length is None:
            win_length = round(0.025 * sample_rate) if htk else (2048 if n_fft is None else n_fft)
        if n_fft is None:
            n_fft = 1 << (positive_int(win_length, f"{where}: win_length") - 1).bit_length() if htk else 2048
        if hop_length is None:
            hop_length = round(0.010 * sample_rate) if htk else 512
        if n_mels is None:
            n_mels = 26 if htk else 128
        self.n_fft, self.win_length = (
            positive_int(n_fft, f"{where}: n_fft"),
            positive_int(win_length, f"{where}: win_length"),
        )
        self.hop_length, self.n_mels = (
            positive_int(hop_length, f"{where}: hop_length"),
            positive_int(n_mels, f"{where}: n_mels"),
        )
        if self.win_length > self.n_fft:
            raise ValueError(f"{where}: win_length must be at most n_fft {self.n_fft}, got {self.win_length}")
        self.fmin, self.fmax = (
            number(fmin, f"{where}: fmin"),
            sample_rate / 2 if fmax is None else number(fmax, f"{where}: fmax"),
        )
        self.top_db = None if top_db is None else number(top_db, f"{where}: top_db")
        if self.top_db is not None and not self.top_db > 0:
            raise ValueError(f"{where}: top_db must be positive, got {top_db!r}")
        self._window = _window(self.win_length, self.n_fft, htk)
        self._filters = mel_filters(
            self.sample_rate, self.n_fft, self.n_mels, self.fmin, self.fmax, convention=convention
        )

    def __call__(self, signal):
        """The features of `signal`, float (n,), as (T, n_mels) of its dtype."""
        signal = as_signal(signal, type(self).__name__)
        return self._log_mel(signal.astype(np.float64)).astype(signal.dtype)

    def _log_mel(self, signal):
        if self.convention == "htk":
            return np.log(np.maximum(self._mel(self._htk_spectrum(signal)), 1.0))
        half = self.n_fft // 2
        windowed = frames(np.pad(signal, half), self.n_fft, self.hop_length) * self._window
        decibels = 10 * np.log10(np.maximum(self._mel(np.square(np.abs(np.fft.rfft(windowed)))), 1e-10))
        return (
            decibels if self.top_db is None or not decibels.size else np.maximum(decibels, decibels.max() - self.top_db)
        )

    def _htk_spectrum(self, signal):
        """Magnitudes (T, n_fft / 2 + 1) of frames with pre-emphasis; the first sample's predecessor is itself."""
        cut = frames(signal * 32768, self.win_length, self.hop_length)
        emphasized = cut - 0.97 * np.concatenate([cut[:, :1], cut[:, :-1]], axis=1)
        return np.abs(np.fft.rfft(emphasized * self._window, self.n_fft))

    def _mel(self, spectrum):
        return _core.linear_forward(np.ascontiguousarray(spectrum), self._filters, None)

    def config(self):
        """The arguments as JSON values; `from_config` with them gives the same numbers."""
        return {
            "sample_rate": self.sample_rate,
            "convention": self.convention,
            "n_fft": self.n_fft,
            "win_length": self.win_length,
            "hop_length": self.hop_length,
            "n_mels": self.n_mels,
            "fmin": self.fmin,
            "fmax": self.fmax,
            "top_db": self.top_db,
        }

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.config().items())})"


class MFCC(LogMel):
    """Mel-frequency cepstral coefficients: ``MFCC(sample_rate)(signal)`` is (T, n_mfcc).

    >>> MFCC(8000, convention="htk")(np.zeros(8000, np.float32)).shape
    (98, 13)

    Parameters
    ----------
    sample_rate, convention, …
        As in `LogMel`.
    n_mfcc : int
        Coefficients of a frame. librosa: c_0 … c_{n−1}; HTK: c_1 … c_{n−1}, then c_0 (its MFCC_0).
    lifter : int
        Coefficient k ≥ 1 (librosa: its k-th from 1) is multiplied by ``1 + lifter / 2 · sin(π k / lifter)``; 0: none.

    Notes
    -----
    Source: Davis, Mermelstein 1980.
    """

    def __init__(self, sample_rate, *, convention="librosa", n_mfcc=None, lifter=None, **sizes):
        super().__init__(sample_rate, convention=convention, **sizes)
        htk = convention == "htk"
        self.n_mfcc = positive_int((13 if htk else 20) if n_mfcc is None else n_mfcc, "MFCC: n_mfcc")
        if self.n_mfcc > self.n_mels:
            raise ValueError(f"MFCC: n_mfcc must be at most n_mels {self.n_mels}, got {n_mfcc}")
        self.lifter = (22 if htk else 0) if lifter is None else lifter
        if self.lifter != 0:
            self.lifter = positive_int(self.lifter, "MFCC: lifter")
        self._transform = self._cosines()

    def _cosines(self):
        """The rows of the DCT-II, liftered, (n_mfcc, n_mels)."""
        htk, n = self.convention == "htk", self.n_mels
        k = np.arange(self.n_mfcc)
        rows = np.sqrt(2 / n) * np.cos(np.pi * k[:, None] * (np.arange(n) + 0.5) / n)
        if not htk:
            rows[0] /= np.sqrt(2)
        if self.lifter:
            counted = k if htk else k + 1  # HTK leaves c_0 as it is, librosa lifters it as the first
            rows *= (1 + self.lifter / 2 * np.sin(np.pi * counted / self.lifter))[:, None]
        return np.ascontiguousarray(np.roll(rows, -1, axis=0) if htk else rows)

    def _log_mel(self, signal):
        return _core.linear_forward(np.ascontiguousarray(super()._log_mel(signal)), self._transform, None)

    def config(self):
        return {**super().config(), "n_mfcc": self.n_mfcc, "lifter": self.lifter}


def load(path, key="sound"):
    """The `LogMel` or `MFCC` in a file that its `save` wrote, or in the metadata `key` of a safetensors file.

    ``FileError`` where there is none or it is not whole.
    """
    return descriptions.load(path, key, (LogMel, MFCC), "features of sound")


def mel_filters(sample_rate, n_fft, n_mels, fmin=0.0, fmax=None, *, convention="librosa"):
    """Weights of a mel filterbank, float64 (n_mels, n_fft // 2 + 1).

    The arguments are those of `LogMel`. ``librosa.filters.mel`` with its defaults, or HTK's: triangles whose sides
    are straight in mel. ``ValueError`` where a filter covers no bin.
    """
    fmax = sample_rate / 2 if fmax is None else fmax
    if not 0 <= fmin < fmax <= sample_rate / 2:
        raise ValueError(f"mel_filters: 0 <= fmin < fmax <= {sample_rate / 2} must hold, got fmin {fmin}, fmax {fmax}")
    htk = convention == "htk"
    to_mel, from_mel = (_htk_mel, None) if htk else (_slaney_mel, _slaney_hz)
    edges = np.linspace(to_mel(fmin), to_mel(fmax), n_mels + 2)
    bins = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    points = to_mel(bins) if htk else bins
    edges = edges if htk else from_mel(edges)
    rising = (points - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - points) / np.diff(edges)[1:, None]
    weights = np.maximum(0, np.minimum(rising, falling))
    if not htk:
        weights *= (2 / (edges[2:] - edges[:-2]))[:, None]
    if not weights.any(axis=1).all():
        raise ValueError(
            f"mel_filters: filter {int(np.argmin(weights.any(axis=1)))} of {n_mels} lies between two of the "
            f"{n_fft // 2 + 1} bins: take fewer n_mels or a larger n_fft"
        )
    return weights


def _htk_mel(frequency):
    return 1127 * np.log1p(np.asarray(frequency) / 700)


# Slaney's Auditory Toolbox (1998): 200/3 Hz a mel up to 1000 Hz, above it 27 mels for a factor of 6.4.
_LINEAR, _BREAK, _LOG_STEP = 200 / 3, 1000.0, math.log(6.4) / 27


def _slaney_mel(frequency):
    frequency = np.asarray(frequency, np.float64)
    above = _BREAK / _LINEAR + np.log(np.maximum(frequency, _BREAK) / _BREAK) / _LOG_STEP
    return np.where(frequency < _BREAK, frequency / _LINEAR, above)


def _slaney_hz(mel):
    above = _BREAK * np.exp(_LOG_STEP * (np.maximum(mel, _BREAK / _LINEAR) - _BREAK / _LINEAR))
    return np.where(mel < _BREAK / _LINEAR, mel * _LINEAR, above)


def _window(length, n_fft, htk):
    """The window: for librosa in the middle of n_fft samples."""
    n = np.arange(length)
    if htk:
        return 0.54 - 0.46 * np.cos(2 * np.pi * n / max(length - 1, 1))
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / length)
    left = (n_fft - length) // 2
    return np.pad(hann, (left, n_fft - length - left))
