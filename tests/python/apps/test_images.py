"""Images: files of MNIST's format are read whole or refused; the application runs on scikit-learn's digits and on a
picture of one's own.
"""

import gzip
import json

import numpy as np
import pytest
from fetched_data import png

from eigenlstm.apps import images

pytest.importorskip("matplotlib", reason="matplotlib is not installed")


def test_small_digits_at_a_reduced_size(tmp_path, monkeypatch, capsys):
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")
    monkeypatch.setattr(images, "DEBIAN", tmp_path / "absent")
    scores = images.main(["--quick", "--epochs", "8", "--out", str(tmp_path), "--json", str(tmp_path / "scores.json")])
    written = json.loads((tmp_path / "scores.json").read_text())
    assert written["accuracy"] == scores["accuracy"] > 0.8 and written["seconds"] > 0
    assert written["baselines"]["5 nearest neighbours"]["accuracy"] > 0.95
    assert png(tmp_path / "images.png") and "CC BY 4.0" in capsys.readouterr().out

    from matplotlib import image

    x, y = datasets.load_digits(return_X_y=True)
    told = []
    for i in range(10):
        image.imsave(tmp_path / "own.png", np.kron(x[i].reshape(8, 8), np.ones((5, 4))), cmap="gray")
        told.append(
            images.main(
                ["--load", str(tmp_path / "images.safetensors"), "--picture", str(tmp_path / "own.png")]
                + ["--out", str(tmp_path)]
            )
        )
    assert np.mean([name == str(digit) for name, digit in zip(told, y)]) >= 0.7


def idx(array):
    return b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def test_files_of_mnist_s_format(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (5, 4, 4), np.uint8)
    (tmp_path / "plain").write_bytes(idx(x))
    (tmp_path / "packed.gz").write_bytes(gzip.compress(idx(x)))
    assert (images.idx(tmp_path / "plain") == x).all() and (images.idx(tmp_path / "packed") == x).all()
    for broken in (idx(x)[:-1], b"\0\0\x0d" + idx(x)[3:]):
        (tmp_path / "plain").write_bytes(broken)
        with pytest.raises(SystemExit, match="no whole idx file"):
            images.idx(tmp_path / "plain")
    with pytest.raises(SystemExit, match="is not there"):
        images.idx(tmp_path / "other")


def test_a_step_is_a_row_and_a_column():
    x = np.arange(18, dtype=np.float32).reshape(2, 3, 3)
    steps = images.lines(x)
    for t in range(3):
        assert (steps[:, t, :3] == x[:, t]).all() and (steps[:, t, 3:] == x[:, :, t]).all()


def test_pictures_are_moved_and_nothing_comes_in_but_black():
    x = np.zeros((200, 8, 8), np.float32)
    x[:, 3, 4] = 1
    got = images.moved({"x": images.lines(x), "y": None}, np.random.default_rng(0))["x"]
    assert (got == images.lines(got[:, :, :8])).all() and (got[:, :, :8].sum(axis=(1, 2)) == 1).all()
    places = {tuple(np.argwhere(one)[0]) for one in got[:, :, :8]}
    assert places == {(r, c) for r in (2, 3, 4) for c in (3, 4, 5)}


def test_clothes_are_mirrored_or_left_and_judged_on_both_sides():
    x = np.random.default_rng(0).random((200, 6, 6), np.float32)
    got = images.mirrored({"x": images.lines(x), "y": None}, np.random.default_rng(0))["x"]
    left = (got[:, :, :6] == x).all(axis=(1, 2))
    assert (got[~left] == images.lines(x[~left][:, :, ::-1])).all() and 60 < left.sum() < 140
    model = images.build(6, 10, seed=0)
    sides = [model.predict(images.lines(view)) for view in (x, x[:, :, ::-1])]
    assert np.allclose(images.judged(model, x, images.CLOTHES), (sides[0] + sides[1]) / 2)
    assert (images.judged(model, x, [str(i) for i in range(10)]) == sides[0]).all()


def test_the_nearest_neighbours_vote():
    rng = np.random.default_rng(0)
    x, y = rng.random((60, 2, 2), np.float32), rng.integers(0, 3, 60)
    x_test = rng.random((30, 2, 2), np.float32)
    for one, told in zip(x_test, images.neighbours(x, y, x_test)):
        near = np.argsort(((x - one) ** 2).sum(axis=(1, 2)), kind="stable")[:5]
        assert told == np.bincount(y[near]).argmax()
