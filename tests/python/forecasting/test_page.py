"""The page of ``forecast --html``: one file that needs nothing else."""

import re
import sys

import numpy as np
import pytest

from eigenlstm.cli import main


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    days = (np.datetime64("2021-01-01") + np.arange(120)).astype(str)
    values = 50 + 10 * np.sin(2 * np.pi * np.arange(120) / 7) + np.random.default_rng(0).normal(0, 1, 120)
    (tmp_path / "sales.csv").write_text("day,a<b>\n" + "".join(f"{d},{v:.3f}\n" for d, v in zip(days, values)))
    return values


CALL = ["forecast", "sales.csv", "--column", "a<b>", "--time-column", "day", "--horizon", "3", "--html", "--no-plot"]
CALL += ["--hidden", "4", "--epochs", "1", "--out", "out"]


def test_the_page_has_the_picture_and_loads_nothing(file, tmp_path):
    pytest.importorskip("plotly")
    assert main(CALL) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "forecast.csv",
        "forecast.html",
        "model.safetensors",
    ]
    text = (tmp_path / "out" / "forecast.html").read_text()
    assert not re.search(r"<script[^>]*\ssrc=|<link", text) and "Plotly.newPlot(" in text
    assert "<title>Forecast of a&lt;b&gt;</title>" in text and "<h1>a<b>" not in text
    body = text[text.index("<body>") :]
    names = re.findall(r'"name":"([^"]*)"', body)
    for name in ("80% range", "forecast", "what came", "persistence", "seasonal naive", "LSTM"):
        assert name in names
    assert '"2021-05-01T00:00:00"' in body and "the forecast&#x27;s mean absolute error is" in body


def test_without_plotly_the_extra_is_named_and_nothing_is_written(file, monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "plotly", None)
    assert main(CALL) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and 'pip install "eigenlstm[html]"' in error
    assert not (tmp_path / "out").exists()
