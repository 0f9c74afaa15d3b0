"""What users do next: fit again, go on from a file, forecast series that turn negative, or are too short."""

import re
import warnings

import numpy as np
import pytest

from eigenlstm.forecasting import Forecaster
from eigenlstm.forecasting.forecaster import validation_size

SMALL = {"hidden_size": 4, "epochs": 1, "members": 1, "seed": 1}


def growing(n=120):
    noise = np.random.default_rng(0).normal(0, 0.01, n)
    return np.exp(4 + 0.02 * np.arange(n) + 0.3 * np.sin(2 * np.pi * np.arange(n) / 12) + noise)


def test_a_second_fit_finds_the_season_of_its_own_series():
    noise = np.random.default_rng(0).normal(size=300)
    forecaster = Forecaster(4, **SMALL).fit(growing())
    assert forecaster.season == 12
    again = forecaster.fit(noise).predict(noise)
    assert forecaster.seasons == (1,)
    assert np.array_equal(again.values, Forecaster(4, **SMALL).fit(noise).predict(noise).values)
    given = Forecaster(4, season=(7, 14), window=9, **SMALL).fit(growing()).fit(noise)
    assert given.seasons == (7, 14) and given.window == 9


def test_a_loaded_forecaster_learns_what_has_come(tmp_path):
    values = growing()
    Forecaster(4, **SMALL).fit(values[:100]).save(tmp_path / "f.safetensors")
    forecaster, _ = Forecaster.load(tmp_path / "f.safetensors")
    before = forecaster.predict(values).values
    after = forecaster.update(values).predict(values).values
    assert not np.array_equal(before, after) and np.isfinite(after).all()


def test_a_zero_does_not_end_a_forecaster_of_logarithms():
    values = growing()
    forecaster = Forecaster(4, **SMALL).fit(values[:90])
    assert forecaster.power == 0
    values[95] = 0
    backtest = forecaster.backtest(values, start=90)
    assert (backtest.values > 50).all()
    with pytest.raises(ValueError, match="Forecaster.update: .* call fit again"):
        forecaster.update(values)
    with pytest.raises(ValueError, match="Forecaster.predict: .* no value is any more: call fit again"):
        forecaster.predict(-growing())


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize(
    "n, horizon, given",
    [
        (20, 6, {"season": 1}),
        (30, 6, {"season": 1, "window": 20}),
        (30, 6, {"season": 24}),
        (48, 20, {"season": 12}),
        (5, 2, {"season": 1}),
    ],
)
def test_the_values_that_a_refusal_names_work(n, horizon, given, parts):
    values = np.random.default_rng(0).normal(size=400).cumsum()

    def refusal(n, **given):
        forecaster = Forecaster(**SMALL, **given)
        known = n if parts == 1 else n - validation_size(n, forecaster.horizon)
        try:
            forecaster.fit(values[:known])
        except ValueError as error:
            return str(error) if parts == 1 else forecaster._too_few(n, parts)

    given = {"horizon": horizon, **given}
    message = refusal(n, **given)
    needed = int(re.search("give ([0-9]+) values", message)[1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert refusal(needed, **given) is None and refusal(needed - 1, **given) is not None
        for name, most in re.findall("a ([a-z]+) of at most ([0-9]+)", message):
            assert refusal(n, **{**given, name: int(most)}) is None
