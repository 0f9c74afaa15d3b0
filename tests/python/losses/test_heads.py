"""Losses that the last layer computes: as the same apart, through fit, and refused where they make no sense."""

import numpy as np
import pytest
from layer_checks import assert_close, differences, randomised, same_bits
from model_case import sentences

import eigenlstm as el

RNG = np.random.default_rng(0)


def linear(dtype="float64", F=5, C=7, **options):
    return randomised(el.Linear(F, C, dtype=dtype, **options))


def draw(*shape, dtype="float64"):
    return RNG.standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("shape", [(4,), (3, 6), (150, 3)])
@pytest.mark.parametrize(
    "options",
    [{}, {"reduction": "sum"}, {"label_smoothing": 0.2}, {"weight": np.arange(7.0)}, {"ignore_index": 3},
     {"label_smoothing": 0.1, "weight": np.arange(7.0)}],
)  # fmt: skip
@pytest.mark.parametrize("bias", [True, False])
def test_linear_cross_entropy_is_both_apart(shape, options, bias):
    layer, x, y = linear(bias=bias), draw(*shape, 5), RNG.integers(0, 7, shape)
    whole, apart = el.losses.LinearCrossEntropy(**options), el.losses.CrossEntropy(**options)
    weight = RNG.random(shape[0])
    lengths = RNG.integers(0, shape[1] + 1, shape[0]) if len(shape) > 1 else None
    for known in ({}, {"sample_weight": weight}, {"sample_weight": weight, "lengths": lengths}):
        logits, tape = layer.forward(x)
        value, dy = apart(logits, y, **known)
        layer.zero_grad()
        expected, grads = layer.backward(tape, dy), layer.flat_grads.copy()
        layer.zero_grad()
        part, dx = whole.through(layer, x, y, **known)
        assert part.value == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(dx, expected, atol=1e-14)
        np.testing.assert_allclose(layer.flat_grads, grads, atol=1e-13)
        only, nothing = whole.through(layer, x, y, **known, need_gradient=False)
        assert only.value == part.value and only.divisor == part.divisor and nothing is None


def test_gradients():
    layer, x, y = linear(), draw(4, 5), RNG.integers(0, 7, 4)
    loss = el.losses.LinearCrossEntropy(label_smoothing=0.1)
    layer.zero_grad()
    _, dx = loss.through(layer, x, y)

    def value():
        return loss.through(layer, x, y, need_gradient=False)[0].value

    assert_close(layer.flat_grads, differences(value, layer.flat_params, 1e-6), 1e-6)
    assert_close(dx, differences(value, x, 1e-6), 1e-6)


def test_threads_change_no_bit_and_padding_none_of_a_row():
    x, y, lengths = draw(40, 30, 64, dtype="float32"), RNG.integers(0, 500, (40, 30)), RNG.integers(1, 31, 40)
    loss, results = el.losses.LinearCrossEntropy(reduction="sum"), []
    for threads in (1, 2, 3):
        el.set_num_threads(threads)
        layer = linear("float32", 64, 500)
        part, dx = loss.through(layer, x, y, None, lengths)
        results.append((part.value, dx.copy(), layer.flat_grads.copy()))
    el.set_num_threads(2)
    for value, *arrays in results[1:]:
        assert value == results[0][0] and all(same_bits(a, b) for a, b in zip(arrays, results[0][1:]))
    alone = loss.through(layer, x[7:8, : lengths[7]], y[7:8, : lengths[7]])[1]
    assert same_bits(alone[0], dx[7, : lengths[7]]) and not dx[7, lengths[7] :].any()


def speaker(head="Linear"):
    embed, lstm = el.Embedding(7, 4, seed=0), el.LSTM(4, 6, seed=1)
    last = el.Linear(6, 7, seed=2)
    layers = [embed, lstm, last] + [el.CRF(7, seed=3)] * (head == "CRF")
    return el.Sequential(layers)


