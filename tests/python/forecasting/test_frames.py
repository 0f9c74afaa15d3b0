"""Series of pandas, polars and Arrow give the forecasts of their arrays, with an index that goes on."""

import subprocess
import sys

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm.forecasting import Forecaster

SMALL = {"hidden_size": 4, "epochs": 1, "members": 1, "seed": 1}
N = 200


def values():
    return 20 + 5 * np.sin(2 * np.pi * np.arange(N) / 7) + np.random.default_rng(0).normal(0, 1, N)


def days(n=N):
    return np.datetime64("2024-01-01", "D") + np.arange(n)


@pytest.fixture(scope="module")
def expected():
    times = days().astype("M8[s]")
    return Forecaster(3, **SMALL).fit(values(), times).predict(values(), times)


def same(forecast, expected):
    for name in ("values", "lower", "upper"):
        assert np.array_equal(getattr(forecast, name), getattr(expected, name))


def test_times_of_numpy_go_on(expected):
    assert expected.index.tolist() == (days(N + 3)[N:]).astype("M8[s]").tolist()
    assert Forecaster(3, **SMALL).fit(values()).predict(values()).index is None


def test_a_series_of_pandas(expected):
    pd = pytest.importorskip("pandas")
    series = pd.Series(values(), pd.date_range("2024-01-01", periods=N, freq="D", name="day"))
    forecaster = Forecaster(3, **SMALL).fit(series)
    assert forecaster.cycles == ["week"]
    forecast = forecaster.predict(series)
    same(forecast, expected)
    table = forecast.to_pandas(quantiles=(0.25, 0.75))
    assert list(table.columns) == ["forecast", "lower", "upper", "q0.25", "q0.75"]
    pd.testing.assert_index_equal(table.index, pd.date_range("2024-07-19", periods=3, freq="D", name="day"))
    assert np.array_equal(table["q0.25"], forecast.quantiles(0.25))
    frame = series.to_frame("x").reset_index()  # a column of times, one of numbers
    same(Forecaster(3, **SMALL).fit(frame).predict(frame), expected)
    backtest = forecaster.backtest(series, start=150, observed=series > 0)
    assert np.array_equal(backtest.errors["forecast"], forecaster.backtest(series, start=150).errors["forecast"])


@pytest.mark.parametrize(
    "make, after",
    [
        (lambda pd: pd.date_range("2010-01-31", periods=N, freq="ME"), ["2026-09-30", "2026-10-31", "2026-11-30"]),
        (lambda pd: pd.date_range("2010-01-15", periods=N // 2, freq="SMS"), None),
        (lambda pd: pd.bdate_range("2024-01-01", periods=N), ["2024-10-07", "2024-10-08", "2024-10-09"]),
        (lambda pd: pd.period_range("2010-01", periods=N, freq="M"), ["2026-09", "2026-10", "2026-11"]),
        (
            lambda pd: pd.DatetimeIndex(pd.date_range("2010-01-01", periods=N, freq="MS") + pd.Timedelta(14, "D")),
            ["2026-09-15", "2026-10-15", "2026-11-15"],
        ),
        (lambda pd: pd.RangeIndex(5, 5 + 2 * N, 2), [405, 407, 409]),
        (lambda pd: pd.Index([f"row {i}" for i in range(N)]), [200, 201, 202]),
    ],
)
def test_an_index_of_pandas_goes_on(make, after):
    pd = pytest.importorskip("pandas")
    index = make(pd)
    series = pd.Series(values()[: len(index)], index)
    table = Forecaster(3, **SMALL).fit(series).predict(series).to_pandas()
    if after is None:
        assert table.index.freqstr == index.freqstr and table.index[0] > index[-1]
    else:
        assert [str(time)[: len(str(after[0]))] for time in table.index] == list(map(str, after))
    joined = pd.concat([series, table["forecast"]])
    assert joined.index.is_unique and type(table.index) is not pd.Index


def test_daylight_saving_survives():
    pd = pytest.importorskip("pandas")
    index = pd.date_range("2024-03-23", periods=N, freq="h", tz="Europe/Berlin")[: N - 6]
    series = pd.Series(values()[: N - 6], index)
    forecaster = Forecaster(3, **SMALL).fit(series)
    ahead = forecaster.predict(series).index
    assert ahead[0] - index[-1] == pd.Timedelta(1, "h") and ahead.tz == index.tz
    frame = pytest.importorskip("polars").DataFrame({"t": index.tz_convert(None).to_numpy(), "x": series.to_numpy()})
    frame = frame.with_columns(frame["t"].dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin"))
    forecast = forecaster.predict(frame)
    same(forecast, forecaster.predict(series))
    assert [str(time) for time in forecast.index] == [str(time) for time in ahead]
    pd.testing.assert_index_equal(pd.DatetimeIndex(forecast.to_pandas().index), ahead, check_names=False, exact=False)
    assert forecaster.predict(series).to_polars()["time"].to_list() == forecast.index.to_list()


def test_frames_of_polars_and_arrow(expected):
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"day": days(), "x": values()})
    forecast = Forecaster(3, **SMALL).fit(frame).predict(frame)
    same(forecast, expected)
    table = forecast.to_polars()
    assert table.columns == ["day", "forecast", "lower", "upper"]
    assert table["day"].to_list() == days(N + 3)[N:].tolist()
    series = frame["x"]
    same(Forecaster(3, **SMALL).fit(series, frame["day"]).predict(series, frame["day"]), expected)
    assert Forecaster(3, **SMALL).fit(series).predict(series).to_polars().columns == ["forecast", "lower", "upper"]
    arrow = frame.to_arrow() if "pyarrow" in sys.modules or _has("pyarrow") else None
    if arrow is not None:
        same(Forecaster(3, **SMALL).fit(arrow).predict(arrow), expected)


def _has(name):
    try:
        __import__(name)
    except ImportError:
        return False
    return True


def test_covariates_of_pandas_have_the_index_of_the_values():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"x": values(), "rain": np.arange(N) % 5.0}, index=pd.DatetimeIndex(days()))
    one = Forecaster(3, **SMALL).fit(frame["x"], exog=frame[["rain"]]).predict(frame["x"], exog=frame["rain"])
    plain = frame["x"].to_numpy(), days().astype("M8[s]"), frame[["rain"]].to_numpy()
    same(one, Forecaster(3, **SMALL).fit(*plain).predict(*plain))
    with pytest.raises(ValueError, match="exog must have the index of values"):
        Forecaster(3).fit(frame["x"], exog=frame[["rain"]].iloc[::-1])


