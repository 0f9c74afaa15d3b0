"""Rows in any order, with gaps, twice, or of several series; business days; daylight saving."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest

from eigenlstm.forecasting.series import SeriesError, read_series

needs_zones = pytest.mark.skipif("Europe/Madrid" not in available_timezones(), reason="the system has no time zones")


def read(tmp_path, rows, head="t,x", **options):
    path = tmp_path / "series.csv"
    path.write_text(head + "\n" + "\n".join(rows) + "\n")
    return read_series(path, "x", **{"time_column": "t", **options})


def test_unsorted_and_descending_rows_are_sorted_and_said(tmp_path):
    series = read(tmp_path, ["2020-01-03,3", "2020-01-01,1", "2020-01-02,2"])
    assert series.values.tolist() == [1, 2, 3] and series.notes == ["the rows were sorted by time"]
    series = read(tmp_path, ["2020-01-03,3", "2020-01-02,2", "2020-01-01,1"])
    assert series.values.tolist() == [1, 2, 3] and "turned round" in series.notes[0]


def test_duplicates_are_an_error_that_says_which(tmp_path):
    rows = ["2020-01-01,1", "2020-01-02,2", "2020-01-01,5", "2020-01-03,3"]
    with pytest.raises(SeriesError, match="line 4: the time 2020-01-01 comes twice, as in line 2 .*--duplicates mean"):
        read(tmp_path, rows)
    for choice, first in (("mean", 3), ("first", 1), ("last", 5)):
        series = read(tmp_path, rows, duplicates=choice)
        assert series.values.tolist() == [first, 2, 3] and f"--duplicates {choice}" in series.notes[-1]
    with pytest.raises(SeriesError, match="--duplicates must be one of mean, first, last"):
        read(tmp_path, rows, duplicates="median")


def test_business_days_are_a_frequency(tmp_path):
    days = np.busday_offset("2020-01-06", np.arange(15))
    series = read(tmp_path, [f"{day},{i}" for i, day in enumerate(days)])
    assert str(series.step) == "1 business day" and series.filled == 0
    assert [series.time_text(time) for time in series.future_times(3)] == ["2020-01-27", "2020-01-28", "2020-01-29"]
    rows = [f"{day},{i}" for i, day in enumerate(days) if i != 7]
    with pytest.raises(SeriesError, match="missing between 2020-01-14 and 2020-01-16 .*each business day.*--fill"):
        read(tmp_path, rows)
    assert read(tmp_path, rows, fill=True).values.tolist() == list(range(15))


def test_trading_days_at_the_ends_of_months_are_months(tmp_path):
    ends = ["2020-01-31", "2020-02-28", "2020-03-31", "2020-04-30", "2020-05-29", "2020-06-30"]
    series = read(tmp_path, [f"{day},1" for day in ends])
    assert str(series.step) == "1 month" and series.times.astype("M8[D]").astype(str).tolist() == ends
    assert series.time_text(series.future_times(1)[0]) == "2020-07-31"


def test_nothing_is_filled_before_the_first_value_or_after_the_last(tmp_path):
    rows = ["2020-01-01,", "2020-01-02,2", "2020-01-03,", "2020-01-04,4", "2020-01-05,NA", "2020-01-06,-"]
    series = read(tmp_path, rows, fill=True)
    assert series.values.tolist() == [2, 3, 4] and series.observed.tolist() == [True, False, True]
    assert series.time_text(series.future_times(1)[0]) == "2020-01-05"
    assert series.notes == ["1 row before the first value is left out", "2 rows after the last value are left out"]


def test_a_covariate_that_ends_before_the_series_is_refused(tmp_path):
    rows = ["2020-01-01,1,1", "2020-01-02,2,1", "2020-01-03,3,"]
    with pytest.raises(SeriesError, match="line 4: column 'y' has no value at the end.*leave --exog y out"):
        read(tmp_path, rows, head="t,x,y", exog=["y"], fill=True)


def test_each_series_of_a_long_table(tmp_path):
    rows = [
        f"{shop},2020-01-0{day},{day * scale}" for day in (1, 2, 3) for shop, scale in (("north", 1), ("south", 10))
    ]
    found = read(tmp_path, rows, head="shop,t,x", id_column="shop")
    assert [series.id for series in found] == ["north", "south"]
    assert [series.values.tolist() for series in found] == [[1, 2, 3], [10, 20, 30]]
    assert [series.id for series in read(tmp_path, rows, head="shop,t,x", id_column="shop", id=["south"])] == ["south"]
    with pytest.raises(SeriesError, match="--id 'west' is not in column 'shop', which has 'north', 'south'"):
        read(tmp_path, rows, head="shop,t,x", id_column="shop", id="west")
    with pytest.raises(SeriesError, match="--id-column"):
        read(tmp_path, rows, head="shop,t,x")
    with pytest.raises(SeriesError, match="shop 'south': line 8: the time 2020-01-03 comes twice"):
        read(tmp_path, [*rows, "south,2020-01-03,1"], head="shop,t,x", id_column="shop")


def hours(zone, start, count):
    first = datetime.fromisoformat(start).astimezone(timezone.utc)
    return [(first + timedelta(hours=i)).astimezone(zone) for i in range(count)]


@needs_zones
@pytest.mark.parametrize("start", ["2021-03-27T20:00+01:00", "2021-10-30T20:00+02:00"])
def test_offsets_and_daylight_saving_survive(tmp_path, start):
    """Against the zone's own rules, over the change of the clocks and beyond."""
    moments = hours(ZoneInfo("Europe/Madrid"), start, 20)
    series = read(tmp_path, [f"{moment.isoformat()},{i}" for i, moment in enumerate(moments[:10])])
    assert str(series.step) == "1 hour" and len(series.values) == 10 and "offsets" in series.notes[0]
    texts = [series.time_text(time) for time in np.concatenate([series.times, series.future_times(10)])]
    assert texts == [moment.strftime("%Y-%m-%d %H:%M%z")[:-2] + ":00" for moment in moments]
    assert series.wall_times.tolist() == [moment.replace(tzinfo=None) for moment in moments[:10]]


