"""``python -m eigenlstm forecast`` and ``demo``: from a file of a series to forecast.csv, a picture and a model."""

import argparse
import os
import tempfile
from importlib import import_module
from pathlib import Path

import numpy as np

from . import data
from .cli_columns import Column, likely_horizon, overview
from .cli_input import CommandError, add_input, at_least, series_of, table_of
from .cli_output import Result, print_next, write
from .forecasting.forecaster import LEVELS, Forecaster, validation_size
from .forecasting.report import error_table, made_of, verdict
from .forecasting.series import read_series
from .training.run import NonFiniteLoss


def add_forecast(commands):
    """Add the commands ``demo`` and ``forecast`` to the parser."""
    demo = commands.add_parser("demo", help="forecast the bundled electricity demand of a city")
    demo.add_argument("--out", type=Path, default=Path("eigenlstm-demo"), metavar="FOLDER", help="default: %(default)s")
    demo.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    demo.set_defaults(command=_demo)

    forecast = commands.add_parser(
        "forecast",
        help="forecast a column of a CSV file",
        description="Train on a column of a table, compare with naive forecasts on its last part, and forecast the "
        "values that follow it. Writes forecast.csv, forecast.png and model.safetensors. With FILE alone it lists the "
        "columns and proposes a command.",
    )
    add_input(forecast)
    forecast.add_argument("--horizon", type=at_least(1), metavar="N", help="how many values to forecast")
    forecast.add_argument(
        "--season",
        type=_seasons,
        metavar="N,N",
        help="number of steps in a season (24,168: a day and a week of hours), or 1 for none; default: those of the "
        "calendar that the values show, else by autocorrelation",
    )
    forecast.add_argument(
        "--window",
        type=at_least(1),
        metavar="N",
        help="number of past steps that the model reads; default: three seasons, or two horizons without a season",
    )
    forecast.add_argument("--hidden", type=at_least(1), metavar="N", help="hidden units of the LSTM; default: 64")
    forecast.add_argument(
        "--epochs",
        type=at_least(1),
        metavar="N",
        help="the most epochs to train for; default: 10 to 30, depending on the rows",
    )
    forecast.add_argument(
        "--coverage", type=float, metavar="P", help="share of the values that the range should contain; default: 0.8"
    )
    forecast.add_argument(
        "--quantiles",
        type=_levels,
        default=(),
        metavar="P,P",
        help="further columns of forecast.csv: quantiles at these levels, 0.025 to 0.975",
    )
    forecast.add_argument("--seed", type=int, metavar="N", help="default: 0")
    forecast.add_argument(
        "--load", type=Path, metavar="MODEL", help="a model.safetensors of an earlier run: forecast without training"
    )
    forecast.add_argument("--out", type=Path, default=Path("."), metavar="FOLDER", help="where to write; default: here")
    forecast.add_argument(
        "--no-plot", action="store_true", help="don't draw forecast.png, so that matplotlib is not needed"
    )
    forecast.add_argument(
        "--html", action="store_true", help="also write forecast.html: one page with an interactive picture"
    )
    forecast.set_defaults(command=_forecast)


def _levels(text):
    levels = tuple(dict.fromkeys(float(part) for part in text.split(",")))
    for level in levels:
        if not LEVELS[0] <= level <= LEVELS[-1]:
            raise argparse.ArgumentTypeError(f"levels lie in {LEVELS[0]}..{LEVELS[-1]}, got {level:g}")
    return levels


_levels.__name__ = "list of levels"


def _seasons(text):
    return tuple(map(at_least(1), text.split(",")))


_seasons.__name__ = "list of whole numbers"


def _demo(options):
    _need("matplotlib", "the picture of demo", "demo")
    _writable(options.out)
    series = read_series(data.tetouan(), "demand_mw", time_column="time")
    print(
        "Electricity demand of the city of Tetouan (Morocco), hourly, 2017, in MW\n"
        "(Salam, El Hibaoui 2018, UCI Machine Learning Repository, CC BY 4.0)\n"
    )
    forecaster = Forecaster(24, seed=_seed(options.seed))
    write([_train_and_report(series, forecaster, unit="MW", about=_about(series, "MW"))], options.out, plot=True)


