"""A day of electricity demand ahead: the parts of a forecaster put together by hand, with quantiles.

    python -m eigenlstm.apps.forecast
    python -m eigenlstm.apps.forecast --load forecast.safetensors --csv mine.csv --column demand_mw --time-column time

Data: hourly demand of Tetouan, 2017 (Salam, El Hibaoui 2018; UCI, CC BY 4.0). One LSTM reads three days, and from its
last hidden state gives nine quantiles of each of the next 24 hours: trained with the pinball loss, it says by itself
how sure it is. A file of your own needs at least four days of hourly values; four weeks are better, because the sizes
of its swings are measured on it. ``python -m eigenlstm forecast`` trains on any CSV file instead.
"""

import json
import sys
import time

import numpy as np

import eigenlstm as el
from eigenlstm import data
from eigenlstm.apps._common import application, new_figure, on_rank_0, opened, reason, tidy, write_figure, write_scores
from eigenlstm.forecasting.series import SeriesError, read_series
from eigenlstm.forecasting.windows import calendar_features, naive, targets, windows
from eigenlstm.training.schedules import one_cycle

WINDOW, HORIZON, DAY = 72, 24, 24
QUANTILES = (0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95)
MEDIAN = QUANTILES.index(0.5)
OWN = {
    "--csv": "with --load: a CSV file of hourly values, whose next day is forecast",
    "--column": "with --load: the column of the values; default: demand_mw",
    "--time-column": "with --load: the column of the times; default: time",
}


