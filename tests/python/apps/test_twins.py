"""The PyTorch twins under bench/ are the same models as those of the applications, and are timed beside them."""

import sys

import numpy as np
import pytest

from eigenlstm.apps import images, speech, video

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("matplotlib", reason="matplotlib is not installed")
pytest.importorskip("bench.apps", reason="not run from the root of the checkout")

from bench.apps import images_torch, speech_torch, training_time, twin, video_torch  # noqa: E402

RAGGED = [np.random.default_rng(i).standard_normal((9 + 2 * i, 13)).astype(np.float32) for i in range(3)]
EVEN = np.random.default_rng(0).random((3, 16, 256), np.float32)


@pytest.fixture
def threads():
    """PyTorch keeps its own."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    "ours, theirs, x",
    [
        (speech.build(13, 20, seed=0), speech_torch.Speech(13, 20), RAGGED),
        (images.build(128, 10, seed=0), images_torch.Images(128, 10), EVEN),
        (video.build(16, 10, seed=0), video_torch.Video(16, 10), EVEN),
    ],
    ids=["speech", "images", "video"],
)
def test_a_twin_with_the_same_weights_says_the_same(ours, theirs, x):
    mine = [layer.state_dict() for layer in ours if layer.state_dict()]
    parts = [part for part in theirs.children() if any(True for _ in part.parameters())]
    for part, state in zip(parts, mine, strict=True):
        part.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    with torch.no_grad():
        padded, lengths = twin.ragged(x)
        said = theirs.eval()(padded) if isinstance(theirs, video_torch.Video) else theirs.eval()(padded, lengths)
    for one, row in zip(ours.predict(x), said.numpy()):
        np.testing.assert_allclose(one, row[: len(one)], rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["images", "video"])
def test_both_trainings_are_timed_and_stop_before_their_scores(name, monkeypatch, tmp_path, threads, capsys):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    monkeypatch.setattr(images, "DEBIAN", tmp_path / "absent")
    monkeypatch.setattr(sys, "argv", ["training_time", name, "--quick", "--epochs", "1", "--rounds", "1"])
    training_time.main()
    shown = capsys.readouterr().out
    assert f"{name} --quick --epochs 1: " in shown and "s in PyTorch" in shown and "processor seconds" not in shown


def test_an_epoch_of_a_twin_is_validated(capsys):
    """The mean over rows, not over batches: by hand."""
    rows = {"x": [np.full((n, 1), n, np.float32) for n in (5, 3, 4)], "y": [0, 1, 2]}
    weighed = twin.validated(torch.nn.Linear(1, 1), lambda model, x, lengths, y: lengths.float().mean(), rows, 2)
    assert weighed == pytest.approx(4.0)
