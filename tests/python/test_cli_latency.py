"""``python -m eigenlstm latency``: what it prints of models of all kinds, and what it refuses."""

import re

import pytest

import eigenlstm as el
from eigenlstm.cli import main


def models():
    lstm, head = el.LSTM(2, 4, seed=0), el.Linear(4, 2, seed=0)
    yield el.Model(lambda x: head(lstm(x)[0]) + x, x=el.Input((None, 2)))
    yield el.Sequential([el.Embedding(5, 3, dtype="float64"), el.LSTM(3, 4, dtype="float64")])
    yield el.LSTM(1, 3)


@pytest.mark.parametrize("model", list(models()), ids=lambda model: type(model).__name__)
def test_what_is_printed(model, tmp_path, capsys):
    el.save(model, tmp_path / "model")
    assert main(["latency", str(tmp_path / "model"), "--steps", "300", "--block", "20", "--rate", "1000"]) == 0
    text = capsys.readouterr().out
    assert f"{type(model).__name__}, {model.num_params:,} parameters, {model.dtype}" in text
    for what in ("a step, called from Python", "a block of 20 steps"):
        values = re.search(rf"{what} +p50 ([\d.,]+) +p99 ([\d.,]+) +p99.9 ([\d.,]+) +largest ([\d.,]+) us", text)
        values = [float(value.replace(",", "")) for value in values.groups()]
        assert values[0] > 0 and values == sorted(values)
    assert "(300 steps)" in text and "(15 blocks)" in text
    assert "at 1,000 Hz a block lasts 20,000.0 us" in text


def test_what_is_refused(tmp_path, capsys):
    el.save(el.Sequential([el.LSTM(1, 3), el.Last()]), tmp_path / "model")
    assert main(["latency", str(tmp_path / "model")]) == 2
    assert "1 (Last) can't stream: it gives one vector for a whole sequence" in capsys.readouterr().err
    assert main(["latency", str(tmp_path / "none")]) == 2
    assert "No such file" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["latency", str(tmp_path / "model"), "--steps", "0"])