@needs_zones
def test_local_times_of_a_zone(tmp_path):
    moments = hours(ZoneInfo("Europe/Madrid"), "2021-10-30T20:00+02:00", 12)
    rows = [f"{moment:%d.%m.%Y %H:%M},{i}" for i, moment in enumerate(moments)]
    with pytest.raises(SeriesError, match="2021-10-31 02:00 comes twice.*--time-zone"):
        read(tmp_path, rows)
    series = read(tmp_path, rows, time_zone="Europe/Madrid")
    assert series.values.tolist() == list(range(12))
    assert series.time_text(series.times[-1]) == "2021-10-31 06:00+01:00"
    with pytest.raises(SeriesError, match="which the clocks of Europe/Madrid skip in spring"):
        read(tmp_path, ["2021-03-28 01:00,1", "2021-03-28 02:30,1", "2021-03-28 04:00,1"], time_zone="Europe/Madrid")
    with pytest.raises(SeriesError, match="--time-zone 'Mars/Olympus' is not known"):
        read(tmp_path, rows, time_zone="Mars/Olympus")


@needs_zones
def test_days_begin_at_midnight_in_summer_and_winter(tmp_path):
    days = [datetime(2021, 3, day, tzinfo=ZoneInfo("Europe/Berlin")) for day in range(25, 31)]
    series = read(tmp_path, [f"{day.isoformat()},1" for day in days])
    assert str(series.step) == "1 day"
    assert [series.time_text(time) for time in series.future_times(2)] == [
        "2021-03-31 00:00+02:00",
        "2021-04-01 00:00+02:00",
    ]
