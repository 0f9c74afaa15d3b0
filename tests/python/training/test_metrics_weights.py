"""Metrics count what the losses count, as often: weights, lengths and ignored targets."""

import pickle

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm import losses, metrics

RNG = np.random.default_rng(0)
N = 60
REAL = RNG.normal(size=(N, 3)), 5 + RNG.normal(size=(N, 3))
CLASSES = RNG.normal(size=(N, 4)), RNG.integers(0, 4, N)
BINARY = RNG.normal(size=(N, 1)), RNG.integers(0, 2, (N, 1)).astype(float)
WEIGHTS = np.where(RNG.random(N) < 0.3, 0, RNG.random(N))


def in_batches(name, y_pred, y_true, weight):
    metric = metrics.get(name)
    for part in np.array_split(np.arange(len(y_pred)), [1, 2, 3, 30]):
        metric.update(y_pred[part], y_true[part], sample_weight=weight[part])
    return metric.result()


CASES = [("mae", REAL), ("rmse", REAL), ("r2", REAL), ("nse", [part[:, :1] for part in REAL])]
CASES += [(name, data) for name in ("accuracy", "f1") for data in (CLASSES, BINARY)]


@pytest.mark.parametrize("name, data", CASES)
def test_weights_are_those_of_scikit_learn(name, data):
    sk = pytest.importorskip("sklearn.metrics", reason="the oracle")
    y_pred, y_true = data
    predicted = y_pred.argmax(-1) if data is CLASSES else y_pred > 0
    average = "macro" if data is CLASSES else "binary"
    seen = WEIGHTS > 0  # scikit-learn's F1 counts a class that has no weight
    expected = {
        "mae": lambda: sk.mean_absolute_error(y_true, y_pred, sample_weight=WEIGHTS),
        "rmse": lambda: np.sqrt(sk.mean_squared_error(y_true, y_pred, sample_weight=WEIGHTS)),
        "r2": lambda: sk.r2_score(y_true, y_pred, sample_weight=WEIGHTS),
        "nse": lambda: sk.r2_score(y_true, y_pred, sample_weight=WEIGHTS),
        "accuracy": lambda: sk.accuracy_score(y_true, predicted, sample_weight=WEIGHTS),
        "f1": lambda: sk.f1_score(y_true[seen], predicted[seen], average=average, sample_weight=WEIGHTS[seen]),
    }[name]()
    assert metrics.measure(name, y_true, y_pred, sample_weight=WEIGHTS) == pytest.approx(expected, rel=1e-12)
    assert in_batches(name, y_pred, y_true, WEIGHTS) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name, data", CASES)
def test_what_has_no_weight_is_not_looked_at(name, data):
    y_pred, y_true = (part.copy() for part in data)
    expected = metrics.measure(name, y_true[WEIGHTS > 0], y_pred[WEIGHTS > 0])
    y_pred[WEIGHTS == 0] = np.nan
    y_true[WEIGHTS == 0] = -100 if y_true.dtype.kind == "i" else np.nan
    weight = (WEIGHTS > 0).astype(np.float32)
    assert metrics.measure(name, y_true, y_pred, sample_weight=weight) == pytest.approx(expected, rel=1e-12)
    assert in_batches(name, y_pred, y_true, weight) == pytest.approx(expected, rel=1e-12)
    assert np.isnan(metrics.measure(name, y_true, y_pred, sample_weight=np.zeros(N)))


def test_weights_of_steps_and_of_values():
    y_pred, y_true = RNG.normal(size=(4, 5, 2)), RNG.normal(size=(4, 5, 2))
    lengths = np.array([5, 0, 2, 4])
    valid = np.arange(5) < lengths[:, None]
    for weight in (RNG.random(4), RNG.random((4, 5)), RNG.random((4, 5, 2))):
        full = weight.reshape(*weight.shape, *[1] * (3 - weight.ndim)) * valid[..., None]
        error = np.abs(y_pred - y_true)
        got = metrics.measure("mae", y_true, y_pred, lengths, weight)
        assert got == pytest.approx((full * error).sum() / np.broadcast_to(full, error.shape).sum(), rel=1e-12)
        got = metrics.measure("rmse", y_true, y_pred, lengths, weight)
        loss, _ = losses.MSE()(y_pred, y_true, weight, lengths)
        assert got == pytest.approx(np.sqrt(loss), rel=1e-12)
    flat = metrics.measure("mae", y_true[..., 0], y_pred[..., 0], lengths)
    assert flat == pytest.approx(np.abs(y_pred - y_true)[..., 0][valid].mean(), rel=1e-12)
    with pytest.raises(ValueError, match=r"mae: sample_weight must have the shape \(4, 5, 2\) of y_true or of its"):
        metrics.measure("mae", y_true, y_pred, None, np.ones(5))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_ignored_targets_of_a_yes_or_no_question(dtype):
    true, logits = np.array([1, -100, 0, -100], dtype), np.array([2.0, 3.0, -1.0, -1.0])
    assert metrics.measure("accuracy", true, logits) == 1
    assert metrics.measure("f1", true, logits) == 1
    assert np.isnan(metrics.measure("accuracy", true[1:2], logits[1:2]))


