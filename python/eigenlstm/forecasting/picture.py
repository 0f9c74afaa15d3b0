"""The picture of a forecast: history, forecast and range, the backtest over what came, and the errors by step."""

import io

import numpy as np

from .results import FORECAST

COLOURS = {
    FORECAST: "#d1495b",
    "LSTM": "#edae49",
    "persistence": "#8d99ae",
    "seasonal naive": "#30638e",
}
INK = "#2b2d42"
_GREY = "#8d99ae"


def picture_of(series, forecast, backtest=None, unit=""):
    """The picture of `forecast` of `series`, and of the `backtest` where there is one: a PNG, as bytes."""
    from matplotlib.figure import Figure  # without pyplot: no window, no global state

    figure = Figure(figsize=size_of(backtest), layout="constrained")
    draw(figure, series, forecast, backtest, unit)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def size_of(backtest):
    """Width and height of the picture in inches."""
    return (12, 8.2 if backtest else 4.6)


def draw(figure, series, forecast, backtest=None, unit=""):
    """The panels of the picture, on an empty figure of matplotlib."""
    unit = unit or series.name
    figure.get_layout_engine().set(h_pad=0.12, w_pad=0.08)
    grid = figure.add_gridspec(2 if backtest else 1, 5)
    _draw_forecast(figure.add_subplot(grid[0, :]), series, forecast, unit)
    if backtest:
        _draw_held_out(figure.add_subplot(grid[1, :3]), series, forecast, backtest, unit)
        _draw_errors(figure.add_subplot(grid[1, 3:]), series, backtest, unit)


def title_of(series, horizon):
    title = f"The next {horizon} values" if horizon > 1 else "The next value"
    return title if series.id is None else f"{series.id}: {title[0].lower()}{title[1:]}"


def shown_history(series, horizon):
    """From which value on the history is shown: four horizons, 60 values or more."""
    return max(len(series.values) - max(4 * horizon, 60), 0)


def held_out_forecasts(backtest, most):
    """The last `most` forecasts of the backtest that don't overlap, as rows of it, in their order."""
    horizon, found = backtest.values.shape[1], []
    for i in range(len(backtest.origins) - 1, -1, -1):
        if not found or backtest.origins[i] + horizon <= backtest.origins[found[0]]:
            found.insert(0, i)
        if len(found) == most:
            break
    return found


def shown_methods(backtest):
    """The methods whose errors are drawn: the forecast, the naive ones, and the LSTM alone."""
    return [name for name in backtest.errors if name in COLOURS]


def held_out_name(horizon):
    """What the forecasts over the held-out part are called."""
    return f"forecast, {horizon} step{'s' * (horizon > 1)} at a time"


def steps_label(series):
    """The axis of the errors."""
    return f"steps ahead{f' (a step is {series.step})' if series.step else ''}"


def logarithmic(backtest):
    """Whether the errors differ so much that a logarithmic axis shows them better."""
    errors = np.concatenate([backtest.mae(name) for name in shown_methods(backtest)])
    errors = errors[~np.isnan(errors)]
    return bool(errors.min() > 0 and errors.max() > 8 * errors.min())


def times_and_more(series, ahead):
    """Times, or the numbers of the rows, of the n values of the series and `ahead` steps more: (n + ahead,)."""
    if series.times is None:
        return np.arange(1, len(series.values) + ahead + 1)
    return np.concatenate([series.times, series.future_times(ahead)]) if ahead else series.times


def _draw_forecast(axes, series, forecast, unit):
    n, horizon = len(series.values), len(forecast.values)
    x = times_and_more(series, horizon)
    history = slice(shown_history(series, horizon), n)
    axes.plot(x[history], series.values[history], color=INK, lw=1.4, label=_short(series.name))
    filled = history.start + np.flatnonzero(~series.observed[history])
    if filled.size:
        axes.plot(x[filled], series.values[filled], "o", color="white", mec=INK, ms=3.5, mew=0.8, label="filled in")
    # from the last known value, so that the lines meet
    ahead = np.concatenate([x[n - 1 : n], x[n:]])
    last = series.values[-1:]
    lower, upper, middle = (np.concatenate([last, part]) for part in (forecast.lower, forecast.upper, forecast.values))
    red = COLOURS[FORECAST]
    axes.fill_between(ahead, lower, upper, color=red, alpha=0.22, lw=0, label=f"{forecast.coverage:.0%} range")
    marks = {"marker": "o", "markersize": 3, "markevery": slice(1, None)} if horizon <= 30 else {}
    axes.plot(ahead, middle, color=red, lw=1.8, label="forecast", **marks)
    axes.axvline(x[n - 1], color=_GREY, lw=0.8, ls=":")
    _finish(axes, title_of(series, horizon), unit, series)