def main(arguments=None):
    given = application(
        "eigenlstm.apps.forecast",
        __doc__,
        10,
        1,
        arguments,
        own=OWN,
        needs="--csv FILE, a series of hourly values",
    )
    if given.load:
        return next_day(given)
    task = Task()
    print(
        f"{len(task.values):,} hours; windows of {WINDOW} to forecast {HORIZON}: {len(task.train):,} to train, "
        f"{len(task.valid):,} to validate, {len(task.test):,} held out\n"
    )
    model = build(given.seed)
    print(model.summary(), "\n")
    steps = given.epochs * -(-len(task.train) // 64)
    started = time.process_time()
    model.fit(
        *task.examples(task.train),
        loss=el.losses.Quantile(QUANTILES),
        optimizer=el.Adam(),
        epochs=given.epochs,
        batch_size=64,
        validation_data=task.examples(task.valid),
        clip_norm=1.0,
        seed=given.seed,
        comm=given.comm,
        callbacks=[el.schedule(one_cycle(4e-3, steps=steps)), el.early_stopping(given.epochs)],
    )

    seconds = on_rank_0(given, time.process_time() - started)
    quantiles = forecasts(model, task.values, task.series.wall_times, task.test, task.scale)
    truth, day_before = targets(task.values, task.test, HORIZON), naive(task.values, task.test, HORIZON, DAY)
    errors = {
        "LSTM (median)": quantiles[:, :, MEDIAN] - truth,
        "the day before": day_before - truth,
        "the last value": naive(task.values, task.test, HORIZON) - truth,
    }
    below = (truth[:, :, None] <= quantiles).mean(axis=(0, 1))
    show(errors, below)
    ours, *others = ((name, {"mae": float(np.abs(error).mean())}) for name, error in errors.items())
    write_scores(given, ours[1], dict(others), seconds)
    model.save(given.out / "forecast.safetensors", {"quantiles": json.dumps(QUANTILES)})
    draw(given.out / "forecast.png", task.series, task.test, quantiles, errors, below)
    print(f"\nwritten: {given.out / 'forecast.png'}\n         {given.out / 'forecast.safetensors'}")
    return errors, below


class Task:
    """The series, and the first hours of the forecasts that are learned, validated and held out."""

    def __init__(self):
        self.series = read_series(data.tetouan(), "demand_mw", time_column="time")
        self.values = self.series.values
        n = len(self.values)
        first, last = int(0.7 * n), int(0.85 * n)  # where the validation part and the held-out part begin
        self.train = np.arange(WINDOW + DAY, first - HORIZON + 1)
        self.valid, self.test = np.arange(first, last - HORIZON + 1), np.arange(last, n - HORIZON + 1)
        self.scale = sizes(self.values[:first])

    def examples(self, origins):
        """What the model reads before each of `origins`, and how the hours from there on depart from the day before."""
        departures = targets(self.values, origins, HORIZON) - naive(self.values, origins, HORIZON, DAY)
        x = inputs(self.values, self.series.wall_times, origins, self.scale)
        return x, (departures / self.scale[1]).astype(np.float32)


def build(seed):
    return el.Sequential(
        [
            el.LSTM(6, 64, seed=seed),
            el.Last(),
            el.Dropout(0.2),
            el.Linear(64, HORIZON * len(QUANTILES), seed=seed + 1),
        ]
    )


def daily_change(values):
    """By how much each hour differs from the same hour of the day before; zeros on the first day."""
    return values - np.concatenate([values[:DAY], values[:-DAY]])


def sizes(values):
    """The deviations of `values` and of their changes from day to day: what the model counts in."""
    return values.std(), daily_change(values)[DAY:].std()


def inputs(values, times, origins, scale):
    """What the model reads before each of `origins`, (N, WINDOW, 6): how each hour differs from the last one and from
    the day before, and where in the day and week it is."""
    level = windows(values, origins, WINDOW) - values[origins - 1, None]
    own = np.stack([level / scale[0], windows(daily_change(values), origins, WINDOW) / scale[1]], axis=2)
    calendar = windows(calendar_features(times, ["day", "week"]), origins, WINDOW)
    return np.concatenate([own, calendar], axis=2).astype(np.float32)


def forecasts(model, values, times, origins, scale):
    """The quantiles of the hours from each of `origins` on, (N, HORIZON, quantiles).

    The model says how they depart from the day before (the seasonal naive forecast); sorted, they don't cross."""
    told = model.predict(inputs(values, times, origins, scale)).reshape(len(origins), HORIZON, len(QUANTILES))
    return np.sort(told.astype(np.float64), axis=2) * scale[1] + naive(values, origins, HORIZON, DAY)[:, :, None]


def next_day(given):
    """The quantiles of the 24 hours that follow the series in ``--csv``, by the model in ``--load``."""
    model, _ = opened(given.load, "quantiles")
    try:
        series = read_series(given.csv, given.column or "demand_mw", time_column=given.time_column or "time")
    except (OSError, SeriesError) as error:
        sys.exit(f"--csv: {without_advice(reason(given.csv, error))}")
    values, n = series.values, len(series.values)
    if series.step is None or series.step.seconds != 3600 or n < WINDOW + DAY:
        sys.exit(f"{given.csv}: the model reads {WINDOW + DAY} hourly values or more, got {n} {series.step or ''}")
    scale = sizes(values)
    if min(scale) == 0:
        sys.exit(f"{given.csv}: the values are the same on all days")
    (told,) = forecasts(model, values, series.wall_times, np.array([n]), scale)
    print(f"{'':22}{'5 %':>10}{'median':>10}{'95 %':>10}")
    times = series.future_times(HORIZON)
    assert times is not None  # as the series has a step
    for when, hour in zip(times, told):
        print(f"  {series.time_text(when):20}" + "".join(f"{hour[q]:10.4g}" for q in (0, MEDIAN, -1)))
    return told


def without_advice(text):
    """What the reader found wrong, without the options of ``python -m eigenlstm forecast`` that would mend it."""
    fact, _, advice = text.partition("; ")
    return fact if "--" in advice else text


def show(errors, below):
    """Print the errors by hours ahead, and how much of the truth lay below each quantile."""
    print("\nMean absolute error in MW, held out")
    print(f"  {'hours ahead':16}" + "".join(f"{k:8}" for k in (1, 3, 6, 12, 24)) + "    all")
    for name, error in errors.items():
        print(
            f"  {name:16}"
            + "".join(f"{np.abs(error[:, k - 1]).mean():8.2f}" for k in (1, 3, 6, 12, 24))
            + f"{np.abs(error).mean():8.2f}"
        )
    print(
        "\nShare of the truth below each quantile\n  promised"
        + "".join(f"{q:7.0%}" for q in QUANTILES)
        + "\n  held    "
        + "".join(f"{share:7.0%}" for share in below)
    )


def draw(path, series, test, quantiles, errors, below):
    figure = new_figure(13, 7)
    grid = figure.add_gridspec(2, 2)
    top, left, right = figure.add_subplot(grid[0, :]), figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[1, 1])
    shown = np.arange(len(test) - 6 * HORIZON - 1, len(test), HORIZON)  # the last week, a forecast each day
    for i in shown:
        times = series.times[test[i] : test[i] + HORIZON]
        for k in range(MEDIAN):
            top.fill_between(times, quantiles[i, :, k], quantiles[i, :, -1 - k], color="#d1495b", alpha=0.13, lw=0)
        top.plot(
            times,
            quantiles[i, :, MEDIAN],
            color="#d1495b",
            lw=1.6,
            label="median, 20 to 90 % ranges" if i == shown[0] else None,
        )
        top.axvline(times[0], color="#8d99ae", lw=0.6, ls=":")
    span = slice(test[shown[0]], test[shown[-1]] + HORIZON)
    top.plot(series.times[span], series.values[span], color="#2b2d42", lw=1.3, label="what came")
    top.margins(x=0.01)
    top.legend(frameon=False, loc="lower right")
    tidy(top, "The last week of the held-out part, forecast day by day", ylabel="MW")
    for (name, error), colour in zip(errors.items(), ("#d1495b", "#30638e", "#8d99ae")):
        left.plot(np.arange(1, HORIZON + 1), np.abs(error).mean(axis=0), color=colour, lw=1.8, label=name)
    left.set_yscale("log")
    left.yaxis.set_major_formatter("{x:g}")
    left.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    left.legend(frameon=False)
    tidy(left, "Mean absolute error, held out", "hours ahead", "MW")
    right.plot([0, 1], [0, 1], color="#8d99ae", lw=1, ls="--")
    right.plot(QUANTILES, below, color="#d1495b", marker="o", lw=1.8)
    right.set_aspect("equal")
    tidy(right, "Are the quantiles true?", "promised", "share of the truth below")
    write_figure(figure, path)


if __name__ == "__main__":
    main()
