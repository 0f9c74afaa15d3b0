"""Data, models and a short `fit` for the tests of training."""

import numpy as np

import eigenlstm as el

RNG = np.random.default_rng(0)
X = RNG.standard_normal((50, 8, 2)).astype("f")
Y = (0.3 * X.sum((1, 2)))[:, None].astype("f")
STEPS = (0.3 * X.cumsum(1)[:, :, :1]).astype("f")
LENGTHS = RNG.integers(1, 9, 50)


def last(p=0.0, dtype="float32"):
    return el.Sequential(
        [el.LSTM(2, 8, dtype=dtype, seed=1), el.Dropout(p), el.Last(), el.Linear(8, 1, dtype=dtype, seed=2)]
    )


def each(**kind):
    return el.Sequential([el.LSTM(2, 8, seed=1, **kind), el.Linear(8 * (1 + kind.get("bidirectional", 0)), 1, seed=2)])


def fit(model, x=X, y=Y, **options):
    options = {
        "loss": "mse",
        "optimizer": el.Adam(1e-2),
        "epochs": 2,
        "batch_size": 16,
        "seed": 0,
        "verbose": 0,
        **options,
    }
    return model.fit(x, y, **options)


def fitted(model, *data, **options):
    fit(model, *data, **options)
    return model.flat_params.copy()
