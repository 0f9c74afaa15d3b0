"""Windows, naive forecasts, seasons, and the forecaster: values against plain loops, no look into the future."""

import json

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm import data
from eigenlstm.forecasting import Forecaster
from eigenlstm.forecasting.windows import (
    autocorrelation,
    calendar_cycles,
    calendar_features,
    find_season,
    naive,
    targets,
    windows,
)
from eigenlstm.safetensors_files import read_tensors, write_tensors


def wave(n=500, period=12, noise=0.1, trend=0.0, seed=0):
    t = np.arange(n)
    return 10 + trend * t + 3 * np.sin(2 * np.pi * t / period) + np.random.default_rng(seed).normal(0, noise, n)


def hours(n):
    return np.datetime64("2020-01-01T00", "s") + np.arange(n) * np.timedelta64(3600, "s")


SMALL = {"hidden_size": 8, "epochs": 3, "seed": 1}


@pytest.fixture(scope="module")
def fitted():
    values = wave(600)
    return Forecaster(6, **SMALL).fit(values[:500], hours(600)[:500]), values, hours(600)


# -- the parts --------------------------------------------------------------------------------------


def test_windows_and_targets_meet_at_the_origin():
    values, origins = np.arange(20.0), np.array([5, 9])
    assert windows(values, origins, 3).tolist() == [[2, 3, 4], [6, 7, 8]]
    assert targets(values, origins, 2).tolist() == [[5, 6], [9, 10]]
    assert windows(np.stack([values, -values], 1), origins, 3).shape == (2, 3, 2)


@pytest.mark.parametrize("period", [1, 3, 7])
def test_naive_forecasts_take_the_last_known_value_of_the_same_phase(period):
    values, horizon = np.random.default_rng(0).normal(size=40), 10
    for origin in (20, 30):
        expected = []
        for k in range(horizon):
            i = origin + k
            while i >= origin:
                i -= period
            expected.append(values[i])
        assert naive(values, [origin], horizon, period)[0].tolist() == expected
    assert (naive(values, [20], horizon)[0] == values[19]).all()


def test_autocorrelation_is_that_of_the_definition():
    values = np.random.default_rng(0).normal(size=50).cumsum()
    centred = values - values.mean()
    expected = [(centred[: 50 - k] * centred[k:]).sum() / (centred**2).sum() for k in range(11)]
    np.testing.assert_allclose(autocorrelation(values, 10), expected, atol=1e-12)


