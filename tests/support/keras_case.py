"""Small Keras models with random weights, and inputs for them: what tests of reading Keras's files share."""

import os

import numpy as np
import pytest

os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
pytest.importorskip("h5py", reason="files of Keras are HDF5")
pytest.importorskip("tensorflow", reason="Keras on TensorFlow is the peer of these tests")
keras = pytest.importorskip("keras", reason="Keras on TensorFlow is the peer of these tests")
if keras.backend.backend() != "tensorflow":
    pytest.skip("Keras was imported with another backend", allow_module_level=True)

B, T, I, H = 5, 7, 3, 4
L = keras.layers
# In front, behind, with holes, none, all.
VALID = np.array([
    [0, 0, 1, 1, 1, 1, 1],
    [1, 1, 1, 0, 0, 0, 0],
    [0, 1, 0, 0, 1, 1, 0],
    [1, 1, 1, 1, 1, 1, 1],
    [0, 0, 0, 0, 0, 0, 0],
], bool)  # fmt: skip


def randomised(model, seed=0):
    """`model` with weights of order one everywhere, biases too."""
    rng = np.random.default_rng(seed)
    model.set_weights([(0.7 * rng.standard_normal(w.shape)).astype(w.dtype) for w in model.get_weights()])
    return model


def sequential(*layers, dtype="float32"):
    return randomised(keras.Sequential([L.Input((T, I), dtype=dtype), *layers]))


def functional(*layers, shape=(T, I), dtype="float32"):
    inputs = outputs = L.Input(shape, dtype=dtype)
    for layer in layers:
        outputs = layer(outputs)
    return randomised(keras.Model(inputs, outputs))


def floats(mask_value=None, dtype="float32"):
    """x (B, T, I); with a `mask_value`, masked as `VALID` says."""
    x = np.random.default_rng(1).standard_normal((B, T, I)).astype(dtype)
    if mask_value is not None:
        x[~VALID] = mask_value
    return x


def tokens(vocabulary=9):
    """Integers (B, T), zero where `VALID` says masked."""
    return np.random.default_rng(1).integers(1, vocabulary, (B, T)) * VALID


def predicted(model, x):
    """What Keras makes of x."""
    return np.asarray(model(x))
