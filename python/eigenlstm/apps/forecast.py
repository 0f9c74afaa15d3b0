"""A day of electricity demand ahead: the parts of a forecaster put together by hand, with quantiles.

    python -m eigenlstm.apps.forecast

Data: hourly demand of Tetouan, 2017 (Salam, El Hibaoui 2018; UCI, CC BY 4.0). One LSTM reads three days, and from its
last hidden state gives nine quantiles of each of the next 24 hours: trained with the pinball loss, it says by itself
how sure it is.
``python -m eigenlstm forecast`` does the same and more for any CSV file.
"""

import time

import numpy as np

import eigenlstm as el
from eigenlstm import data
from eigenlstm.apps._common import application, new_figure, on_rank_0, tidy, write_figure, write_scores
from eigenlstm.forecasting.series import read_series
from eigenlstm.forecasting.windows import calendar_features, naive, targets, windows
from eigenlstm.training.schedules import one_cycle

WINDOW, HORIZON, DAY = 72, 24, 24
QUANTILES = (0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95)
MEDIAN = QUANTILES.index(0.5)


def main(arguments=None):
    given = application("eigenlstm.apps.forecast", __doc__.split("\n")[0], 10, 1, arguments, loads=False)
    series = read_series(data.tetouan(), "demand_mw", time_column="time")
    demand, n = series.values, len(series.values)
    first, last = int(0.7 * n), int(0.85 * n)  # where the validation part and the held-out part begin
    train = np.arange(WINDOW + DAY, first - HORIZON + 1)
    valid, test = np.arange(first, last - HORIZON + 1), np.arange(last, n - HORIZON + 1)
    print(
        f"{n:,} hours; windows of {WINDOW} to forecast {HORIZON}: {len(train):,} to train, {len(valid):,} to validate, "
        f"{len(test):,} held out\n"
    )

    # The model sees how each hour differs from the last one and from the day before, and where in the day and week it
    # is.
    # It predicts how each hour ahead departs from the day before (the seasonal naive forecast).
    change = demand - np.concatenate([demand[:DAY], demand[:-DAY]])
    spread, unit = demand[:first].std(), change[:first].std()
    assert series.times is not None  # the data set has them
    calendar = calendar_features(series.times, ["day", "week"])

    def inputs(origins):
        level = windows(demand, origins, WINDOW) - demand[origins - 1, None]
        own = np.stack([level / spread, windows(change, origins, WINDOW) / unit], axis=2)
        return np.concatenate([own, windows(calendar, origins, WINDOW)], axis=2).astype(np.float32)

    def departures(origins):
        return ((targets(demand, origins, HORIZON) - naive(demand, origins, HORIZON, DAY)) / unit).astype(np.float32)

    model = el.Sequential(
        [
            el.LSTM(2 + calendar.shape[1], 64, seed=given.seed),
            el.Last(),
            el.Dropout(0.2),
            el.Linear(64, HORIZON * len(QUANTILES), seed=given.seed + 1),
        ]
    )
    print(model.summary(), "\n")
    steps = given.epochs * -(-len(train) // 64)
    started = time.process_time()
    model.fit(
        inputs(train),
        departures(train),
        loss=el.losses.Quantile(QUANTILES),
        optimizer=el.Adam(),
        epochs=given.epochs,
        batch_size=64,
        validation_data=(inputs(valid), departures(valid)),
        clip_norm=1.0,
        seed=given.seed,
        comm=given.comm,
        callbacks=[el.schedule(one_cycle(4e-3, steps=steps)), el.early_stopping(given.epochs)],
    )

    seconds = on_rank_0(given, time.process_time() - started)
    ahead = model.predict(inputs(test)).reshape(len(test), HORIZON, len(QUANTILES)).astype(np.float64)
    day_before = naive(demand, test, HORIZON, DAY)
    quantiles = np.sort(ahead, axis=2) * unit + day_before[:, :, None]  # sorted: quantiles must not cross
    truth = targets(demand, test, HORIZON)
    errors = {
        "LSTM (median)": quantiles[:, :, MEDIAN] - truth,
        "the day before": day_before - truth,
        "the last value": naive(demand, test, HORIZON) - truth,
    }
    print("\nMean absolute error in MW, held out")
    print(f"  {'hours ahead':16}" + "".join(f"{k:8}" for k in (1, 3, 6, 12, 24)) + "    all")
    for name, error in errors.items():
        print(
            f"  {name:16}"
            + "".join(f"{np.abs(error[:, k - 1]).mean():8.2f}" for k in (1, 3, 6, 12, 24))
            + f"{np.abs(error).mean():8.2f}"
        )
    below = (truth[:, :, None] <= quantiles).mean(axis=(0, 1))
    print(
        "\nShare of the truth below each quantile\n  promised"
        + "".join(f"{q:7.0%}" for q in QUANTILES)
        + "\n  held    "
        + "".join(f"{share:7.0%}" for share in below)
    )

    ours, *others = ((name, {"mae": float(np.abs(error).mean())}) for name, error in errors.items())
    write_scores(given, ours[1], dict(others), seconds)
    model.save(given.out / "forecast.safetensors")
    draw(given.out / "forecast.png", series, test, quantiles, errors, below)
    print(f"\nwritten: {given.out / 'forecast.png'}\n         {given.out / 'forecast.safetensors'}")
    return errors, below


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
