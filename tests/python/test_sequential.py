"""Sequential and share: one buffer, one chain, and clear words when the parts do not fit."""

import copy
import gc
import pickle
import warnings

import numpy as np
import pytest
from layer_checks import assert_close, differences, same_bits

import eigenlstm as el
from eigenlstm.layers.base import Layer, mix_seed


def model(dtype="float32", p=0.0, **kind):
    directions = 1 + kind.get("bidirectional", False)
    return el.Sequential(
        [
            el.LSTM(3, 6, dtype=dtype, seed=0, **kind),
            el.Dropout(p),
            el.LayerNorm(6 * directions, dtype=dtype),
            el.MeanPool(),
            el.Linear(6 * directions, 2, dtype=dtype, seed=1),
        ]
    )


def draw(*shape, dtype="float32", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def test_parameters_of_all_layers_lie_in_one_buffer():
    lstm, head = el.LSTM(3, 4, seed=0), el.Linear(4, 1, seed=1)
    values = [lstm.flat_params.copy(), head.flat_params.copy()]
    both = el.Sequential([lstm, el.Last(), head])
    np.testing.assert_array_equal(both.flat_params, np.concatenate(values))
    assert both.num_params == lstm.num_params + head.num_params
    assert list(both.params) == ["0.weight_ih_l0", "0.weight_hh_l0", "0.bias_l0", "2.weight", "2.bias"]
    both.params["2.bias"][:] = 5
    assert head.params["bias"] == 5
    head.grads["weight"][:] = 2
    assert (both.flat_grads[-5:-1] == 2).all()
    both.zero_grad()
    assert not head.flat_grads.any()


def test_a_write_to_the_model_reaches_packed_weights():
    both = model()
    x = draw(2, 4, 3)
    before = both(x)
    both.flat_params *= np.float32(0.5)
    assert not same_bits(both(x), before)
    held = both[0].params["weight_ih_l0"]
    y = both(x)
    held[0] += 1
    assert not same_bits(both(x), y)


def test_the_chain_is_its_layers_one_by_one():
    both = model()
    x, lengths = draw(4, 5, 3), np.array([5, 0, 2, 3])
    h = both[0](x, lengths=lengths)[0]
    for layer in both.layers[1:4]:
        h = layer(h, lengths=lengths)
    assert same_bits(both(x, lengths=lengths), both[4](h))


@pytest.mark.parametrize("kind", [{}, {"num_layers": 2}, {"bidirectional": True}])
def test_gradients(kind):
    both = model("float64", p=0.3, **kind)
    x, lengths = draw(3, 4, 3, dtype="float64"), np.array([4, 2, 0])
    options = dict(lengths=lengths, seed=11)
    y, tape = both.forward(x, **options)
    w = draw(*y.shape, dtype="float64", seed=1)
    dx = both.backward(tape, w)

    def loss():
        return float((both.forward(x, **options)[0] * w).sum())

    assert_close(both.flat_grads, differences(loss, both.flat_params, 1e-6), 1e-6)
    assert_close(dx, differences(loss, x, 1e-6), 1e-6)
    both.zero_grad()
    assert both.backward(tape, w, need_dx=False) is None
    assert both.flat_grads.any()


class Spy(Layer):
    """Passes x on and keeps what it was called with."""

    def __init__(self):
        self._build([])
        self.calls = []

    def config(self):
        return {}

    def forward(self, x, **options):
        self.calls.append(options)
        return x, ()

    def backward(self, tape, dy):
        return dy


def test_lengths_end_where_time_ends():
    chain = el.Sequential([before := Spy(), el.Last(), after := Spy(), el.Linear(3, 1)])
    chain(draw(2, 4, 3), lengths=[4, 2])
    assert list(before.calls[0]["lengths"]) == [4, 2] and after.calls[0]["lengths"] is None


def test_embedding_first():
    words = el.Sequential(
        [
            el.Embedding(7, 3, dtype="float64", seed=0),
            el.LSTM(3, 4, dtype="float64", seed=1),
            el.Linear(4, 7, dtype="float64", seed=2),
        ]
    )
    x = np.array([[0, 3, 3], [6, 1, 0]])
    y, tape = words.forward(x)
    assert y.shape == (2, 3, 7)
    w = draw(*y.shape, dtype="float64")
    assert words.backward(tape, w) is None
    gradient = differences(lambda: float((words(x) * w).sum()), words.flat_params, 1e-6)
    assert_close(words.flat_grads, gradient, 1e-6)


def test_every_layer_draws_its_own_numbers_from_the_seed():
    chain = el.Sequential([el.Dropout(0.5), el.Dropout(0.5)])
    x = np.ones((40, 50), np.float32)
    y, _ = chain.forward(x, seed=3)
    first, _ = chain[0].forward(x, seed=mix_seed(3, 0))
    expected, _ = chain[1].forward(first, seed=mix_seed(3, 1))
    assert same_bits(y, expected)
    assert 0.2 < (y != 0).mean() < 0.3
    assert not same_bits(chain.forward(x)[0], chain.forward(x)[0])
    assert chain.stochastic and not el.Sequential([el.Last()]).stochastic


def test_nested_models_are_layers():
    inner = el.Sequential([el.LSTM(3, 4, seed=0), el.Linear(4, 4, seed=1)])
    flat = el.Sequential([el.LSTM(3, 4, seed=0), el.Linear(4, 4, seed=1), el.Last(), el.Linear(4, 1, seed=2)])
    nested = el.Sequential([inner, el.Last(), el.Linear(4, 1, seed=2)])
    x, lengths = draw(3, 5, 3), np.array([1, 5, 3])
    y, tape = nested.forward(x, lengths=lengths)
    z, flat_tape = flat.forward(x, lengths=lengths)
    assert same_bits(y, z)
    assert same_bits(nested.backward(tape, y), flat.backward(flat_tape, y))
    assert same_bits(nested.flat_grads, flat.flat_grads)
    assert list(nested.params)[0] == "0.0.weight_ih_l0"
    fresh = pickle.loads(pickle.dumps(nested))
    fresh.flat_params = fresh.flat_params * 0
    fresh.load_state_dict(nested.state_dict())
    assert same_bits(fresh(x), nested(x))


def test_keeps_time_says_whether_y_has_steps():
    assert el.Sequential([el.LSTM(1, 2), el.Linear(2, 1)]).keeps_time
    assert not model().keeps_time


def test_state_dict_has_the_names_of_torch():
    torch = pytest.importorskip("torch", reason="the peer")
    theirs = torch.nn.ModuleList([torch.nn.LSTM(3, 4, 2, batch_first=True), torch.nn.Linear(4, 2)])
    lstm, head = el.LSTM(3, 4, 2), el.Linear(4, 2)
    both = el.share(lstm, head)
    both.load_state_dict(theirs.state_dict())
    x = draw(2, 6, 3)
    expected = theirs[1](theirs[0](torch.from_numpy(x))[0]).detach()
    np.testing.assert_allclose(head(lstm(x)[0]), expected, atol=1e-5)
    theirs.load_state_dict({name: torch.from_numpy(value) for name, value in both.state_dict().items()})


def test_a_wrong_state_is_refused_whole():
    both, before = model(), model().flat_params.copy()
    state = both.state_dict()
    state["4.weight"] = state["4.weight"].T
    state["9.bias"] = state.pop("4.bias")
    state["oops"] = np.zeros(3, np.float32)
    with pytest.raises(ValueError) as error:
        both.load_state_dict(state)
    for part in (
        "missing     4.bias (2,)",
        "unexpected  9.bias (2,)",
        "unexpected  oops (3,)",
        "4.weight: expected shape (2, 6), got (6, 2)",
    ):
        assert part in str(error.value)
    assert same_bits(both.flat_params, before)


def test_copies():
    both = model(p=0.2)
    x = draw(2, 4, 3)
    for other in (copy.deepcopy(both), pickle.loads(pickle.dumps(both))):
        assert same_bits(other(x), both(x))
        other.flat_params[:] = 0
    assert both.flat_params.any()


def test_summary_is_a_table():
    lines = str(model().summary()).splitlines()
    assert lines[0].split() == ["layer", "output", "parameters"]
    assert lines[2].split() == ["0", "LSTM", "(B,", "T,", "6)", "240"]
    assert lines[5].split() == ["3", "MeanPool", "(B,", "6)", "0"]
    assert lines[-1] == "266 parameters, float32, 1.0 KiB"
    assert repr(model().summary()) == str(model().summary())
    assert "(B, T, 7)" in el.Sequential([el.Embedding(7, 3), el.LSTM(3, 4), el.Linear(4, 7)]).summary()


def two(first, second):
    return lambda: el.Sequential([first, second])


@pytest.mark.parametrize(
    "build, error, message",
    [
        (lambda: el.Sequential([]), ValueError, "Sequential: needs at least one layer"),
        (lambda: el.Sequential([el.LSTM(1, 2), "Linear"]), TypeError, "layer 1 must be a layer, got str"),
        (two(el.LSTM(1, 4), el.Linear(5, 1)), ValueError, "layer 1 does not fit: Linear takes 5 features, got 4"),
        (two(el.Last(), el.LSTM(1, 2)), ValueError, "layer 1 does not fit"),
        (two(el.LSTM(1, 4), el.Linear(4, 1, dtype="float64")), TypeError, "one dtype, got float32 and float64"),
        (lambda: el.Sequential([el.LSTM(1, 2, time_major=True)]), ValueError, "time_major=True"),
        (lambda: el.Sequential([model()[0]]), ValueError, "is part of a Sequential already"),
        (
            lambda: el.share(el.Linear(1, 1))(np.ones((1, 1), np.float32)),
            TypeError,
            "Group has no forward: call its layers",
        ),
        (lambda: el.share(model()[0]), ValueError, "Group: layer 0 \\(LSTM\\) is part of a Sequential already"),
        (lambda: el.Sequential([el.share(el.Linear(1, 1))]), TypeError, "is a Group, which has no forward"),
        (lambda: el.Sequential([layer := el.Linear(2, 2), layer]), ValueError, "layer 0 \\(Linear\\) is given twice"),
    ],
)
def test_parts_that_do_not_fit_are_refused(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_views_from_before_are_pointed_at():
    layer = el.Linear(2, 1)
    held = layer.params
    with pytest.warns(UserWarning, match="views of the parameters of this Linear"):
        el.Sequential([layer])
    del held
    gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        el.Sequential([el.Linear(2, 1)])


def test_share_joins_the_layers_of_an_encoder_decoder():
    encoder, decoder, head = el.LSTM(1, 8, seed=0), el.LSTM(1, 8, seed=1), el.Linear(8, 1, seed=2)
    both = el.share(encoder, decoder, head)
    optimizer = el.Adam(2e-2)
    x, y = draw(16, 6, 1), draw(16, 3, 1, seed=1)
    losses = []
    for _ in range(150):
        _, state, encoded = encoder.forward(x)
        hidden, _, decoded = decoder.forward(np.zeros((16, 3, 1), np.float32), state=state)
        predicted, linear = head.forward(hidden)
        value, dy = el.losses.MSE()(predicted, y)
        losses.append(value)
        both.zero_grad()
        _, dstate = decoder.backward(decoded, head.backward(linear, dy))
        encoder.backward(encoded, None, dstate)
        optimizer.step(both)
    assert losses[-1] < 0.5 * losses[0]
    assert encoder.flat_grads.any()


def test_lstm_under_a_held_view_stays_exact_in_training():
    """A user who keeps a view for himself must not get stale packed weights."""
    watched, free = model(), model()
    held = watched.params
    x, y = draw(8, 5, 3), draw(8, 2, seed=1)
    for each in (watched, free):
        each.fit(x, y, loss="mse", optimizer=el.SGD(0.1), epochs=3, batch_size=4, seed=0, verbose=0)
    assert same_bits(watched.flat_params, free.flat_params)
    assert held["4.bias"].tobytes() == watched.params["4.bias"].tobytes()


def test_layers_cannot_be_assigned_to():
    model = el.Sequential([el.Linear(2, 2)])
    with pytest.raises(
        AttributeError, match="Sequential.layers is fixed when the model is made: make a new Sequential"
    ):
        model.layers = [el.Linear(2, 3)]
    masked = el.MaskedSequential([el.LSTM(2, 3)], mask_value=-1.0)
    with pytest.raises(AttributeError, match="MaskedSequential.mask_value is fixed when the layer is made"):
        masked.mask_value = 0.0
