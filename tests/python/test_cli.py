"""The command line as a user meets it: what it prints and writes, and one line for each mistake."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm.cli import main
from eigenlstm.safetensors_files import read_tensors

FAST = ["--hidden", "4", "--epochs", "1", "--no-plot"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of its own with a CSV of daily values, and the working directory in it."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    days = np.datetime64("2021-01-01") + np.arange(400)
    values = 50 + 10 * np.sin(2 * np.pi * np.arange(400) / 7) + rng.normal(0, 1, 400)
    with open("sales.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["day", "sales", "shop", "temperature"])
        writer.writerows((day, f"{value:.3f}", "north", f"{rng.normal():.2f}") for day, value in zip(days, values))
    return tmp_path


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


def refused(capsys, *arguments):
    """The one line that `arguments` are refused with."""
    before = sorted(os.listdir())
    try:
        code = main(list(arguments))
    except SystemExit as stopped:  # argparse
        code = stopped.code
    error = capsys.readouterr().err
    assert code == 2 and error.count("\n") == 1 and "error: " in error, error
    assert sorted(os.listdir()) == before, "something was written"
    return error


def test_a_file_is_forecast_and_its_model_forecasts_again(here, capsys):
    assert (
        main(
            [
                "forecast",
                "sales.csv",
                "--column",
                "sales",
                "--horizon",
                "5",
                "--time-column",
                "day",
                "--exog",
                "temperature",
                "--hidden",
                "8",
                "--epochs",
                "4",
                "--out",
                "out",
            ]
        )
        == 0
    )
    shown = capsys.readouterr().out
    for text in (
        "400 values, one each day, 2021-01-01 to 2022-02-04",
        "60 are held out",
        "season 7 steps",
        "MAE",
        "RMSE",
        "persistence",
        "seasonal naive",
        "lower",
        "80% range held",
        "2022-02-05",
        "model.safetensors",
    ):
        assert text in shown
    assert sorted(os.listdir("out")) == ["forecast.csv", "forecast.png", "model.safetensors"]
    header, *rows = rows_of("out/forecast.csv")
    assert header == ["time", "forecast", "lower", "upper", "method"] and [row[0] for row in rows] == [
        f"2022-02-0{d}" for d in range(5, 10)
    ]
    assert all(float(low) < float(value) < float(high) for _, value, low, high, _ in rows)
    assert Path("out/forecast.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert isinstance(el.load("out/model.safetensors"), el.Model)

    assert main(["forecast", "sales.csv", "--load", "out/model.safetensors", "--out", "again"]) == 0
    assert "epoch" not in capsys.readouterr().out
    assert rows_of("again/forecast.csv") == rows_of("out/forecast.csv")
    assert sorted(os.listdir("again")) == ["forecast.csv", "forecast.png"]


def test_a_series_without_times_counts_its_steps(here, capsys):
    assert main(["forecast", "sales.csv", "--column", "sales", "--horizon", "3", "--seed", "3", *FAST]) == 0
    assert [row[0] for row in rows_of("forecast.csv")] == ["step", "+1", "+2", "+3"]
    assert sorted(os.listdir()) == ["forecast.csv", "model.safetensors", "sales.csv"]


def test_the_errors_printed_are_those_of_the_held_out_part(here, capsys):
    """Persistence and seasonal naive by hand, in pandas-free NumPy."""
    assert main(["forecast", "sales.csv", "--column", "sales", "--horizon", "2", *FAST]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    values = np.array([float(row[1]) for row in rows_of("sales.csv")[1:]])
    origins = np.arange(340, 399)
    expected = {"persistence": values[origins - 1], "seasonal": values[origins - 7]}
    for name, forecast in expected.items():
        row = next(line for line in lines if line and line[0] == name)
        assert float(row[-3]) == pytest.approx(np.abs(forecast - values[origins]).mean(), rel=1e-3)


def test_nothing_is_learnt_from_the_held_out_part(here, capsys):
    """Another end of the file gives the same training, weights and methods to the last digit, but other errors. Only
    then the end is learnt, too."""
    lines = Path("sales.csv").read_text().splitlines()
    lines[-60:] = [line.replace(line.split(",")[1], str(100 + i * i % 17)) for i, line in enumerate(lines[-60:])]
    Path("other.csv").write_text("\n".join(lines))
    texts, models = [], []
    for name in ("sales", "other"):
        assert main(["forecast", f"{name}.csv", "--column", "sales", "--horizon", "3", "--out", name, *FAST]) == 0
        texts.append(re.sub(r"( +[\d.]+){2}$", "", capsys.readouterr().out, flags=re.M).partition("Error of"))
        models.append(read_tensors(f"{name}/model.safetensors")[0])
    assert texts[0][0] == texts[1][0] and "the forecast is 0." in texts[0][0] and texts[0][2] != texts[1][2]
    assert not all(np.array_equal(models[0][key], models[1][key]) for key in models[0])
    assert rows_of("sales/forecast.csv") != rows_of("other/forecast.csv")


def test_quantiles_are_columns_of_their_own(here, capsys):
    call = ["forecast", "sales.csv", "--column", "sales", "--horizon", "3", *FAST, "--quantiles"]
    assert main([*call, "0.1,0.9,0.05"]) == 0
    header, *rows = rows_of("forecast.csv")
    assert header[4:] == ["q0.1", "q0.9", "q0.05", "method"]
    for row in rows:
        forecast, lower, upper, *quantiles = map(float, row[1:-1])
        assert [lower, upper] == quantiles[:2] and quantiles[2] < lower < forecast < upper
        shares = [part.split(" ", 1) for part in row[-1].split(" + ")]
        assert abs(sum(float(share) for share, _ in shares) - 1) < 0.03
    for wrong in ("0.001", "many", "0.5,"):
        with pytest.raises(SystemExit):
            main([*call, wrong])
        assert "--quantiles" in capsys.readouterr().err


def test_fill_makes_a_series_with_holes_usable(here, capsys):
    lines = Path("sales.csv").read_text().splitlines()
    del lines[50:53]
    lines[100] = lines[100].replace(lines[100].split(",")[1], "")
    Path("holes.csv").write_text("\n".join(lines))
    call = ["forecast", "holes.csv", "--column", "sales", "--horizon", "3", "--time-column", "day", *FAST]
    assert "--fill" in refused(capsys, *call)
    assert main([*call, "--fill"]) == 0
    assert "4 of 400 values were interpolated (--fill); no error and no range counts them" in capsys.readouterr().out


def test_info_prints_what_el_info_says(capsys):
    assert main(["info"]) == 0
    shown = capsys.readouterr().out
    for key, value in el.info().items():
        assert key in shown and (isinstance(value, list) or str(value) in shown)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "is empty"),
        ("x\n", "no rows"),
        ("x\n" + "1\n" * 500, "constant"),
        ("x\n1\n2\n3\n4\n5\n", "rows"),
        ("x\n" + "1\n2\n4\n" * 100 + "abc\n", "line 302.*'abc'"),
        ("x\n" + "1\n2\n4\n" * 100 + "nan\n1\n", "line 302.*no value"),
        ("x\n" + "1e200\n2e200\n4e200\n" * 100, "1e[+]100"),
        ("x\n" + "1\n2\n4\n" * 100 + "\u00e9\n", "UTF-8"),
    ],
)
def test_bad_files_get_one_line_and_exit_code_2(here, capsys, text, message):
    with open("bad.csv", "w", encoding="latin-1") as file:
        file.write(text)
    assert_matches(message, refused(capsys, "forecast", "bad.csv", "--column", "x", "--horizon", "3", *FAST))


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["none.csv", "--column", "sales", "--horizon", "3"], "does not exist"),
        (["sales.csv", "--column", "profit", "--horizon", "3"], "not in sales.csv; its columns are 'day', 'sales'"),
        (["sales.csv", "--column", "shop", "--horizon", "3"], "'north', which is not a number"),
        (["sales.csv", "--column", "sales"], "--horizon N is missing"),
        (["sales.csv", "--horizon", "3"], "--column NAME is missing"),
        (["sales.csv", "--column", "sales", "--horizon", "0"], "at least 1"),
        (["sales.csv", "--column", "sales", "--horizon", "many"], "invalid whole number"),
        (["sales.csv", "--column", "sales", "--horizon", "150"], "too few"),
        (["sales.csv", "--column", "sales", "--horizon", "1" + "0" * 14], "too long for 400 rows"),
        (
            ["sales.csv", "--column", "sales", "--horizon", "1" + "0" * 30],
            r"horizon must be at least 1 and below 2\*\*48",
        ),
        (["sales.csv", "--column", "sales", "--horizon", "3", "--window", "390"], "too few"),
        (["sales.csv", "--column", "sales", "--horizon", "3", "--hidden", str(10**8)], "memory"),
        (["sales.csv", "--column", "sales", "--horizon", "3", "--coverage", "1.5"], "coverage"),
        (["sales.csv", "--column", "sales", "--horizon", "3", "--seed", "-1"], "--seed"),
        (["sales.csv", "--column", "sales", "--horizon", "3", "--time-column", "shop"], "ISO 8601"),
        (
            ["sales.csv", "--column", "sales", "--horizon", "3", "--time-column", "day", "--time-format", "%d.%m"],
            "--time-format",
        ),
        (["sales.csv", "--column", "sales", "--horizon", "3", "--out", "sales.csv"], "is a file"),
        (["sales.csv", "--column", "sales", "--horizon", "3", "--out", "sales.csv/deep"], "cannot be written"),
        (["sales.csv", "--load", "none.safetensors"], "no such file"),
        (["sales.csv", "--load", "sales.csv"], "claims a header"),
        (["sales.csv", "--load", "m.safetensors", "--epochs", "3"], "--epochs is for training"),
        ([], "required: FILE"),
    ],
)
def test_bad_calls_get_one_line_and_exit_code_2(here, capsys, arguments, message):
    more = [] if "--hidden" in arguments or "--load" in arguments else FAST
    assert_matches(message, refused(capsys, "forecast", *arguments, *more))


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--horizon", "4"], "forecasts 3 values"),
        (["--time-column", "when"], "steps of 1 hour, the model was trained on steps of 1 day"),
        (["--covariate", "when"], "trained with"),
        (["--column", "y"], "column 'y' is not in"),
    ],
)
def test_a_model_is_not_used_on_what_it_does_not_fit(here, capsys, arguments, message):
    assert main(["forecast", "sales.csv", "--column", "sales", "--horizon", "3", "--time-column", "day", *FAST]) == 0
    capsys.readouterr()
    hours = np.datetime64("2021-01-01T00") + np.arange(100)
    Path("other.csv").write_text(
        "when,sales,day\n"
        + "".join(f"{hour},{i % 7},{np.datetime64('2021-01-01') + i}\n" for i, hour in enumerate(hours))
    )
    assert_matches(
        message, refused(capsys, "forecast", "other.csv", "--load", "model.safetensors", "--no-plot", *arguments)
    )


def test_too_few_rows_for_a_loaded_model_are_refused(here, capsys):
    assert main(["forecast", "sales.csv", "--column", "sales", "--horizon", "3", *FAST]) == 0
    capsys.readouterr()
    Path("few.csv").write_text("sales\n1\n2\n3\n")
    assert "too few" in refused(capsys, "forecast", "few.csv", "--load", "model.safetensors", "--no-plot")


def test_without_matplotlib_the_extra_is_named(here, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    call = ["forecast", "sales.csv", "--column", "sales", "--horizon", "3"]
    error = refused(capsys, *call)
    assert 'pip install "eigenlstm[demo]"' in error and "--no-plot" in error
    assert 'pip install "eigenlstm[demo]"' in refused(capsys, "demo", "--out", "d")
    assert main([*call, *FAST]) == 0


def test_a_disk_that_fails_leaves_no_half_written_file(here, capsys, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    error = refused(capsys, "forecast", "sales.csv", "--column", "sales", "--horizon", "3", *FAST)
    assert "No space left on device" in error and "--out" in error


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "eigenlstm", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **options,
    )


def test_the_demo_beats_both_naive_forecasts(tmp_path):
    done = run("demo", "--out", str(tmp_path / "demo"))
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path / "demo")) == ["forecast.csv", "forecast.png", "model.safetensors"]
    ours, persistence, seasonal = (
        np.array(re.search(rf"^  {name} +([\d. ]+)$", done.stdout, re.MULTILINE).group(1).split(), float)
        for name in ("LSTM", "persistence", "seasonal naive")
    )
    assert (ours < 0.9 * seasonal).all() and (ours < 0.9 * persistence).all()
    assert ours[-1] < 0.75 * seasonal[-1] and ours[-1] < 0.15 * persistence[-1]


def test_the_program_tells_mistakes_by_its_exit_code(tmp_path):
    for arguments in (["forecast", "none.csv", "--column", "x", "--horizon", "1"], ["forecats"], []):
        done = run(*arguments, cwd=tmp_path)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
    assert run("info", cwd=tmp_path).returncode == 0
    assert os.listdir(tmp_path) == []


def assert_matches(pattern, text):
    assert re.search(pattern, text), text
