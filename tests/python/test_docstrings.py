"""The examples in docstrings run, and give what they say. (Those of text, sound, decoding and metrics: beside their own
tests.)
"""

import contextlib
import doctest
import importlib
import io

import numpy as np
import pytest

import eigenlstm as el

MODULES = [
    "eigenlstm",
    *(
        f"eigenlstm.{name}"
        for name in (
            "layers.lstm",
            "layers.lstm_weights",
            "losses.class_weights",
            "model",
            "training.callbacks",
            "training.clipping",
            "training.optimisers",
            "training.schedules",
        )
    ),
]


def examples(name):
    """What examples may use without a line of their own: a small model, and data that fit it."""
    rng = np.random.default_rng(0)
    given = {
        "np": np,
        "el": el,
        "model": el.Sequential([el.LSTM(2, 3, seed=0), el.Last(), el.Linear(3, 1, seed=1)]),
        "x": rng.standard_normal((8, 5, 2)).astype(np.float32),
        "y": rng.standard_normal((8, 1)).astype(np.float32),
    }
    return [test for test in doctest.DocTestFinder().find(importlib.import_module(name), globs=given) if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of(name):
    tests = examples(name)
    assert tests, f"{name} has no examples any more"
    for test in tests:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            failed = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.write).failed
        assert not failed, said.getvalue()


def test_help_of_lstm_has_examples():
    assert el.LSTM.__doc__.count(">>>") >= 8
