"""MaskedSequential: each row is what its valid steps alone give, wherever the masked ones lie; else it is as in
Keras.
"""

import json

import numpy as np
import pytest
from layer_checks import check_copies, check_gradients, randomised, same_bits

import eigenlstm as el

F, H = 3, 4
# Padded in front, behind, with holes, not at all, and nothing but padding.
VALID = np.array([
    [0, 0, 1, 1, 1, 1],
    [1, 1, 1, 0, 0, 0],
    [0, 1, 0, 0, 1, 0],
    [1, 1, 1, 1, 1, 1],
    [0, 0, 0, 0, 0, 0],
    [1, 0, 1, 1, 0, 1],
], bool)  # fmt: skip


@pytest.fixture
def x():
    x = np.random.default_rng(0).standard_normal((6, 6, F))
    x[~VALID] = -1.5
    return x


def lstm(**options):
    return randomised(el.LSTM(F, H, dtype="float64", **options))


def masked(*layers):
    return el.MaskedSequential(layers, mask_value=-1.5)


def alone(layer, row, valid):
    """y of the valid steps of a row, without the others: (n, P)."""
    return layer(row[valid][None])[0][0]


def test_an_lstm_steps_over_masked_steps_and_repeats_its_output_there(x):
    layer = lstm()
    y = masked(layer)(x)
    for row, valid, got in zip(x, VALID, y):
        expected, before, steps = [], np.zeros(H), iter(alone(layer, row, valid))
        for is_valid in valid:
            before = next(steps) if is_valid else before
            expected.append(before)
        assert same_bits(got, np.array(expected))


@pytest.mark.parametrize("merge", ["concat", "sum"])
def test_two_directions_give_zeros_at_masked_steps(merge, x):
    layer = lstm(bidirectional=True, merge=merge)
    y = masked(layer)(x)
    assert not y[~VALID].any()
    for row, valid, got in zip(x, VALID, y):
        assert same_bits(got[valid], alone(layer, row, valid))


def test_last_and_mean_take_valid_steps_only(x):
    layer = lstm(bidirectional=True)
    for pool in (el.Last(bidirectional=True), el.MeanPool()):
        y = masked(layer, pool)(x)
        for row, valid, got in zip(x, VALID, y):
            expected = pool(alone(layer, row, valid)[None])[0] if valid.any() else np.zeros(2 * H)
            assert same_bits(got, expected)
        layer = lstm(bidirectional=True)


def test_other_layers_see_every_step_and_zeros_for_the_masked_ones(x):
    linear = randomised(el.Linear(F, H, dtype="float64"))
    y = masked(linear)(x)
    assert same_bits(y[~VALID], np.broadcast_to(linear.params["bias"], y[~VALID].shape).copy())
    np.testing.assert_array_equal(y[VALID], linear(x[VALID]))
    held = masked(lstm())(x)
    np.testing.assert_array_equal(masked(lstm(), el.MaxPool())(x), held.max(axis=1))


def test_integers_are_masked_by_their_value():
    tokens = np.random.default_rng(0).integers(1, 9, (6, 6)) * VALID
    embedding, layer = el.Embedding(9, F, dtype="float64", seed=0), lstm()
    y = el.MaskedSequential([embedding, layer, el.Last()], mask_value=0)(tokens)
    for row, valid, got in zip(tokens, VALID, y):
        assert same_bits(got, layer(embedding(row[valid])[None])[0][0, -1] if valid.any() else np.zeros(H))


