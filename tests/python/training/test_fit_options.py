"""The options of fit: weights, clipping, averages, truncated backpropagation, streams of batches, losses."""

import numpy as np
import pytest
from fit_case import LENGTHS, RNG, STEPS, X, Y, each, fit, fitted, last
from layer_checks import same_bits

import eigenlstm as el


def test_rows_of_weight_zero_are_as_if_they_were_not_there():
    weight, y = np.ones(50, "f"), Y.copy()
    weight[10:], y[10:] = 0, np.nan
    weighted, alone = last(), last()
    histories = [fit(weighted, X, y, sample_weight=weight, batch_size=50), fit(alone, X[:10], Y[:10], batch_size=50)]
    np.testing.assert_allclose(weighted.flat_params, alone.flat_params, atol=1e-6)
    assert histories[0][-1]["loss"] == pytest.approx(histories[1][-1]["loss"], rel=1e-5)


def test_the_loss_of_an_epoch_is_its_weighted_mean():
    weight = RNG.random(50).astype("f")
    model = last()
    error = (model(X).astype(float) - Y)[:, 0] ** 2
    got = model.evaluate(X, Y, loss="mse", sample_weight=weight, batch_size=7)["loss"]
    assert got == pytest.approx(np.average(error, weights=weight), rel=1e-6)
    steps = each()
    error = (steps(X).astype(float) - STEPS)[:, :, 0] ** 2
    valid = np.arange(8) < LENGTHS[:, None]
    got = steps.evaluate(X, STEPS, loss="mse", sample_weight=weight, lengths=LENGTHS, batch_size=7)["loss"]
    assert got == pytest.approx(np.average(error, weights=weight[:, None] * valid), rel=1e-6)


def test_clipping():
    norms = []

    class Watch:
        def before_step(self, run):
            norms.append((np.linalg.norm(run.model.flat_grads.astype(float)), np.abs(run.model.flat_grads).max()))

        def __call__(self, run):
            pass

    fit(last(), callbacks=[Watch()], clip_norm=1e-3)
    assert max(norm for norm, _ in norms) <= 1e-3 * (1 + 1e-5)
    norms.clear()
    fit(last(), callbacks=[Watch()], clip_value=1e-4)
    assert max(value for _, value in norms) == np.float32(1e-4)


def test_ema_leaves_the_averages_in_the_model():
    averaged, raw = last(), last()
    steps = []

    class Collect:
        def before_step(self, run):
            steps.append(run.model.flat_params.copy())

        def __call__(self, run):
            pass

    history = fit(averaged, ema=0.9, validation_data=(X, Y))
    fit(raw, callbacks=[Collect()])
    steps.append(raw.flat_params.copy())
    average = steps[0].astype(float)
    for params in steps[1:]:
        average = 0.9 * average + 0.1 * params
    np.testing.assert_allclose(averaged.flat_params, average, atol=1e-6)
    assert history[-1]["val_loss"] == averaged.evaluate(X, Y, batch_size=16)["loss"]


def test_tbptt_over_the_whole_length_is_ordinary_training():
    assert same_bits(fitted(each(), X, STEPS, tbptt=8), fitted(each(), X, STEPS))
    assert same_bits(fitted(each(), X, STEPS, tbptt=99, lengths=LENGTHS), fitted(each(), X, STEPS, lengths=LENGTHS))


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_tbptt_carries_the_state_and_cuts_the_gradient(lengths):
    model, by_hand, optimizer = each(), each(), el.SGD(0.1)
    fit(model, X, STEPS, optimizer=el.SGD(0.1), tbptt=3, epochs=1, batch_size=50, shuffle=False, lengths=lengths)
    lstm, head = by_hand
    state = None
    for start in range(0, 8, 3):
        part = slice(start, start + 3)
        left = None if lengths is None else np.clip(lengths - start, 0, 3)
        h, state, tape = lstm.forward(
            X[:, part], state=state, lengths=left if left is None else np.minimum(left, X[:, part].shape[1])
        )
        y, head_tape = head.forward(h)
        _, dy = el.losses.MSE()(y, STEPS[:, part], lengths=None if left is None else np.minimum(left, y.shape[1]))
        by_hand.zero_grad()
        lstm.backward(tape, head.backward(head_tape, dy))
        optimizer.step(by_hand)
    assert same_bits(model.flat_params, by_hand.flat_params)


