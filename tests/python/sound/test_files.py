"""Files of sound: every width of integer, channels, other rates, soundfile's formats, broken files."""

import struct
import sys
import wave

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm.sound import read, resample, write

SIGNAL = np.sin(np.arange(800) / 9).astype(np.float32) * 0.9


def wav(path, values, width, channels=1, rate=8000):
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(b"".join(
            int(v).to_bytes(width, "little", signed=width > 1) for v in np.asarray(values).reshape(-1)))  # fmt: skip


@pytest.mark.parametrize("width, offset", [(1, 128), (2, 0), (3, 0), (4, 0)])
def test_integers_of_every_width(width, offset, tmp_path):
    full = 2 ** (8 * width - 1)
    expected = np.array([0, 1, -1, full - 1, -full, full // 3])
    wav(tmp_path / "a.wav", expected + offset, width)
    signal, rate = read(tmp_path / "a.wav")
    assert rate == 8000 and signal.dtype == np.float32
    assert np.array_equal(signal, (expected / full).astype(np.float32))


def test_writing_and_reading(tmp_path):
    write(tmp_path / "a.wav", SIGNAL, 8000)
    signal, rate = read(tmp_path / "a.wav")
    assert rate == 8000 and np.abs(signal - SIGNAL).max() <= 0.5 / 32768
    write(tmp_path / "b.wav", np.array([2.0, -2.0, 1.0]), 8000)
    assert read(tmp_path / "b.wav")[0].tolist() == [32767 / 32768, -1, 32767 / 32768]
    write(tmp_path / "c.wav", np.array([0.3, 2.0, -2.0]), 8000, bits=24)
    signal, _ = read(tmp_path / "c.wav")
    assert np.abs(signal - [0.3, 1 - 2.0**-23, -1]).max() <= 2.0**-24
    with pytest.raises(ValueError, match="write: bits must be 16 or 24, got 8"):
        write(tmp_path / "d.wav", SIGNAL, 8000, bits=8)


def test_channels(tmp_path):
    wav(tmp_path / "a.wav", [[1000, 3000], [-5, 7]], 2, channels=2)
    assert np.array_equal(read(tmp_path / "a.wav")[0] * 32768, [[1000, 3000], [-5, 7]])
    assert np.array_equal(read(tmp_path / "a.wav", mono=True)[0] * 32768, [2000, 1])
    assert read(tmp_path / "a.wav", sample_rate=16000)[0].shape == (4, 2)


def test_soundfile_reads_the_same_and_more(tmp_path):
    soundfile = pytest.importorskip("soundfile", reason="the oracle")
    for name, subtype in (("a.wav", "PCM_16"), ("b.wav", "PCM_24"), ("c.flac", "PCM_16"), ("d.wav", "FLOAT")):
        soundfile.write(tmp_path / name, SIGNAL, 8000, subtype=subtype)
        expected, _ = soundfile.read(tmp_path / name, dtype="float32")
        signal, rate = read(tmp_path / name)
        assert rate == 8000 and np.array_equal(signal, expected)


def test_without_soundfile_the_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.flac").write_bytes(b"fLaC and so on")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(ImportError, match=r'pip install "eigenlstm\[audio\]"'):
        read(tmp_path / "a.flac")


def test_broken_files(tmp_path):
    write(tmp_path / "a.wav", SIGNAL, 8000)
    data = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(data[:-100])
    with pytest.raises(el.FileError, match=r"cut.wav: claims 800 samples of 1 channels and 2 bytes, has 1500 bytes"):
        read(tmp_path / "cut.wav")
    pytest.importorskip("soundfile", reason="what is no WAV file goes to it")
    (tmp_path / "text.wav").write_text("no sound at all")
    with pytest.raises(el.FileError, match=r"text.wav: cannot be read as sound"):
        read(tmp_path / "text.wav")
    (tmp_path / "none.wav").write_bytes(data[:22] + struct.pack("<H", 0) + data[24:])  # no channels
    with pytest.raises(el.FileError):
        read(tmp_path / "none.wav")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "missing.wav")


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-13), (np.float32, 1e-6)])
@pytest.mark.parametrize(
    "old, new", [(8000, 16000), (16000, 8000), (44100, 8000), (8000, 11025), (3, 7), (7, 2), (5, 5)]
)
def test_resampling_is_scipy_s(old, new, dtype, tolerance):
    scipy = pytest.importorskip("scipy.signal", reason="the oracle")
    x = np.random.default_rng(0).standard_normal(3001).astype(dtype)
    expected = scipy.resample_poly(x.astype(np.float64), new, old)
    found = resample(x, old, new)
    assert found.shape == expected.shape and found.dtype == dtype
    assert np.abs(found - expected).max() < tolerance * np.abs(expected).max()


def test_resampling_keeps_a_tone():
    t = np.arange(44100) / 44100
    found = resample(np.sin(2 * np.pi * 440 * t), 44100, 8000)
    expected = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    assert np.abs(found - expected)[100:-100].max() < 0.01
    assert resample(np.zeros(0), 8000, 16000).shape == (0,)


@pytest.mark.parametrize(
    "error, message, make",
    [
        (ValueError, "resample: new_rate must be at least 1", lambda: resample(SIGNAL, 8000, 0)),
        (TypeError, "read: sample_rate must be an integer", lambda: read("a.wav", sample_rate=8000.0)),
        (ValueError, r"write: signal must have shape \(n,\)", lambda: write("a.wav", SIGNAL[None], 8000)),
    ],
)
def test_refusals(error, message, make):
    with pytest.raises(error, match=message):
        make()
