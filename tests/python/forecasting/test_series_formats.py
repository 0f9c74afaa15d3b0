"""Series as people have them: each form of dates, numbers and files as a file of a few lines."""

import gzip
import io
import sys

import numpy as np
import pytest

from eigenlstm.forecasting.series import SeriesError, parse_numbers, parse_times, read_series


def times_of(cells, **options):
    return parse_times(cells, "t", list(range(2, 2 + len(cells))), **options)


def numbers_of(cells, **options):
    return parse_numbers(cells, "x", list(range(2, 2 + len(cells))), **options)


def read(tmp_path, text, column="x", encoding="utf-8", **options):
    path = tmp_path / "series.csv"
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return read_series(path, column, **options)


MONTHS = ["2020-11-01", "2020-12-01", "2021-01-01"]
DAYS = ["2020-01-30", "2020-01-31", "2020-02-01"]


@pytest.mark.parametrize(
    "cells, expected",
    [
        (["2020-01-30", "2020-01-31", "2020-02-01"], DAYS),
        (["20200130", "20200131", "20200201"], DAYS),
        (["2020-W05-4", "2020-W05-5", "2020-W05-6"], DAYS),
        (["2020-030", "2020-031", "2020-032"], DAYS),
        (["2020/1/30", "2020/01/31", "2020/2/1"], DAYS),
        (["30.01.2020", "31.1.2020", "1.2.2020"], DAYS),
        (["30/01/2020", "31/01/2020", "01/02/2020"], DAYS),
        (["1/30/2020", "1/31/2020", "2/1/2020"], DAYS),
        (["01-30-20", "01-31-20", "02-01-20"], DAYS),
        (["30 Jan 2020", "31 January 2020", "1 FEB 2020"], DAYS),
        (["January 30, 2020", "Jan 31, 2020", "Feb. 1, 2020"], DAYS),
        (["30-Jan-20", "31-Jan-20", "01-Feb-20"], DAYS),
        (["Thu, 30 Jan 2020", "Fri, 31 Jan 2020", "Sat, 01 Feb 2020"], DAYS),
        (["1580342400", "1580428800", "1580515200"], DAYS),
        (["1580342400000", "1580428800000", "1580515200000"], DAYS),
        (["1580342400000000000", "1580428800000000000", "1580515200000000000"], DAYS),
        (["2020-11", "2020-12", "2021-01"], MONTHS),
        (["2020M11", "2020M12", "2021M01"], MONTHS),
        (["2020:11", "2020:12", "2021:1"], MONTHS),
        (["202011", "202012", "202101"], MONTHS),
        (["11/2020", "12/2020", "01/2021"], MONTHS),
        (["Nov 2020", "Dec 2020", "Jan 2021"], MONTHS),
        (["Nov-20", "Dec-20", "Jan-21"], MONTHS),
        (["2020 Nov", "2020 Dec", "2021 Jan"], MONTHS),
        (["2020.83333333333", "2020.91666666667", "2021"], MONTHS),
        (["2020.833", "2020.917", "2021.0"], MONTHS),
        (["1974Q3", "1974Q4", "1975Q1"], ["1974-07-01", "1974-10-01", "1975-01-01"]),
        (["1970 Q3", "1970 Q4", "1971 Q1"], ["1970-07-01", "1970-10-01", "1971-01-01"]),
        (["Q3 1970", "Q4 1970", "Q1 1971"], ["1970-07-01", "1970-10-01", "1971-01-01"]),
        (["1970-q3", "1970-q4", "1971-q1"], ["1970-07-01", "1970-10-01", "1971-01-01"]),
        (["1959.5", "1959.75", "1960"], ["1959-07-01", "1959-10-01", "1960-01-01"]),
        (["1959", "1960", "1961"], ["1959-01-01", "1960-01-01", "1961-01-01"]),
        (["1959.0", "1960.0", "1961.0"], ["1959-01-01", "1960-01-01", "1961-01-01"]),
    ],
)
def test_dates(cells, expected):
    found = times_of(cells)
    assert found.utc.astype("M8[D]").astype(str).tolist() == expected and found.zone is None
    assert not (found.utc - found.utc.astype("M8[D]")).astype(int).any()


