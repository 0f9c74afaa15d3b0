"""The command line on series as people have them: what it lists, proposes, refuses and writes."""

import csv
import gzip
import io
import os
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from eigenlstm.cli import main
from eigenlstm.forecasting import Forecaster

FAST = ["--hidden", "4", "--epochs", "1", "--no-plot"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def days(n, start="2021-01-01"):
    return (np.datetime64(start) + np.arange(n)).astype(str)


def weekly(n, seed=0):
    return 50 + 10 * np.sin(2 * np.pi * np.arange(n) / 7) + np.random.default_rng(seed).normal(0, 1, n)


def write(name, head, rows):
    Path(name).write_text("\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n")


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


def refused(capsys, *arguments):
    before = sorted(os.listdir())
    assert main(list(arguments)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "error: " in error, error
    assert sorted(os.listdir()) == before, "something was written"
    return error


def proposed(capsys, *arguments):
    """The command that is proposed for a file."""
    assert main(["forecast", *arguments]) == 0
    shown = capsys.readouterr().out
    return shown, shlex.split(re.search("^  python -m eigenlstm (forecast .*)$", shown, re.MULTILINE)[1])


def test_a_file_alone_lists_its_columns_and_a_command_that_works(capsys):
    write("sales.csv", "day,sales,shop,rain", [(d, f"{v:.2f}", "north", "") for d, v in zip(days(200), weekly(200))])
    before = os.listdir()
    shown, command = proposed(capsys, "sales.csv")
    assert os.listdir() == before
    for line in ("200 rows, 4 columns", "day    times    2021-01-01 to 2021-07-19", "sales  numbers", "shop   text"):
        assert line in shown
    assert command == ["forecast", "sales.csv", "--time-column", "day", "--column", "sales", "--horizon", "14"]
    assert main([*command, *FAST]) == 0


def test_a_file_alone_needs_no_matplotlib(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    write("sales.csv", "day,sales", [(d, f"{v:.2f}") for d, v in zip(days(50), weekly(50))])
    assert main(["forecast", "sales.csv"]) == 0 and "--column sales" in capsys.readouterr().out


def test_the_proposal_knows_gaps_duplicates_series_and_what_has_no_times(capsys):
    table = [(d, f"{v:.2f}") for d, v in zip(days(100), weekly(100))]
    write("gaps.csv", "day,sales", table[:50] + table[53:])
    assert proposed(capsys, "gaps.csv")[1][-1] == "--fill"
    write("twice.csv", "day,sales", table + table[30:31])
    assert proposed(capsys, "twice.csv")[1][-2:] == ["--duplicates", "mean"]
    write("long.csv", "shop,day,sales", [(shop, *row) for row in table for shop in ("a", "b")])
    assert proposed(capsys, "long.csv")[1][2:8] == ["--time-column", "day", "--id-column", "shop", "--column", "sales"]
    write("plain.csv", "row,flow", [(i, 1120 + i * i % 7) for i in range(100)])
    assert proposed(capsys, "plain.csv")[1][2:] == ["--column", "flow", "--horizon", "10"]
    write("words.csv", "a,b", [("x", "y")] * 5)
    assert main(["forecast", "words.csv"]) == 0 and "No column has numbers" in capsys.readouterr().out


def test_each_series_of_a_long_table_is_forecast(capsys):
    north, south = weekly(120), 100 + 3 * weekly(120, seed=1)
    write(
        "long.csv",
        "shop,day,sales",
        [r for d, a, b in zip(days(120), north, south) for r in (("north", d, a), ("south/1", d, b))],
    )
    call = ["forecast", "long.csv", "--column", "sales", "--time-column", "day", "--horizon", "3", *FAST]
    assert "--id-column" in refused(capsys, *call)
    assert main([*call, "--id-column", "shop", "--out", "both"]) == 0
    header, *rows = rows_of("both/forecast.csv")
    assert header[:3] == ["shop", "time", "forecast"]
    assert [row[:2] for row in rows] == [
        [shop, day] for shop in ("north", "south/1") for day in ("2021-05-01", "2021-05-02", "2021-05-03")
    ]
    assert sorted(os.listdir("both")) == ["forecast.csv", "model-north.safetensors", "model-south_1.safetensors"]
    # one of them alone gives the same, and its model is for one
    assert main([*call, "--id-column", "shop", "--id", "north", "--out", "one"]) == 0
    assert rows_of("one/forecast.csv")[1:] == rows[:3]
    again = ["forecast", "long.csv", "--load", "one/model-north.safetensors", "--no-plot", "--id-column", "shop"]
    assert main([*again, "--id", "north", "--out", "again"]) == 0
    assert rows_of("again/forecast.csv") == rows_of("one/forecast.csv")


def test_a_series_that_is_too_short_leaves_nothing_of_the_others(capsys):
    rows = [("a", d, v) for d, v in zip(days(120), weekly(120))] + [("b", d, 1.0) for d in days(4)]
    write("long.csv", "shop,day,sales", rows)
    call = [
        "forecast",
        "long.csv",
        "--column",
        "sales",
        "--time-column",
        "day",
        "--horizon",
        "3",
        "--id-column",
        "shop",
    ]
    assert "shop 'b': " in refused(capsys, *call, *FAST) and main([*call, "--id", "a", *FAST]) == 0


def test_packed_text_from_standard_input_in_german(capsys, monkeypatch):
    text = "Datum;Umsatz in Tsd. €\n" + "".join(
        f"{d[8:]}.{d[5:7]}.{d[:4]};{f'{v:.2f}'.replace('.', ',')} €\n" for d, v in zip(days(130), weekly(130))
    )
    packed = gzip.compress(text.encode("cp1252"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(packed)))
    call = ["forecast", "-", "--column", "Umsatz in Tsd. €", "--time-column", "Datum", "--horizon", "3"]
    assert main([*call, "--encoding", "cp1252", *FAST]) == 0
    assert [row[0] for row in rows_of("forecast.csv")[1:]] == ["2021-05-11", "2021-05-12", "2021-05-13"]
    assert "130 values, one each day, 2021-01-01 to 2021-05-10" in capsys.readouterr().out


def test_offsets_survive_into_the_forecast(capsys):
    pytest.importorskip("zoneinfo")
    hours = np.datetime64("2021-06-01T00") + np.arange(200)
    write("h.csv", "t,x", [(f"{hour}:00+02:00", v) for hour, v in zip(hours, weekly(200))])
    assert main(["forecast", "h.csv", "--column", "x", "--time-column", "t", "--horizon", "2", *FAST]) == 0
    assert [row[0] for row in rows_of("forecast.csv")[1:]] == ["2021-06-09 08:00+02:00", "2021-06-09 09:00+02:00"]


@pytest.mark.parametrize(
    "rows, arguments, message",
    [
        (weekly(100), ["--horizon", "5"], "--column NAME is missing; its columns of numbers are 'x'"),
        (weekly(100), ["--column", "x"], "--horizon N is missing; give it, for example --horizon 14"),
        (["1", "-999", "abc"] * 30, ["--column", "x"], "line 4: .*'abc'.*--missing abc"),
        (["1", "NA", "3"] * 30, ["--column", "x"], "line 3: .*--fill"),
        (weekly(100), ["--column", "X"], "did you mean 'x'"),
        (weekly(100), ["--column", "x", "--id", "a"], "give --id-column NAME"),
        (
            weekly(100),
            ["--column", "x", "--encoding", "klingon"],
            "--encoding 'klingon' is not known; give one such as",
        ),
    ],
)
def test_a_refusal_names_the_option_and_the_value(capsys, rows, arguments, message):
    write("a.csv", "t,x", zip(days(len(rows)), rows))
    assert re.search(message, refused(capsys, "forecast", "a.csv", "--time-column", "t", *arguments, *FAST))


def test_a_series_that_ends_below_zero_is_forecast():
    t = np.arange(120)
    values = np.exp(4 + 0.02 * t + 0.3 * np.sin(2 * np.pi * t / 12) + np.random.default_rng(0).normal(0, 0.01, 120))
    for last in (0, -5):
        values[-3] = last
        write("a.csv", "x", [(value,) for value in values])
        assert main(["forecast", "a.csv", "--column", "x", "--horizon", "6", *FAST]) == 0


def test_the_rows_and_the_horizon_of_a_refusal_work(capsys):
    write("a.csv", "x", [(v,) for v in weekly(20)])
    error = refused(capsys, "forecast", "a.csv", "--column", "x", "--season", "1", "--horizon", "6", *FAST)
    assert "20 values are too few" in error and "give 30 values, or a horizon of at most 2 (" in error
    assert main(["forecast", "a.csv", "--column", "x", "--season", "1", "--horizon", "2", *FAST]) == 0
    write("b.csv", "x", [(v,) for v in weekly(30)])
    assert main(["forecast", "b.csv", "--column", "x", "--season", "1", "--horizon", "6", *FAST]) == 0


def test_a_model_of_python_needs_a_column(capsys):
    Forecaster(3, hidden_size=4, epochs=1).fit(weekly(100)).save("m.safetensors")
    write("a.csv", "x", [(v,) for v in weekly(50)])
    assert "--column NAME is missing" in refused(capsys, "forecast", "a.csv", "--load", "m.safetensors", "--no-plot")
    assert main(["forecast", "a.csv", "--load", "m.safetensors", "--column", "x", "--no-plot"]) == 0


def test_nothing_is_written_where_a_part_cannot_be(capsys):
    Path("out/model.safetensors").mkdir(parents=True)
    write("a.csv", "x", [(v,) for v in weekly(60)])
    call = ["forecast", "a.csv", "--column", "x", "--horizon", "3", "--out", "out", *FAST]
    assert "model.safetensors cannot be written: it is a folder" in refused(capsys, *call)
    assert os.listdir("out") == ["model.safetensors"]


def test_dollars_and_underscores_in_a_name_are_drawn(capsys):
    pytest.importorskip("matplotlib")
    for name in (r"cost $\frac$", "_x"):
        write("a.csv", name, [(v,) for v in weekly(60)])
        call = ["forecast", "a.csv", "--column", name, "--horizon", "3", "--hidden", "4", "--epochs", "1"]
        assert main(call) == 0 and Path("forecast.png").exists()


def test_a_model_for_many_series_names_each(capsys):
    head, rows = "id,x", [(name, v) for name, n in (("a", 80), ("b", 80), ("c", 9)) for v in weekly(n)]
    write("all.csv", head, rows)
    call = ["forecast", "all.csv", "--column", "x", "--id-column", "id"]
    assert main([*call, "--horizon", "3", "--id", "a", *FAST]) == 0
    call += ["--load", "model-a.safetensors", "--no-plot"]
    assert "id 'c': 9 values are too few" in refused(capsys, *call)
    assert main([*call, "--id", "a", "--id", "b"]) == 0
    assert "== id b ==" in capsys.readouterr().out