@pytest.mark.parametrize("value", [0.1, -0.3, 14.62, 1e30, 1e-30, 0.0, 1e8 + 0.1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_has_no_r2(value, dtype):
    with np.errstate(over="ignore"):
        true = np.full((1000, 1), value, dtype)
    if np.isfinite(true).all():
        for name in ("r2", "nse"):
            assert np.isnan(metrics.measure(name, true, np.zeros_like(true)))
            assert np.isnan(in_batches(name, np.zeros_like(true), true, np.ones(1000)))
    nearly = true.astype(np.float64) * (1 + np.finfo(np.float64).eps * RNG.integers(0, 3, true.shape))
    assert np.isnan(metrics.measure("r2", nearly, true))


def test_what_varies_little_has_an_r2():
    true = 1e8 + np.arange(10.0) * 1e-6
    assert metrics.measure("r2", true, true) == 1
    assert metrics.measure("r2", true, np.roll(true, 1)) < 1


def test_fit_and_evaluate_hand_weights_and_ignored_targets_to_metrics():
    x = RNG.normal(size=(20, 6, 2)).astype("f")
    y, weight = RNG.normal(size=(20, 6, 1)).astype("f"), np.ones((20, 6), "f")
    y[::3, 4:], weight[::3, 4:] = np.nan, 0
    model = el.Sequential([el.LSTM(2, 4, seed=0), el.Linear(4, 1, seed=1)])
    seen = []

    def spread(y_true, y_pred):
        seen.append(y_true)
        return np.ptp(y_true - y_pred)

    def weighted(y_true, y_pred, sample_weight=None):
        return np.average(np.abs(y_true - y_pred).mean(axis=-1), weights=sample_weight)

    names = ["mae", "rmse", "r2", spread, weighted]
    data = {"x": x, "y": y, "sample_weight": weight, "batch_size": 7}
    (logs,) = model.fit(
        **data, loss="mse", optimizer="adam", metrics=names, validation_data=(x, y, weight), seed=0, verbose=0
    )
    assert all(np.isfinite(value) for value in logs.values())
    got = model.evaluate(**data)
    counts = weight > 0
    error = (model.predict(x) - y)[counts]
    assert got["loss"] == pytest.approx(np.mean(error**2), rel=1e-6)
    assert got["rmse"] == pytest.approx(np.sqrt(got["loss"]), rel=1e-6)
    assert got["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-6) == got["weighted"]
    assert got["r2"] == pytest.approx(1 - np.mean(error**2) / np.var(y[counts]), rel=1e-5)
    assert seen[-1].shape == (counts.sum(), 1) and not np.isnan(seen[-1]).any()


def test_a_named_metric_ignores_what_the_loss_ignores():
    labels = np.zeros((8, 5), int)
    labels[:, :2] = RNG.integers(1, 3, (8, 2))  # 0: padding
    model = el.Sequential([el.Embedding(3, 4, seed=0), el.LSTM(4, 4, seed=1), el.Linear(4, 3, seed=2)])
    right = model.predict(labels).argmax(-1) == labels
    for metric in ("accuracy", metrics.Accuracy(ignore_index=0)):
        got = model.evaluate(labels, labels, loss=losses.CrossEntropy(ignore_index=0), metrics=[metric])
        assert got["accuracy"] == pytest.approx(right[:, :2].mean())
    assert model.evaluate(labels, labels, loss="cross_entropy", metrics=["accuracy"])["accuracy"] == right.mean()


class Largest:
    """A metric of one's own that knows nothing of weights."""

    name = "largest"

    def reset(self):
        self.value = -np.inf

    def update(self, y_pred, y_true, lengths=None):
        self.value = max(self.value, float((y_true - y_pred).max()))

    def result(self):
        return self.value


def test_metrics_of_ones_own_without_weights():
    x, y = RNG.normal(size=(9, 4, 2)).astype("f"), RNG.normal(size=(9, 4, 1)).astype("f")
    model = el.Sequential([el.LSTM(2, 4, seed=0), el.Linear(4, 1, seed=1)])
    got = model.evaluate(x, y, loss="mse", metrics=[Largest()], sample_weight=np.ones(9, "f"), batch_size=4)
    assert got["largest"] == pytest.approx((y - model.predict(x)).max())


def test_r2_is_pickled_within_an_epoch():
    whole, half = metrics.get("r2"), metrics.get("r2")
    for metric in (whole, half):
        metric.update(REAL[0][:20], REAL[1][:20])
    half = pickle.loads(pickle.dumps(half))
    for metric in (whole, half):
        metric.update(REAL[0][20:], REAL[1][20:])
    assert half.result() == whole.result()
