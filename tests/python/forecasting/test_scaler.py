"""Standardising: in float64, before the cast, and a constant is a constant whatever rounding makes of it."""

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm.forecasting.windows import Scaler


@pytest.mark.parametrize("value", [14.62, 0.1, -3e7, 0.0, 1e-30])
@pytest.mark.parametrize("rows", [3, 1000, 100_001])
def test_a_constant_column_has_the_scale_1(value, rows):
    values = np.full((rows, 2), value)
    values[:, 1] = np.arange(rows)
    scaler = Scaler.fit(values)
    assert scaler.scale[0] == 1 and abs(scaler.transform(values)[:, 0]).max() < 1e-6
    assert scaler.scale[1] == pytest.approx(np.std(np.arange(rows)))


def test_columns_far_from_zero_and_missing_values():
    rng = np.random.default_rng(0)
    values = 1e8 + rng.normal(size=(1000, 3))
    scaled = Scaler.fit(values).transform(values)
    assert np.abs(scaled.mean(axis=0)).max() < 1e-6 and scaled.std(axis=0) == pytest.approx(1)
    values[::3, 1] = np.nan
    scaler = Scaler.fit(values)
    assert scaler.mean[1] == pytest.approx(np.nanmean(values[:, 1])) and scaler.scale[1] == pytest.approx(
        np.nanstd(values[:, 1])
    )


def test_a_regressor_of_inputs_far_from_zero():
    pytest.importorskip("sklearn", reason="the estimators")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 6, 2))
    y = X[:, -1, 0] - X[:, -2, 1]

    def score(X):
        return el.sklearn.LSTMRegressor(12, epochs=40, random_state=0).fit(X[:90], y[:90]).score(X[90:], y[90:])

    assert score(X + 1e8) > 0.9
    assert score(X + 1e8) == pytest.approx(score(X), abs=0.05)
    assert score([row + 1e8 for row in X]) == pytest.approx(score(X + 1e8), abs=0.05)


def test_a_constant_covariate_does_not_drown_the_forecast():
    n = 400
    series = np.sin(np.arange(n) * 2 * np.pi / 12) + 0.01 * np.random.default_rng(0).normal(size=n)
    forecaster = el.forecasting.Forecaster(3, hidden_size=8, epochs=3, window=24, season=12)
    with_constant = forecaster.fit(series, exog=np.full((n, 1), 14.62)).predict(series, exog=np.full((n, 1), 14.62))
    assert np.abs(with_constant.values).max() < 2
    with pytest.raises(ValueError, match="the series is constant"):
        el.forecasting.Forecaster(3, window=24, season=1).fit(np.full(n, 0.1) * (1 + 2.3e-16 * (np.arange(n) % 2)))


def test_times_with_a_time_zone_are_named():
    pd = pytest.importorskip("pandas", reason="its indices")
    index = pd.date_range("2020-01-01", periods=500, freq="h", tz="Europe/Berlin")
    with pytest.raises(ValueError, match="times must have no time zone, got Europe/Berlin; give those of the clock"):
        el.forecasting.Forecaster(3).fit(np.sin(np.arange(500.0)), index.to_numpy())  # Timestamps, which are objects
