"""Pictures: what is drawn is what was given."""

import numpy as np
import pytest

import eigenlstm as el

pytest.importorskip("matplotlib", reason="draws")


def test_the_curves_of_a_history(tmp_path):
    history = [
        {"epoch": n, "loss": 1 / n, "mae": 2 / n, "val_loss": 3 / n, "val_mae": 4 / n, "lr": 0.1, "seconds": 1.0}
        for n in (1, 2, 3)
    ]
    figure = el.plot.history(history, path=tmp_path / "h.png")
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "mae"]
    lines = [line.get_ydata().tolist() for line in figure.axes[0].lines]
    assert lines == [[1, 1 / 2, 1 / 3], [3, 3 / 2, 1]]
    assert all(tick == int(tick) for tick in figure.axes[1].get_xticks())
    assert (tmp_path / "h.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="empty"):
        el.plot.history([])


def test_the_gates_of_a_row(tmp_path):
    lstm = el.LSTM(2, 4, num_layers=2, bidirectional=True, time_major=True, seed=0)
    x = np.random.default_rng(0).standard_normal((9, 3, 2)).astype(np.float32)
    _, _, trace = lstm(x, lengths=[9, 6, 9], trace=True)
    figure = el.plot.gates(trace, row=1, layer=1, reverse=True, path=tmp_path / "g.svg")
    images = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(images) == 6
    for image, name in zip(images, "ifgoch"):
        np.testing.assert_array_equal(image.get_array(), trace[f"{name}_l1_reverse"][:6, 1].T)
        assert image.get_clim()[0] == (0 if name in "ifo" else -image.get_clim()[1])
    assert b"<svg" in (tmp_path / "g.svg").read_bytes()
    with pytest.raises(ValueError, match="no layer 2 in the trace"):
        el.plot.gates(trace, layer=2)
    with pytest.raises(ValueError, match="row must be one of 3, got 3"):
        el.plot.gates(trace, row=3)


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "eigenlstm\[demo\]"'):
        el.plot.history([{"epoch": 1, "loss": 1.0}])
