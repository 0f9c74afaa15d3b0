"""Speech: the warping baseline finds what was said, the application runs on real digits and on WAV files of one's
own.
"""

import itertools
import json
import math

import numpy as np
import pytest
from fetched_data import archive, png

import eigenlstm as el
from eigenlstm.apps import _warping, speech

pytest.importorskip("matplotlib", reason="matplotlib is not installed")


def dtw(x, y):
    """Dynamic time warping step by step: each frame of x is compared once, y may advance by 0, 1 or 2."""
    cost = np.full((len(x), len(y)), math.inf)
    for i, j in itertools.product(range(len(x)), range(len(y))):
        before = [cost[i - 1, j - k] for k in range(3) if j >= k] if i else [0.0 if j == 0 else math.inf]
        cost[i, j] = min(before) + np.linalg.norm(x[i] - y[j])
    return cost[-1, -1]


def test_the_nearest_recording_is_that_of_a_plain_search():
    rng = np.random.default_rng(0)
    templates = [rng.standard_normal((n, 3)).astype("f") for n in (4, 7, 1, 2, 5)]
    for n in (5, 6, 9, 12):
        x = rng.standard_normal((n, 3)).astype("f")
        assert _warping.nearest(x, templates, np.inf) == [int(np.argmin([dtw(x, one) for one in templates]))]


def test_a_string_of_recordings_is_found_and_no_word_is_free():
    rng = np.random.default_rng(1)
    templates = [rng.standard_normal((n, 3)).astype("f") for n in (4, 7, 3, 6)]
    for said in ([1, 3, 0], [2], [0, 0, 2, 1]):
        x = np.concatenate([templates[i] for i in said]) + 0.05 * rng.standard_normal(3).astype("f")
        assert _warping.nearest(x, templates, 0.5) == said
    x = rng.standard_normal((40, 3)).astype("f")
    counts = [len(_warping.nearest(x, templates, penalty)) for penalty in (0.0, 1.0, 1e4)]
    assert counts[0] > counts[1] >= counts[2] == 1  # a frame of a template can last as long as it likes


def test_spoken_digits_at_a_reduced_size(tmp_path, tmp_path_factory, capsys):
    wheel = archive(speech.DATA, tmp_path_factory)
    scores = speech.main(
        ["--quick", "--data", str(wheel), "--out", str(tmp_path), "--json", str(tmp_path / "scores.json")]
    )
    written = json.loads((tmp_path / "scores.json").read_text())
    baseline = written.pop("baselines")["nearest neighbour (DTW)"]
    assert {key: written[key] for key in scores} == scores and written["seconds"] > 0
    assert baseline["wer"] < 0.1 and baseline["single"] > 0.9
    print(scores, baseline)
    assert scores["wer_lexicon"] < 0.9 and scores["single"] > 0.2  # guessing: 0.1
    assert png(tmp_path / "speech.png") and "CC BY-SA" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="--wav FOLDER"):
        speech.main(["--load", str(tmp_path / "speech.safetensors"), "--wav", "a.wav", "--out", str(tmp_path)])


def test_recordings_of_one_s_own(tmp_path):
    rng, pitch = np.random.default_rng(0), {"dot": (400, 900, 1700), "tod": (1700, 900, 400)}

    def speak(word):
        tones = [np.sin(2 * np.pi * f * np.arange(rng.integers(480, 800)) / 8000) for f in pitch[word]]
        sound = np.concatenate(tones)
        return 0.3 * sound + 0.01 * rng.standard_normal(len(sound))

    for word, i in itertools.product(pitch, range(20)):
        path = tmp_path / "own" / word / f"{i}.wav" if i % 2 else tmp_path / "own" / f"{word}_{i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        el.sound.write(path, speak(word), 8000)
    said = ["dot", "tod", "tod", "dot"]
    el.sound.write(tmp_path / "string.wav", np.concatenate([speak(word) for word in said]), 8000)

    scores = speech.main(["--quick", "--wav", str(tmp_path / "own"), "--out", str(tmp_path)])
    assert scores["wer_lexicon"] < 0.2
    model, wav = str(tmp_path / "speech.safetensors"), str(tmp_path / "string.wav")
    assert speech.main(["--load", model, "--wav", wav, "--out", str(tmp_path)]) == " ".join(said)
    with pytest.raises(SystemExit, match="at least 20"):
        speech.main(["--wav", str(tmp_path / "own" / "dot"), "--out", str(tmp_path)])
