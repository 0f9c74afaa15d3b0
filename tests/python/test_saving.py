"""save and load: the model comes back to the bit, whatever it is made of."""

import json
import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy
from layer_checks import same_bits

import eigenlstm as el


def everything(dtype):
    return el.Sequential(
        [
            el.Embedding(9, 4, padding_idx=0, dtype=dtype, seed=0),
            el.LSTM(4, 5, num_layers=2, bidirectional=True, dtype=dtype, seed=1),
            el.Dropout(0.3),
            el.LayerNorm(10, dtype=dtype),
            el.Sequential([el.Linear(10, 6, bias=False, dtype=dtype, seed=2), el.MaxPool()]),
            el.Linear(6, 2, dtype=dtype, seed=3),
        ]
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_comes_back_to_the_bit(tmp_path, dtype):
    model, path = everything(dtype), tmp_path / "m.safetensors"
    model.flat_params[:] = np.random.default_rng(0).standard_normal(model.num_params)
    model[1].params["bias_l0"][:2] = -0.0
    model.save(path)
    again = el.load(path)
    assert repr(again) == repr(model) and again.dtype == model.dtype
    assert same_bits(again.flat_params, model.flat_params)
    x = np.random.default_rng(1).integers(0, 9, (3, 7))
    assert same_bits(again(x, lengths=[7, 0, 2]), model(x, lengths=[7, 0, 2]))


@pytest.mark.parametrize(
    "build",
    [
        lambda: el.LSTM(3, 4, seed=0),
        lambda: el.Linear(2, 1),
        lambda: el.Dropout(0.2),
        lambda: el.share(el.LSTM(1, 2), el.Linear(2, 1)),
    ],
)
def test_single_layers_and_groups_are_saved_too(tmp_path, build):
    layer, path = build(), tmp_path / "layer.safetensors"
    el.save(layer, path)
    again = el.load(path)
    assert type(again) is type(layer) and repr(again) == repr(layer)
    assert same_bits(again.flat_params, layer.flat_params)


@pytest.mark.parametrize("holds, wanted", [(el.LSTM, el.Sequential), (el.Sequential, el.Model), (el.Linear, el.LSTM)])
def test_a_file_of_another_kind_is_refused(tmp_path, holds, wanted):
    made = {el.LSTM: el.LSTM(2, 3), el.Linear: el.Linear(2, 3), el.Sequential: el.Sequential([el.Linear(2, 3)])}
    el.save(made[holds], tmp_path / "m.safetensors")
    assert type(el.load(tmp_path / "m.safetensors", kind=holds)) is holds
    assert type(el.load(tmp_path / "m.safetensors", kind=el.layers.base.Layer)) is holds
    with pytest.raises(el.FileError, match=f"kind must be {wanted.__name__}, the file holds {holds.__name__}"):
        el.load(tmp_path / "m.safetensors", kind=wanted)


@pytest.mark.parametrize("kind", [3, "LSTM", int, np.ndarray])
def test_a_kind_is_a_class_of_layers(tmp_path, kind):
    with pytest.raises(TypeError, match="kind must be a class of layers or models"):
        el.load(tmp_path / "m.safetensors", kind=kind)


def test_other_tools_read_the_file_with_the_names_of_torch(tmp_path):
    model, path = el.Sequential([el.LSTM(3, 4), el.Linear(4, 1)]), tmp_path / "m.safetensors"
    model.save(path)
    tensors = safetensors.numpy.load_file(path)
    assert set(tensors) == {"0.weight_ih_l0", "0.weight_hh_l0", "0.bias_ih_l0", "0.bias_hh_l0", "1.weight", "1.bias"}
    np.testing.assert_array_equal(tensors["1.weight"], model[1].params["weight"])
    with safetensors.safe_open(path, "numpy") as file:
        assert json.loads(file.metadata()["eigenlstm"])["architecture"]["class"] == "Sequential"


def test_plain_tensors_are_pointed_to_load_state_dict(tmp_path):
    path = tmp_path / "plain.safetensors"
    safetensors.numpy.save_file({"weight": np.zeros((1, 2), np.float32)}, path)
    with pytest.raises(el.FileError, match="load_state_dict"):
        el.load(path)


def test_a_process_that_has_imported_nothing_else_loads_every_layer(tmp_path):
    path = tmp_path / "m.safetensors"
    everything("float32").save(path)
    code = f"import eigenlstm as el; print(repr(el.load({str(path)!r})))"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert shown.strip() == repr(everything("float32"))


def test_loading_draws_no_initial_values(tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    el.save(el.Linear(2, 1, seed=0), path)
    monkeypatch.setattr(el.Linear, "_initialise", lambda *_: pytest.fail("drew initial values"))
    el.load(path)


def test_a_layer_of_ones_own_is_saved_and_loaded(tmp_path):
    class Scale(el.Linear):
        pass

    el.save(Scale(2, 1, seed=0), tmp_path / "own")
    assert type(el.load(tmp_path / "own")) is Scale


def test_what_evaluate_needs_is_saved_with_the_model(tmp_path):
    model, path = el.Sequential([el.Linear(2, 1, seed=0)]), tmp_path / "m"
    x, y = np.ones((4, 2), "f"), np.ones((4, 1), "f")
    model.fit(x, y, loss="mse", optimizer=el.SGD(0.01), metrics=["mae"], verbose=0)
    model.save(path)
    assert el.load(path).evaluate(x, y) == model.evaluate(x, y)
    assert set(model.evaluate(x, y)) == {"loss", "mae"}


def test_a_folder_is_named(tmp_path):
    for load in (el.load, el.audio.load):
        with pytest.raises(OSError) as refused:
            load(tmp_path)
        assert str(tmp_path) in str(refused.value)
