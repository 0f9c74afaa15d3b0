"""SpecAugment: stripes of time and frequency within each row, and nothing else."""

import numpy as np
import pytest

from eigenlstm.sound import SpecAugment

X = 1 + np.random.default_rng(0).random((200, 30, 12)).astype("f")


def augmented(augment, x=X, lengths=None, seed=0):
    batch = {"x": x, "y": None, "lengths": lengths, "sample_weight": None}
    out = augment(batch, np.random.default_rng(seed))
    assert batch["x"] is x and out["y"] is None
    return out["x"]


def test_one_stripe_of_time_is_as_wide_as_drawn_and_lies_anywhere():
    x = X.copy()
    out = augmented(SpecAugment(freq_masks=0, time_masks=1, time_width=5, time_ratio=1.0), x)
    assert np.array_equal(x, X) and out.dtype == np.float32
    hidden = (out == 0).all(axis=2)
    assert np.array_equal(out[~hidden], X[~hidden])
    widths = hidden.sum(axis=1)
    assert set(widths.tolist()) == set(range(6)) and abs(widths.mean() - 2.5) < 0.4
    edges = np.diff(hidden.astype(int), prepend=0, append=0, axis=1)
    assert ((edges == 1).sum(axis=1) <= 1).all()  # one stripe
    assert hidden[:, 0].any() and hidden[:, -1].any()


def test_stripes_of_frequency():
    out = augmented(SpecAugment(freq_masks=2, freq_width=3, time_masks=0))
    hidden = (out == 0).all(axis=1)
    assert np.array_equal(out == 0, np.broadcast_to(hidden[:, None], out.shape))
    assert hidden.sum(axis=1).max() in (5, 6) and hidden.sum(axis=1).min() == 0
    assert hidden.any(axis=0).all()


def test_stripes_lie_within_the_length_of_a_row_and_are_no_wider_than_its_part():
    lengths = np.random.default_rng(1).integers(0, 31, 200)
    out = augmented(SpecAugment(freq_masks=1, time_masks=1, time_width=30, time_ratio=0.5), lengths=lengths)
    for row, x, length in zip(out, X, lengths):
        assert np.array_equal(row[length:], x[length:])
        assert (row[:length] == 0).all(axis=1).sum() <= length // 2


def test_the_mean_of_the_row_takes_their_place():
    lengths = np.full(200, 20)
    out = augmented(SpecAugment(freq_masks=0, time_masks=1, time_width=9, fill="mean"), lengths=lengths)
    changed = (out != X).any(axis=2)
    assert changed.any()
    for row, x, where in zip(out, X, changed):
        assert np.allclose(row[where], x[:20].mean(axis=0), rtol=1e-6)


def test_the_seed_decides():
    augment = SpecAugment()
    assert np.array_equal(augmented(augment), augmented(augment))
    assert not np.array_equal(augmented(augment), augmented(augment, seed=1))


def test_named_inputs():
    batch = {
        "x": {"sound": X, "speaker": np.zeros(200)},
        "y": None,
        "lengths": {"sound": np.full(200, 10)},
        "sample_weight": None,
    }
    out = SpecAugment(input="sound")(batch, np.random.default_rng(0))
    assert out["x"]["speaker"] is batch["x"]["speaker"]
    assert np.array_equal(out["x"]["sound"][:, 10:], X[:, 10:]) and not np.array_equal(out["x"]["sound"], X)


@pytest.mark.parametrize(
    "error, message, make",
    [
        (ValueError, r"x must have shape \(B, T, F\)", lambda: augmented(SpecAugment(), X[0])),
        (ValueError, r"time_ratio must lie in \[0, 1\]", lambda: SpecAugment(time_ratio=2.0)),
        (ValueError, "freq_masks must be at least 1", lambda: SpecAugment(freq_masks=-1)),
        (TypeError, "fill must be a number", lambda: SpecAugment(fill="max")),
    ],
)
def test_refusals(error, message, make):
    with pytest.raises(error, match=message):
        make()
