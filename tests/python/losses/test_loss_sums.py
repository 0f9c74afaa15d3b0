"""The loss that `fit` and `evaluate` report is that of one call with all of the data, for any batch size."""

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm import losses

N, T, F = 10, 6, 3
SIZES = (1, 3, 7, 10)


def ctc_labels(rng):
    return np.where(np.arange(3) < rng.integers(1, 4, (N, 1)), rng.integers(1, 4, (N, 3)), -1)


def masked_labels(rng):
    labels = rng.integers(0, 4, (N, T))
    labels[:, 1:] = np.where(rng.random((N, 1)) < 0.7, -100, labels[:, 1:])
    return labels


# name: (outputs, options of the loss, targets, whether per-step weights make sense)
CASES = {
    "MSE": (F, {}, lambda rng: rng.normal(size=(N, T, F)), True),
    "MAE": (1, {}, lambda rng: rng.normal(size=(N, T)), True),
    "Huber": (F, {"delta": 0.5}, lambda rng: rng.normal(size=(N, T, F)), True),
    "BCE": (2, {"pos_weight": [1.0, 3.0]}, lambda rng: rng.integers(0, 2, (N, T, 2)), True),
    "Quantile": (3, {}, lambda rng: rng.normal(size=(N, T)), True),
    "GaussianNLL": (2, {}, lambda rng: rng.normal(size=(N, T)), True),
    "PoissonNLL": (1, {}, lambda rng: rng.poisson(3, (N, T)), True),
    "NSE": (1, {"eps": 0.0}, lambda rng: rng.gamma(2, size=(N, T)) + 10 * np.arange(N)[:, None], True),
    "NSE ": (1, {"std": 2.0}, lambda rng: rng.gamma(2, size=(N, T)), True),
    "CrossEntropy": (4, {}, masked_labels, True),
    "CrossEntropy ": (4, {"weight": [0, 1, 2, 5.0], "label_smoothing": 0.1}, masked_labels, True),
    "CTC": (4, {}, ctc_labels, False),
}


def case(name, reduction, seed=0):
    outputs, options, targets, per_step = CASES[name]
    rng = np.random.default_rng(seed)
    loss = getattr(losses, name.strip())(**options, reduction=reduction)
    model = el.Sequential([el.LSTM(2, 4, dtype="float64", seed=1), el.Linear(4, outputs, dtype="float64", seed=2)])
    x, y = rng.normal(size=(N, T, 2)), targets(rng)
    lengths = rng.integers(3 if name == "CTC" else 1, T + 1, N)
    if name == "CTC":
        lengths[:] = T
    weights = [None, rng.random(N)] + ([rng.integers(0, 3, (N, T)).astype(float)] if per_step else [])
    return loss, model, x, y, [None, lengths], weights


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", CASES)
def test_evaluate_gives_the_loss_of_one_call(name, reduction):
    loss, model, x, y, all_lengths, weights = case(name, reduction)
    for lengths in all_lengths:
        for weight in weights:
            expected, _ = loss(model.predict(x, lengths=lengths), y, weight, lengths)
            for size in SIZES:
                got = model.evaluate(x, y, loss=loss, lengths=lengths, sample_weight=weight, batch_size=size)["loss"]
                assert got == pytest.approx(expected, rel=1e-12), (lengths, weight, size)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", CASES)
def test_the_training_and_validation_loss_of_a_model_that_stands_still(name, reduction):
    loss, model, x, y, (_, lengths), weights = case(name, reduction)
    for size in (3, 10) if name == "NSE" else SIZES:
        weight = weights[1]
        expected, _ = loss(model.predict(x, lengths=lengths), y, weight, lengths)
        data = {"x": x, "y": y, "lengths": lengths, "sample_weight": weight}
        (logs,) = model.fit(
            **data, loss=loss, optimizer=el.SGD(1e-300), validation_data=data, batch_size=size, seed=0, verbose=0
        )
        assert logs["loss"] == pytest.approx(expected, rel=1e-12)
        assert logs["val_loss"] == pytest.approx(expected, rel=1e-12)


