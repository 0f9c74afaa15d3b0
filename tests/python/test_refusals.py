"""Arguments of a wrong type, of any part of the library: the error names the function and the argument."""

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm import losses, schedules

X, Y = np.zeros((4, 3), np.float32), np.zeros((4, 1), np.float32)


def fit(**options):
    return el.Sequential([el.Linear(3, 1)]).fit(X, Y, loss="mse", optimizer="adam", epochs=1, verbose=0, **options)


NUMBERS = {
    "step_decay: rate": lambda v: schedules.step_decay(v, every=2),
    "cosine: steps": lambda v: schedules.cosine(0.1, steps=v),
    "one_cycle: steps": lambda v: schedules.one_cycle(0.1, steps=v),
    "one_cycle: warm": lambda v: schedules.one_cycle(0.1, steps=9, warm=v),
    "warm_up: steps": lambda v: schedules.warm_up(0.1, steps=v),
    "plateau: factor": lambda v: el.plateau(factor=v),
    "plateau: min_delta": lambda v: el.plateau(min_delta=v),
    "early_stopping: min_delta": lambda v: el.early_stopping(min_delta=v),
    "Huber: delta": losses.Huber,
    "CrossEntropy: label_smoothing": lambda v: losses.CrossEntropy(label_smoothing=v),
    "LayerNorm: eps": lambda v: el.LayerNorm(3, eps=v),
    "fit: clip_norm": lambda v: fit(clip_norm=v),
    "fit: clip_value": lambda v: fit(clip_value=v),
    "fit: ema": lambda v: fit(ema=v),
}


@pytest.mark.parametrize("value", ["1", [1.0], True, object(), 1j], ids=repr)
@pytest.mark.parametrize("what", NUMBERS)
def test_numbers(what, value):
    with pytest.raises(TypeError, match=f"^{what} must be a number, got "):
        NUMBERS[what](value)


FLAGS = [
    "bias",
    "bidirectional",
    "time_major",
    "peephole",
    "coupled_input_forget",
    "layer_norm",
    "residual",
    "learned_state",
]


@pytest.mark.parametrize("value", ["no", 1, None, [True]], ids=repr)
@pytest.mark.parametrize("name", FLAGS)
def test_flags(name, value):
    """A string would count as True, whatever it says."""
    with pytest.raises(TypeError, match=f"^LSTM: {name} must be True or False, got "):
        el.LSTM(3, 4, 2, **{name: value})


def test_flags_of_numpy():
    assert el.LSTM(3, 4, bias=np.bool_(False), peephole=np.bool_(True)).config()["peephole"] is True


@pytest.mark.parametrize("layer", [lambda: el.Linear(2**40, 2**40), lambda: el.Embedding(2**47, 2**47)])
def test_layers_that_fit_in_no_memory(layer):
    with pytest.raises(ValueError, match="parameters fit in no memory"):
        layer()
