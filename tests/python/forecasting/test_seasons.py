"""Seasons: what the calendar suggests, what the values show, several at once; the best naive forecast."""

import numpy as np
import pytest

from eigenlstm.forecasting.seasons import best_naive_period, find_seasons, season_candidates
from eigenlstm.forecasting.series import Step


def wave(n, period, noise=1.0, seed=0):
    return np.sqrt(18) * np.sin(2 * np.pi * np.arange(n) / period) + np.random.default_rng(seed).normal(0, noise, n)


def times(n, unit, count=1):
    return (np.arange(n) * count).astype(f"M8[{unit}]").astype("M8[s]")


@pytest.mark.parametrize(
    "step, expected",
    [
        (Step(1, "month"), [12]),
        (Step(3, "month"), [4]),
        (Step(12, "month"), []),
        (Step(604_800, "s"), [52]),
        (Step(86_400, "s"), [7, 365]),
        (Step(1, "business day"), [5, 261]),
        (Step(3600, "s"), [24, 168, 8766]),
        (Step(1800, "s"), [48, 336, 17532]),
        (Step(900, "s"), [96, 672, 35063]),
        (Step(60, "s"), [60, 1440, 10080]),
    ],
)
def test_the_calendar_suggests(step, expected):
    assert season_candidates(step, 100_000) == expected
    assert season_candidates(step, 30) == [length for length in expected if length <= 15]


def test_the_calendar_comes_first_where_there_are_times():
    values = wave(120, 12) + 0.1 * np.arange(120)
    assert find_seasons(values, times(120, "M")) == (12,) == find_seasons(values)
    assert find_seasons(wave(200, 10), times(200, "D")) == (10,)  # none of the calendar's
    assert find_seasons(wave(50, 23, noise=0.5))[0] in (22, 23, 24)  # up to half of the series


def test_several_seasons_at_once():
    n = 24 * 70
    week = 4.0 * (np.arange(n) // 24 % 7 >= 5)
    assert find_seasons(wave(n, 24) + week, times(n, "h")) == (24, 168)
    assert find_seasons(wave(n, 24), times(n, "h")) == (24,)


@pytest.mark.parametrize("n", [40, 100, 1000])
def test_noise_and_random_walks_have_seldom_a_season(n):
    rng = np.random.default_rng(0)
    found = [
        find_seasons(series, times(n, "M"))
        for _ in range(30)
        for noise in [rng.normal(size=n)]
        for series in (noise, noise.cumsum())
    ]
    assert sum(map(bool, found)) <= 6


def test_nothing_to_see():
    for values in ([], [1.0], [1.0, 2.0], np.ones(50), np.arange(50.0)):
        assert find_seasons(values) == ()
        assert find_seasons(values, times(len(values), "M")) == ()


def test_the_best_naive_forecast_is_the_best_of_the_candidates():
    values = wave(24 * 60, 24, noise=0.1) + 8.0 * (np.arange(24 * 60) // 24 % 7 >= 5)
    assert best_naive_period(values, 24, (1, 24, 168)) == 168
    assert best_naive_period(np.random.default_rng(0).normal(size=500).cumsum(), 5, (1, 12)) == 1
    assert best_naive_period(values[:10], 24, (24,)) == 1  # nothing to measure them on