def test_what_is_not_one_even_series_is_refused():
    pd = pytest.importorskip("pandas")
    index = pd.DatetimeIndex(days())
    series = pd.Series(values(), index)
    with pytest.raises(ValueError, match=r"one column of numbers .* got \['x', 'y'\]"):
        Forecaster(3).fit(pd.DataFrame({"x": values(), "y": values()}, index))
    with pytest.raises(ValueError, match="must ascend"):
        Forecaster(3).fit(series.iloc[::-1])
    with pytest.raises(TypeError, match="values must be numbers"):
        Forecaster(3).fit(pd.Series(["a"] * N, index))
    with pytest.raises(ValueError, match="must be finite"):
        Forecaster(3).fit(series.where(series.index != index[7]))
    gaps = series.drop(index[50:52])
    with pytest.raises(ValueError, match="not evenly spaced"):
        Forecaster(3, **SMALL).fit(gaps).predict(gaps)


def test_neither_library_is_imported_without_need():
    code = (
        "import sys, numpy as np; from eigenlstm.forecasting import Forecaster; "
        f"x = np.arange({N}.0); Forecaster(3, hidden_size=4, epochs=1).fit(x).predict(x); "
        "assert not {'pandas', 'polars', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_times_of_every_kind_become_those_of_both_libraries():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    dates = pl.Series("t", days()).cast(pl.Date)
    offset = pd.date_range("2024-03-23 00:00+01:00", periods=N, freq="h")
    table = pl.DataFrame(
        {"t": pl.Series(offset.tz_convert(None).to_numpy()).dt.replace_time_zone("UTC"), "x": values()}
    )
    for series, times, zone in (
        (values(), days().astype("M8[s]"), None),
        (pl.DataFrame({"t": dates, "x": values()}), None, None),
        (table.with_columns(pl.col("t").dt.convert_time_zone("Europe/Berlin")), None, "Europe/Berlin"),
        (pd.Series(values(), offset), None, "UTC"),  # polars knows no fixed offsets
    ):
        forecast = Forecaster(3, **SMALL).fit(series, times).predict(series, times)
        first = forecast.to_polars()[forecast.to_polars().columns[0]]
        assert getattr(first.dtype, "time_zone", None) == zone
        found = pd.DatetimeIndex(forecast.to_pandas().index)
        utc = first.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zone else first
        assert list(found if found.tz is None else found.tz_convert("UTC").tz_localize(None)) == list(
            pd.DatetimeIndex(utc.to_numpy())
        )
    series = pd.Series(values(), offset)
    assert el.plot.forecast(series, Forecaster(3, **SMALL).fit(series).predict(series)).axes


def test_an_arrow_table_keeps_its_zone():
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    frame = pl.DataFrame(
        {"t": pl.Series(np.datetime64("2024-03-23T00", "us") + np.arange(N) * 3_600_000_000), "x": values()}
    )
    frame = frame.with_columns(frame["t"].dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin"))
    table = frame.to_arrow()
    assert isinstance(table, pa.Table)
    forecaster = Forecaster(3, **SMALL).fit(table)
    assert forecaster.predict(table).index.to_list() == forecaster.predict(frame).index.to_list()


def test_gaps_are_refused_before_training():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    index = pd.date_range("2024-01-01", periods=N + 1, freq="D").delete(50)
    for series in (pd.Series(values(), index), pl.DataFrame({"t": index.to_numpy(), "x": values()})):
        with pytest.raises(ValueError, match="Forecaster.fit: the times are not evenly spaced"):
            Forecaster(3, **SMALL).fit(series)


def test_times_of_arrow_in_pandas(expected):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    times = pd.Series(days().astype("M8[ns]")).astype("timestamp[ns][pyarrow]")
    frame = pd.DataFrame({"t": times, "x": values()})
    for each in (frame, frame.set_index("t")["x"]):
        forecast = Forecaster(3, **SMALL).fit(each).predict(each)
        same(forecast, expected)
        assert list(forecast.index) == list(pd.DatetimeIndex(expected.index))