def _draw_held_out(axes, series, forecast, backtest, unit):
    """Some forecasts from the held-out part, end to end, over what came."""
    horizon = backtest.values.shape[1]
    rows = held_out_forecasts(backtest, max(2, min(7, 168 // horizon)))
    x, origins = times_and_more(series, 0), backtest.origins[rows]
    span = slice(max(origins[0] - horizon, 0), origins[-1] + horizon)
    axes.plot(x[span], series.values[span], color=INK, lw=1.4, label="what came")
    red, blue = COLOURS[FORECAST], COLOURS["seasonal naive"]
    marks = {"marker": "o", "markersize": 3} if horizon <= 3 else {}
    for i, origin in zip(rows, origins):
        part, last = slice(origin, origin + horizon), i == rows[-1]  # which is in the legend for all
        axes.fill_between(x[part], backtest.lower[i], backtest.upper[i], color=red, alpha=0.18, lw=0)
        if "seasonal naive" in backtest.errors:
            naive = series.values[part] + backtest.errors["seasonal naive"][i]
            axes.plot(x[part], naive, color=blue, lw=1, ls="--", label="seasonal naive" if last else None)
        name = f"{held_out_name(horizon)}, {forecast.coverage:.0%} range" if last else None
        axes.plot(x[part], backtest.values[i], color=red, lw=1.6, label=name, **marks)
        axes.axvline(x[origin], color=_GREY, lw=0.6, ls=":")
    _finish(axes, "The end of the held-out part", unit, series)


def _draw_errors(axes, series, backtest, unit):
    for name in shown_methods(backtest):
        mae = backtest.mae(name)
        marks = {"marker": "o", "markersize": 4} if len(mae) < 3 else {}
        top = 3 if name == FORECAST else 2  # the forecast lies over the others
        axes.plot(np.arange(1, len(mae) + 1), mae, color=COLOURS[name], lw=1.8, label=name, zorder=top, **marks)
    if logarithmic(backtest):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(steps_label(series))
    axes.xaxis.get_major_locator().set_params(integer=True)
    _finish(axes, "Mean absolute error, held-out part", unit)


def _finish(axes, title, unit, series=None):
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e5e5e5", lw=0.6)
    axes.set_axisbelow(True)
    axes.set_ylabel(_short(unit))
    axes.margins(x=0.01)
    labels = axes.get_legend_handles_labels()[1]
    columns = 2 if series is None and len(labels) > 2 else len(labels)
    axes.legend(  # between title and panel, where no curve can be
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=columns,
        fontsize=9,
        frameon=False,
        borderpad=0.1,
        handlelength=1.6,
        columnspacing=1.4,
        borderaxespad=0.3,
    )
    axes.set_title(
        title.replace("$", r"\$"), loc="left", fontsize=11, fontweight="bold", pad=8 + 15 * -(-len(labels) // columns)
    )
    if series is None:
        return
    if series.times is None:
        axes.set_xlabel("row")
        return
    axes.set_xlabel("" if series.zone is None else f"time ({series.zone})")
    _label_times(axes, series.zone)


def _short(name, most=40):
    """`name` as matplotlib shows it as it is: not as a formula between dollars, nor without a legend for its "_"."""
    name = name if len(name) <= most else f"{name[: most - 1]}…"
    return ("\u200b" if name.startswith("_") else "") + name.replace("$", r"\$")


def _label_times(axes, zone):
    """Times at the axis on the clocks of `zone`, with what is coarser below the first and where it changes."""
    from matplotlib.dates import AutoDateLocator, num2date
    from matplotlib.ticker import Formatter

    class Times(Formatter):
        def __call__(self, value, position=None):
            return num2date(value, tz=zone).strftime("%Y-%m-%d %H:%M")

        def format_ticks(self, values):
            return time_labels([num2date(value, tz=zone) for value in values])

    axes.xaxis.set_major_locator(AutoDateLocator(tz=zone, maxticks=9))
    axes.xaxis.set_major_formatter(Times())


def time_labels(moments):
    """Labels of ticks (datetimes), as fine as their distance, and below, where it changes, what is coarser."""
    days = min(((b - a).total_seconds() / 86_400 for a, b in zip(moments, moments[1:])), default=0)
    fine, coarse = next(
        formats
        for least, formats in ((360, ("%Y", "")), (27, ("%b", "%Y")), (1, ("%d %b", "%Y")), (0, ("%H:%M", "%d %b %Y")))
        if days >= least
    )
    labels, before = [], ""
    for moment in moments:
        label, below = (moment.strftime(part) for part in (fine, coarse))
        labels.append(f"{label}\n{below}" if below != before else label)
        before = below
    return labels