@pytest.mark.parametrize("lengths", [None, np.array([3, 8, 1, 5])])
def test_stateful_carries_the_state_from_batch_to_batch(lengths):
    whole, cut = X[:4], np.concatenate(np.split(X[:4], 4, axis=1))
    targets = np.concatenate(np.split(STEPS[:4], 4, axis=1))
    left = None if lengths is None else np.concatenate([np.clip(lengths - start, 0, 2) for start in (0, 2, 4, 6)])
    stateful, truncated = each(), each()
    fit(stateful, cut, targets, lengths=left, batch_size=4, stateful=True, epochs=3)
    fit(truncated, whole, STEPS[:4], lengths=lengths, batch_size=4, tbptt=2, epochs=3, shuffle=False)
    assert same_bits(stateful.flat_params, truncated.flat_params)
    whole_loss = stateful.evaluate(whole, STEPS[:4], lengths=lengths)["loss"]
    got = stateful.evaluate(cut, targets, lengths=left, batch_size=4, stateful=True)["loss"]
    assert got == pytest.approx(whole_loss, rel=1e-6)


def test_iterables_and_functions_of_batches_are_taken():
    def parts(epoch=0):
        return ((X[i : i + 16], Y[i : i + 16]) for i in range(0, 50, 16))

    expected = fitted(last(), shuffle=False)
    assert same_bits(expected, fitted(last(), parts, None))
    assert same_bits(expected, fitted(last(), list(parts()), None))
    endless = (batch for _ in range(2) for batch in parts())
    assert same_bits(expected, fitted(last(), endless, None, steps_per_epoch=4))
    with pytest.raises(
        ValueError, match="fit: x is an iterator, which can be read once, for 2 epochs: give a function"
    ):
        fit(last(), parts(), None)
    model = last()
    assert model.evaluate(list(parts()), loss="mse")["loss"] == pytest.approx(model.evaluate(X, Y, loss="mse")["loss"])
    assert "val_loss" in fit(model, validation_data=list(parts()))[0]
    assert "val_loss" in fit(model, validation_data={"x": X, "y": Y, "lengths": LENGTHS})[0]


def test_torch_data_loaders_are_iterables_of_batches():
    torch = pytest.importorskip("torch", reason="the loader")
    data = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    loader = torch.utils.data.DataLoader(data, batch_size=16)
    assert same_bits(fitted(last(), loader, None), fitted(last(), shuffle=False))


def test_classification_with_metrics():
    classes = (Y[:, 0] > 0).astype(np.int64)
    model = el.Sequential([el.LSTM(2, 8, seed=0), el.Last(), el.Linear(8, 2, seed=1)])
    history = fit(
        model, X, classes, loss="cross_entropy", metrics=["accuracy", "f1"], epochs=40, validation_data=(X, classes)
    )
    assert history[-1]["val_accuracy"] > 0.9 and history[-1]["accuracy"] > 0.8
    assert model.evaluate(X, classes)["accuracy"] == np.mean(model.predict(X).argmax(1) == classes)


def test_ctc_takes_lists_of_frames_and_of_labels():
    rng = np.random.default_rng(0)
    labels = [rng.integers(1, 4, rng.integers(0, 4)) for _ in range(40)]
    frames = []
    for row in labels:  # each label shows for two frames, blanks around it
        shown = np.concatenate([[0], *([label, label, 0] for label in row)]).astype(int)
        frames.append(np.eye(4, dtype="f")[shown])
    model = el.Sequential([el.LSTM(4, 16, seed=0), el.Linear(16, 4, seed=1)])
    history = fit(
        model,
        frames,
        labels,
        loss="ctc",
        optimizer=el.Adam(2e-2),
        epochs=60,
        batch_size=8,
        validation_data=(frames, labels),
    )
    assert history[-1]["val_loss"] < 0.1 * history[0]["val_loss"]
    spelt = [el.ctc.greedy_decode(y[None])[0] for y in model.predict(frames)]
    assert np.mean([np.array_equal(ours, true) for ours, true in zip(spelt, labels)]) > 0.9


def test_a_loss_of_ones_own_is_called():
    def absolute(y_pred, y_true, sample_weight=None, lengths=None):
        error = y_pred - y_true
        return float(np.abs(error).mean()), np.sign(error) / np.float32(error.size)

    history = fit(last(), loss=absolute, metrics=["mae"], epochs=1)
    assert history[0]["loss"] == pytest.approx(history[0]["mae"], rel=1e-6)
