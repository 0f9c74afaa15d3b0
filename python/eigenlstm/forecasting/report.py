"""What a forecast run shows: a table of errors as text, and a picture."""

import io

import numpy as np

from ..atomic_files import write_atomically
from .results import FORECAST
from .windows import naive

_COLOURS = {
    FORECAST: "#d1495b",
    "LSTM": "#edae49",
    "persistence": "#8d99ae",
    "seasonal naive": "#30638e",
    "drift": "#6c757d",
    "Theta": "#66a182",
    "smoothing": "#5e548e",
}


def error_table(backtest, step, unit=""):
    """Lines with the MAE and RMSE of each method at some steps of the horizon and over all of them."""
    horizon = next(iter(backtest.errors.values())).shape[1]
    shown = chosen_steps(horizon)
    lines = []
    for title, measure in (("MAE", backtest.mae), ("RMSE", backtest.rmse)):
        rows = [[f"{title}{f' ({unit})' if unit else ''}", *(f"+{k}" for k in shown), f"1..{horizon}"]]
        for name in backtest.errors:
            by_step = measure(name)
            overall = by_step.mean() if title == "MAE" else np.sqrt(np.square(by_step).mean())
            rows.append([name, *(_number(by_step[k - 1]) for k in shown), _number(overall)])
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines += [
            "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:]))]) for row in rows
        ] + [""]
    one = f", a step is {step}" if step else ""
    return lines + [f"+k: k steps ahead{one}; 1..{horizon}: all of them together"]


def chosen_steps(horizon, most=7):
    """At most `most` steps of 1..horizon, closer together at its start: 1, 2, 3, 6, 12, 24, …"""
    steps = [1, 2, *(3 * 2**k for k in range(40))]
    steps = [k for k in steps if k < 0.8 * horizon] + [horizon]
    return [steps[i] for i in np.unique(np.rint(np.linspace(0, len(steps) - 1, most)).astype(int))]


def verdict(backtest, seasonal_period=None):
    """Lines that say by how much the forecast wins or loses against each naive one."""
    ours = backtest.mae(FORECAST)
    lines = []
    for name in ("persistence", "seasonal naive"):
        if name not in backtest.errors:
            continue
        theirs = backtest.mae(name)
        ratio = ours.mean() / theirs.mean() if theirs.mean() > 0 else np.inf
        share = f"{abs(1 - ratio):.0%} " if np.isfinite(ratio) else ""
        wins = int(np.sum(ours < theirs))
        if name == "seasonal naive" and seasonal_period:
            name = f"{name}, the value {seasonal_period} steps ago"
        how = "the same as" if share == "0% " else f"{share}{'lower' if ratio < 1 else 'higher'} than"
        lines.append(
            f"the forecast's mean absolute error is {how} that of {name} (lower at {wins} of {len(ours)} steps)"
        )
    return lines


def made_of(weights):
    """The methods that a forecast is the mean of, with their shares: ``0.64 LSTM + 0.36 Theta``."""
    shares = sorted(((share, name) for name, share in weights.items() if share >= 0.005), reverse=True)
    return " + ".join(f"{share:.2f} {name}" for share, name in shares)


def _number(value):
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def write_picture(path, series, forecaster, forecast, backtest=None, unit=""):
    """Draw history, forecast and range, and the errors by step where there is a backtest, to `path` as PNG."""
    from matplotlib.figure import Figure  # without pyplot: no window, no global state

    unit = unit or series.name
    figure = Figure(figsize=(12, 7.5 if backtest else 4.2), layout="constrained")
    grid = figure.add_gridspec(2 if backtest else 1, 5)
    _draw_forecast(figure.add_subplot(grid[0, :]), series, forecast, unit)
    if backtest:
        _draw_held_out(figure.add_subplot(grid[1, :3]), series, forecaster, backtest, unit)
        _draw_errors(figure.add_subplot(grid[1, 3:]), series, backtest, unit)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    write_atomically(path, buffer.getvalue())


def _draw_forecast(axes, series, forecast, unit):
    n, horizon = len(series.values), len(forecast.values)
    shown = min(n, max(4 * horizon, 60))
    x = _axis(series, horizon)
    history = slice(n - shown, n)
    axes.plot(x[history], series.values[history], color="#2b2d42", lw=1.4, label=series.name)
    # from the last known value, so that the lines meet
    ahead = np.concatenate([x[n - 1 : n], x[n:]])
    last = series.values[-1:]
    lower, upper, middle = (np.concatenate([last, part]) for part in (forecast.lower, forecast.upper, forecast.values))
    axes.fill_between(
        ahead, lower, upper, color=_COLOURS[FORECAST], alpha=0.22, lw=0, label=f"{forecast.coverage:.0%} range"
    )
    axes.plot(
        ahead,
        middle,
        color=_COLOURS[FORECAST],
        lw=1.8,
        label="forecast",
        marker="o" if horizon <= 30 else None,
        markersize=3,
    )
    axes.axvline(x[n - 1], color="#8d99ae", lw=0.8, ls=":")
    _finish(axes, f"The next {horizon} values", unit, series)


def _draw_held_out(axes, series, forecaster, backtest, unit):
    """Some forecasts from the held-out tail, end to end, over what came."""
    horizon = forecaster.horizon
    wanted = max(2, min(7, 168 // horizon))
    origins = np.arange(len(series.values) - wanted * horizon, len(series.values), horizon)
    origins = origins[origins >= backtest.origins[0]]
    x = _axis(series, 0)
    span = slice(origins[0], origins[-1] + horizon)
    axes.plot(x[span], series.values[span], color="#2b2d42", lw=1.4, label="what came")
    if forecaster.season > 1:
        axes.plot(
            x[span],
            naive(series.values, origins, horizon, forecaster.season).ravel(),
            color=_COLOURS["seasonal naive"],
            lw=1,
            ls="--",
            label="seasonal naive",
        )
    point = forecaster.point_forecasts(series.values, series.times, series.exog, origins)
    for i, (origin, values) in enumerate(zip(origins, point)):
        part = slice(origin, origin + horizon)
        axes.plot(
            x[part],
            values,
            color=_COLOURS[FORECAST],
            lw=1.6,
            label=None if i else f"forecast, {horizon} steps at a time",
        )
        axes.axvline(x[origin], color="#8d99ae", lw=0.6, ls=":")
    _finish(axes, "The end of the held-out part", unit, series)


def _draw_errors(axes, series, backtest, unit):
    for name in backtest.errors:
        mae = backtest.mae(name)
        axes.plot(np.arange(1, len(mae) + 1), mae, color=_COLOURS[name], lw=1.8, label=name)
    curves = np.concatenate([backtest.mae(name) for name in backtest.errors])
    if curves.min() > 0 and curves.max() > 8 * curves.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(f"steps ahead{f' (a step is {series.step})' if series.step else ''}")
    _finish(axes, "Mean absolute error, held-out part", unit)


def _finish(axes, title, unit, series=None):
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e5e5e5", lw=0.6)
    axes.set_axisbelow(True)
    axes.legend(fontsize=9, framealpha=0.85, edgecolor="none")  # legible where no place is free of curves
    axes.set_ylabel(unit)
    if series is not None:
        if series.times is None:
            axes.set_xlabel("row")
        else:
            from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

            locator = AutoDateLocator()
            axes.xaxis.set_major_locator(locator)
            axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.margins(x=0.01)


def _axis(series, ahead):
    """Times, or the numbers of the rows, of the series and `ahead` steps more."""
    if series.times is None:
        return np.arange(1, len(series.values) + ahead + 1)
    return np.concatenate([series.times, series.future_times(ahead)])
