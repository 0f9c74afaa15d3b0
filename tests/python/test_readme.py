"""Every block of code in the README runs, or is what CI runs."""

import inspect
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import eigenlstm as el

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def blocks(language):
    found = [text for kind, text in BLOCKS if kind == language]
    assert found, f"the README has no {language} block"
    return found


def test_every_block_is_of_a_kind_that_is_tested_here():
    assert {kind for kind, _ in BLOCKS} == {"sh", "python"}


def test_the_python_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "readme"}
    for text in blocks("python"):
        exec(compile(text, "README.md", "exec"), names)
    assert (tmp_path / "model.safetensors").exists()
    final = names["history"][-1]
    assert final["val_loss"] < 0.1, "the model of the README learns nothing: the series' variance is 0.5"


def table_of_options():
    """The first column of the table in docs/guides/variants.md: {"proj_size": {"proj_size": 32}, …}, a dict of
    arguments for each piece of code.
    """
    section = (ROOT / "docs/guides/variants.md").read_text()
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [eval(f"dict({code})") for cell in cells for code in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize("arguments", table_of_options(), ids=str)
def test_each_option_of_the_table_computes_something_else(arguments):
    """In training, which masks need; against the plain layer with the same seed."""
    x = np.random.default_rng(0).standard_normal((4, 9, 6)).astype(np.float32) * 5
    x[1, 2:4, 3] = np.nan if "missing" in arguments else 0
    plain = {
        "input_size": 6,
        "hidden_size": 40,
        "num_layers": 2 if {"residual", "dropout"} & set(arguments) else 1,
        "seed": 0,
    }
    lstm = el.LSTM(**{**plain, **arguments})
    for name in ("peephole_l0", "h0_l0"):  # which start as zeros
        if name in lstm.params:
            lstm.params[name][...] = 0.5
    y, _, tape = lstm.forward(x, seed=1)
    lstm.backward(tape, np.ones_like(y))
    assert np.isfinite(y).all() and np.isfinite(lstm.flat_grads).all()
    other = el.LSTM(**plain).forward(x)[0]
    assert y.shape != other.shape or not np.array_equal(y, other)


def test_the_table_names_every_option():
    named = {name for arguments in table_of_options() for name in arguments}
    plain = {"input_size", "num_layers", "time_major", "dtype", "seed"}
    assert named | plain == set(inspect.signature(el.LSTM).parameters)


def test_the_first_commands_do_all_the_set_up():
    first = next(text for kind, text in BLOCKS if kind == "sh").splitlines()
    assert first == ['pip install ".[demo]" && python -m eigenlstm demo', 'pip install ".[test]" && python -m pytest']


def test_the_forecast_of_a_csv_file(tmp_path):
    pytest.importorskip("matplotlib", reason="the forecast draws with matplotlib (extra: demo)")
    rng = np.random.default_rng(0)
    times = np.arange("2025-01-01", "2025-02-11", dtype="datetime64[h]")
    demand = 100 + 20 * np.sin(2 * np.pi * np.arange(len(times)) / 24) + rng.standard_normal(len(times))
    (tmp_path / "demand.csv").write_text("time,demand\n" + "".join(f"{t},{d:.2f}\n" for t, d in zip(times, demand)))
    (command,) = [line for text in blocks("sh") for line in text.splitlines() if "forecast" in line]
    program, *arguments = shlex.split(command)
    assert program == "python"
    # one epoch: whether it learns is tested elsewhere
    result = subprocess.run(
        [sys.executable, *arguments, "--epochs", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "MPLBACKEND": "Agg"},
    )
    assert result.returncode == 0, result.stderr
    assert {"forecast.csv", "forecast.png", "model.safetensors"} <= {path.name for path in tmp_path.iterdir()}


def test_the_cpp_is_the_program_that_ci_builds_and_runs():
    page = (ROOT / "docs/guides/cpp.md").read_text()
    assert '--8<-- "tests/install/main.cpp"' in page
    built = (ROOT / "tests/install/CMakeLists.txt").read_text().replace("use_model", "my_program").splitlines()
    blocks_of_cmake = re.findall(r"^```cmake\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks_of_cmake) == 2
    for block in blocks_of_cmake:
        assert set(block.splitlines()) <= set(built), block


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#][^)]*)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-")
        for line in README.splitlines()
        if line.startswith("#")
    }
    for anchor in re.findall(r"\]\(#([^)]+)\)", README):
        assert anchor in headings, anchor
