"""Layers that are not trained, rates of their own, and a matrix that two layers share."""

import copy
import pickle

import numpy as np
import pytest
from layer_checks import assert_close, differences, same_bits

import eigenlstm as el

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((24, 6, 3)).astype("f"), RNG.standard_normal((24, 2)).astype("f")
OPTIMISERS = [
    lambda **o: el.SGD(0.1, momentum=0.9, weight_decay=0.1, **o),
    lambda **o: el.Adam(0.01, weight_decay=0.1, **o),
    lambda **o: el.AdamW(0.01, weight_decay=0.1, **o),
    lambda **o: el.RMSprop(0.01, momentum=0.5, centered=True, weight_decay=0.1, **o),
    lambda **o: el.Adagrad(0.1, weight_decay=0.1, **o),
]


def build():
    return el.Sequential([el.LSTM(3, 4, seed=0), el.LayerNorm(4), el.Last(), el.Linear(4, 2, seed=1)])


def fit(model, optimizer, **options):
    options = {"epochs": 2, "batch_size": 8, "seed": 0, "verbose": 0, **options}
    return model.fit(X, Y, loss="mse", optimizer=optimizer, **options)


@pytest.mark.parametrize("make", OPTIMISERS)
def test_frozen_layers_keep_every_bit_and_the_others_learn_as_if_alone(make):
    model = build()
    model[0].trainable = False
    before = model[0].flat_params.copy()
    fit(model, make(), ema=0.9, clip_norm=0.5)
    assert same_bits(model[0].flat_params, before) and not model[0].flat_grads.any()
    # the same as the head alone behind features that were computed before
    head = el.Sequential([el.LayerNorm(4), el.Last(), el.Linear(4, 2, seed=1)])
    features = model[0](X)[0]
    head.fit(
        features, Y, loss="mse", optimizer=make(), epochs=2, batch_size=8, seed=0, verbose=0, ema=0.9, clip_norm=0.5
    )
    np.testing.assert_allclose(head.flat_params, model.flat_params[before.size :], rtol=1e-6, atol=1e-7)


def test_by_hand_clipping_and_steps_leave_frozen_layers_out():
    model = build()
    model[3].trainable = False
    y, tape = model.forward(X)
    model.backward(tape, y)
    norm = el.optimisers.clip_norm(model, 1e9)
    assert norm == pytest.approx(np.linalg.norm(model[0].flat_grads.tolist() + model[1].flat_grads.tolist()), rel=1e-6)
    before = model[3].flat_params.copy()
    optimizer = el.Adam(0.1)
    optimizer.step(model)
    assert same_bits(model[3].flat_params, before)
    model.trainable = True
    optimizer.step(model)
    model.trainable = False
    assert not any(layer.trainable for layer in model)
    assert not same_bits(model[3].flat_params, before) or not model[3].flat_grads.any()


def test_copies_know_what_is_frozen():
    model = build()
    model[1].trainable = False
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert [layer.trainable for layer in other] == [True, False, True, True]


@pytest.mark.parametrize("make", OPTIMISERS)
def test_a_factor_of_the_rate_is_a_rate_of_its_own(make):
    """Without momentum across parts: the first step shows the rate of each."""
    plain, scaled = build(), build()
    before = plain.flat_params.copy()
    for model, options in ((plain, {}), (scaled, {"lr_factors": {"0.*": 0.5, "1.weight": 0}})):
        y, tape = model.forward(X)
        model.zero_grad()
        model.backward(tape, y)
        make(**options).step(model)
    lstm, norm = plain[0].num_params, 4
    half, full = scaled.flat_params[:lstm] - before[:lstm], plain.flat_params[:lstm] - before[:lstm]
    np.testing.assert_allclose(half, full / 2, rtol=2e-3, atol=2e-6)
    assert same_bits(scaled[1].params["weight"], before[lstm : lstm + norm])
    assert same_bits(scaled[3].flat_params, plain[3].flat_params)


