"""What all layers share: parameters as views, states that are checked before they are loaded, copies."""

import copy
import pickle

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm.checks import as_array
from eigenlstm.layers import registry
from eigenlstm.layers.base import Layer, mix_seed
from eigenlstm.layers.linear import Linear
from eigenlstm.layers.registry import layer_class


@pytest.fixture
def layer():
    return Linear(3, 2, seed=0)


def test_params_and_grads_are_views_of_one_buffer(layer):
    assert list(layer.params) == ["weight", "bias"]
    layer.params["weight"][0, 1] = 7
    assert layer.flat_params[1] == 7
    layer.flat_grads[:] = np.arange(8)
    np.testing.assert_array_equal(layer.grads["bias"], [6, 7])
    layer.zero_grad()
    assert not layer.flat_grads.any()
    assert layer.num_params == 8 and layer.dtype == np.float32


def test_assigning_to_a_name_copies_into_the_buffer(layer):
    layer.params["bias"] = np.array([1, 2], np.float32)
    np.testing.assert_array_equal(layer.flat_params[6:], [1, 2])
    layer.params.update(bias=[3.0, 4.0])
    np.testing.assert_array_equal(layer.flat_params[6:], [3, 4])
    with pytest.raises(ValueError, match=r"bias: shape must be \(2,\), got \(3,\)"):
        layer.params["bias"] = np.zeros(3, np.float32)
    with pytest.raises(TypeError, match="bias: value must have dtype float32, got float64"):
        layer.params["bias"] = np.zeros(2)
    with pytest.raises(KeyError, match="no parameter 'biases'"):
        layer.params["biases"] = np.zeros(2, np.float32)
    with pytest.raises(TypeError, match="fixed"):
        del layer.params["bias"]


def test_flat_params_take_values_of_their_shape_and_dtype_only(layer):
    layer.flat_params = np.arange(8, dtype=np.float32)
    np.testing.assert_array_equal(layer.params["bias"], [6, 7])
    before = layer.flat_params.copy()
    with pytest.raises(ValueError, match=r"Linear.flat_params: must have shape \(8,\), got \(9,\)"):
        layer.flat_params = np.zeros(9, np.float32)
    with pytest.raises(TypeError, match="float64"):
        layer.flat_params = np.zeros(8)
    np.testing.assert_array_equal(layer.flat_params, before)


def test_param_slices_find_the_parameters(layer):
    for name, part in layer.param_slices().items():
        np.testing.assert_array_equal(layer.flat_params[part], layer.params[name].reshape(-1))


def test_state_dict_goes_round_and_owns_its_arrays(layer):
    state = layer.state_dict()
    other = Linear(3, 2, seed=1)
    other.load_state_dict(state)
    np.testing.assert_array_equal(other.flat_params, layer.flat_params)
    state["weight"][:] = 0
    assert layer.flat_params.any()


def test_a_state_that_does_not_fit_changes_nothing_and_says_all(layer):
    before = layer.flat_params.copy()
    with pytest.raises(ValueError) as error:
        layer.load_state_dict({"weight": np.zeros((2, 4), np.float32), "bias2": np.zeros(2, np.float32)})
    message = str(error.value)
    for part in (
        "Linear.load_state_dict",
        "missing     bias (2,)",
        "unexpected  bias2 (2,)",
        "weight: expected shape (2, 3), got (2, 4)",
    ):
        assert part in message
    state = {name: value.astype(np.float64) for name, value in layer.state_dict().items()}
    with pytest.raises(TypeError, match="weight: expected dtype float32, got float64"):
        layer.load_state_dict(state)
    np.testing.assert_array_equal(layer.flat_params, before)


def test_copies_and_pickles_keep_parameters_and_gradients(layer):
    layer.flat_grads[:] = 3
    for other in (copy.deepcopy(layer), copy.copy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(other.flat_params, layer.flat_params)
        np.testing.assert_array_equal(other.flat_grads, layer.flat_grads)
        other.params["bias"][:] = 9
        assert not (layer.params["bias"] == 9).any()
    assert type(pickle.loads(pickle.dumps(layer.params))) is dict


def test_the_same_seed_gives_the_same_layer():
    same, other = Linear(3, 2, seed=5), Linear(3, 2, seed=6)
    np.testing.assert_array_equal(Linear(3, 2, seed=5).flat_params, same.flat_params)
    assert (same.flat_params[:6] != other.flat_params[:6]).all()


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "0"])
def test_a_wrong_seed_is_refused(seed):
    with pytest.raises(ValueError if isinstance(seed, int) else TypeError, match="Linear: seed must be"):
        Linear(3, 2, seed=seed)


@pytest.mark.parametrize("dtype", ["float16", "int32", "nonsense", None])
def test_a_wrong_dtype_is_refused(dtype):
    with pytest.raises(TypeError, match="Linear: dtype must be float32 or float64"):
        Linear(3, 2, dtype=dtype)


def test_a_class_of_ones_own_is_registered_and_cannot_take_our_name():
    class Halve(Layer):
        pass

    assert layer_class("Halve") is Halve
    with pytest.raises(TypeError, match="a layer named Linear exists already"):
        type("Linear", (Layer,), {})
    with pytest.raises(TypeError, match="a layer named Embedding exists already"):  # imported or not
        type("Embedding", (Layer,), {})
    assert layer_class("Linear") is Linear


def test_mixed_seeds_are_splitmix64():
    # the first outputs of splitmix64 from state 1234567, as published with the Java and C sources
    assert [mix_seed(1234567, i) for i in range(3)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_arrays_are_read_without_a_silent_cast():
    f32 = np.dtype(np.float32)
    assert as_array([[1, 2.5]], f32, "f").dtype == f32
    assert as_array([np.float32(1)], f32, "f").dtype == f32
    for wrong in ([np.float64(1)], np.zeros(2), [np.zeros(2)], np.zeros(2, int), ["a"], [True]):
        with pytest.raises(TypeError, match="f: x must have dtype float32|f: x cannot be read"):
            as_array(wrong, f32, "f")


def test_files_find_every_public_layer_without_an_import():
    """A layer that the registry does not name would load only where somebody has imported it before."""
    layers = [
        value
        for name in [*el._LAZY, "LSTM"]
        if isinstance(value := getattr(el, name), type) and issubclass(value, Layer)
    ]
    assert len(layers) > 20
    for cls in layers:
        assert registry._BUILT_IN[cls._file_name] == cls.__module__
