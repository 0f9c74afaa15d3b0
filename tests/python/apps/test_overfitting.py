"""Overfitting: with nothing against it, the loss of what is held out rises again; each remedy does what its name says."""

import json

import pytest
from fetched_data import archive, png

import eigenlstm as el
from eigenlstm.apps import overfitting, sentiment

pytest.importorskip("matplotlib", reason="matplotlib is not installed")


def test_remedies_at_a_reduced_size(tmp_path, tmp_path_factory):
    sdist = archive(sentiment.DATA, tmp_path_factory)
    scores = overfitting.main(
        ["--quick", "--data", str(sdist), "--out", str(tmp_path), "--json", str(tmp_path / "scores.json")]
    )
    written = json.loads((tmp_path / "scores.json").read_text())
    assert list(written["baselines"]) == list(overfitting.REMEDIES)
    assert written["loss"] == scores["loss"] < written["baselines"]["nothing"]["loss"]
    assert len({row["loss"] for row in written["baselines"].values()}) > 6  # the remedies change something
    assert png(tmp_path / "overfitting.png")


def test_the_remedies_reach_what_they_name(monkeypatch):
    seen = []
    monkeypatch.setattr(el.Sequential, "fit", lambda model, *_, **options: seen.append((model, options)) or [])
    task = {"train": ([], []), "valid": ([], []), "words": 9, "unknown": 1}
    task["train"] = ([0] * 64, [0] * 64)
    for remedy in overfitting.REMEDIES.values():
        overfitting.learn(task, remedy, 1, 0)
    named = dict(zip(overfitting.REMEDIES, seen))
    assert len(named["dropout"][0]) == 5 and len(named["nothing"][0]) == 4
    assert named["variational dropout"][0][1].recurrent_dropout == 0.3
    assert named["zoneout"][0][1].zoneout == 0.15 and named["weight drop"][0][1].weight_drop == 0.5
    assert named["weight averaging"][1]["ema"] == 0.5 and named["nothing"][1]["ema"] is None
    assert named["augmentation"][1]["augment"].rate == 0.2 and named["early stopping"][1]["callbacks"]
    assert named["weight decay"][1]["optimizer"].weight_decay == 0.1