CHAINS = {
    "lstm": lambda: [lstm()],
    "two directions": lambda: [lstm(bidirectional=True)],
    "deep": lambda: [
        el.Linear(F, F, dtype="float64"),
        lstm(),
        el.Activation("tanh"),
        el.LSTM(H, 2, dtype="float64"),
        el.Linear(2, 2, dtype="float64"),
    ],
    "last": lambda: [lstm(bidirectional=True), el.Last(bidirectional=True), el.Linear(2 * H, 2, dtype="float64")],
    "mean": lambda: [lstm(), el.MeanPool()],
    "max": lambda: [lstm(), el.MaxPool()],
}


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("rows", [slice(None), slice(1, 2), slice(3, 4)], ids=["any", "right-padded", "full"])
def test_gradients(chain, rows, x):
    model = randomised(masked(*CHAINS[chain]()))
    # Central differences of a masked step would unmask it: its gradient is zero by definition.
    x, valid = x[rows], VALID[rows]
    y, tape = model.forward(x)
    w = np.random.default_rng(1).standard_normal(y.shape)
    dx = model.backward(tape, w)
    assert not dx[~valid].any()
    step = 1e-6
    for index in np.argwhere(np.repeat(valid[:, :, None], F, axis=2))[::3]:
        there = tuple(index)
        up, down = x.copy(), x.copy()
        up[there] += step
        down[there] -= step
        slope = ((model(up) - model(down)) * w).sum() / (2 * step)
        assert abs(dx[there] - slope) < 1e-6
    model.zero_grad()
    check_parameters(model, x)
    assert model.backward(model.forward(x)[1], w, need_dx=False) is None


def check_parameters(model, x):
    """The gradients of the parameters, as `check_gradients` has them, with dx left out."""

    class Around(el.Sequential):
        def backward(self, tape, dy, *, need_dx=True):
            super().backward(tape, dy, need_dx=False)

    check_gradients(Around([model]), x)


def test_rows_have_the_same_bits_alone_and_without_their_padding(x):
    model = masked(*CHAINS["last"]())
    y = model(x)
    for b, valid in enumerate(VALID):
        assert same_bits(model(x[b : b + 1]), y[b : b + 1])
        if valid.any():
            assert same_bits(model(x[b : b + 1, valid]), y[b : b + 1])


def test_lengths_mask_too(x):
    model = masked(*CHAINS["deep"]())
    lengths = np.array([4, 2, 6, 3, 2, 5])
    cut = x.copy()
    for row, n in zip(cut, lengths):
        row[n:] = -1.5
    assert same_bits(model(x, lengths=lengths), model(cut))


def test_part_of_a_chain_trained_saved_and_loaded(tmp_path, x):
    inner = el.MaskedSequential(
        [el.LSTM(F, H, seed=0, input_dropout=0.2), el.Last(), el.Dropout(0.1, seed=1)], mask_value=-1.5
    )
    model = el.Sequential([inner, el.Linear(H, 1, seed=1)])
    x = np.tile(x, (4, 1, 1)).astype("f")
    target = x[:, :, :1].sum(axis=1)
    history = model.fit(x, target, loss="mse", optimizer=el.Adam(1e-2), epochs=30, batch_size=8, seed=0, verbose=0)
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    model.save(tmp_path / "model.safetensors")
    again = el.load(tmp_path / "model.safetensors")
    assert same_bits(again.predict(x), model.predict(x))
    assert json.loads(json.dumps(inner.config()))["mask_value"] == -1.5
    check_copies(inner)
    assert repr(inner).endswith("], mask_value=-1.5)")


def test_what_is_refused(x):
    with pytest.raises(ValueError, match="MaskedSequential: mask_value must be finite, got nan"):
        el.MaskedSequential([lstm()], mask_value=np.nan)
    with pytest.raises(TypeError, match="layer 0 is a model of its own, which doesn't see the mask: give its layers"):
        masked(el.Sequential([lstm()]))
    model = masked(lstm())
    with pytest.raises(ValueError, match=r"MaskedSequential.forward: x must have shape \(B, T, F\), got \(6, 3\)"):
        model(x[0])
    with pytest.raises(ValueError, match=r"MaskedSequential.forward: x must have shape \(B, T\), got \(6, 6, 1\)"):
        el.MaskedSequential([el.Embedding(9, F)])(np.zeros((6, 6, 1), int))
    with pytest.raises(ValueError, match="tape is None"):
        model.backward(None, x)
    with pytest.raises(
        ValueError, match=r"MaskedSequential.backward: dy must have shape \(6, 6, 'F'\), got \(6, 5, 4\)"
    ):
        model.backward(model.forward(x)[1], np.zeros((6, 5, H)))
    assert model(x[:, :0]).shape == (6, 0, H) and model(x[:0]).shape == (0, 6, H)
