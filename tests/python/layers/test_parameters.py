"""The store tells exactly when parameters may have changed, however a user reaches them."""

import gc

import numpy as np
import pytest

from eigenlstm.layers.linear import Linear
from eigenlstm.layers.parameters import ParameterStore, admitted, blank_parameters


@pytest.fixture
def layer():
    layer = Linear(3, 4, seed=0)
    layer._store.version()
    return layer


def holding_generator(layer):
    view = layer.flat_params
    while True:
        value = yield
        view[0] = value


def started(generator):
    next(generator)
    return generator


def write(view, value):
    view[0] = value


def torch_tensor(layer):
    return pytest.importorskip("torch", reason="torch shares the memory").from_numpy(layer.params["bias"])


HOLDERS = {  # what a user can hold, and how he writes through it
    "flat": (lambda layer: layer.flat_params, write),
    "slice of slice": (lambda layer: layer.flat_params[3:9][1:], write),
    "parameter": (lambda layer: layer.params["bias"], write),
    "dict": (lambda layer: layer.params, lambda held, value: held.__setitem__("bias", np.full(4, value, "f"))),
    "nested in containers": (
        lambda layer: {"a": [layer.params["weight"].T]},
        lambda held, value: held["a"][0].__setitem__((0, 0), value),
    ),
    "reshaped and strided": (lambda layer: layer.params["weight"].reshape(-1)[::2], write),
    "asarray": (lambda layer: np.asarray(layer.flat_params), write),
    "frombuffer": (lambda layer: np.frombuffer(layer.flat_params, np.float32), write),
    "memoryview": (lambda layer: memoryview(layer.flat_params), write),
    "its base": (lambda layer: layer.flat_params.base, write),
    "flat iterator": (lambda layer: layer.params["weight"].flat, write),
    "generator": (lambda layer: started(holding_generator(layer)), lambda held, value: held.send(value)),
    "torch": (torch_tensor, write),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_every_write_through_a_view_is_seen(layer, holder):
    make, put = HOLDERS[holder]
    store = layer._store
    held = make(layer)
    version = store.version()
    assert store.version() == version
    put(held, 11.0)
    changed = store.version()
    assert changed != version
    assert store.version() == changed
    put(held, 12.0)
    del held
    gc.collect()
    assert store.version() not in (version, changed), "written, then let go"


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_view_let_go_costs_nothing_any_more(layer, holder):
    held = HOLDERS[holder][0](layer)
    layer._store.version()
    assert layer._store.held()
    del held
    gc.collect()
    version = layer._store.version()
    assert not layer._store.held() and layer._store._handed_out == layer._store._settled
    assert layer._store.version() == version


def test_a_view_that_is_only_read_changes_nothing(layer):
    held = layer.flat_params
    version = layer._store.version()
    held.sum()
    assert layer._store.version() == version


def test_going_back_to_old_values_is_a_change(layer):
    store, old = layer._store, layer.flat_params.copy()
    store.version()
    store.params[0] = 99
    store.touch()
    version = store.version()
    layer.flat_params[:] = old
    assert store.version() != version


def test_in_place_arithmetic_on_the_property_is_a_change(layer):
    version = layer._store.version()
    layer.flat_grads[:] = 1
    before = layer.flat_params.copy()
    layer.flat_params -= 0.5 * layer.flat_grads
    assert layer._store.version() != version
    np.testing.assert_array_equal(layer.flat_params, before - np.float32(0.5))


def test_our_own_views_do_not_count(layer):
    own = layer._flat_params[1:]
    assert not layer._store.held()
    assert own.base is not None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_buffers_are_aligned(dtype):
    store = ParameterStore([("a", (3, 5)), ("b", (7,))], dtype)
    for array in (store.params, store.grads):
        assert array.shape == (22,) and array.__array_interface__["data"][0] % 64 == 0


def test_an_empty_store_works():
    store = ParameterStore([], np.float32)
    assert store.params.shape == (0,) and store.version() == store.version()


def test_a_limit_holds_before_anything_is_allocated():
    with blank_parameters(limit=100):
        with pytest.raises(ValueError, match="more values"):
            list(admitted([("huge", (10**9, 10**9))]))
        assert list(admitted([("a", (60,))]))
        with pytest.raises(ValueError, match="more values"):
            list(admitted([("b", (60,))]))
