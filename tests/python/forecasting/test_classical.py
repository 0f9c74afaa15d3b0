"""Classical forecasts against plain loops; the transform; weights and ranges from errors that are known."""

import numpy as np
import pytest

from eigenlstm.forecasting.classical import Smoothing, Theta, drift, has_season, seasonal_indices
from eigenlstm.forecasting.combination import combination_weights, error_quantiles
from eigenlstm.forecasting.results import LEVELS
from eigenlstm.forecasting.transforms import POWERS, best_power, restore, transform


def seasonal(n=96, season=12, slope=0.5, noise=0.3, seed=0):
    t = np.arange(n)
    return 20 + slope * t + 4 * np.cos(2 * np.pi * t / season) + np.random.default_rng(seed).normal(0, noise, n)


def test_drift_goes_on_with_the_mean_change():
    values = np.array([1.0, 4.0, 2.0, 7.0, 100.0])
    assert drift(values, [4, 3], 2).tolist() == [[9.0, 11.0], [2.5, 3.0]]


@pytest.mark.parametrize("season", [1, 12])
def test_smoothing_is_the_recursion_of_the_books(season):
    """Level, damped trend and season in the form of Hyndman and Athanasopoulos, 8.3: with gamma (1 - alpha)."""
    values = seasonal()
    alpha, beta, gamma, phi = rates = np.array([0.4, 0.2, 0.3 * (season > 1), 0.9])
    smoothing = Smoothing(season, rates, 1.0)
    errors = smoothing.one_step_errors(values)
    origins = np.array([60, 24, 95])
    found = smoothing.forecasts(values, origins, 14)
    level, trend, states = next(smoothing._states(values))
    states = list(states)
    for t, y in enumerate(values):
        if t in origins:
            expected = [
                level + sum(phi ** (i + 1) for i in range(h + 1)) * trend + states[(t + h) % season] for h in range(14)
            ]
            np.testing.assert_allclose(found[origins.tolist().index(t)], expected, rtol=1e-12)
        forecast = level + phi * trend + states[t % season]
        np.testing.assert_allclose(errors[t], y - forecast, atol=1e-10)
        before, level = level, alpha * (y - states[t % season]) + (1 - alpha) * (level + phi * trend)
        trend_before, trend = trend, beta * (level - before) + (1 - beta) * phi * trend
        seasonal_rate = gamma * (1 - alpha)
        states[t % season] += seasonal_rate * (y - before - phi * trend_before - states[t % season])


def test_smoothing_finds_trend_and_season():
    values = seasonal(noise=0.0)
    smoothing = Smoothing.fit(values[:72], 12, horizon=12)
    assert smoothing.season == 12
    np.testing.assert_allclose(smoothing.forecasts(values, [72], 12)[0], values[72:84], atol=0.5)
    noise = np.random.default_rng(1).normal(size=200)
    flat = Smoothing.fit(noise, 12, horizon=6)
    assert np.abs(flat.forecasts(noise, [200], 6)).max() < 0.6


def test_forecasts_know_nothing_that_comes_later():
    values = seasonal()
    changed = np.concatenate([values[:60], 1e6 * np.ones(36)])
    for method in (Smoothing.fit(values[:60], 12, 6), Theta.fit(values[:60], 12)):
        assert np.array_equal(method.forecasts(values, [60], 6), method.forecasts(changed, [40, 60], 6)[1:])


@pytest.mark.parametrize("season", [1, 4, 5])
def test_theta_is_smoothing_and_half_the_trend_of_the_values_without_season(season):
    values = seasonal(61, season, noise=1.0)
    theta = Theta(season, 0.3)
    for origin in (2 * season + 7, 60):
        known = values[:origin]
        plain = known - seasonal_indices(known, season)[np.arange(origin) % season]
        level = plain[0]
        for y in plain:
            level = 0.3 * y + 0.7 * level
        slope = np.polyfit(np.arange(origin), plain, 1)[0]
        steps = np.arange(6)
        expected = level + slope / 2 * (steps + (1 - 0.7**origin) / 0.3)
        expected += seasonal_indices(known, season)[(origin + steps) % season]
        np.testing.assert_allclose(theta.forecasts(values, np.array([origin]), 6)[0], expected, rtol=1e-9)


@pytest.mark.parametrize("season", [4, 5])
def test_seasonal_indices_are_means_over_moving_averages(season):
    values = seasonal(41, season, noise=1.0)
    rest = {k: [] for k in range(season)}
    half = season // 2
    for t in range(half, len(values) - half):
        around = values[t - half : t + half + 1].copy()
        if season % 2 == 0:
            around[[0, -1]] /= 2
        rest[t % season].append(values[t] - around.sum() / season)
    expected = np.array([np.mean(rest[k]) for k in range(season)])
    np.testing.assert_allclose(seasonal_indices(values, season), expected - expected.mean(), atol=1e-10)


def test_a_season_is_taken_off_only_where_it_is_clear():
    assert has_season(seasonal(), 12) and not has_season(np.random.default_rng(0).normal(size=96), 12)
    assert not has_season(np.ones(96), 12) and not has_season(seasonal(20), 12)


@pytest.mark.parametrize("power", POWERS)
def test_transforms_are_inverted(power):
    values = np.array([0.01, 1.0, 3.0, 1e6])
    np.testing.assert_allclose(restore(transform(values, power), power), values, rtol=1e-12)
    assert (restore(np.array([-1e300, -5.0]), power) >= 0).all() or power == 1


def test_logarithms_where_swings_grow_with_the_level():
    t, noise = np.arange(120), np.random.default_rng(0).normal(0, 0.03, 120)
    growing = np.exp(3 + 0.02 * t + 0.3 * np.sin(np.pi * t / 6) + noise)
    assert best_power(growing, 12) == 0 and best_power(seasonal(120) + 50, 12) == 1


def test_weights_are_those_of_the_least_error():
    rng = np.random.default_rng(0)
    good, bad = rng.normal(size=(2, 400, 3)) * np.array([1.0, 2.0])[:, None, None]
    weights = combination_weights(np.stack([good, bad]))
    np.testing.assert_allclose(weights, [0.8, 0.2], atol=0.03)  # inverse variances
    weights = combination_weights(np.stack([good, good + 30, 0.5 + good]))
    assert weights[1] == 0 and abs(weights.sum() - 1) < 1e-12
    assert combination_weights(np.stack([good, 0 * good])).tolist() == [0, 1]
    few = combination_weights(np.array([[[1.0, -1.0, 1.0]], [[1.5, 1.5, 1.5]]]))
    assert 1.5**4 / 1.5 < few[0] / few[1] < 1.5**4 * 1.5  # little evidence: near the prior


def test_ranges_hold_their_share_and_the_forecast():
    rng = np.random.default_rng(0)
    errors = rng.normal(size=(4000, 3)) * [1, 2, 3]
    found = error_quantiles(errors)
    fresh = rng.normal(size=(4000, 3)) * [1, 2, 3]
    for level, quantile in zip(LEVELS, found):
        np.testing.assert_allclose((fresh <= quantile).mean(axis=0), level, atol=0.03)
    shifted = error_quantiles(np.abs(errors[:20]) + 5)
    assert (shifted[0] == 0).all() and (shifted[LEVELS.index(0.5)] == 0).all() and (np.diff(shifted, axis=0) >= 0).all()
    few = error_quantiles(errors[:4])
    assert (few[-1] - few[0] > 0.5 * np.array([1, 2, 3])).all()
