"""The estimators behave as scikit-learn's do: its own checks, searches, pipelines, pickles, and ragged sequences."""

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from eigenlstm.sklearn import LSTMClassifier, LSTMForecaster, LSTMRegressor


def sequences(n=60, classes=2, seed=0):
    """Ragged sequences of two features, whose class is that of the mean of the first."""
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    return [rng.normal(size=(rng.integers(3, 12), 2)) * 0.5 + [label, 0] for label in y], y


# With steps of 32 rows a weight of 2 is no second copy of the row, as in scikit-learn's own MLP and SGD estimators.
DIFFERS = ("check_sample_weight_equivalence_on_dense_data",)


@pytest.mark.parametrize(
    "estimator", [LSTMRegressor(epochs=40), LSTMClassifier(epochs=40)], ids=["regressor", "classifier"]
)
def test_scikit_learns_own_checks_pass(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(estimator, on_skip=None, on_fail=None)
    assert len(results) > 40
    failed = [
        (r["check_name"], r["exception"])
        for r in results
        if r["status"] == "failed" and r["check_name"] not in DIFFERS or r["expected_to_fail"]
    ]
    assert failed == []
    skipped = {r["check_name"] for r in results if r["status"] == "skipped"}
    assert skipped <= {"check_array_api_input"}  # runs where SCIPY_ARRAY_API=1


def test_ragged_sequences_are_learnt_and_classified():
    x, y = sequences()
    model = LSTMClassifier(hidden_size=8, epochs=30, random_state=0).fit(x[:40], y[:40])
    assert model.score(x[40:], y[40:]) >= 0.9
    proba = model.predict_proba(x[40:])
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)
    assert model.n_features_in_ == 2 and model.classes_.tolist() == [0, 1]
    # a row does not depend on the rows beside it, to the bit; nor does it matter how ragged rows are given
    assert np.array_equal(model.predict_proba(x[40:41]), proba[:1])
    packed = np.empty(20, object)
    packed[:] = x[40:]
    assert np.array_equal(model.predict_proba(packed), proba)


def test_labels_may_be_of_any_kind():
    x, y = sequences(classes=3)
    names = np.array(["ash", "oak", "elm"])[y]
    model = LSTMClassifier(hidden_size=4, epochs=2, random_state=0).fit(x, names)
    assert model.classes_.tolist() == ["ash", "elm", "oak"] and set(model.predict(x)) <= set(names)


def test_a_2d_x_is_the_same_as_a_3d_one_with_one_feature():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 8)), rng.normal(size=30)
    flat, deep = (LSTMRegressor(hidden_size=4, epochs=3, random_state=0).fit(form, y) for form in (x, x[:, :, None]))
    assert np.array_equal(flat.predict(x), deep.predict(x[:, :, None]))
    assert (flat.n_features_in_, deep.n_features_in_) == (8, 1)
    assert np.array_equal(deep.predict(x), deep.predict(x[:, :, None]))  # one feature: both forms
    ragged = list(x[:, :, None])
    assert np.array_equal(
        LSTMRegressor(hidden_size=4, epochs=3, random_state=0).fit(ragged, y).predict(ragged), flat.predict(x)
    )


def test_several_outputs_and_units_of_the_targets():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 5, 3))
    y = np.stack([1e4 + 1e3 * x[:, -1, 0], 1e-3 * x[:, :, 1].mean(axis=1)], axis=1)
    model = LSTMRegressor(hidden_size=16, epochs=60, random_state=0).fit(x, y)
    assert model.predict(x).shape == (80, 2) and model.score(x, y) > 0.95


def test_pooling_bidirectional_and_validation():
    x, y = sequences()
    for pooling in ("last", "mean", "max"):
        model = LSTMClassifier(
            hidden_size=6,
            epochs=25,
            pooling=pooling,
            bidirectional=True,
            dropout=0.1,
            validation_fraction=0.2,
            patience=3,
            random_state=0,
        ).fit(x, y)
        assert model.score(x, y) > 0.85 and "val_loss" in model.history_[0]
        assert model.n_iter_ == len(model.history_) <= 25


def test_the_same_random_state_gives_the_same_model():
    x, y = sequences()
    one, same, other = (
        LSTMClassifier(hidden_size=4, epochs=2, random_state=s).fit(x, y).predict_proba(x) for s in (0, 0, 1)
    )
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_grid_search_clone_pipeline_and_pickle():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 6))
    y = (x.sum(axis=1) > 0).astype(int)
    search = GridSearchCV(LSTMClassifier(epochs=15, random_state=0), {"hidden_size": [2, 8]}, cv=3).fit(x, y)
    assert search.best_score_ > 0.7 and search.best_params_["hidden_size"] in (2, 8)
    copy = clone(search.best_estimator_)
    assert copy.get_params() == search.best_estimator_.get_params() and not hasattr(copy, "model_")
    pipeline = make_pipeline(StandardScaler(), LSTMRegressor(hidden_size=4, epochs=3, random_state=0)).fit(x, y)
    again = pickle.loads(pickle.dumps(pipeline))
    assert np.array_equal(again.predict(x), pipeline.predict(x))
    sequences_, labels = sequences()
    scores = cross_val_score(LSTMClassifier(hidden_size=8, epochs=20, random_state=0), sequences_, labels, cv=3)
    assert scores.mean() > 0.8
    search = GridSearchCV(LSTMClassifier(epochs=3, random_state=0), {"pooling": ["last", "mean"]}, cv=2).fit(
        sequences_, labels
    )
    assert search.best_params_["pooling"] in ("last", "mean")