def test_ragged_rows_and_generators_of_batches():
    loss, model, x, y, (_, lengths), (_, weight, _) = case("CrossEntropy", "mean")
    expected, _ = loss(model.predict(x, lengths=lengths), y, weight, lengths)
    rows = [row[:n] for row, n in zip(x, lengths)], [row[:n] for row, n in zip(y, lengths)]
    for size in SIZES:
        parts = [slice(i, i + size) for i in range(0, N, size)]
        batches = [{"x": x[p], "y": y[p], "lengths": lengths[p], "sample_weight": weight[p]} for p in parts]
        assert model.evaluate(batches, loss=loss)["loss"] == pytest.approx(expected, rel=1e-12)
        listed = model.evaluate(*rows, loss=loss, sample_weight=weight, batch_size=size)["loss"]
        assert listed == pytest.approx(expected, rel=1e-12)


def test_truncated_backpropagation_reports_the_mean_over_all_pieces():
    loss, _, _, y, (_, lengths), _ = case("CrossEntropy", "mean")
    x = np.random.default_rng(1).normal(size=(N, T, 2))
    model = el.Sequential([el.Linear(2, 4, dtype="float64", seed=2)])  # no state to cut
    expected, _ = loss(model.predict(x, lengths=lengths), y, None, lengths)
    logs = model.fit(
        x, y, lengths=lengths, loss=loss, optimizer=el.SGD(1e-300), tbptt=4, batch_size=3, seed=0, verbose=0
    )
    assert logs[0]["loss"] == pytest.approx(expected, rel=1e-12)


def test_nothing_that_counts():
    y = np.full((N, T), -100)
    _, model, x, *_ = case("CrossEntropy", "mean")
    assert np.isnan(model.evaluate(x, y, loss="cross_entropy")["loss"])
    assert model.evaluate(x, y, loss=losses.CrossEntropy(reduction="sum"))["loss"] == 0


class Doubled(losses.MSE):
    """A user's loss with the old contract: a call, no sums."""

    def __call__(self, y_pred, y_true, sample_weight=None, lengths=None):
        value, dy = super().__call__(y_pred, y_true, sample_weight, lengths)
        return 2 * value, 2 * dy


class Asymmetric(losses.MSE):
    """A user's loss with sums."""

    def sums(self, y_pred, y_true, sample_weight=None, lengths=None):
        part, dy = super().sums(y_pred, y_true, sample_weight, lengths)
        return losses.LossSum(3 * part.value, part.divisor), 3 * dy


def test_losses_of_ones_own():
    mse, model, x, y, (_, lengths), (_, weight, _) = case("MSE", "mean")
    once = model.evaluate(x, y, loss=mse, lengths=lengths, sample_weight=weight)["loss"]

    def function(y_pred, y_true, sample_weight=None, lengths=None):
        value, dy = mse(y_pred, y_true, sample_weight, lengths)
        return 4 * value, 4 * dy

    for loss, factor in ((Doubled(), 2), (Asymmetric(), 3), (function, 4)):
        for size in SIZES:
            got = model.evaluate(x, y, loss=loss, lengths=lengths, sample_weight=weight, batch_size=size)["loss"]
            assert got == pytest.approx(factor * once, rel=1e-12), loss
    assert Asymmetric()(np.ones(3), np.zeros(3))[0] == 3
    summed = Doubled(reduction="sum")
    expected, _ = summed(model.predict(x), y)
    assert model.evaluate(x, y, loss=summed, batch_size=3)["loss"] == pytest.approx(expected, rel=1e-12)


def test_early_stopping_and_plateau_read_the_loss_of_all_that_counts():
    loss, model, x, y, *_ = case("CrossEntropy", "mean")
    stop = el.early_stopping(3)
    model.fit(
        x, y, loss=loss, optimizer=el.Adam(1e-2), epochs=4, validation_data=(x, y), batch_size=3, callbacks=[stop],
        seed=0, verbose=0,
    )  # fmt: skip
    assert stop.best == pytest.approx(loss(model.predict(x), y)[0], rel=1e-12)


