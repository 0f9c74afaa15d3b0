"""The options of the applications: none is ignored, and what can't be used is refused in one line."""

import importlib
import subprocess
import sys

import pytest

import eigenlstm as el
from eigenlstm.apps import _catalogues, _common, _download

pytest.importorskip("matplotlib", reason="matplotlib is not installed")

OWN = {  # what each application takes with --load
    "classify": "--frames",
    "forecast": "--csv",
    "images": "--picture",
    "language_model": "--text",
    "sentiment": "--text",
    "speech": "--wav",
    "tagging": "--text",
    "translation": "--text",
    "video": "--clip",
}


def ends(name, *arguments):
    """The one line with which the application ends; None where argparse has written it."""
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"eigenlstm.apps.{name}").main([str(one) for one in arguments])
    assert ended.value.code not in (0, None)
    return ended.value.code if isinstance(ended.value.code, str) else None


@pytest.mark.parametrize("name", OWN)
def test_a_saved_model_is_one_of_this_application(name, tmp_path, capsys):
    el.Sequential([el.LSTM(1, 1, seed=0)]).save(tmp_path / "other.safetensors")
    (tmp_path / "text").write_text("no model")
    for model, why in (("other.safetensors", "is no model of this application"), ("text", ""), ("absent", "No such")):
        said = ends(name, "--load", tmp_path / model, OWN[name], tmp_path / "mine", "--out", tmp_path)
        assert str(tmp_path / model) in said and why in said and "\n" not in said
    for nothing in ([], [OWN[name], ""]):
        assert ends(name, "--load", tmp_path / "other.safetensors", *nothing) is None
        assert f"--load needs {OWN[name]}" in capsys.readouterr().err


@pytest.mark.parametrize("name", OWN)
def test_no_option_is_ignored(name, tmp_path, capsys):
    """What is for training is refused with --load, what is for the saved model without it."""
    load = ["--load", tmp_path / "model", OWN[name], tmp_path / "mine"]
    for option in (["--quick"], ["--epochs", 3], ["--json", tmp_path / "scores"]):
        assert ends(name, *load, *option) is None
        assert f"{option[0]} is for training" in capsys.readouterr().err
    if OWN[name] != "--wav":  # which is a folder to train on, too
        assert ends(name, OWN[name], tmp_path / "mine") is None
        assert f"{OWN[name]} needs --load MODEL" in capsys.readouterr().err
    assert ends(name, "--epochs", 0) is None and "at least 1" in capsys.readouterr().err
    assert ends(name, "--seed", -1) is None and "at least 0" in capsys.readouterr().err
    out = ["--out", tmp_path / "made"]
    assert "--json: there is no" in ends(name, *out, "--json", tmp_path / "absent" / "scores")
    (tmp_path / "file").touch()
    assert ends(name, "--out", tmp_path / "file").startswith(f"--out: {tmp_path / 'file'}: ")


def test_help_shows_how_the_command_is_used():
    command = [sys.executable, "-m", "eigenlstm.apps.forecast", "--help"]
    shown = " ".join(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert "--load forecast.safetensors --csv mine.csv" in shown and "default: demand_mw" in shown


def test_data_that_are_no_archive(tmp_path):
    package = _download.Package("parcel", "1.0", "", "numbers")
    with pytest.raises(SystemExit, match="--data: .*absent: No such file"):
        _download.fetch(package, tmp_path / "absent")
    with pytest.raises(SystemExit, match="no zip or tar file"):
        _download.member(b"text", "name")
    with pytest.raises(SystemExit, match="no zip file"):
        _catalogues.pairs([b"text"])


def test_a_reason_is_one_line_that_names_the_file():
    assert _common.reason("a.gif", OSError("what a.gif holds\nis unclear")) == "what a.gif holds"
    assert _common.reason("a.gif", ValueError()) == "a.gif: ValueError"
