"""``python -m eigenlstm amp``: what it writes and says, and one line for each mistake."""

import json

import audio_case
import numpy as np
import pytest

import eigenlstm as el
from eigenlstm.cli import main


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a recording and models of two inputs, of 4 kHz and of no sample rate."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    el.sound.write("in.wav", 0.4 * np.sin(np.arange(8000) / 25), 4000, bits=24)
    for name, document in (
        ("amp.nam", audio_case.nam(rng)),
        ("knob.json", audio_case.guitarml(rng, inputs=2)),
        ("plain.json", audio_case.rtneural(rng)),
        ("two.nam", audio_case.nam(rng, outputs=2)),
    ):
        (tmp_path / name).write_text(json.dumps(document))
    return tmp_path


def test_a_recording_is_played(here, capsys):
    assert main(["amp", "amp.nam", "in.wav", "out.wav"]) == 0
    said = capsys.readouterr().out
    assert "resampled" not in said and "written: out.wav, 2.00 s at 4,000 Hz" in said
    x, _ = el.sound.read("in.wav")
    y, rate = el.sound.read("out.wav")
    expected = el.audio.load("amp.nam").process(x)
    assert rate == 4000 and np.abs(y - np.clip(expected, -1, 1)).max() < 2.0**-23


def test_resampling_knobs_and_clipping_are_said(here, capsys):
    assert main(["amp", "knob.json", "in.wav", "out.wav", "--knob", "0.5", "--gain", "20"]) == 0
    said = capsys.readouterr().out
    assert "in.wav has 4,000 Hz, the model 44,100 Hz: resampled" in said and "are clipped; --gain" in said
    x, _ = el.sound.read("in.wav")
    amp = el.audio.load("knob.json")
    amp.knobs = [0.5]
    y = el.sound.resample(amp.process(el.sound.resample(x, 4000, 44100)), 44100, 4000)[:8000]
    assert np.abs(el.sound.read("out.wav")[0] - np.clip(10 * y, -1, 1)).max() < 1e-6
    assert main(["amp", "knob.json", "in.wav", "out.wav"]) == 0
    assert "has 1 knobs, all at 0; --knob sets them" in capsys.readouterr().out
    assert main(["amp", "plain.json", "in.wav", "out.wav"]) == 0
    assert "the model names no sample rate; that of in.wav, 4,000 Hz" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, match",
    [
        (["none.nam", "in.wav"], "none.nam: No such file"),
        (["amp.nam", "none.wav"], "none.wav: No such file"),
        (["in.wav", "in.wav"], "in.wav: its content is not valid JSON"),
        (["two.nam", "in.wav"], "gives 2 channels"),
        (["amp.nam", "in.wav", "--knob", "1"], "--knob: amp.nam has 0 knobs"),
        (["knob.json", "in.wav", "--knob", "2"], "each from 0 to 1"),
        (["amp.nam", "in.wav", "--gain", "1e9"], "--gain must be from -120 to 120"),
    ],
)
def test_mistakes_are_told_in_a_line_and_nothing_is_written(here, arguments, match, capsys):
    assert main(["amp", *arguments[:2], "out.wav", *arguments[2:]]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and match in error
    assert not (here / "out.wav").exists()
