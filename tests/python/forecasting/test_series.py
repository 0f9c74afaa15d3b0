"""Reading series from files: values, times, gaps, and what is refused."""

import datetime

import numpy as np
import pytest

from eigenlstm.forecasting.series import SeriesError, Step, read_series


def write(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "series.csv"
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return path


def test_values_times_and_covariates_are_read(tmp_path):
    path = write(tmp_path, "when;a;b\n2020-01-01;1.5;10\n2020-01-02;-2e1;11\n\n2020-01-03;3;12\n")
    series = read_series(path, "a", time_column="when", exog=["b"])
    assert series.values.tolist() == [1.5, -20.0, 3.0]
    assert series.exog.tolist() == [[10], [11], [12]] and series.exog_names == ["b"]
    assert series.times.astype(str).tolist() == [f"2020-01-0{d}T00:00:00" for d in (1, 2, 3)]
    assert str(series.step) == "1 day" and series.filled == 0
    assert [series.time_text(time) for time in series.future_times(2)] == ["2020-01-04", "2020-01-05"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_and_a_byte_order_mark(tmp_path, delimiter):
    path = write(tmp_path, delimiter.join("xy") + "\n" + delimiter.join("12") + "\n", "utf-8-sig")
    assert read_series(path, "x").values.tolist() == [1] and read_series(path, "y").values.tolist() == [2]


def test_quoted_cells_may_hold_the_delimiter(tmp_path):
    assert read_series(write(tmp_path, 'place,x\n"Tetouan, Morocco",1\n"a\nb",2\n'), "x").values.tolist() == [1, 2]


@pytest.mark.parametrize(
    "times, step, following",
    [
        (["2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30"], "1 month", "2020-05-31"),
        (["2020-01", "2020-02", "2020-03", "2020-04"], "1 month", "2020-05-01"),
        (["2020-01-15", "2020-04-15", "2020-07-15", "2020-10-15"], "3 months", "2021-01-15"),
        (["2019-03-01", "2020-03-01", "2021-03-01", "2022-03-01"], "1 year", "2023-03-01"),
        (["2020-02-03", "2020-02-10", "2020-02-17", "2020-02-24"], "1 week", "2020-03-02"),
        (["2020-01-01 00:00", "2020-01-01 00:15", "2020-01-01 00:30"], "15 minutes", "2020-01-01 00:45"),
        (["2020-03-29T00:00Z", "2020-03-29T01:00Z", "2020-03-29T02:00Z"], "1 hour", "2020-03-29 03:00+00:00"),
        (
            ["2020-03-29T01:00+01:00", "2020-03-29T03:00+02:00", "2020-03-29T04:00+02:00"],
            "1 hour",
            "2020-03-29 05:00+02:00",
        ),
    ],
)
def test_steps_are_recognised_and_continued(tmp_path, times, step, following):
    path = write(tmp_path, "t,x\n" + "".join(f"{time},{i}\n" for i, time in enumerate(times)))
    series = read_series(path, "x", time_column="t")
    assert str(series.step) == step
    assert series.time_text(series.future_times(1)[0]) == following


def test_month_ends_stay_month_ends():
    last = np.datetime64("2021-01-31T00:00:00", "s")
    ahead = Step(1, "month", month_ends=True).after(last, 14).astype("M8[D]").astype(object)
    for day, month in zip(ahead, [*range(2, 13), 1, 2, 3]):
        assert day.month == month and (day + datetime.timedelta(1)).day == 1


def test_a_time_format_is_obeyed(tmp_path):
    path = write(tmp_path, "t,x\n01.02.2020 06:00,1\n01.02.2020 12:00,2\n01.02.2020 18:00,3\n")
    series = read_series(path, "x", time_column="t", time_format="%d.%m.%Y %H:%M")
    assert str(series.times[0]) == "2020-02-01T06:00:00" and str(series.step) == "6 hours"


def test_fill_interpolates_missing_values_and_rows(tmp_path):
    path = write(tmp_path, "t,x\n2020-01-01,1\n2020-01-02,\n2020-01-03,3\n2020-01-06,9\n2020-01-07,NaN\n2020-01-08,7\n")
    series = read_series(path, "x", time_column="t", fill=True)
    assert series.values.tolist() == [1, 2, 3, 5, 7, 9, 8, 7]
    assert series.filled == 4 and len(series.times) == 8


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "empty"),
        ("x\n", "no rows"),
        ("x\n1\nabc\n3\n", "line 3: column 'x' has 'abc', which is not a number"),
        ("x,y\n1,1\n\n2,3,4\n", "line 4 of .* has 3 cells"),
        ("x,y\n1,2\nNA,3\n,4\n5,6\n", r"line 3: column 'x' has no value \(2 values are missing in all\).*--fill"),
        ("x\n1\ninf\n", "line 3.*not finite"),
        ("x\n1\n-Infinity\n", "not finite"),
        ("y,z\n1,2\n", "column 'x' is not in .*; its columns are 'y', 'z'"),
        ("x,x\n1,2\n", "twice"),
        (b"x\n\xff\n", "not UTF-8"),
        ("x\n1\n".encode("utf-16-le"), "zero bytes.*--encoding utf-16-le"),
        ("x\n" + "9" * 200_000 + "z\n", "field larger|not a number"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(SeriesError, match=message) as caught:
        read_series(write(tmp_path, text), "x")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "times, message",
    [
        (
            ["2020-01-01", "2020-01-02", "2020-01-04", "2020-01-05"],
            r"missing between 2020-01-02 .* 2020-01-04 .*--fill",
        ),
        (["2020-01-01", "2020-01-02", "2020-01-02"], "comes twice"),
        (["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-03T05:00"], "not evenly spaced"),
        (["2020-01-01", "tomorrow", "2020-01-03"], "line 3: column 't' has 'tomorrow'.*--time-format"),
        (["2020-01-01", "2020-01-02"], "too few"),
        (
            ["2020-01-01T00:00", "2020-01-02T00:00Z"],
            "line 3: column 't' has .*, with a UTC offset, unlike the rows before",
        ),
        (["2020-01-01", "2020-01-02", "2021-01-03"], "missing"),
    ],
)
def test_bad_times_are_refused(tmp_path, times, message):
    path = write(tmp_path, "t,x\n" + "".join(f"{time},{i}\n" for i, time in enumerate(times)))
    with pytest.raises(SeriesError, match=message):
        read_series(path, "x", time_column="t")


def test_a_series_that_is_mostly_gap_is_refused_even_with_fill(tmp_path):
    path = write(tmp_path, "t,x\n2020-01-01,1\n2020-01-02,2\n2021-01-03,3\n")
    with pytest.raises(SeriesError, match="more than half"):
        read_series(path, "x", time_column="t", fill=True)


def test_a_folder_or_missing_file_is_refused(tmp_path):
    with pytest.raises(SeriesError, match="does not exist"):
        read_series(tmp_path / "none.csv", "x")
    with pytest.raises(SeriesError, match="cannot be read"):
        read_series(tmp_path, "x")