def _forecast(options):
    if not options.load and options.column is None and options.horizon is None:
        return print("\n".join(overview(table_of(options), options)))
    if not options.no_plot:
        _need("matplotlib", "the picture of forecast", "demo", " or give --no-plot")
    if options.html:
        _need("plotly", "--html", "html")
    if options.load:
        return _forecast_with_model(options)
    if options.column is None or options.horizon is None:
        raise CommandError(_what_is_missing(options))
    found = series_of(options, options.column)
    given = {
        "hidden_size": options.hidden,
        **{name: getattr(options, name) for name in ("season", "window", "epochs", "coverage")},
    }
    _writable(options.out)
    results = []
    for series in found:
        try:
            forecaster = Forecaster(
                options.horizon, seed=_seed(options.seed), **{k: v for k, v in given.items() if v is not None}
            )
        except ValueError as error:
            raise CommandError(_plain(error)) from None
        about = {**_about(series), **{name: getattr(options, name) for name in _READ_ALIKE}}
        if results:
            print()
        if series.id is not None:
            print(f"== {options.id_column} {series.id} ==\n")
        try:
            results.append(_train_and_report(series, forecaster, about=about))
        except CommandError as error:
            if series.id is None:
                raise
            raise _of_one(options, series, error) from None
    return _write(results, options)


def _of_one(options, series, error):
    return CommandError(f"{options.id_column} {series.id!r}: {error}; --id VALUE forecasts some of the series alone")


def _write(results, options):
    return write(
        results,
        options.out,
        plot=not options.no_plot,
        html=options.html,
        id_column=options.id_column,
        quantiles=options.quantiles,
    )


_READ_ALIKE = ("time_column", "time_format", "time_zone", "missing", "decimal")  # with a model as when it was trained


def _forecast_with_model(options):
    for name in ("season", "window", "hidden", "epochs", "coverage", "seed"):
        if getattr(options, name) is not None:
            raise CommandError(f"--{name} is for training and cannot go with --load; leave one of them out")
    forecaster, about = Forecaster.load(_existing(options.load))
    found = _series_for(forecaster, about, options)
    _writable(options.out)
    print(f"{options.load}: a forecaster of {forecaster.horizon} values")
    results = []
    for series in found:
        for note in series.notes:
            print(note)
        try:
            forecast = _predict(forecaster, series)
        except CommandError as error:
            raise error if series.id is None else _of_one(options, series, error) from None
        results.append(Result(series, forecaster, forecast, unit=about.get("unit", "")))
        print("" if series.id is None else f"\n== {options.id_column} {series.id} ==\n")
        print_next(series, results[-1].forecast)
    return _write(results, options)


def _what_is_missing(options):
    """Which option is missing, with a value that would do."""
    table = table_of(options)
    if options.column is None:
        names = [name for name in dict.fromkeys(table.header[:100]) if table.header.count(name) == 1]
        numbers = [
            name
            for name in names
            if name != options.time_column and Column(table, name, options.missing).kind == "numbers"
        ]
        hint = "its columns of numbers are " + ", ".join(map(repr, numbers[:8])) if numbers else "it has no numbers"
        return f"--column NAME is missing; {hint} (or give --load a model)"
    shortest = min(series_of(options, options.column), key=lambda one: len(one.values))
    likely = likely_horizon(len(shortest.values), shortest.step)
    return f"--horizon N is missing; give it, for example --horizon {likely}"


def _about(series, unit=""):
    """What the file of a model says about the data that it was trained on."""
    return {
        "column": series.name,
        "covariates": series.exog_names,  # what they are called in files, which are older than --exog
        "step": str(series.step) if series.step else None,
        "unit": unit,
    }


def _series_for(forecaster, about, options):
    """The series in `options.file`, from the columns that the loaded forecaster was trained on."""
    if options.horizon not in (None, forecaster.horizon):
        raise CommandError(
            f"--horizon {options.horizon}: the model in {options.load} forecasts {forecaster.horizon} values; "
            "leave --horizon out or train another model"
        )
    if options.exog and options.exog != about.get("covariates"):
        raise CommandError(
            f"--exog: the model in {options.load} was trained with {about.get('covariates')}; leave it out"
        )
    alike = {
        name: getattr(options, name) or about.get(name) or ([] if name == "missing" else None) for name in _READ_ALIKE
    }
    column = options.column or about.get("column")
    if column is None:
        raise CommandError(f"--column NAME is missing; the model in {options.load} doesn't say which it was trained on")
    found = series_of(options, column, exog=about.get("covariates", []), **alike)
    for series in found:
        step = str(series.step) if series.step else None
        if about.get("step") and step != about["step"]:
            raise CommandError(
                f"{options.file} has steps of {step or 'unknown length'}, the model was trained on steps of "
                f"{about['step']}; give times that fit (--time-column) or train another model"
            )
    return found


