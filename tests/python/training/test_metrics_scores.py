"""Precision, recall, AUC, MAPE, KGE and correlation: against scikit-learn and their definitions, whole and in
batches.
"""

import math

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm import metrics

RNG = np.random.default_rng(0)
N = 80
REAL = RNG.normal(size=(N, 3)) + 2, RNG.normal(size=(N, 3)) + 3
FLOW = [1e3 + part[:, :1] for part in REAL]
CLASSES = np.round(RNG.normal(size=(N, 4)), 1), RNG.integers(0, 4, N)  # rounded: there are ties
BINARY = np.round(RNG.normal(size=(N, 1)), 1), RNG.integers(0, 2, (N, 1)).astype(float)
WEIGHTS = np.where(RNG.random(N) < 0.3, 0, RNG.random(N))


def softmax(logits):
    exp = np.exp(logits)
    return exp / exp.sum(axis=-1, keepdims=True)


def kge(y_true, y_pred, weight):
    true, pred = y_true[:, 0], y_pred[:, 0]
    weight = np.ones(len(true)) if weight is None else weight
    means = [np.average(values, weights=weight) for values in (true, pred)]
    covariance = np.cov(true, pred, aweights=weight, ddof=0)
    r = covariance[0, 1] / math.sqrt(covariance[0, 0] * covariance[1, 1])
    alpha, beta = math.sqrt(covariance[1, 1] / covariance[0, 0]), means[1] / means[0]
    return 1 - math.sqrt((r - 1) ** 2 + (alpha - 1) ** 2 + (beta - 1) ** 2)


def correlation(y_true, y_pred, weight):
    each = [np.cov(true, pred, aweights=weight, ddof=0) for true, pred in zip(y_true.T, y_pred.T)]
    return np.mean([c[0, 1] / math.sqrt(c[0, 0] * c[1, 1]) for c in each])


CASES = [("kge", FLOW), ("correlation", REAL), ("correlation", FLOW), ("mape", REAL)]
CASES += [(name, data) for name in ("precision", "recall", "auc") for data in (CLASSES, BINARY)]


@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["all alike", "weighted"])
@pytest.mark.parametrize("name, data", CASES)
def test_definitions(name, data, weight):
    y_pred, y_true = data
    if name not in ("kge", "correlation"):
        sk = pytest.importorskip("sklearn.metrics", reason="the oracle")
    several = data is CLASSES
    predicted = y_pred.argmax(-1) if several else y_pred > 0
    average = "macro" if several else "binary"
    expected = {
        "precision": lambda: sk.precision_score(y_true, predicted, average=average, sample_weight=weight),
        "recall": lambda: sk.recall_score(y_true, predicted, average=average, sample_weight=weight),
        "auc": lambda: sk.roc_auc_score(
            y_true, softmax(y_pred) if several else y_pred, multi_class="ovr", sample_weight=weight
        ),
        "mape": lambda: sk.mean_absolute_percentage_error(y_true, y_pred, sample_weight=weight),
        "kge": lambda: kge(y_true, y_pred, weight),
        "correlation": lambda: correlation(y_true, y_pred, weight),
    }[name]()
    assert metrics.measure(name, y_true, y_pred, None, weight) == pytest.approx(expected, rel=1e-9)
    metric = metrics.get(name)
    for part in np.array_split(np.arange(N), [0, 1, 7, 30]):
        metric.update(y_pred[part], y_true[part], sample_weight=None if weight is None else weight[part])
    assert metric.result() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["precision", "recall", "auc"])
def test_lengths_and_ignored_targets(name):
    logits, true = RNG.normal(size=(6, 5, 3)), RNG.integers(0, 3, (6, 5))
    true[RNG.random((6, 5)) < 0.2] = -100
    lengths = np.array([5, 3, 0, 4, 1, 5])
    counts = (np.arange(5) < lengths[:, None]) & (true >= 0)
    expected = metrics.measure(name, true[counts], logits[counts])
    logits[~counts] = np.nan
    assert metrics.measure(name, true, logits, lengths) == pytest.approx(expected, rel=1e-12)
    ignoring = metrics.get(name, ignore_index=2)
    ignoring.update(logits, np.where(true == -100, 2, true), lengths)
    assert ignoring.ignore_index == 2 and 0 <= ignoring.result() <= 1


@pytest.mark.parametrize("name", ["kge", "correlation", "mape"])
def test_steps_past_the_lengths_are_left_out(name):
    y_pred, y_true = (3 + RNG.normal(size=(4, 5, 1)) for _ in range(2))
    lengths = np.array([5, 0, 2, 3])
    counts = np.arange(5) < lengths[:, None]
    expected = metrics.measure(name, y_true[counts], y_pred[counts])
    y_pred[~counts] = y_true[~counts] = np.nan
    assert metrics.measure(name, y_true, y_pred, lengths) == pytest.approx(expected, rel=1e-12)


def test_kge_of_a_perfect_and_of_a_biased_flow():
    flow = np.array([1, 4, 2, np.nan, 8.0])
    assert metrics.measure("kge", flow, np.where(np.isnan(flow), 99, flow)) == pytest.approx(1)
    assert metrics.measure("kge", flow, 2 * flow) == pytest.approx(1 - math.sqrt(2))  # alpha and beta are 2
    assert math.isnan(metrics.measure("kge", np.ones(4), np.arange(4.0)))
    with pytest.raises(ValueError, match="kge: takes one output, got 3"):
        metrics.measure("kge", *REAL)


def test_correlation_does_not_cancel():
    true = 1e8 + np.array([1.0, 2, 3, 4])
    assert metrics.measure("correlation", true, 1e8 + np.array([1.0, 3, 2, 4])) == pytest.approx(0.8, rel=1e-7)
    assert math.isnan(metrics.measure("correlation", true, np.full(4, 14.62)))


def test_auc_of_one_class_alone_is_nan():
    assert math.isnan(metrics.measure("auc", np.ones(5), RNG.normal(size=5)))
    assert metrics.measure("auc", np.array([0, 1, 1, 0]), np.array([1.0, 1.0, 1.0, 1.0])) == 0.5
    two_of_three = metrics.measure("auc", np.array([0, 1, 1]), np.array([[2.0, 0, 0], [0, 2, 1], [0, 1, 2]]))
    assert two_of_three == 1.0  # the third class does not occur


@pytest.mark.parametrize("name", ["precision", "recall", "auc", "mape", "kge", "correlation"])
def test_nothing_seen_is_nan(name):
    assert math.isnan(metrics.get(name).result())
    if name not in ("precision", "recall", "auc"):
        assert math.isnan(metrics.measure(name, np.zeros((0, 1)), np.zeros((0, 1))))


def test_early_stopping_takes_the_highest():
    x = RNG.normal(size=(60, 5, 2)).astype("f")
    y = (x.sum((1, 2)) > 0).astype(int)
    model = el.Sequential([el.LSTM(2, 6, seed=0), el.Last(), el.Linear(6, 2, seed=1)])
    stop = el.early_stopping(3, monitor="val_auc")
    history = model.fit(x[:40], y[:40], loss="cross_entropy", optimizer=el.Adam(1e-2), epochs=8, metrics=["auc", "recall"],
                        validation_data=(x[40:], y[40:]), callbacks=[stop], seed=0, verbose=0)  # fmt: skip
    assert stop.best == max(epoch["val_auc"] for epoch in history) > 0.5
