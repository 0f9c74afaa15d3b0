"""Values that were filled in are read, but count in no error, no weight and no range."""

import numpy as np
import pytest

from eigenlstm.forecasting import Forecaster
from eigenlstm.forecasting.classical import Smoothing, Theta, _one_step_errors
from eigenlstm.forecasting.combination import combination_weights, error_quantiles
from eigenlstm.forecasting.report import error_table, verdict
from eigenlstm.forecasting.results import LEVELS, Backtest
from eigenlstm.forecasting.seasons import best_naive_period
from eigenlstm.forecasting.windows import mean_of_known

SMALL = {"hidden_size": 4, "epochs": 2, "members": 1, "seed": 1}
HOLES = np.array([250, 251, 252, 253, 299])


def wave(n=300, seed=0):
    return 20 + 5 * np.sin(2 * np.pi * np.arange(n) / 12) + np.random.default_rng(seed).normal(0, 1, n)


def with_holes(n=300):
    observed = np.ones(n, bool)
    observed[HOLES] = False
    return observed


def test_the_mean_of_what_is_known():
    errors = np.array([[1.0, np.nan], [3.0, np.nan]])
    assert mean_of_known(errors) == 2.0
    np.testing.assert_array_equal(mean_of_known(errors, 0), [2.0, np.nan])


def test_errors_of_filled_values_are_nan_and_count_nowhere():
    values, observed = wave(), with_holes()
    forecaster = Forecaster(3, **SMALL).fit(values[:240])
    plain = forecaster.backtest(values, start=240)
    found = forecaster.backtest(values, start=240, observed=observed)
    seen = observed[found.origins[:, None] + np.arange(3)]
    kept = np.isin(plain.origins, found.origins)
    assert plain.origins[~kept].tolist() == [250, 251]  # forecasts that meet nothing that was observed
    for name, errors in plain.errors.items():
        np.testing.assert_array_equal(found.errors[name], np.where(seen, errors[kept], np.nan))
    assert found.coverage == plain.inside[kept][seen].mean()
    for k in range(3):
        known = plain.errors["forecast"][kept][:, k][seen[:, k]]
        assert found.mae("forecast")[k] == pytest.approx(np.abs(known).mean(), rel=1e-12)
        assert found.rmse("forecast")[k] == pytest.approx(np.sqrt((known**2).mean()), rel=1e-12)


def test_no_weight_no_range_and_no_epoch_is_chosen_by_a_filled_value(monkeypatch):
    """The last value is read by no window: were it scored, everything would change with it."""
    monkeypatch.setattr(Forecaster, "_learn", lambda self, *_: self)  # which reads all values
    found = []
    for last in (20.0, 80.0):
        values = wave()
        values[-1] = last
        found.append(Forecaster(3, **SMALL).fit(values, observed=with_holes()))
    one, other = found
    assert one.weights == other.weights and np.array_equal(one._errors, other._errors)
    assert one.history == other.history or [h["val_loss"] for h in one.history] == [
        h["val_loss"] for h in other.history
    ]
    values[-1] = 80.0
    assert Forecaster(3, **SMALL).fit(values).weights != one.weights


def test_weights_and_quantiles_are_those_of_the_errors_that_count():
    rng = np.random.default_rng(0)
    errors = rng.normal(size=(3, 40, 2)) * np.array([1.0, 1.5, 3.0])[:, None, None]
    with_gaps = np.concatenate([errors, np.full((3, 20, 2), np.nan)], axis=1)
    np.testing.assert_allclose(combination_weights(with_gaps), combination_weights(errors), rtol=1e-12)
    np.testing.assert_allclose(error_quantiles(with_gaps[0]), error_quantiles(errors[0]), rtol=1e-12)
    unseen = errors[0].copy()
    unseen[:, 1] = np.nan  # a step that was never observed gets a range from the others
    quantiles = error_quantiles(unseen)
    assert np.isfinite(quantiles).all() and (quantiles[0] < 0).all() and (quantiles[len(LEVELS) - 1] > 0).all()


def test_the_best_naive_period_is_chosen_by_observed_values():
    values = np.tile([0.0, 10.0], 50)
    filled = values.copy()
    filled[50:] = 5.0  # a constant line, which persistence forecasts without error
    scored = filled.copy()
    scored[50:] = np.nan
    assert best_naive_period(filled, 1, [1, 2], scored=scored, origins=np.arange(40, 99)) == 2


def test_wrong_masks_are_refused():
    values = wave()
    with pytest.raises(ValueError, match=r"observed must be bool of shape \(300,\), got bool \(299,\)"):
        Forecaster(3, **SMALL).fit(values, observed=np.ones(299, bool))
    with pytest.raises(ValueError, match="observed must be bool"):
        Forecaster(3, **SMALL).fit(values, observed=np.ones(300))
    nothing = np.arange(300) < 200
    with pytest.raises(ValueError, match="no value from 255 on was observed"):
        Forecaster(3, **SMALL).fit(values, observed=nothing)


def test_smoothing_and_theta_are_trained_on_what_was_observed():
    values, observed = wave(), np.ones(300, bool)
    observed[100:160] = False
    level = values.copy()
    level[100:160] = values[100:160].mean()  # a wild guess would teach other rates
    for method in (Smoothing, Theta):
        alone, told = method.fit(level, 12), method.fit(level, 12, observed=observed)
        assert str(alone) != str(told)
    noise, rates = np.random.default_rng(0).normal(size=300), np.array([0.5, 0.0, 0.0, 0.0])
    errors = np.square(Smoothing(1, rates, 1.0).one_step_errors(noise))
    found = _one_step_errors(noise, 1, rates[None], observed)
    np.testing.assert_allclose(found, errors[1:][observed[1:]].mean(), rtol=1e-12)


def test_an_error_that_no_value_was_observed_for_is_left_out_of_the_report():
    errors = {name: np.array([[1.0, np.nan, 3.0]]) * (1 + i) for i, name in enumerate(("forecast", "persistence"))}
    none = np.zeros((1, 3))
    backtest = Backtest(errors, none > 0, np.array([9]), none, none, none)
    assert "50% lower than that of persistence (lower at 2 of 2 steps)" in verdict(backtest)[0]
    assert error_table(backtest, None)[1].split()[-1] == "2"
