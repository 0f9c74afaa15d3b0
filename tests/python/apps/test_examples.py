"""The examples run, do better than their baselines, and draw their pictures; the data are what README.md says."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm import data
from eigenlstm.examples import classify, forecast, language_model

pytest.importorskip("matplotlib", reason="matplotlib is not installed")


def png(path):
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and path.stat().st_size > 20_000


def test_the_data_are_what_their_readme_says():
    (x, y), (x_test, y_test) = data.japanese_vowels()
    assert len(x) == len(y) == 270 and np.bincount(y).tolist() == [30] * 9
    assert np.bincount(y_test).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]  # of the source's documentation
    assert {row.shape[1] for row in x + x_test} == {12} and {len(row) for row in x + x_test} <= set(range(7, 30))
    assert all(np.isfinite(row).all() and row.dtype == np.float32 for row in x + x_test)
    text = data.alice()
    assert len(text) == 148_423 and text.isascii() and "very tired of sitting by her sister" in text
    table = np.loadtxt(data.tetouan(), delimiter=",", skiprows=1, usecols=1)
    assert table.shape == (8736,) and 30 < table.min() < table.max() < 140
    notes = (data._FOLDER / "README.md").read_text()
    for path in data._FOLDER.iterdir():
        assert path.suffix in (".py", ".pyi", ".md") or path.name == "__pycache__" or f"## {path.name}" in notes


def test_speakers_are_told_apart(tmp_path, capsys):
    accuracy = classify.main(["--out", str(tmp_path), "--json", str(tmp_path / "scores.json")])
    assert accuracy >= 0.96
    shown = capsys.readouterr().out
    assert "nearest mean frame" in shown and f"{accuracy:.3f}" in shown
    assert png(tmp_path / "classify.png")
    model = el.load(tmp_path / "classify.safetensors")
    (x, _), (x_test, y_test) = data.japanese_vowels()
    told = model.predict(classify.standardise(x, x_test)[1]).argmax(axis=1)
    assert (told == y_test).mean() == accuracy
    written = json.loads((tmp_path / "scores.json").read_text())
    assert written["accuracy"] == accuracy and len(written["baselines"]) == 2 and written["seconds"] > 0
    np.savetxt(tmp_path / "mine.csv", x_test[7], delimiter=",")
    load = ["--load", str(tmp_path / "classify.safetensors"), "--out", str(tmp_path)]
    assert classify.main([*load, "--frames", str(tmp_path / "mine.csv")]) == told[7] + 1
    with pytest.raises(SystemExit, match="2"):
        classify.main(load)
    for content, why in (
        ("", "no data"),
        ("1,2\n3", "at row 2$"),
        ("1,2", "2 values"),
        (",".join(12 * ["nan"]), "finite"),
    ):
        (tmp_path / "mine.csv").write_text(content)
        with pytest.raises(SystemExit, match=why):
            classify.main([*load, "--frames", str(tmp_path / "mine.csv")])


def test_a_day_is_forecast_with_honest_quantiles(tmp_path, capsys):
    errors, below = forecast.main(["--out", str(tmp_path), "--epochs", "4", "--json", str(tmp_path / "scores.json")])
    mae = {name: np.abs(error).mean() for name, error in errors.items()}
    assert mae["LSTM (median)"] < 0.8 * mae["the day before"] < mae["the last value"]
    assert np.abs(below - forecast.QUANTILES).max() < 0.1 and (np.diff(below) > 0).all()
    written = json.loads((tmp_path / "scores.json").read_text())
    assert (
        written["mae"] == mae["LSTM (median)"]
        and written["baselines"]["the last value"]["mae"] == mae["the last value"]
    )
    assert png(tmp_path / "forecast.png") and "held" in capsys.readouterr().out

    # A file of one's own, of another size: the last fortnight but one, in kW, from which the last week is forecast
    lines = Path(data.tetouan()).read_text().splitlines()[1:]
    values = np.array([float(line.split(",")[1]) for line in lines])
    told, truth = [], []
    load = ["--load", str(tmp_path / "forecast.safetensors"), "--csv", str(tmp_path / "own.csv")]
    for end in range(len(lines) - 7 * 24, len(lines), 24):
        own = [f"{line.split(',')[0]},{1000 * value}" for line, value in zip(lines[:end], values)][-21 * 24 :]
        (tmp_path / "own.csv").write_text("\n".join(["when,load", *own]))
        told.append(forecast.main([*load, "--column", "load", "--time-column", "when"])[:, forecast.MEDIAN])
        truth.append([1000 * values[end - 24 : end], 1000 * values[end : end + 24]])
    before, came = np.array(truth).transpose(1, 0, 2)
    assert np.abs(told - came).mean() < 0.85 * np.abs(before - came).mean()
    shown = capsys.readouterr().out
    assert shown.count("median") == 7 and lines[-1].split(",")[0] in shown  # the last hour that was forecast


def test_a_series_that_cannot_be_forecast_is_refused(tmp_path):
    forecast.build(0).save(tmp_path / "model", {"quantiles": "[]"})
    hours = np.arange("2020-01-01", "2020-01-06", dtype="M8[h]")
    load = ["--load", str(tmp_path / "model"), "--csv", str(tmp_path / "own.csv")]
    day = np.sin(np.arange(len(hours)) * np.pi / 12).round(6)
    for times, values, why in (
        (hours[:90], np.arange(90.0), "96 hourly values or more, got 90"),
        (hours[0] + 2 * (hours - hours[0]), np.arange(120.0), "2 hours"),
        (hours, day, "the same on all days"),
        (hours[:-1], ["x"] * 119, "which is not a number$"),  # --missing is no option of this application
        (np.delete(hours, 60), np.delete(np.arange(120.0), 60), r"one each hour\)$"),
    ):
        rows = [f"{time},{value}" for time, value in zip(times, values)]
        (tmp_path / "own.csv").write_text("\n".join(["time,demand_mw", *rows]))
        with pytest.raises(SystemExit, match=why):
            forecast.main(load)


def test_a_language_model_learns_to_spell(tmp_path, capsys):
    curves, baselines = language_model.main(
        ["--out", str(tmp_path), "--epochs", "2", "--no-torch", "--json", str(tmp_path / "scores.json")]
    )
    assert curves["LSTM, eigenlstm"][-1] < 3.0 < baselines["characters alone"]
    written = json.loads((tmp_path / "scores.json").read_text())
    assert written["bits"] == curves["LSTM, eigenlstm"][-1] and "characters alone" in written["baselines"]
    assert png(tmp_path / "language_model.png") and "Alice" in capsys.readouterr().out
    load = ["--load", str(tmp_path / "language_model.safetensors"), "--out", str(tmp_path), "--text"]
    written_on = language_model.main([*load, "The Queen "])
    assert written_on.startswith("The Queen ") and len(written_on) == 410
    with pytest.raises(SystemExit, match="the book has no §"):
        language_model.main([*load, "§"])


def test_the_same_language_model_in_pytorch_learns_the_same(monkeypatch):
    """From the same weights, on the same batches, without dropout: the bits per character agree after each epoch."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.setattr(language_model, "DROPOUT", 0.0)
    text = data.alice()[:4400]
    alphabet = sorted(set(text))
    codes = np.array([alphabet.index(character) for character in text])
    lanes, held_out = language_model.in_lanes(codes[:4000], 4), language_model.in_lanes(codes[4000:], 1)
    threads = torch.get_num_threads(), el.get_num_threads()
    el.set_num_threads(1)  # PyTorch follows; on a busy machine its threads wait for one another
    try:
        model = language_model.build(len(alphabet), 0)
        initial = model.state_dict()
        history = model.fit(
            *lanes,
            loss="cross_entropy",
            optimizer=el.Adam(),
            epochs=2,
            batch_size=4,
            tbptt=language_model.PIECE,
            validation_data=held_out,
            callbacks=[el.schedule(lambda step: 1e-3)],
            clip_norm=1.0,
            seed=0,
            verbose=0,
        )
        theirs = language_model.train_in_torch(
            initial, lanes, held_out, lambda step: 1e-3, 2, len(alphabet), patience=math.inf
        )
    finally:
        torch.set_num_threads(threads[0])
        el.set_num_threads(threads[1])
    ours = [language_model.bits(logs["val_loss"]) for logs in history]
    assert ours[1] < 0.98 * ours[0] < 6
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


def test_ngrams_are_smoothed_probabilities():
    """Against a hand calculation: 'aab' then 'ab', two letters, order 2."""
    train, test = np.array([0, 0, 1]), np.array([0, 0, 1])
    # unigram of 'b': (1 + 2·½)/(3 + 2) = 2/5; after 'a' (twice, in two ways): (1 + 2·2/5)/(2 + 2) = 9/20
    assert language_model.ngram_bits(train, test, 2, 2).tolist() == pytest.approx(
        [-math.log2(2 / 5), -math.log2(9 / 20)]
    )


@pytest.mark.parametrize("name", ["forecast", "classify", "language_model"])
def test_examples_are_programs(name):
    done = subprocess.run(
        [sys.executable, "-m", f"eigenlstm.examples.{name}", "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "--epochs" in done.stdout
