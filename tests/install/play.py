"""Plays a tone through the example `amp` of an installed eigenlstm, and compares with NumPy: python play.py AMP."""

import json
import struct
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import audio_case  # noqa: E402


def floats(path):
    """The samples of a WAV file of floats."""
    data = path.read_bytes()
    at = data.index(b"data")
    size = struct.unpack("<I", data[at + 4 : at + 8])[0]
    return np.frombuffer(data[at + 8 : at + 8 + size], "<f4")


def main(amp):
    folder = Path(tempfile.mkdtemp())
    document = audio_case.guitarml(np.random.default_rng(0), inputs=2, hidden=12)
    (folder / "amp.json").write_text(json.dumps(document))
    x = np.round(8192 * np.sin(np.arange(4410) / 20)).astype("<i2")
    with wave.open(str(folder / "in.wav"), "wb") as file:
        file.setparams((1, 2, 44100, 0, "NONE", ""))
        file.writeframes(x.tobytes())
    command = [amp, folder / "amp.json", folder / "in.wav", folder / "out.wav", "0.75"]
    print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
    expected = audio_case.play_guitarml(document, np.stack([x / 32768, np.full(len(x), 0.75)], axis=1))[:, 0]
    off = np.abs(floats(folder / "out.wav") - expected).max()
    assert len(expected) == len(floats(folder / "out.wav")) and off < 2e-6, off
    print(f"{len(x)} samples, largest difference from NumPy {off:.1e}")
    refused = subprocess.run([amp, folder / "in.wav", folder / "in.wav", folder / "x"], capture_output=True, text=True)
    assert refused.returncode == 1 and "is not valid JSON" in refused.stderr, refused.stderr


if __name__ == "__main__":
    main(sys.argv[1])