def _train_and_report(series, forecaster, *, about, unit=""):
    """Train, print what was found, and return the `Result`."""
    n, horizon = len(series.values), forecaster.horizon
    held_out = validation_size(n, horizon)
    known = slice(0, max(n - held_out, 0))
    if n - held_out < 1:
        raise CommandError(f"--horizon {horizon} is too long for {n} rows; give more rows or a shorter horizon")
    if np.ptp(series.values) == 0:
        raise CommandError(
            f"column {series.name!r} is constant (always {series.values[0]:g}), there is nothing to learn; "
            "choose another column"
        )
    for note in series.notes:
        print(note)
    if series.filled:
        print(f"{series.filled} of {n:,} values were interpolated (--fill); no error and no range counts them")
    if series.notes or series.filled:
        print()
    print(
        f"{n:,} values{f', one each {series.step.each}' if series.step else ''}{_span(series, slice(0, n))}\n"
        f"the last {held_out:,} are held out{_span(series, slice(n - held_out, n))}\n",
        flush=True,
    )
    forecaster._positive = bool(series.values.min() > 0)
    try:
        forecaster.fit(
            series.values[known],
            None if series.times is None else series.wall_times[known],
            series.exog[known],
            observed=series.observed[known],
            verbose=1,
        )
        backtest = forecaster.backtest(
            series.values, series.wall_times, series.exog, start=n - held_out, observed=series.observed
        )
    except ValueError as error:
        if forecaster.season and n < forecaster._needed(2):
            raise CommandError(
                f"{_plain(ValueError(forecaster._too_few(n, 2)))} (the last {held_out:,} are held out)"
            ) from None
        raise CommandError(f"{n:,} rows, {held_out:,} of them held out: {_plain(error)}") from None
    except NonFiniteLoss as error:
        raise CommandError(f"column {series.name!r} could not be learnt: {error}") from None
    if forecaster.history.stopped == "interrupted":
        print(f"stopped by Ctrl-C after {len(forecaster.history)} epochs; the best of them counts")
    lstm = forecaster.model.layers[0]
    seasons = " and ".join(map(str, forecaster.seasons))
    season = f"season {seasons} steps" if forecaster.season > 1 else "no season found"
    base = "smoothing" if forecaster.smoothing else "seasonal naive" if forecaster.period > 1 else "persistence"
    print(
        f"\n{forecaster.members} LSTMs of {lstm.hidden_size} units read {forecaster.window} steps of "
        f"{lstm.input_size} features and correct the forecast of {base}\n"
        f"({forecaster.model.num_params:,} parameters, {season}"
        f"{', of logarithms' if forecaster.power == 0 else ', of square roots' if forecaster.power == 0.5 else ''})\n"
        f"the forecast is {made_of(forecaster.weights)}\n\n"
        f"Error of {len(backtest.origins):,} forecasts over the held-out part:\n"
    )
    for line in error_table(backtest, series.step, unit):
        print(f"  {line}".rstrip())
    print()
    for line in verdict(backtest, forecaster.seasonal_period):
        print(line)
    print(f"the {forecaster.coverage:.0%} range held {backtest.coverage:.0%} of the held-out values\n")
    print("learning all values, the held-out ones as well", flush=True)
    forecaster.update(series.values, series.wall_times, series.exog, observed=series.observed, backtest=backtest)
    forecast = _predict(forecaster, series)
    print_next(series, forecast)
    return Result(series, forecaster, forecast, backtest, about, unit)


def _predict(forecaster, series):
    try:
        return forecaster.predict(series.values, series.wall_times, series.exog)
    except ValueError as error:
        raise CommandError(_plain(error)) from None


def _span(series, part):
    if series.times is None:
        return ""
    first, last = map(series.time_text, series.times[part][[0, -1]])
    return f", {first} to {last}"


def _writable(folder):
    """``CommandError`` if nothing can be written to `folder`: better now than after the training."""
    present = folder
    while not present.exists() and present != present.parent:
        present = present.parent
    try:
        if folder.exists() and not folder.is_dir():
            raise CommandError(f"--out {folder} is a file; give a folder")
        with tempfile.TemporaryFile(dir=present):
            pass
    except OSError as error:
        raise CommandError(f"--out {folder} cannot be written: {error.strerror}; give another folder") from None


def _existing(path):
    if not os.access(path, os.R_OK) or path.is_dir():
        raise CommandError(f"--load {path}: no such file that can be read; give a model.safetensors of an earlier run")
    return path


def _need(module, what, extra, otherwise=""):
    try:
        import_module(module)
    except ImportError:
        raise CommandError(f'{what} needs {module}: pip install "eigenlstm[{extra}]"{otherwise}') from None


def _seed(seed):
    seed = 0 if seed is None else seed
    if not 0 <= seed < 2**63:
        raise CommandError(f"--seed must lie in 0..2**63-1, got {seed}")
    return seed


def _plain(error):
    """The message of one of the library's errors in one line, without the name of the function."""
    return " ".join(str(error).partition(": ")[2].split()) or str(error)