@pytest.mark.parametrize(
    "x, message",
    [
        ([np.ones((3, 2)), np.ones((4, 3))], "same number of features"),
        ([np.ones((3, 2)), np.full((4, 2), np.nan)], "NaN"),
        ([np.ones((3, 2)), np.ones((0, 2))], "minimum of 1"),
        (np.ones((2, 0, 3)), "at least one step"),
        (np.ones((2, 3, 4, 5)), "dim"),
        (np.full((2, 3, 1), np.inf), "infinity"),
        (np.ones(5), "2D"),
    ],
)
def test_what_is_no_sequence_is_refused(x, message):
    with pytest.raises(ValueError, match=message):
        LSTMRegressor().fit(x, np.arange(len(x)))


def test_wrong_features_and_parameters_are_refused():
    x, y = sequences()
    model = LSTMClassifier(hidden_size=2, epochs=1).fit(x, y)
    with pytest.raises(ValueError, match="expecting 2 features"):
        model.predict(np.ones((3, 4, 5)))
    with pytest.raises(ValueError, match="univariate"):
        model.predict(np.ones((3, 4)))
    with pytest.raises(ValueError, match="inconsistent"):
        LSTMClassifier().fit(x, y[:-1])
    for wrong in (
        {"hidden_size": 0},
        {"epochs": 1.5},
        {"dropout": 1.0},
        {"pooling": "sum"},
        {"validation_fraction": -0.1},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            LSTMClassifier(**wrong).fit(x, y)


def test_the_forecaster_takes_series_columns_and_quantiles():
    t = np.arange(500)
    y = 10 + 3 * np.sin(2 * np.pi * t / 12) + np.random.default_rng(0).normal(0, 0.1, 500)
    model = LSTMForecaster(horizon=6, hidden_size=8, epochs=6, random_state=0).fit(y, X=np.cos(t)[:, None])
    ahead = model.predict()
    assert ahead.shape == (6,) and np.abs(ahead - (10 + 3 * np.sin(2 * np.pi * np.arange(500, 506) / 12))).max() < 0.6
    lower, upper = model.predict_interval()
    assert (lower < ahead).all() and (ahead < upper).all()
    quantiles = model.predict_quantiles([0.1, 0.5, 0.9])
    assert quantiles.shape == (3, 6) and (np.diff(quantiles, axis=0) > 0).all()
    np.testing.assert_allclose(quantiles[[0, 2]], [lower, upper])
    shorter = model.predict(y[:400], X=np.cos(t)[:400, None])
    assert shorter.shape == (6,) and not np.array_equal(shorter, ahead)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(), ahead)
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(ValueError, match="exog"):
        model.predict(y)
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        LSTMForecaster().predict()


def test_the_index_of_a_pandas_series_gives_the_times():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    y = pd.Series(np.random.default_rng(0).normal(size=300), index=pd.date_range("2020-01-01", periods=300, freq="h"))
    model = LSTMForecaster(horizon=2, hidden_size=4, epochs=1, random_state=0).fit(y)
    assert model.forecaster_.cycles == ["day"]
    named = LSTMForecaster(horizon=2, hidden_size=4, epochs=1, random_state=0).fit(
        y.to_numpy(), times=y.index.to_numpy()
    )
    assert np.array_equal(model.predict(), named.predict())