def test_nse_of_flow_that_is_constant_within_each_row():
    x, y = np.zeros((4, 5, 2)), np.repeat([[1.0], [2.0], [3.0], [4.0]], 5, axis=1)
    model = el.Sequential([el.Linear(2, 1, dtype="float64", seed=0)])
    for size in SIZES:
        got = model.evaluate(x, y, loss=losses.NSE(eps=0), batch_size=size)["loss"]
        assert got == pytest.approx(np.mean(y**2) / np.var(y), rel=1e-12)
    with pytest.raises(ValueError, match=r"NSE: std \+ eps must be positive, but y_true does not vary and eps is 0"):
        model.evaluate(x, np.full((4, 5), 0.1), loss=losses.NSE(eps=0))
    with pytest.raises(ValueError, match="NSE: y_true is NaN in 1 of 20 places; give them a sample_weight of 0"):
        broken = y.copy()
        broken[1, 2] = np.nan
        losses.NSE()(y, broken)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.uint32, np.uint64, np.int32])
def test_labels_of_any_integer_dtype(dtype):
    rng = np.random.default_rng(0)
    labels, lengths = rng.integers(0, 4, (N, T)), rng.integers(0, T + 1, N)
    logits = rng.normal(size=(N, T, 4))
    expected = losses.CrossEntropy()(logits, labels, None, lengths)
    value, dy = losses.CrossEntropy()(logits, labels.astype(dtype), None, lengths)
    assert value == expected[0] and np.array_equal(dy, expected[1])
    # a list of rows is padded with -1, which says where the labels of CTC end
    model = el.Sequential([el.LSTM(2, 4, seed=0), el.Linear(4, 5, seed=1)])
    x = [rng.normal(size=(n, 2)).astype(np.float32) for n in rng.integers(8, 12, N)]
    rows = [rng.integers(1, 5, n).astype(dtype) for n in rng.integers(1, 4, N)]
    padded = np.array([[*row.tolist(), *[-1] * (3 - len(row))] for row in rows])
    got = [model.evaluate(x, y, loss="ctc", batch_size=4)["loss"] for y in (rows, padded)]
    assert got[0] == got[1]


def test_labels_that_no_int64_holds():
    labels = np.array([1, 2**64 - 100], np.uint64)
    with pytest.raises(ValueError, match=r"CrossEntropy: y_true must be below 2\*\*63, got 18446744073709551516"):
        losses.CrossEntropy()(np.zeros((2, 4)), labels)


def test_ctc_labels_as_wide_as_x_are_long_are_not_cut():
    rng = np.random.default_rng(0)
    x, lengths = rng.normal(size=(4, 7, 2)), np.array([4, 4, 4, 7])
    labels = np.full((4, 7), -1)
    labels[:, :2] = [[1, 2], [2, 1], [1, 1], [2, 2]]
    labels[3, :3] = 1, 2, 1
    model = el.Sequential([el.LSTM(2, 4, dtype="float64", seed=0), el.Linear(4, 3, dtype="float64", seed=1)])
    ended = np.array([2, 2, 2, 3])
    expected, _ = losses.CTC()(model.predict(x, lengths=lengths), labels, None, lengths, target_lengths=ended)
    for size in (1, 2, 4):
        got = model.evaluate(x, labels, loss="ctc", lengths=lengths, batch_size=size)["loss"]
        assert got == pytest.approx(expected, rel=1e-12)
    # six labels in a row of four frames: they can't be spelt, which the first four of them could
    labels[0] = [1, 2, 1, 2, 1, 2, -1]
    assert model.evaluate(x[:1], labels[:1], loss="ctc", lengths=lengths[:1])["loss"] == np.inf
    with pytest.raises(ValueError, match="fit: tbptt needs a target for each step, which CTC"):
        model.fit(x, labels, loss="ctc", optimizer="sgd", tbptt=2, verbose=0)


def test_class_weights_count_in_the_loss_of_an_epoch_and_default_to_1():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(N, T, 2)), rng.integers(0, 4, (N, T))
    weight = np.array([3.0, 0.5, 1, 1])
    expected, _ = losses.CrossEntropy(weight)(case("CrossEntropy", "mean")[1].predict(x), y)
    for size in SIZES:
        for given in ({0: 3.0, 1: 0.5}, weight):
            model = case("CrossEntropy", "mean")[1]
            options = {"class_weight": given, "batch_size": size, "seed": 0, "verbose": 0}
            (logs,) = model.fit(x, y, loss="cross_entropy", optimizer=el.SGD(1e-300), **options)
            assert logs["loss"] == pytest.approx(expected, rel=1e-12)
