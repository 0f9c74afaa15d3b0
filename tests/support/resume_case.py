"""A training run with all that has a state, for tests that stop it and go on; the tests of kills import it in other
processes.
"""

import numpy as np

import eigenlstm as el

RNG = np.random.default_rng(0)
X = RNG.standard_normal((48, 6, 2)).astype("f")
Y = X.sum((1, 2))[:, None].astype("f")
LENGTHS = RNG.integers(1, 7, 48)


def train(path, epochs, *, callbacks=(), optimizer=None, model_seed=1, **options):
    """A run with all that has a state: dropout, moments, schedule, early stopping, averages."""
    model = el.Sequential([el.LSTM(2, 6, seed=model_seed), el.Dropout(0.3), el.Last(), el.Linear(6, 1, seed=2)])
    callbacks = [el.early_stopping(50), el.plateau(patience=1), *callbacks]
    if path is not None:
        callbacks.insert(0, el.checkpoint(path))
    options = {
        "batch_size": 16,
        "seed": 7,
        "lengths": LENGTHS,
        "validation_data": {"x": X, "y": Y, "lengths": LENGTHS},
        "metrics": ["mae"],
        "clip_norm": 1.0,
        **options,
    }
    history = model.fit(
        X,
        Y,
        loss="mse",
        optimizer=optimizer or el.Adam(1e-2),
        epochs=epochs,
        callbacks=callbacks,
        resume=path,
        verbose=0,
        **options,
    )
    return model, history
