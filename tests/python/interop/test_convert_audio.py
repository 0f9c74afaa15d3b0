"""python -m eigenlstm convert for amplifiers: each format into each that can hold it, and what the report says."""

import json

import audio_case
import numpy as np
import pytest

import eigenlstm as el
from eigenlstm.cli import main


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def written(name, document):
    with open(name, "w") as file:
        json.dump(document, file)
    return el.audio.load(name)


@pytest.mark.parametrize("target", ["out.safetensors", "out.aidax", "out"])
def test_an_amplifier_sounds_the_same(target, capsys):
    amp = written("in.json", audio_case.guitarml(np.random.default_rng(0), inputs=2))
    assert main(["convert", "in.json", target]) == 0
    out = capsys.readouterr().out
    assert out.startswith("in.json: GuitarML, 44100 Hz, 1 knob\n  lstm   ->  LSTM(2, 3, 1)\n")
    assert "dense  ->  Linear(in_features=3, out_features=1" in out and out.endswith(f"written: {target}\n")
    again = el.audio.load(target)
    x = np.random.default_rng(1).uniform(-1, 1, 200).astype("f")
    amp.knobs = again.knobs = [0.7]
    assert np.array_equal(again.process(x), amp.process(x)) and again.sample_rate == 44100


def test_gains_and_silence_are_told(capsys):
    written("in.aidax", audio_case.aidax(np.random.default_rng(0)))
    assert main(["convert", "in.aidax", "out.safetensors"]) == 0
    assert "note: gains of -6.5 dB before the model and 3.25 dB behind it" in capsys.readouterr().out
    assert el.audio.load("out.safetensors").in_gain == -6.5
    written("in.nam", audio_case.nam(np.random.default_rng(0), rate=8000))
    assert main(["convert", "in.nam", "out.safetensors"]) == 0
    assert "note: a player runs 4000 samples of silence" in capsys.readouterr().out


def test_what_does_not_fit_is_refused_and_nothing_written(tmp_path, capsys):
    written("in.json", audio_case.guitarml(np.random.default_rng(0)))
    assert main(["convert", "in.json", "out.nam"]) == 2
    assert "can't be written as NAM: NAM's LSTM has no skip" in capsys.readouterr().err
    with open("wavenet.nam", "w") as file:
        json.dump({"architecture": "WaveNet"}, file)
    assert main(["convert", "wavenet.nam", "out.nam"]) == 2
    assert "wavenet.nam: architecture is 'WaveNet'" in capsys.readouterr().err
    assert not (tmp_path / "out.nam").exists()
