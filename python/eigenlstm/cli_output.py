"""What ``python -m eigenlstm forecast`` leaves: forecast.csv, pictures, models; and the next values on the screen."""

import csv
import io
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .atomic_files import write_atomically
from .cli_input import CommandError
from .forecasting.forecaster import Backtest, Forecast, Forecaster
from .forecasting.page import page_of
from .forecasting.picture import picture_of
from .forecasting.report import made_of
from .forecasting.series import Series


@dataclass
class Result:
    """What becomes files: a series, its forecaster, its forecast."""

    series: Series
    forecaster: Forecaster
    forecast: Forecast
    backtest: Backtest | None = None
    about: dict | None = None  # of a model that was trained, and is to be saved
    unit: str = ""

    @property
    def seasonal_period(self):
        return self.forecaster.seasonal_period


def write(results, out, *, plot, html=False, id_column=None, quantiles=()):
    """Write forecast.csv, forecast.html and, of each series, picture and model: all that is slow or can fail has been
    done before the first of them is."""
    contents = {out / "forecast.csv": _table(results, id_column, quantiles)}  # path -> bytes, or what saves a model
    if html:
        contents[out / "forecast.html"] = page_of(results)
    for result, tail in zip(results, _tails(results)):
        if plot:
            picture = picture_of(result.series, result.forecast, result.backtest, result.unit)
            contents[out / f"forecast{tail}.png"] = picture
        if result.about is not None:
            contents[out / f"model{tail}.safetensors"] = partial(result.forecaster.save, **result.about)
    taken = next(filter(Path.is_dir, contents), None)
    if taken is not None:
        raise CommandError(f"{taken} cannot be written: it is a folder; give another folder with --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path, content in contents.items():
            content(path) if callable(content) else write_atomically(path, content)
    except OSError as error:
        raise CommandError(
            f"{error.filename or out} cannot be written: {error.strerror}; give another folder with --out"
        ) from None
    print("\nwritten: " + "\n         ".join(map(str, contents)))


def _tails(results):
    """What files of each series are called beyond their kind: "-shop_1"; nothing for a single series."""
    tails = [
        f"-{re.sub('[^0-9A-Za-z_.-]+', '_', result.series.id)[:60]}" if result.series.id is not None else ""
        for result in results
    ]
    return [tail if tails.count(tail) == 1 else f"{tail}-{i}" for i, tail in enumerate(tails, 1)]


def print_next(series, forecast, most=8):
    horizon = len(forecast.values)
    times = series.future_times(horizon)
    rows = [
        (_time(series, times, k), *(f"{part[k]:.5g}" for part in (forecast.values, forecast.lower, forecast.upper)))
        for k in range(horizon)
    ]
    shown = rows if horizon <= most else rows[: most - 2] + [("…", "…", "…", "…")] + rows[-1:]
    head = ("next", "forecast", f"{forecast.coverage:.0%} range", "")
    widths = [max(len(row[i]) for row in [head, *shown]) for i in range(4)]
    for row in [head, *shown]:
        print(
            "  "
            + "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
        )


def _table(results, id_column, quantiles):
    """forecast.csv, as bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    first = [] if id_column is None else [id_column]
    time = "step" if results[0].series.times is None else "time"
    writer.writerow([*first, time, "forecast", "lower", "upper", *(f"q{level:g}" for level in quantiles), "method"])
    for result in results:
        series, forecast = result.series, result.forecast
        times = series.future_times(len(forecast.values))
        first = [] if id_column is None else [series.id]
        columns = [forecast.values, forecast.lower, forecast.upper, *map(forecast.quantiles, quantiles)]
        for k, row in enumerate(zip(*columns)):
            values = (f"{value:.7g}" for value in row)
            writer.writerow([*first, _time(series, times, k), *values, made_of(forecast.weights)])
    return text.getvalue().encode()


def _time(series, times, k):
    return f"+{k + 1}" if times is None else series.time_text(times[k])