@pytest.mark.parametrize(
    "cell, expected",
    [
        ("2020-01-31T18:30", "2020-01-31T18:30:00"),
        ("2020-01-31 18:30:15", "2020-01-31T18:30:15"),
        ("2020-01-31T18:30:15.250", "2020-01-31T18:30:15"),
        ("20200131T183015", "2020-01-31T18:30:15"),
        ("2020-01-31T18", "2020-01-31T18:00:00"),
        ("2020-01-31 6:30 PM", "2020-01-31T18:30:00"),
        ("1/31/2020 12:05 am", "2020-01-31T00:05:00"),
        ("31.01.2020 18:30", "2020-01-31T18:30:00"),
        ("31.01.2020, 18:30", "2020-01-31T18:30:00"),
        ("31 Jan 2020 18:30", "2020-01-31T18:30:00"),
        ("2020-01-31 24:00", "2020-02-01T00:00:00"),
        ("2020-01-31T18:30Z", "2020-01-31T18:30:00"),
        ("2020-01-31T18:30+05:30", "2020-01-31T13:00:00"),
        ("2020-01-31 18:30-0330", "2020-01-31T22:00:00"),
        ("2020-01-31 18:30 UTC", "2020-01-31T18:30:00"),
    ],
)
def test_times_of_day_and_offsets(cell, expected):
    assert str(times_of([cell]).utc[0]) == expected


def test_an_order_of_day_and_month_that_nothing_tells_is_said():
    months = [f"01/{month:02}/2020" for month in range(1, 13)] + ["01/01/2021"]
    found = times_of(months)  # as days, they would leap from 12 January to a year later
    assert found.utc[1] == np.datetime64("2020-02-01") and not found.notes
    found = times_of(months[:5])
    assert found.utc[1] == np.datetime64("2020-01-02")
    assert "month/day/year" in found.notes[0] and "--time-format '%d/%m/%Y'" in found.notes[0]


@pytest.mark.parametrize(
    "cells, message",
    [
        (["2020-01-01", "2020-02-30"], "line 3: column 't' has '2020-02-30', which is not a time like the others"),
        (["yesterday", "today"], "line 2.*not a time that is known.*--time-format"),
        (["1", "2", "3"], "leave --time-column out"),
        (["2020-01-01 25:00", "2020-01-02 25:00"], "time of day doesn't exist"),
        (["1991.496", "1991.500", "1991.504"], "250 values a year.*--season 250"),
        (["2020-01-01 10:00", "2020-01-01 11:00Z"], "unlike the rows before"),
    ],
)
def test_times_that_are_none_are_refused(cells, message):
    with pytest.raises(SeriesError, match=message):
        times_of(cells)


@pytest.mark.parametrize(
    "cells, options, expected",
    [
        (["1,5", "-2,25"], {}, [1.5, -2.25]),
        (["1.234,5", "2"], {}, [1234.5, 2]),
        (["1.234.567", "2"], {}, [1234567, 2]),
        (["1,234", "1,234,567.5"], {}, [1234, 1234567.5]),
        (["1,234", "5,678"], {}, [1234, 5678]),
        (["1,234", "5,678"], {"comma_hint": True}, [1.234, 5.678]),
        (["1,234", "5,678"], {"decimal": ","}, [1.234, 5.678]),
        (["0,234", "5,678"], {}, [0.234, 5.678]),
        (["1.234", "5.678"], {"decimal": ","}, [1234, 5678]),
        (["1 234,5", "12\u00a0345,6", "1\u202f000"], {}, [1234.5, 12345.6, 1000]),
        (["1'234.5", "1\u2019000"], {}, [1234.5, 1000]),
        (["$1,234.50", "-$3.00", "($4.00)"], {}, [1234.5, -3, -4]),
        (["€ 5", "5 €", "£7"], {}, [5, 5, 7]),
        (["12%", "3.5 %"], {}, [12, 3.5]),
        (["\u22125", "+5"], {}, [-5, 5]),
        (["1e3", "-2.5E-2", ".5", "5."], {}, [1000, -0.025, 0.5, 5]),
        (["1", ".", "#N/A", "NA", "-", "n/a", "NaN", ""], {}, [1] + [np.nan] * 7),
        (["1", "-999", "-999.0", "x"], {"missing": ["-999", "x"]}, [1, np.nan, np.nan, np.nan]),
    ],
)
def test_numbers(cells, options, expected):
    np.testing.assert_array_equal(numbers_of(cells, **options), expected)


def test_a_comma_that_can_be_read_both_ways_is_said():
    notes = []
    numbers_of(["1,234"], notes=notes)
    assert "1,234 is read as 1234" in notes[0] and "--decimal ," in notes[0]


@pytest.mark.parametrize(
    "cell, message",
    [
        ("abc", "not a number.*--missing abc"),
        ("1.2.3", "not a number"),
        ("1,2,3", "not a number"),
        ("inf", "not finite"),
    ],
)
def test_what_is_no_number_is_refused(cell, message):
    with pytest.raises(SeriesError, match=f"line 3: column 'x' has '{cell}'.*{message}"):
        numbers_of(["1", cell])


TABLE = "t,x\n2020-01-01,1\n2020-01-02,2\n2020-01-03,3\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(tmp_path, encoding):
    assert read(tmp_path, TABLE, encoding=encoding, time_column="t").values.tolist() == [1, 2, 3]