def test_scikit_learn_is_only_imported_by_its_own_module():
    code = "import sys, eigenlstm, eigenlstm.forecasting, eigenlstm.cli; sys.exit('sklearn' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_scikit_learn_the_extra_is_named():
    code = (
        "import sys; sys.modules['sklearn'] = sys.modules['sklearn.base'] = None\n"
        "import eigenlstm\n"
        "try: eigenlstm.sklearn\n"
        "except ImportError as error: sys.exit('eigenlstm[sklearn]' not in str(error))\n"
        "sys.exit(2)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


RNG = np.random.default_rng(0)
WAVES = RNG.normal(size=(60, 8, 2))
RISES = (WAVES[:, -1, 0] > WAVES[:, 0, 0]).astype(int)


def test_weights_count_as_the_loss_counts_them():
    weight = np.where(RISES == 1, 3.0, 1.0)
    by_class = LSTMClassifier(8, epochs=5, random_state=0, class_weight={0: 1.0, 1: 3.0}).fit(WAVES, RISES)
    by_sample = LSTMClassifier(8, epochs=5, random_state=0).fit(WAVES, RISES, sample_weight=weight)
    assert np.array_equal(by_class.predict_proba(WAVES), by_sample.predict_proba(WAVES))
    plain = LSTMClassifier(8, epochs=5, random_state=0).fit(WAVES, RISES)
    ones = LSTMClassifier(8, epochs=5, random_state=0, class_weight={}).fit(WAVES, RISES, np.ones(60))
    np.testing.assert_allclose(plain.predict_proba(WAVES), ones.predict_proba(WAVES), rtol=1e-4)
    assert by_sample.predict_proba(WAVES)[:, 1].mean() > plain.predict_proba(WAVES)[:, 1].mean()
    rare = np.r_[np.zeros(55, int), np.ones(5, int)]
    balanced = LSTMClassifier(8, epochs=5, random_state=0, class_weight="balanced").fit(WAVES, rare)
    assert balanced.predict_proba(WAVES)[:, 1].mean() == pytest.approx(0.5, abs=0.15)
    targets = WAVES[:, -1, 0].copy()
    targets[::4] += 100
    robust = LSTMRegressor(8, epochs=40, random_state=0).fit(WAVES, targets, np.where(np.arange(60) % 4, 1.0, 0.0))
    assert robust.predict(WAVES[::4]).mean() < 5
    with pytest.raises(ValueError, match=r"sample_weight must have shape \(60,\), got \(3,\)"):
        LSTMRegressor().fit(WAVES, targets, np.ones(3))
    with pytest.raises(ValueError, match="sample_weight must not be negative"):
        LSTMRegressor().fit(WAVES, targets, -np.ones(60))


def test_ada_boost_takes_them():
    from sklearn.ensemble import AdaBoostClassifier

    X = WAVES[:, :, 0]
    boosted = AdaBoostClassifier(LSTMClassifier(4, epochs=5), n_estimators=2, random_state=0).fit(X, RISES)
    assert boosted.score(X, RISES) > 0.5


def test_partial_fit_goes_on():
    regressor = LSTMRegressor(8, random_state=0)
    for _ in range(60):
        regressor.partial_fit(WAVES, WAVES[:, -1, 0])
    assert regressor.score(WAVES, WAVES[:, -1, 0]) > 0.9 and regressor.n_iter_ == 60
    classifier = LSTMClassifier(8, random_state=0)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        classifier.partial_fit(WAVES, RISES)
    classifier.partial_fit(WAVES[:5], np.zeros(5, int), classes=[0, 1])
    for _ in range(60):
        classifier.partial_fit(WAVES, RISES)
    assert classifier.score(WAVES, RISES) > 0.9
    with pytest.raises(ValueError, match=r"y has labels \[2\] that are not in classes"):
        classifier.partial_fit(WAVES[:1], [2])


@pytest.mark.parametrize("missing", ["forward_fill", "mask"])
def test_nan_is_taken_where_missing_allows_it(missing):
    X = WAVES.copy()
    X[::5, 2] = np.nan
    for data in (X, list(X), X[:, :, 0]):
        with pytest.raises(ValueError, match="NaN"):
            LSTMRegressor(epochs=2).fit(data, RISES)
        fitted = LSTMRegressor(8, epochs=20, missing=missing, random_state=0).fit(data, RISES)
        assert np.isfinite(fitted.predict(data)).all()
    with pytest.raises(ValueError, match="missing must be None, 'forward_fill' or 'mask', got 'drop'"):
        LSTMRegressor(missing="drop").fit(X, RISES)


def test_a_forecaster_is_scored_and_searched():
    from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

    steps = np.arange(420)
    series = np.sin(steps * 2 * np.pi / 12) + 0.05 * RNG.normal(size=420)
    forecaster = LSTMForecaster(3, window=16, season=12, hidden_size=6, epochs=2, random_state=0)
    fitted = forecaster.fit(series[:360])
    backtest = fitted.forecaster_.backtest(series, start=360)
    truth = np.stack([series[i : i + 3] for i in range(360, 418)])
    expected = 1 - np.square(backtest.errors["forecast"]).sum() / np.square(truth - truth.mean()).sum()
    assert fitted.score(series[360:]) == pytest.approx(expected, rel=1e-12) and expected > 0.9
    search = GridSearchCV(forecaster, {"hidden_size": [4, 6]}, cv=TimeSeriesSplit(2, test_size=40)).fit(series)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all() and search.best_score_ > 0.8
    assert search.best_estimator_.predict().shape == (3,)


def test_masked_entries_are_missing_values():
    masked = np.ma.masked_less(WAVES, -2)
    filled = masked.filled(np.nan)
    for data, same in ((masked, filled), (list(masked), list(filled)), (masked[:, :, 0], filled[:, :, 0])):
        one, other = (LSTMRegressor(4, epochs=2, missing="mask", random_state=0).fit(x, RISES) for x in (data, same))
        assert np.array_equal(one.predict(data), other.predict(same))
        with pytest.raises(ValueError, match="masked entries"):
            LSTMRegressor(4, epochs=2).fit(data, RISES)
    with pytest.raises(ValueError, match="y has 1 masked entries"):
        LSTMRegressor(4, epochs=2).fit(WAVES, np.ma.masked_equal(np.arange(60.0), 3))
    with pytest.raises(ValueError, match="y has 1 masked entries"):
        LSTMForecaster(2).fit(np.ma.masked_equal(np.arange(300.0), 3))
