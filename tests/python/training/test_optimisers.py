"""Optimisers: the same numbers as torch.optim over 100 steps, weight decay by group, state, clipping."""

import copy

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm import _core, optimisers


def make_layer(dtype="float32", sizes=(37, 19)):
    return el.Linear(*sizes, dtype=dtype, seed=3)


def run(optimizer, layer, steps, seed=0, torch_optimizer=None, torch_params=None):
    """Steps with random gradients, some of them tiny or zero; the same ones in PyTorch."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        grads = rng.standard_normal(layer.num_params) * 10.0 ** rng.integers(-6, 2, layer.num_params)
        grads[rng.random(layer.num_params) < 0.05] = 0
        layer.flat_grads = grads.astype(layer.dtype)
        optimizer.step(layer)
        if torch_optimizer is not None:
            for parameter, grad in zip(torch_params, layer.grads.values()):
                parameter.grad = parameter.new_tensor(grad.copy())
            torch_optimizer.step()


PAIRS = [
    ("SGD", {"lr": 0.01}, {}),
    ("SGD", {"lr": 0.01, "weight_decay": 0.1}, {}),
    ("SGD", {"lr": 0.01, "momentum": 0.9}, {}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}, {}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}, {}),
    ("Adam", {"lr": 0.01}, {}),
    ("Adam", {"lr": 0.003, "betas": (0.8, 0.99), "eps": 1e-6, "weight_decay": 0.1}, {}),
    ("AdamW", {"lr": 0.01, "weight_decay": {"*": 0.3}}, {"weight_decay": 0.3}),
    ("RMSprop", {"lr": 0.01}, {}),
    ("RMSprop", {"lr": 0.001, "alpha": 0.9, "momentum": 0.8, "weight_decay": 0.1}, {}),
    ("RMSprop", {"lr": 0.01, "centered": True}, {}),
    ("RMSprop", {"lr": 0.001, "centered": True, "momentum": 0.5, "eps": 1e-4}, {}),
    ("Adagrad", {"lr": 0.05}, {}),
    ("Adagrad", {"lr": 0.05, "lr_decay": 0.1, "initial_accumulator_value": 0.5, "weight_decay": 0.1}, {}),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, options, torch_options", PAIRS)
def test_the_same_numbers_as_torch_over_100_steps(name, options, torch_options, dtype):
    torch = pytest.importorskip("torch", reason="parity with PyTorch")
    layer = make_layer(dtype)
    params = [torch.nn.Parameter(torch.tensor(value.copy())) for value in layer.params.values()]
    theirs = getattr(torch.optim, name)(params, **{**options, **torch_options})
    run(getattr(el, name)(**options), layer, 100, torch_optimizer=theirs, torch_params=params)
    expected = np.concatenate([p.detach().numpy().ravel() for p in params])
    scale = np.abs(expected).max()
    assert np.abs(layer.flat_params - expected).max() <= (1e-6 if dtype == "float32" else 1e-13) * scale


@pytest.mark.parametrize(
    "optimizer",
    [
        el.SGD(0.1),
        el.SGD(0.1, 0.9, nesterov=True),
        el.Adam(),
        el.AdamW(),
        el.RMSprop(centered=True, momentum=0.5),
        el.Adagrad(),
    ],
    ids=repr,
)
def test_one_quadratic_goes_down(optimizer):
    """Against a wrong sign or a forgotten term: the loss of ½|p|² falls."""
    layer, optimizer = make_layer("float64"), copy.deepcopy(optimizer)
    before = np.abs(layer.flat_params).max()
    for _ in range(200):
        layer.flat_grads = layer.flat_params
        optimizer.step(layer)
    assert np.abs(layer.flat_params).max() < 0.9 * before


def test_weight_decay_by_name():
    layer = el.share(el.LSTM(3, 4, seed=0), el.LayerNorm(4), el.Linear(4, 2, seed=1))
    layer.flat_params = np.ones(layer.num_params, np.float32)
    before = {name: value.copy() for name, value in layer.params.items()}

    def shrunk(optimizer):
        layer.flat_params = np.ones(layer.num_params, np.float32)
        layer.zero_grad()
        optimizer.step(layer)
        return {name: float(value.flat[0]) for name, value in layer.params.items()}

    after = shrunk(el.AdamW(lr=0.5, weight_decay=0.5))
    assert {name for name in before if after[name] < 1} == {"0.weight_ih_l0", "0.weight_hh_l0", "2.weight"}
    assert after["2.weight"] == 0.75
    after = shrunk(el.AdamW(lr=0.5, weight_decay={"*.bias*": 0.5, "0.weight_hh*": 1.0}))
    assert after == {
        "0.weight_ih_l0": 1,
        "0.weight_hh_l0": 0.5,
        "0.bias_l0": 0.75,
        "1.weight": 1,
        "1.bias": 0.75,
        "2.weight": 1,
        "2.bias": 0.75,
    }
    assert all(value == 0.75 for value in shrunk(el.SGD(lr=0.5, weight_decay=0.5)).values())


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_a_loaded_state_goes_on_with_the_same_bits(name):
    options = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    make = getattr(el, name)
    straight, first, second = make_layer(), make_layer(), make_layer()
    optimizer = make(0.02, **options)
    run(optimizer, straight, 4, seed=1)
    saved, params = optimizer.state_dict(), straight.flat_params.copy()
    run(optimizer, straight, 5, seed=2)
    run(make(0.02, **options), first, 3)
    for layer in (first, second):
        other = make(0.5)  # all numbers come from the state
        if layer is first:
            run(other, layer, 2)
        other.load_state_dict(saved)
        layer.flat_params = params
        run(other, layer, 5, seed=2)
        assert np.array_equal(layer.flat_params, straight.flat_params)
        assert repr(other) == repr(optimizer) and other.steps == 9
    run(optimizer, straight, 1)
    assert saved["steps"] == 4  # a copy


def test_states_that_do_not_fit_change_nothing():
    layer = make_layer()
    optimizer = el.Adam()
    run(optimizer, layer, 2)
    good = optimizer.state_dict()
    for change, error, message in [
        ({"exp_avg": good["exp_avg"][:-1]}, ValueError, "exp_avg must have 722 values of float32, got 721"),
        (
            {"exp_avg": good["exp_avg"].astype(float)},
            ValueError,
            "exp_avg must have 722 values of float32, got 722 of float64",
        ),
        ({"exp_avg": [1.0]}, TypeError, "exp_avg must be a 1-D array, got list"),
        ({"steps": -1}, ValueError, "steps must be an integer of at least 0, got -1"),
        ({"lr": "fast"}, TypeError, "Adam: lr must be a number, got 'fast'"),
        ({"more": 1}, ValueError, "Adam.load_state_dict: the state does not fit"),
    ]:
        with pytest.raises(error, match=message):
            optimizer.load_state_dict({**good, **change})
        state = optimizer.state_dict()
        assert state["steps"] == 2 and all(np.array_equal(state[k], good[k]) for k in ("exp_avg", "exp_avg_sq"))
    with pytest.raises(ValueError, match="does not fit"):
        el.SGD().load_state_dict(good)
    fresh = el.Adam()
    fresh.load_state_dict(good)
    with pytest.raises(
        ValueError, match="the loaded state has 722 values of float32 in exp_avg, Linear has 4 of float32"
    ):
        fresh.step(el.Linear(3, 1))


def test_an_optimiser_belongs_to_one_layer():
    optimizer = el.Adam()
    run(optimizer, make_layer(), 1)
    with pytest.raises(ValueError, match="Adam.step: this optimiser belongs to another Linear"):
        optimizer.step(make_layer())


def test_steps_are_seen_by_the_layer():
    layer, x = make_layer(), np.ones((2, 37), np.float32)
    before = layer(x)
    layer.flat_grads = np.ones(layer.num_params, np.float32)
    el.SGD(1.0).step(layer)
    assert not np.array_equal(layer(x), before)
    lstm, x = el.LSTM(3, 5, seed=0), np.ones((2, 4, 3), np.float32)
    before = lstm(x)[0]
    lstm.flat_grads = np.ones(lstm.num_params, np.float32)
    el.SGD(1.0).step(lstm)
    assert not np.array_equal(lstm(x)[0], before)


def test_large_buffers_give_the_same_bits_for_any_number_of_threads():
    rng = np.random.default_rng(0)
    n = 2_100_003
    params, grads = rng.standard_normal(n, np.float32), rng.standard_normal(n, np.float32)
    answers = []
    for threads in (1, 2, 5):
        el.set_num_threads(threads)
        p, m, v = params.copy(), np.zeros(n, np.float32), np.zeros(n, np.float32)
        _core.adam_step(p, grads, 1, 1e-3, [7, n], [0.0, 0.1], m, v, 0.9, 0.999, 1e-8, False)
        answers.append((p, _core.norm(grads)))
    assert all(np.array_equal(p, answers[0][0]) and norm == answers[0][1] for p, norm in answers)
    assert answers[0][1] == pytest.approx(np.linalg.norm(grads.astype(np.float64)), rel=1e-12)


@pytest.mark.parametrize("hidden_size", [8, 700])  # of 700 the gradients are zeroed past the caches
def test_gradients_are_zeroed_and_nothing_else(hidden_size):
    model = el.Sequential([el.LSTM(3, hidden_size), el.Linear(hidden_size, 5)])
    model.flat_grads = np.ones(model.num_params, np.float32)
    model[0].zero_grad()
    assert not model[0].flat_grads.any() and (model[1].flat_grads == 1).all()
    model.zero_grad()
    assert not model.flat_grads.any()
    array = np.ones(10, np.float32)
    _core.set_zero(array[3:5])
    assert array.tolist() == [1, 1, 1, 0, 0, 1, 1, 1, 1, 1]
    with pytest.raises(ValueError, match="set_zero: x is written in place and must be contiguous"):
        _core.set_zero(array[::2])
    with pytest.raises(TypeError, match="set_zero: x must have dtype float32 or float64, got int64"):
        _core.set_zero(np.zeros(3, np.int64))
    with pytest.raises(ValueError, match="zeros: n must not be negative, got -1"):
        _core.zeros(-1, "float32")


def test_clipping():
    layer = make_layer("float64")
    layer.flat_grads = np.linspace(-3, 3, layer.num_params)
    norm = np.linalg.norm(layer.flat_grads)
    assert optimisers.clip_norm(layer, norm * 2) == pytest.approx(norm)
    assert np.linalg.norm(layer.flat_grads) == pytest.approx(norm, rel=1e-15)
    assert optimisers.clip_norm(layer, 1.5) == pytest.approx(norm)
    assert np.linalg.norm(layer.flat_grads) == pytest.approx(1.5, rel=1e-6)
    optimisers.clip_value(layer, 0.01)
    assert layer.flat_grads.min() == -0.01 and layer.flat_grads.max() == 0.01
    for clip in (optimisers.clip_norm, optimisers.clip_value):
        with pytest.raises(ValueError, match=f"{clip.__name__}: .* must be positive, got 0"):
            clip(layer, 0)
        with pytest.raises(TypeError, match="must be a number, got '1'"):
            clip(layer, "1")


def test_average():
    averaged, params = np.array([1.0, 2.0]), np.array([3.0, -2.0])
    optimisers.average(averaged, params, 0.75)
    assert np.allclose(averaged, [1.5, 1.0], rtol=1e-15)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: el.SGD(-1), ValueError, "SGD: lr must be at least 0 and finite, got -1"),
        (lambda: el.SGD("1e-3"), TypeError, "SGD: lr must be a number, got '1e-3'"),
        (lambda: el.SGD(nesterov=True), ValueError, "SGD: nesterov needs a momentum"),
        (lambda: el.Adam(betas=(0.9, 1.0)), ValueError, "Adam: betas must be below 1 and at least 0"),
        (lambda: el.Adam(weight_decay=float("nan")), ValueError, "Adam: weight_decay must be at least 0"),
        (lambda: optimisers.get("adma"), ValueError, "there is no optimizer 'adma'; there are sgd, adam"),
        (lambda: optimisers.get(el.Adam), TypeError, "an optimizer must be a name or an instance"),
    ],
)
def test_wrong_arguments_are_told(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_get():
    mine = el.Adam()
    assert optimisers.get(mine) is mine and isinstance(optimisers.get("rmsprop"), el.RMSprop)


def test_the_native_steps_check_their_arrays():
    p, g = np.zeros(4, np.float32), np.zeros(4, np.float32)
    frozen = p.copy()
    frozen.flags.writeable = False
    for arguments, error, message in [
        (
            (frozen, g, 1, 0.1, [4], [0.0], None, 0, 0, False),
            ValueError,
            "params is written in place and must be contiguous, aligned and writable",
        ),
        ((p, g[:3], 1, 0.1, [4], [0.0], None, 0, 0, False), ValueError, r"grads must have shape \(4,\), got \(3,\)"),
        (
            (p, g.astype(float), 1, 0.1, [4], [0.0], None, 0, 0, False),
            TypeError,
            "grads must have dtype float32, got float64",
        ),
        ((p, g, 0, 0.1, [4], [0.0], None, 0, 0, False), ValueError, "step must count from 1, got 0"),
        ((p, g, 1, 0.1, [3], [0.0], None, 0, 0, False), ValueError, "ends must rise to the number of parameters, 4"),
    ]:
        with pytest.raises(error, match="sgd_step: " + message):
            _core.sgd_step(*arguments)