def wired(head="Linear"):
    embed, lstm, last, crf = (
        el.Embedding(7, 4, seed=0),
        el.LSTM(4, 6, seed=1),
        el.Linear(6, 7, seed=2),
        el.CRF(7, seed=3),
    )

    def speak(x):
        scores = last(lstm(embed(x))[0])
        return crf(scores) if head == "CRF" else scores

    return el.Model(speak, x=el.Input((None,), "int64"))


def fit(model, x, y, loss, **options):
    options = {"optimizer": el.Adam(2e-2), "epochs": 8, "batch_size": 8, "seed": 0, "verbose": 0, **options}
    return model.fit(x, y, loss=loss, **options)


@pytest.mark.parametrize("build", [speaker, wired])
def test_fit_with_the_head_learns_what_fit_apart_learns(build):
    x = sentences(40)
    y = [(row * 2) % 7 for row in x]
    one, two = build(), build()
    options = dict(metrics=["accuracy"], validation_data=(x, y), sample_weight=np.linspace(0.5, 2, 40, dtype="f"))
    together = fit(one, x, y, "linear_cross_entropy", **options)
    apart = fit(two, x, y, "cross_entropy", **options)
    assert [entry["val_loss"] for entry in together] == pytest.approx([entry["val_loss"] for entry in apart], rel=1e-3)
    assert together[-1]["loss"] == pytest.approx(apart[-1]["loss"], rel=1e-3)
    assert together[-1]["accuracy"] > 0.5
    assert [row.shape for row in one.predict(x)][:2] == [(len(row), 7) for row in x[:2]]
    assert set(one.evaluate(x, y)) == {"loss", "accuracy"}


@pytest.mark.parametrize("build", [speaker, wired])
def test_a_tagger_with_a_crf_learns_what_follows_what(build, tmp_path):
    rng = np.random.default_rng(1)
    y = [np.cumsum(rng.integers(1, 3, rng.integers(3, 9))) % 7 for _ in range(60)]  # from a tag to one of two others
    x = [np.where(rng.random(len(row)) < 0.2, 0, row) for row in y]
    model = build("CRF")
    history = fit(model, x, y, "crf", metrics=["accuracy"], epochs=15, validation_data=(x, y))
    assert history[-1]["loss"] < 0.5 * history[0]["loss"] and history[-1]["accuracy"] > 0.8
    best = model.predict(x)
    assert [len(row) for row in best] == [len(row) for row in y] and set(np.unique(best[0])) <= {0.0, 1.0}
    right = np.mean(np.concatenate([row.argmax(-1) == tags for row, tags in zip(best, y)]))
    assert model.evaluate(x, y)["accuracy"] == pytest.approx(right)
    model.save(tmp_path / "m")
    again = el.load(tmp_path / "m")
    assert same_bits(again.predict(x)[5], best[5]) and again.evaluate(x, y) == model.evaluate(x, y)


@pytest.mark.parametrize(
    "wrong, error, message",
    [
        (lambda: fit(speaker(), sentences(9), sentences(9), "crf"), ValueError,
         "the loss CRF needs a model that ends in a CRF, this Sequential ends in a Linear"),
        (lambda: fit(speaker("CRF"), sentences(9), sentences(9), "linear_cross_entropy"), ValueError,
         "ends in a Linear or TiedLinear, this Sequential ends in a CRF"),
        (lambda: fit(speaker("CRF"), sentences(9), sentences(9), "cross_entropy"), TypeError, "has no gradient; train with"),
        (lambda: fit(speaker("CRF"), np.zeros((4, 6), int), np.zeros((4, 6), int), "crf", tbptt=3), ValueError,
         "tbptt needs a target for each step, which CRF"),
        (lambda: el.losses.CRF()(draw(2, 3, 4), np.zeros((2, 3), int)), TypeError, "together with the last layer"),
        (lambda: el.losses.LinearCrossEntropy().through(linear(), draw(4, 6), np.zeros(4, int)), ValueError,
         r"y_true must have shape"),
        (lambda: el.losses.LinearCrossEntropy().through(linear(), draw(4, 5), np.full(4, 9)), ValueError,
         r"labels must lie in 0..6 or be ignore_index"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()