@pytest.mark.parametrize(
    "values, season",
    [
        (wave(400, 12), 12),
        (wave(400, 12, noise=2.0), 12),
        (wave(400, 7, trend=0.5), 7),
        (wave(2000, 24) + 1 * ((np.arange(2000) // 24) % 7 >= 5), 24),  # a weaker week on top
        (10 * ((np.arange(2000) // 24) % 7 >= 5) + wave(2000, 24, 0.01), 168),  # a week that dominates
        (np.random.default_rng(0).normal(size=1000), None),
        (np.random.default_rng(0).normal(size=1000).cumsum(), None),
        (np.arange(100.0), None),
        (np.ones(100), None),
        (np.arange(3.0), None),
    ],
)
def test_seasons_are_found_where_there_are_any(values, season):
    assert find_season(values) == season


def test_calendar_cycles_are_those_that_the_data_can_show():
    assert calendar_cycles(hours(24 * 20)) == ["day", "week"]
    assert calendar_cycles(hours(30)) == []
    days = np.datetime64("2010-01-01", "s") + np.arange(3000) * np.timedelta64(86_400, "s")
    assert calendar_cycles(days) == ["week", "year"]
    features = calendar_features(hours(48), ["day"])
    np.testing.assert_allclose(features[:, 0], np.sin(2 * np.pi * np.arange(48) / 24), atol=1e-12)
    np.testing.assert_allclose(features[:, 1], np.cos(2 * np.pi * np.arange(48) / 24), atol=1e-12)


# -- the forecaster ---------------------------------------------------------------------------------


def test_the_bundled_series_is_forecast_better_than_naively():
    values = np.loadtxt(data.tetouan(), delimiter=",", skiprows=1, usecols=1)
    assert values.shape == (8736,)
    start = 7425
    forecaster = Forecaster(24, epochs=3).fit(values[:start])
    assert forecaster.season == 24 and forecaster.period == 24
    backtest = forecaster.backtest(values, start=start)
    ours, seasonal, persistence = (backtest.mae(n) for n in ("forecast", "seasonal naive", "persistence"))
    assert (ours < 0.95 * seasonal).all() and (ours < 0.95 * persistence).all()
    assert ours.mean() < 0.85 * seasonal.mean() and ours[0] < 0.55 * min(seasonal[0], persistence[0])


def test_a_backtest_is_what_forecasting_day_by_day_would_have_given(fitted):
    forecaster, values, times = fitted
    backtest = forecaster.backtest(values, times, start=500)
    assert backtest.origins.tolist() == list(range(500, 595))
    for i in (0, 17, 94):
        origin = backtest.origins[i]
        forecast = forecaster.predict(values[:origin], times[:origin])
        truth = values[origin : origin + 6]
        assert np.array_equal(backtest.errors["forecast"][i], forecast.values - truth)
        assert np.array_equal(backtest.errors["persistence"][i], values[origin - 1] - truth)
        assert np.array_equal(backtest.errors["seasonal naive"][i], values[origin - 24 : origin - 18] - truth)
        assert np.array_equal(backtest.inside[i], (forecast.lower <= truth) & (truth <= forecast.upper))
    np.testing.assert_allclose(backtest.mae("LSTM"), np.abs(backtest.errors["LSTM"]).mean(0))
    np.testing.assert_allclose(backtest.rmse("LSTM"), np.sqrt((backtest.errors["LSTM"] ** 2).mean(0)))


def test_training_sees_nothing_of_the_validation_part_but_its_loss(monkeypatch):
    """Scales, season, base and the LSTM's first training come from the first 85 %; only then all values are learnt."""
    values = wave(600, noise=0.5)
    changed = values.copy()
    changed[510:] = changed[510:] * 50 + 1000
    both = [Forecaster(6, hidden_size=4, epochs=1, seed=0).fit(v) for v in (values, changed)]
    one, other = both
    for name in ("_level", "_change", "_target"):
        assert getattr(one, name) == getattr(other, name)
    assert (one.season, one.period, one.power) == (other.season, other.period, other.power)
    assert not np.array_equal(one.model.flat_params, other.model.flat_params)
    monkeypatch.setattr(Forecaster, "_learn_all", lambda *_: None)
    one, other = (Forecaster(6, hidden_size=4, epochs=1, seed=0).fit(v) for v in (values, changed))
    assert np.array_equal(one.model.flat_params, other.model.flat_params)


def test_a_forecast_does_not_depend_on_the_level_of_the_series(fitted):
    forecaster, values, times = fitted
    low, high = (forecaster.predict(values + shift, times).values for shift in (0, 4096))
    np.testing.assert_allclose(high - low, 4096, atol=1e-4)


def test_the_range_is_that_of_the_quantiles_around_the_forecast():
    forecaster = Forecaster(3, coverage=0.5, **SMALL).fit(wave(600, noise=1.0))
    forecast = forecaster.predict(wave(600, noise=1.0))
    np.testing.assert_allclose(forecast.lower, forecast.quantiles(0.25))
    np.testing.assert_allclose(forecast.upper, forecast.quantiles(0.75))
    np.testing.assert_allclose(forecast.values, forecast.quantiles(0.5))
    assert (forecast.lower < forecast.values).all() and (forecast.values < forecast.upper).all()
    with pytest.raises(ValueError, match="level"):
        forecast.quantiles(0.999)


def test_the_range_holds_about_its_share():
    rng = np.random.default_rng(3)
    values = wave(3000, noise=0) + rng.normal(0, 1, 3000)
    forecaster = Forecaster(4, **SMALL).fit(values[:2000])
    assert abs(forecaster.backtest(values, start=2000).inside.mean() - 0.8) < 0.05


def test_the_same_seed_gives_the_same_forecast_at_any_number_of_threads():
    values, threads = wave(300), el.get_num_threads()
    found = []
    try:
        for n, seed in ((1, 0), (2, 0), (1, 5)):
            el.set_num_threads(n)
            found.append(Forecaster(4, hidden_size=8, epochs=2, seed=seed).fit(values).predict(values).values)
    finally:
        el.set_num_threads(threads)
    assert np.array_equal(found[0], found[1]) and not np.array_equal(found[0], found[2])


def test_covariates_are_read():
    """A covariate that gives the next value away is used."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=1500)
    hint = np.append(noise[1:], 0)[:, None]
    with_hint = Forecaster(1, hidden_size=16, epochs=30, dropout=0.0).fit(noise[:1200], exog=hint[:1200])
    without = Forecaster(1, hidden_size=16, epochs=3).fit(noise[:1200])
    assert (
        with_hint.backtest(noise, exog=hint, start=1200).mae("forecast")[0]
        < 0.5 * without.backtest(noise, start=1200).mae("forecast")[0]
    )


def test_a_saved_forecaster_forecasts_the_same(fitted, tmp_path):
    forecaster, values, times = fitted
    forecaster.save(tmp_path / "f.safetensors", column="x", number=3)
    loaded, about = Forecaster.load(tmp_path / "f.safetensors")
    assert about == {"column": "x", "number": 3}
    one, other = (f.predict(values, times) for f in (forecaster, loaded))
    for name in ("values", "lower", "upper"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    assert isinstance(el.load(tmp_path / "f.safetensors"), el.Model)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.pop("window"),
        lambda s: s.update(horizon=7),
        lambda s: s.update(horizon="six"),
        lambda s: s.update(period=0),
        lambda s: s.update(period=13),
        lambda s: s.update(cycles=["day", "month"]),
        lambda s: s.update(errors=[[1.0]]),
        lambda s: s["scalers"].update(_exog=[[0.0], [1.0]]),
        lambda s: s["scalers"].update(_level=[[0.0], [0.0]]),
        lambda s: s["scalers"]["_target"].reverse() or s["scalers"].update(_target=[0.0, -1.0]),
        lambda s: s.update(scalers=3),
        lambda s: s.update(about=None),
        lambda s: s.update(coverage=float("1e9")),
        lambda s: s.update(members=2),
        lambda s: s.update(power=0.3),
        lambda s: s["weights"].update(LSTM=1.0, drift=0.5),
        lambda s: s["weights"].update(other=0.0),
        lambda s: s["smoothing"].reverse(),
        lambda s: s.update(smoothing=[5, [0.5, 0.0, 0.0, 0.0], 1.0]),
        lambda s: s.update(theta=[1, 1.5]),
        lambda s: s.update(corrects="drift"),
        lambda s: s.update(window=10**14),
    ],
)
def test_a_file_whose_parts_do_not_fit_is_refused(fitted, tmp_path, change):
    path = tmp_path / "f.safetensors"
    fitted[0].save(path)
    tensors, metadata = read_tensors(path)
    state = json.loads(metadata["forecaster"])
    change(state)
    write_tensors(path, tensors, {**metadata, "forecaster": json.dumps(state)})
    if state.get("window") == 10**14:  # fits, but no series is long enough
        with pytest.raises(ValueError, match="too few"):
            Forecaster.load(path)[0].predict(fitted[1], fitted[2])
    else:
        with pytest.raises(el.FileError, match="forecaster does not fit"):
            Forecaster.load(path)


def test_a_model_without_a_forecaster_is_refused(tmp_path):
    el.Sequential([el.Linear(2, 1)]).save(tmp_path / "m.safetensors")
    with pytest.raises(el.FileError, match="no forecaster"):
        Forecaster.load(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    "options, values, message",
    [
        ({}, np.ones((50, 2)), r"values must have shape \(n,\)"),
        ({}, [1.0, np.nan] * 100, "must be finite.*row 1"),
        ({}, np.full(300, 1e200), "below 1e[+]100"),
        ({}, np.ones(300), "constant"),
        ({}, np.arange(19.0), "give 20 values, or a horizon of at most 4"),
        ({"horizon": 1000}, np.arange(900.0), "too few"),
    ],
)
def test_what_cannot_be_learnt_is_refused(options, values, message):
    with pytest.raises(ValueError, match=message):
        Forecaster(**{"horizon": 5, **options}).fit(values)


def test_wrong_calls_are_refused(fitted):
    forecaster, values, times = fitted
    with pytest.raises(ValueError, match="fit first"):
        Forecaster(3).predict(values)
    with pytest.raises(ValueError, match="times are needed"):
        forecaster.predict(values)
    with pytest.raises(ValueError, match=r"exog must have shape \(600, 0\), got \(600, 1\)"):
        forecaster.predict(values, times, values[:, None])
    with pytest.raises(ValueError, match="datetime64"):
        forecaster.predict(values, np.arange(600))
    with pytest.raises(ValueError, match="too few"):
        forecaster.predict(values[:20], times[:20])
    with pytest.raises(ValueError, match="leave no forecast"):
        forecaster.backtest(values, times, start=598)
    with pytest.raises(ValueError, match="horizon"):
        Forecaster(0)
    with pytest.raises(TypeError, match="horizon"):
        Forecaster(2.5)
    with pytest.raises(ValueError, match="coverage"):
        Forecaster(2, coverage=0.99)