def test_factors_are_kept_by_state_and_checkpoints(tmp_path):
    factors = {"0.*": 0.5}
    optimizer = el.Adam(0.01, lr_factors=factors)
    assert optimizer.state_dict()["lr_factors"] == factors
    other = el.Adam()
    other.load_state_dict(optimizer.state_dict())
    assert other.lr_factors == factors
    assert "lr_factors" not in el.Adam().state_dict()
    whole, part = build(), build()
    fit(whole, el.Adam(0.01, lr_factors=factors), epochs=4)
    fit(part, el.Adam(0.01, lr_factors=factors), epochs=2, callbacks=[el.checkpoint(tmp_path / "c")])
    again = build()
    fit(again, el.Adam(0.01), epochs=4, resume=tmp_path / "c", callbacks=[el.checkpoint(tmp_path / "c")])
    assert same_bits(again.flat_params, whole.flat_params)
    with pytest.raises(TypeError, match="lr_factors must be a dict"):
        el.Adam(lr_factors=0.5)
    with pytest.raises(ValueError, match="lr_factors must be at least 0"):
        el.Adam(lr_factors={"*": -1})


def speaker(kind, dtype="float32"):
    embed, lstm = el.Embedding(7, 4, init_scale=0.1, dtype=dtype, seed=0), el.LSTM(4, 4, dtype=dtype, seed=1)
    output = el.TiedLinear(embed)
    if kind == "Sequential":
        return el.Sequential([embed, lstm, output])
    return el.Model(lambda x: output(lstm(embed(x))[0]), x=el.Input((None,), "int64"))


@pytest.mark.parametrize("kind", ["Sequential", "Model"])
def test_one_matrix_reads_and_writes(kind, tmp_path):
    model = speaker(kind, "float64")
    assert model.num_params == 28 + 144 + 7
    x = np.array([[1, 2, 3], [6, 0, 0]])
    y, tape = model.forward(x)
    embed = model.layers[0]
    np.testing.assert_allclose(
        y, model.layers[1](embed(x))[0] @ embed.params["weight"].T + model.layers[2].params["bias"]
    )
    w = RNG.standard_normal(y.shape)
    model.zero_grad()
    model.backward(tape, w)

    def loss():
        return float((model.forward(x)[0] * w).sum())

    assert_close(model.flat_grads, differences(loss, model.flat_params, 1e-6), 1e-6)
    model.save(tmp_path / "m")
    for other in (el.load(tmp_path / "m"), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert same_bits(other(x), y) and other.layers[2].tied is other.layers[0]
        other.layers[0].params["weight"][:] = 0
        assert not same_bits(other(x), y)


@pytest.mark.parametrize("kind", ["Sequential", "Model"])
def test_a_tied_output_learns_with_the_loss_as_one(kind):
    rows = [RNG.integers(0, 7, RNG.integers(2, 7)) for _ in range(40)]
    fitted = []
    for loss in ("cross_entropy", "linear_cross_entropy"):
        model = speaker(kind)
        history = model.fit(rows, rows, loss=loss, optimizer=el.Adam(0.02), epochs=15, batch_size=8, seed=0, verbose=0)
        assert history[-1]["loss"] < 0.5 * history[0]["loss"]
        fitted.append(history[-1]["loss"])
    assert fitted[0] == pytest.approx(fitted[1], rel=1e-2)


@pytest.mark.parametrize(
    "wrong, error, message",
    [
        (lambda: el.TiedLinear(el.Linear(2, 3)), TypeError, "embedding must be an Embedding, got Linear"),
        (lambda: el.Sequential([el.LSTM(3, 4), el.TiedLinear(el.Embedding(7, 4))]), ValueError,
         "is tied to a layer that is not part of this model"),
        (lambda: el.Model(lambda x: el.TiedLinear(el.Embedding(7, 4))(x), x=el.Input((4,))), ValueError,
         "is tied to a layer that was not called before"),
        (lambda: copy.deepcopy(el.TiedLinear(el.Embedding(7, 4))), ValueError, "copied and loaded with that"),
        (lambda: el.Embedding(3, 2, init_scale=-1), ValueError, "init_scale must be finite and at least 0"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()


def test_the_scale_of_an_embedding():
    wide, narrow = el.Embedding(50, 40, seed=0), el.Embedding(50, 40, init_scale=0.1, seed=0)
    np.testing.assert_allclose(narrow.params["weight"], 0.1 * wide.params["weight"], rtol=1e-6)
    assert "init_scale" not in wide.config() and narrow.config()["init_scale"] == 0.1
