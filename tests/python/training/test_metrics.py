"""Metrics against their definitions and scikit-learn, in one piece and batch by batch."""

import math

import numpy as np
import pytest

from eigenlstm import metrics

RNG = np.random.default_rng(0)
REGRESSION = (RNG.standard_normal((60, 3)).astype("f"), (5 + RNG.standard_normal((60, 3))).astype("f"))
CLASSES = (RNG.standard_normal((60, 4)).astype("f"), RNG.integers(0, 4, 60))
BINARY = (RNG.standard_normal((60, 1)).astype("f"), RNG.integers(0, 2, (60, 1)).astype("f"))


def in_batches(name, y_pred, y_true):
    metric = metrics.get(name)
    for part in np.array_split(np.arange(len(y_pred)), [1, 7, 30]):
        metric.update(y_pred[part], y_true[part])
    return metric.result()


@pytest.mark.parametrize(
    "name, data",
    [
        ("mae", REGRESSION),
        ("rmse", REGRESSION),
        ("r2", REGRESSION),
        ("nse", [part[:, :1] for part in REGRESSION]),
        ("accuracy", CLASSES),
        ("f1", CLASSES),
        ("accuracy", BINARY),
        ("f1", BINARY),
    ],
)
def test_batches_give_what_the_whole_gives_and_scikit_learn_too(name, data):
    sk = pytest.importorskip("sklearn.metrics", reason="the oracle")
    y_pred, y_true = data
    whole = metrics.measure(name, y_true, y_pred)
    assert in_batches(name, y_pred, y_true) == pytest.approx(whole, rel=1e-12)
    predicted = y_pred.argmax(-1) if data is CLASSES else y_pred > 0
    expected = {
        "mae": lambda: sk.mean_absolute_error(y_true, y_pred),
        "rmse": lambda: math.sqrt(sk.mean_squared_error(y_true.astype(float), y_pred.astype(float))),
        "r2": lambda: sk.r2_score(y_true.astype(float), y_pred.astype(float)),
        "nse": lambda: sk.r2_score(y_true.astype(float), y_pred.astype(float)),
        "accuracy": lambda: sk.accuracy_score(y_true, predicted),
        "f1": lambda: sk.f1_score(y_true, predicted, average="macro" if data is CLASSES else "binary"),
    }[name]()
    assert whole == pytest.approx(expected, rel=1e-6)


def test_r2_does_not_cancel():
    true = np.array([1e8 + 1, 1e8 + 2, 1e8 + 3, 1e8 + 4])[:, None]
    assert in_batches("r2", np.repeat(true + 0.5, 10, 0), np.repeat(true, 10, 0)) == pytest.approx(1 - 0.25 / 1.25)


@pytest.mark.parametrize("name", ["mae", "rmse", "r2"])
def test_steps_past_the_lengths_are_left_out(name):
    y_pred, y_true = (RNG.standard_normal((3, 5, 2)) for _ in range(2))
    lengths = np.array([5, 0, 2])
    rows = [(b, t) for b, n in enumerate(lengths) for t in range(n)]
    cut = [np.array([values[row] for row in rows]) for values in (y_true, y_pred)]
    y_pred[1] = y_true[1] = np.nan
    assert metrics.measure(name, y_true, y_pred, lengths) == pytest.approx(metrics.measure(name, *cut))


def test_tagging_takes_lengths_and_ignored_targets():
    logits = np.eye(3)[[[0, 1, 2, 2], [1, 1, 0, 0]]]
    true = np.array([[0, 1, 0, 0], [1, -100, 2, 0]])
    assert metrics.measure("accuracy", true, logits, [3, 3]) == pytest.approx(3 / 5)


def test_nse_leaves_unobserved_days_out():
    true, predicted = np.array([1, np.nan, 3, 5.0]), np.array([1, 9, 2, 5.0])
    assert metrics.measure("nse", true, predicted) == pytest.approx(1 - 1 / 8)


def test_an_output_that_does_not_vary_has_no_r2():
    assert math.isnan(metrics.measure("r2", np.ones(5), np.zeros(5)))


def test_nothing_seen_is_nan():
    for name in ("mae", "rmse", "r2", "nse", "accuracy", "f1"):
        assert math.isnan(metrics.get(name).result())


def test_a_plain_function_gets_the_whole():
    seen = metrics.get(lambda y_true, y_pred: float((y_true - y_pred).max()))
    seen.update(np.array([1.0, 2.0]), np.array([4.0, 2.0]))
    seen.update(np.array([1.0]), np.array([9.0]))
    assert seen.result() == 8


@pytest.mark.parametrize("name", ["mae", "rmse", "r2", "nse"])
def test_a_last_axis_of_one_may_be_missing_in_y_true(name):
    y_pred, y_true = (RNG.standard_normal((7, 3)) for _ in range(2))
    expected = metrics.measure(name, y_true.reshape(-1), y_pred.reshape(-1))
    assert metrics.measure(name, y_true, y_pred[..., None]) == pytest.approx(expected)
    assert metrics.measure("accuracy", BINARY[1][:, 0], BINARY[0]) == metrics.measure("accuracy", BINARY[1], BINARY[0])


def test_wrong_metrics_are_refused():
    with pytest.raises(ValueError, match="there is no metric 'acc'; there are accuracy"):
        metrics.get("acc")
    with pytest.raises(TypeError, match="a metric must be a name"):
        metrics.get(3)
    with pytest.raises(ValueError, match=r"mae: y_true must have the shape \(3, 2\) of y_pred, got \(3,\)"):
        metrics.measure("mae", np.zeros(3), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="accuracy: y_true must be integers"):
        metrics.measure("accuracy", np.zeros(3), np.zeros((3, 4)))
