"""Word dropout: each token by itself, but for those that are kept."""

import numpy as np
import pytest

from eigenlstm.text import WordDropout

TOKENS = np.random.default_rng(0).integers(0, 50, (200, 40)).astype(np.int32)


def test_a_tenth_of_the_tokens_becomes_unknown():
    batch = {"x": TOKENS, "y": None, "lengths": None, "sample_weight": None}
    out = WordDropout(0.1, 1, keep=[0, 2])(batch, np.random.default_rng(0))["x"]
    changed = out != TOKENS
    assert out.dtype == np.int32 and (out[changed] == 1).all()
    assert not changed[(TOKENS == 0) | (TOKENS == 2)].any()
    assert abs(changed[TOKENS > 2].mean() - 0.1) < 0.01
    assert np.array_equal(WordDropout(0.0, 1)(batch, np.random.default_rng(0))["x"], TOKENS)


def test_named_inputs():
    batch = {"x": {"words": TOKENS, "other": TOKENS}, "y": None, "lengths": None, "sample_weight": None}
    out = WordDropout(0.5, 1, input="words")(batch, np.random.default_rng(0))["x"]
    assert out["other"] is TOKENS and (out["words"] == 1).mean() > 0.4


@pytest.mark.parametrize(
    "error, message, make",
    [
        (ValueError, r"rate must lie in \[0, 1\)", lambda: WordDropout(1.0, 1)),
        (TypeError, "unknown_id must be an integer", lambda: WordDropout(0.1, None)),
        (TypeError, "x must be integers, got float64", lambda: WordDropout(0.1, 1)({"x": np.zeros((2, 2))}, None)),
    ],
)
def test_refusals(error, message, make):
    with pytest.raises(error, match=message):
        make()
