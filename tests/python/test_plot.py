"""Pictures: what is drawn is what was given."""

import numpy as np
import pytest

import eigenlstm as el

pytest.importorskip("matplotlib", reason="draws")


def test_the_curves_of_a_history(tmp_path):
    history = [{"epoch": n, "loss": 1 / n, "mae": 2 / n, "val_loss": 3 / n, "val_mae": 4 / n, "lr": 0.1, "seconds": 1.0}
               for n in (1, 2, 3)]
    figure = el.plot.history(history, path=tmp_path / "h.png")
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "mae"]
    lines = [line.get_ydata().tolist() for line in figure.axes[0].lines]
    assert lines == [[1, 1 / 2, 1 / 3], [3, 3 / 2, 1]]
    assert (tmp_path / "h.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="empty"):
        el.plot.history([])


def test_the_gates_of_a_row(tmp_path):
    rng = np.random.default_rng(0)
    trace = {name: rng.random((2, 9, 4)) for name in "ifgoc"}
    figure = el.plot.gates(trace, row=1, path=tmp_path / "g.svg")
    images = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert len(images) == 5
    for image, name in zip(images, "ifgoc"):
        np.testing.assert_array_equal(image, trace[name][1].T)
    assert b"<svg" in (tmp_path / "g.svg").read_bytes()
    stacked = el.plot.gates({name: values[None] for name, values in trace.items()})
    np.testing.assert_array_equal(stacked.axes[0].images[0].get_array(), trace["i"][0].T)
    with pytest.raises(ValueError, match="none of i, f, g, o, c"):
        el.plot.gates({"h": np.zeros((1, 2, 3))})


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "eigenlstm\[demo\]"'):
        el.plot.history([{"epoch": 1, "loss": 1.0}])