def test_an_encoding_is_obeyed_and_proposed(tmp_path):
    text = "Größe;x\n1;2\n2;3\n"
    with pytest.raises(SeriesError, match="not UTF-8 text.*--encoding cp1252"):
        read(tmp_path, text, "Größe", encoding="cp1252")
    path = tmp_path / "series.csv"
    assert read_series(path, "Größe", encoding="cp1252").values.tolist() == [1, 2]
    with pytest.raises(SeriesError, match="--encoding 'klingon' is not known"):
        read_series(path, "Größe", encoding="klingon")


def test_gzip(tmp_path):
    packed = gzip.compress(TABLE.encode())
    assert read(tmp_path, packed, time_column="t").values.tolist() == [1, 2, 3]
    with pytest.raises(SeriesError, match="cannot be unpacked"):
        read(tmp_path, packed[:30])


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TABLE.encode())))
    assert read_series("-", "x", time_column="t").values.tolist() == [1, 2, 3]


def test_comments_headers_and_names_of_rows(tmp_path):
    assert read(tmp_path, "# of us\n\n" + TABLE + "# end\n", time_column="t").values.tolist() == [1, 2, 3]
    assert read(tmp_path, "# t x\n1 2\n3 4\n").values.tolist() == [2, 4]  # as numpy.savetxt writes it
    series = read(tmp_path, "2020-01-01,1.5\n2020-01-02,2\n2020-01-03,3\n", "column2", time_column="column1")
    assert series.values.tolist() == [1.5, 2, 3] and "no header row" in series.notes[0]
    r_table = '"","time","x"\n"1",1949,112\n"2",1949.083333,118\n"3",1949.166667,132\n'
    assert str(read(tmp_path, r_table, time_column="time").step) == "1 month"
    assert read(tmp_path, '"time" "x"\n"1" 1949 112\n"2" 1950 118\n"3" 1951 132\n').values.tolist() == [112, 118, 132]


def test_decimal_commas_in_a_table_of_semicolons_and_in_a_single_column(tmp_path):
    assert read(tmp_path, "t;x\n2020;1,5\n2021;1.000,25\n").values.tolist() == [1.5, 1000.25]
    assert read(tmp_path, "x\n1,5\n2,5\n").values.tolist() == [1.5, 2.5]


def test_a_spreadsheet_and_parquet(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"when": pandas.date_range("2020-01-31", periods=4, freq="D"), "x": [1, 2.5, None, 4]})
    for engine, suffix, write in (("openpyxl", "xlsx", frame.to_excel), ("pyarrow", "parquet", frame.to_parquet)):
        pytest.importorskip(engine)
        write(tmp_path / f"series.{suffix}", index=False)
        series = read_series(tmp_path / f"series.{suffix}", "x", time_column="when", fill=True)
        assert series.values.tolist() == [1, 2.5, 3.25, 4] and str(series.step) == "1 day" and series.filled == 1
    indexed = frame.set_index("when")
    indexed.to_parquet(tmp_path / "series.parquet")
    assert read_series(tmp_path / "series.parquet", "x", time_column="when", fill=True).values[2] == 3.25


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0"])
def test_without_pandas_what_it_reads_is_refused_with_what_to_install(tmp_path, monkeypatch, start):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(SeriesError, match="pip install pandas .*or save it as CSV"):
        read(tmp_path, start + bytes(20))


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"PAR1"])
def test_broken_spreadsheets_are_refused_in_one_line(tmp_path, start):
    pytest.importorskip("pandas")
    pytest.importorskip("openpyxl")
    pytest.importorskip("pyarrow")
    with pytest.raises(SeriesError, match="cannot be read as") as caught:
        read(tmp_path, start + b"\0rubbish")
    assert "\n" not in str(caught.value)


def test_a_column_that_counts_rows_is_none_of_times(tmp_path):
    for first in (1, -6000, 0):
        (tmp_path / "r.csv").write_text("time,x\n" + "".join(f"{first + i},{i * i}\n" for i in range(9)))
        series = read_series(tmp_path / "r.csv", "x", time_column="time")
        assert series.times is None and series.values.tolist() == [i * i for i in range(9)]
        assert series.notes == [f"column 'time' counts the rows, {first} to {first + 8}: there are no times"]
    (tmp_path / "y.csv").write_text("time,x\n" + "".join(f"{1990 + i},{i}\n" for i in range(9)))
    assert str(read_series(tmp_path / "y.csv", "x", time_column="time").step) == "1 year"
    (tmp_path / "n.csv").write_text("time,x\n" + "".join(f"{2 * i},{i}\n" for i in range(9)))
    with pytest.raises(SeriesError, match="not a time that is known"):
        read_series(tmp_path / "n.csv", "x", time_column="time")
