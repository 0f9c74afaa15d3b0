"""Video: digits move as they should, files of clips are read; the application runs on moving digits and on clips of
one's own.
"""

import json

import numpy as np
import pytest
from fetched_data import png

import eigenlstm as el
from eigenlstm.apps import video

pytest.importorskip("matplotlib", reason="matplotlib is not installed")


def test_moving_digits_at_a_reduced_size(tmp_path, capsys):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    scores = video.main(["--quick", "--out", str(tmp_path), "--json", str(tmp_path / "scores.json")])
    written = json.loads((tmp_path / "scores.json").read_text())
    assert written["accuracy"] == scores["accuracy"] and written["seconds"] > 0
    assert written["baselines"]["logistic regression on pixels"]["accuracy"] < 0.3
    assert written["baselines"]["mean digits, sought in each frame"]["accuracy"] > 0.8
    assert png(tmp_path / "video.png") and "CC BY 4.0" in capsys.readouterr().out

    imageio = pytest.importorskip("imageio.v3", reason="imageio is not installed")
    _, _, (x, _), names = video.digits(quick=True)
    films = (np.clip((x[:20] + 2) / 5, 0, 1) * 255).astype(np.uint8).reshape(20, -1, 16, 16)
    model, told = el.load(tmp_path / "video.safetensors"), []
    for film in films:
        imageio.imwrite(tmp_path / "own.gif", np.kron(film, np.ones((1, 3, 3), np.uint8)))
        told.append(
            video.main(
                [
                    "--load",
                    str(tmp_path / "video.safetensors"),
                    "--clip",
                    str(tmp_path / "own.gif"),
                    "--out",
                    str(tmp_path),
                ]
            )
        )
    alike = [names[i] == name for i, name in zip(model.predict(x[:20]).argmax(axis=1), told)]
    assert np.mean(alike) >= 0.8  # the model sees in files of clips what it sees in the clips


def test_a_digit_crosses_the_field_and_comes_back(monkeypatch):
    """Without noise all of its ink is in each frame, and it moves at most two pixels from one to the next."""
    monkeypatch.setattr(video, "NOISE", 0.0)
    digit = np.zeros((1, 8, 8), np.float32)
    digit[0, 0, 0], digit[0, 7, 7] = 1, 2
    x = video.clips(np.repeat(digit, 50, axis=0), np.random.default_rng(0)).reshape(50, video.FRAMES, 16, 16)
    assert (x.sum(axis=(2, 3)) == 3).all()
    places = np.stack(np.unravel_index(x.reshape(50, video.FRAMES, -1).argmax(axis=2), (16, 16)))
    assert places.min() == 7 and places.max() == 15 and np.abs(np.diff(places, axis=2)).max() == 2
    assert (x[np.arange(50)[:, None], np.arange(video.FRAMES), places[0] - 7, places[1] - 7] == 1).all()


def test_frames_are_made_small_by_means():
    x = np.arange(12.0).reshape(1, 12)
    assert np.allclose(video.squeezed(x, 1, 4), [[1, 4, 7, 10]])
    assert np.allclose(video.squeezed(x, 1, 5).mean(), x.mean())
    assert np.allclose(
        video.squeezed(np.array([[0.0, 3.0, 6.0]]), 1, 2), [[1.0, 5.0]]
    )  # the middle counts half on both


def test_clips_of_one_s_own(tmp_path, capsys):
    imageio = pytest.importorskip("imageio.v3", reason="imageio is not installed")
    rng = np.random.default_rng(0)
    for number in range(40):
        label = ("left", "right")[number % 2]
        film = rng.integers(0, 60, (20, 24, 32), np.uint8)
        start = rng.integers(0, 8)
        for t in range(20):
            place = start + t if label == "right" else 26 - start - t
            film[t, 8:16, max(place, 0) : max(place, 0) + 5] = 250
        (tmp_path / "own" / label).mkdir(parents=True, exist_ok=True)
        imageio.imwrite(tmp_path / "own" / label / f"{number}.gif", film)
    x = video.read(tmp_path / "own" / "left" / "0.gif")
    assert x.shape == (video.FRAMES, 256) and abs(x.mean()) < 1e-5 and abs(x.std() - 1) < 1e-3
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    scores = video.main(["--clips", str(tmp_path / "own"), "--epochs", "30", "--out", str(tmp_path)])
    assert scores["accuracy"] >= 0.75
    load = ["--load", str(tmp_path / "video.safetensors"), "--out", str(tmp_path)]
    told = [video.main([*load, "--clip", str(path)]) for path in sorted((tmp_path / "own").glob("*/1*.gif"))]
    true = [path.parent.name for path in sorted((tmp_path / "own").glob("*/1*.gif"))]
    assert np.mean([a == b for a, b in zip(told, true)]) > 0.8
    with pytest.raises(SystemExit, match="2"):
        video.main(load)
    with pytest.raises(SystemExit, match="absent.gif"):
        video.main([*load, "--clip", str(tmp_path / "absent.gif")])


def test_a_film_is_read_frame_by_frame(tmp_path):
    """An MP4 in colour, much larger than what is kept of it: a bright square on its way through a dark field."""
    imageio = pytest.importorskip("imageio.v3", reason="imageio is not installed")
    pytest.importorskip("imageio_ffmpeg", reason="imageio has no plugin for films")
    frames = np.full((32, 128, 128, 3), 20, np.uint8)
    for t in range(32):
        frames[t, 32:64, 3 * t : 3 * t + 32] = (250, 230, 240)
    imageio.imwrite(tmp_path / "walk.mp4", frames, fps=8)
    x = video.read(tmp_path / "walk.mp4").reshape(video.FRAMES, 16, 16)
    kept = frames[np.rint(np.linspace(0, 31, video.FRAMES)).astype(int)].mean(axis=3)
    small = kept.reshape(video.FRAMES, 16, 8, 16, 8).mean(axis=(2, 4))
    assert np.abs(x - (small - small.mean()) / small.std()).max() < 0.25  # the codec loses some
    (tmp_path / "walk.mp4").write_bytes(b"no film at all")
    imageio.imwrite(tmp_path / "still.png", frames[0])
    for name, why in (("walk.mp4", "imageio\\[ffmpeg\\]"), ("still.png", "one frame")):
        with pytest.raises(SystemExit, match=why):
            video.read(tmp_path / name)
