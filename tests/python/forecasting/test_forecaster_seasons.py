"""Which seasons a forecaster follows, and which naive forecast it is measured against."""

import json

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm.forecasting import Forecaster
from eigenlstm.safetensors_files import read_tensors, write_tensors

SMALL = {"hidden_size": 4, "epochs": 1, "members": 1, "seed": 1}
N = 24 * 70


def hours(n=N):
    return np.datetime64("2020-01-06T00", "s") + np.arange(n) * np.timedelta64(3600, "s")


def demand(n=N):
    """A day and a week of hours."""
    t = np.arange(n)
    weekend = 15.0 * (t // 24 % 7 >= 5)
    return 50 + 10 * np.sin(2 * np.pi * t / 24) - weekend + np.random.default_rng(0).normal(0, 1, n)


@pytest.fixture(scope="module")
def fitted():
    return Forecaster(24, **SMALL).fit(demand()[:1500], hours()[:1500])


def test_the_calendar_gives_a_day_and_a_week_and_the_naive_forecast_is_the_better_of_them(fitted):
    assert fitted.seasons == (24, 168) and fitted.season == 24 and fitted.seasonal_period == 168
    values = demand()
    backtest = fitted.backtest(values, hours(), start=1500)
    for i, origin in enumerate(backtest.origins):
        expected = values[origin - 168 : origin - 144] - values[origin : origin + 24]
        assert np.array_equal(backtest.errors["seasonal naive"][i], expected)


def test_seasons_can_be_given():
    forecaster = Forecaster(24, season=(24, 168), **SMALL).fit(demand()[:1500])
    assert forecaster.seasons == (24, 168) and forecaster.seasonal_period == 168
    forecaster = Forecaster(24, season=24, **SMALL).fit(demand()[:1500])
    assert forecaster.seasons == (24,) and forecaster.seasonal_period == 24
    with pytest.raises(ValueError, match="season must be at least 1"):
        Forecaster(24, season=(24, 0))


def test_a_random_walk_has_no_seasonal_naive_forecast_that_would_be_a_strawman():
    values = np.random.default_rng(1).normal(size=400).cumsum()
    days = np.datetime64("2020-01-01", "s") + np.arange(400) * np.timedelta64(86_400, "s")
    forecaster = Forecaster(3, **SMALL).fit(values, days)
    assert forecaster.seasons == (1,) and forecaster.seasonal_period is None and forecaster.period == 1
    assert "seasonal naive" not in forecaster.weights


def test_a_saved_forecaster_keeps_its_seasons(fitted, tmp_path):
    path = tmp_path / "f.safetensors"
    fitted.save(path)
    loaded = Forecaster.load(path)[0]
    assert loaded.seasons == (24, 168) and loaded.seasonal_period == 168
    one, other = (each.predict(demand(), hours()).values for each in (fitted, loaded))
    assert np.array_equal(one, other)
    tensors, metadata = read_tensors(path)
    for change in ({"seasons": [168]}, {"seasons": []}, {"seasonal_period": 0}, {"seasonal_period": 3}):
        state = {**json.loads(metadata["forecaster"]), **change}
        state["period"] = 168 if "seasonal_period" in change else state["period"]
        write_tensors(path, tensors, {**metadata, "forecaster": json.dumps(state)})
        with pytest.raises(el.FileError, match="forecaster does not fit"):
            Forecaster.load(path)
    older = {k: v for k, v in json.loads(metadata["forecaster"]).items() if k not in ("seasons", "seasonal_period")}
    older["period"] = 24  # files of 0.2 have one season
    write_tensors(path, tensors, {**metadata, "forecaster": json.dumps(older)})
    loaded = Forecaster.load(path)[0]
    assert loaded.seasons == (24,) and loaded.seasonal_period == 24


@pytest.mark.parametrize("season, window", [(7, 32), (24, 72), (52, 156), (96, 192), (365, 32)])
def test_the_window_holds_seasons_that_fit_in(season, window):
    forecaster = Forecaster(4, season=season, **SMALL)
    forecaster.smoothing = object()  # the base looks no further back
    assert forecaster._default_window(10_000) == window
