"""Files of sound."""

import os
import wave

import numpy as np

from ..checks import positive_int
from ..safetensors_files import FileError
from .framing import as_signal
from .resampling import resample


def read(path, *, sample_rate=None, mono=False):
    """``(signal, sample_rate)`` of the file `path`.

    >>> signal, sample_rate = el.sound.read("word.wav", sample_rate=8000, mono=True)
    >>> features = el.sound.MFCC(sample_rate)(signal)

    WAV files of integers are read by the standard library, everything else (FLAC, Ogg, MP3, WAV of floats) by
    soundfile: ``pip install "eigenlstm[audio]"``.

    Parameters
    ----------
    path : path
    sample_rate : int
        Resample to this rate; default is that of the file.
    mono : bool
        Give the mean of the channels.

    Returns
    -------
    signal : float32 (n,) or, of more than one channel without `mono`, (n, channels), in [-1, 1]
    sample_rate : int

    Raises
    ------
    FileError
        The file is broken or of a format that nothing here reads.
    """
    if sample_rate is not None:
        positive_int(sample_rate, "read: sample_rate")
    signal, rate = _read_wave(path) or _read_soundfile(path)
    if mono and signal.ndim == 2:
        signal = signal.mean(axis=1)
    if sample_rate is not None and sample_rate != rate:
        channels = [resample(channel, rate, sample_rate) for channel in np.atleast_2d(signal.T)]
        signal = channels[0] if signal.ndim == 1 else np.stack(channels, axis=1)
        rate = sample_rate
    return signal.astype(np.float32), rate


def write(path, signal, sample_rate, *, bits=16):
    """Write a signal, float (n,) in [-1, 1], to `path` as a WAV file of integers of 16 or 24 `bits`.

    Beyond ±1 it is clipped.
    """
    signal = as_signal(signal, "write")
    if bits not in (16, 24):
        raise ValueError(f"write: bits must be 16 or 24, got {bits!r}")
    full = 1 << (bits - 1)
    values = np.clip(np.rint(signal.astype(np.float64) * full), -full, full - 1).astype("<i4")
    data = values.view(np.uint8).reshape(-1, 4)[:, : bits // 8]
    with wave.open(os.fspath(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(bits // 8)
        file.setframerate(positive_int(sample_rate, "write: sample_rate"))
        file.writeframes(data.tobytes())


def _read_wave(path):
    """The signal (n,) or (n, channels), float64, and its rate; None where it is not a WAV file of integers."""
    try:
        with wave.open(os.fspath(path), "rb") as file:
            channels, width, rate, count = file.getparams()[:4]
            data = file.readframes(count)
    except (wave.Error, EOFError):
        return None
    if width not in (1, 2, 3, 4) or not channels or not rate or len(data) != count * channels * width:
        raise FileError(
            f"{path}: claims {count} samples of {channels} channels and {width} bytes, has {len(data)} bytes"
        )
    signal = _integers(data, width) / 2.0 ** (8 * width - 1)
    return signal if channels == 1 else signal.reshape(count, channels), rate


def _integers(data, width):
    """Little-endian integers of `width` bytes; those of one byte are unsigned, 128 is 0."""
    if width == 1:
        return np.frombuffer(data, np.uint8).astype(np.int64) - 128
    if width == 3:
        parts = np.frombuffer(data, np.uint8).reshape(-1, 3).astype(np.int64)
        values = parts[:, 0] | parts[:, 1] << 8 | parts[:, 2] << 16
        return values - (values >> 23 << 24)
    return np.frombuffer(data, f"<i{width}")


def _read_soundfile(path):
    try:
        import soundfile
    except ImportError:
        raise ImportError(
            f'{path}: is not a WAV file of integers; others are read by soundfile: pip install "eigenlstm[audio]"'
        ) from None
    try:
        return soundfile.read(os.fspath(path), dtype="float64")
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        raise FileError(f"{path}: cannot be read as sound: {error}") from None
