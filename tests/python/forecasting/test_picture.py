"""The picture and the page of a forecast: what they draw, where labels lie, which times the axis shows."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm.forecasting import Forecaster
from eigenlstm.forecasting.frames import series_of
from eigenlstm.forecasting.picture import held_out_forecasts, time_labels

pytest.importorskip("matplotlib", reason="draws")
N = 240
SMALL = {"hidden_size": 4, "epochs": 1, "members": 1, "seed": 1}


@pytest.fixture(scope="module")
def run():
    times = np.datetime64("2020-01", "M") + np.arange(N)
    values = 50 + 10 * np.sin(2 * np.pi * np.arange(N) / 12) + np.random.default_rng(0).normal(0, 1, N)
    observed = np.ones(N, bool)
    observed[[N - 30, N - 5]] = False
    forecaster = Forecaster(6, **SMALL).fit(values[:200], times[:200])
    backtest = forecaster.backtest(values, times, start=200, observed=observed)
    return values, times, observed, forecaster.predict(values, times), backtest


def test_the_picture_has_history_forecast_range_backtest_and_errors(run, tmp_path):
    values, times, observed, forecast, backtest = run
    path = tmp_path / "f.png"
    figure = el.plot.forecast(
        values, forecast, times, backtest=backtest, observed=observed, name="sold (thousands)", path=path
    )
    first, held_out, errors = figure.axes
    lines = {line.get_label(): line for line in first.lines}
    assert np.array_equal(lines["sold (thousands)"].get_ydata(), values[-60:])
    assert np.array_equal(lines["forecast"].get_ydata(), [values[-1], *forecast.values])
    assert np.array_equal(lines["filled in"].get_ydata(), values[[N - 30, N - 5]])
    assert first.collections[0].get_label() == "80% range"
    assert first.get_ylabel() == "sold (thousands)"
    last = {line.get_label(): line for line in held_out.lines}["forecast, 6 steps at a time, 80% range"]
    assert np.array_equal(last.get_ydata(), backtest.values[-1])
    for line in errors.lines:
        assert np.array_equal(line.get_ydata(), backtest.mae(line.get_label()))
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and figure._repr_png_()[:4] == b"\x89PNG"


def test_no_label_covers_a_curve(run):
    values, times, observed, forecast, backtest = run
    figure = el.plot.forecast(values, forecast, times, backtest=backtest, observed=observed)
    figure.draw_without_rendering()
    for axes in figure.axes:
        panel, legend = axes.get_window_extent(), axes.get_legend().get_window_extent()
        assert legend.y0 >= panel.y1 and legend.x1 <= figure.bbox.x1
        title = axes._left_title.get_window_extent()
        assert title.y0 >= legend.y1 - 1


def test_held_out_forecasts_do_not_overlap_and_end_at_the_last(run):
    backtest = run[-1]
    rows = held_out_forecasts(backtest, 3)
    assert rows[-1] == len(backtest.origins) - 1 and len(rows) == 3
    assert (np.diff(backtest.origins[rows]) >= 6).all()


@pytest.mark.parametrize(
    "first, apart, labels",
    [
        ((2019, 1, 1), {"days": 366}, ["2019", "2020", "2021", "2022"]),
        ((2020, 11, 1), {"days": 30.5}, ["Nov\n2020", "Dec", "Jan\n2021", "Jan"]),
        ((2020, 12, 30), {"days": 1}, ["30 Dec\n2020", "31 Dec", "01 Jan\n2021", "02 Jan"]),
        ((2020, 12, 31, 18), {"hours": 4}, ["18:00\n31 Dec 2020", "22:00", "02:00\n01 Jan 2021", "06:00"]),
    ],
)
def test_the_year_is_said_where_it_begins(first, apart, labels):
    assert time_labels([datetime(*first) + k * timedelta(**apart) for k in range(4)]) == labels
    assert time_labels([]) == []


def test_the_axis_shows_the_clock_on_the_wall():
    pd = pytest.importorskip("pandas")
    index = pd.date_range("2024-10-25", periods=120, freq="h", tz="Europe/Berlin")  # winter time begins on the 27th
    values = pd.Series(np.sin(np.arange(120) / 24 * 2 * np.pi) + 2, index)
    series = series_of(values, None, None, "x", "here")
    assert series.zone == ZoneInfo("Europe/Berlin") and str(series.step) == "1 hour"
    assert series.time_text(series.times[0]) == "2024-10-25 00:00+02:00"
    assert series.time_text(series.future_times(1)[0]) == str(index[-1] + pd.Timedelta(1, "h"))[:16] + "+01:00"
    figure = el.plot.forecast(values, Forecaster(3, **SMALL).fit(values).predict(values))
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert "Europe/Berlin" in axes.get_xlabel()
    moments = [datetime.fromtimestamp(x * 86_400, ZoneInfo("Europe/Berlin")) for x in axes.get_xticks()]
    shown = [label.get_text() for label in axes.get_xticklabels()]
    assert all(
        label.startswith(f"{moment:%H:%M}"[:2]) or f"{moment:%d}" in label for label, moment in zip(shown, moments)
    )


def test_rows_without_times():
    values = np.random.default_rng(0).normal(size=100)
    figure = el.plot.forecast(values, Forecaster(1, **SMALL).fit(values).predict(values))
    assert figure.axes[0].get_xlabel() == "row" and figure.axes[0].get_title("left") == "The next value"


def test_gaps_in_the_times_are_refused(run):
    values, times, _, forecast, _ = run
    with pytest.raises(ValueError, match="missing"):
        el.plot.forecast(np.delete(values, 5), forecast, np.delete(times, 5))
