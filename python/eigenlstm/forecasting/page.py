"""A forecast as one page that a browser shows by itself: the picture, to zoom into and to read values from."""

import html

import numpy as np

from .picture import (
    COLOURS,
    INK,
    held_out_forecasts,
    held_out_name,
    logarithmic,
    shown_history,
    shown_methods,
    steps_label,
    times_and_more,
    title_of,
)
from .report import error_table, verdict
from .results import FORECAST
from .series.zones import wall_times

_RED, _RANGE = COLOURS[FORECAST], "rgba(209, 73, 91, 0.22)"
_STYLE = (
    "body { font-family: system-ui, sans-serif; margin: 1.5em auto; max-width: 1200px; color: #2b2d42; "
    "background: white }\nh1 { font-size: 1.2em; margin: 0 0.5em } pre { margin: 0 1em 3em; overflow-x: auto }"
)


def page_of(results):
    """The page, as bytes, of `results` (objects with `series`, `forecast`, `backtest` or None, `unit`,
    `seasonal_period`). It contains plotly's script: nothing is loaded from elsewhere."""
    from plotly.io import to_html
    from plotly.offline import get_plotlyjs

    parts = []
    for result in results:
        series = result.series
        name = series.name if series.id is None else f"{series.id}: {series.name}"
        config = {"displaylogo": False, "responsive": True}
        picture = to_html(_figure(result), include_plotlyjs=False, full_html=False, config=config)
        text = html.escape("\n".join(_lines(result)))
        parts.append(f"<h1>{html.escape(name)}</h1>\n{picture}\n<pre>{text}</pre>")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>Forecast of {html.escape(results[0].series.name)}</title>\n"
        f'<meta name="viewport" content="width=device-width">\n<style>{_STYLE}</style>\n'
        f"<script>{get_plotlyjs()}</script></head>\n<body>\n" + "\n".join(parts) + "\n</body></html>\n"
    ).encode()


def _lines(result):
    series, backtest = result.series, result.backtest
    lines = [*series.notes, *([""] if series.notes else [])]
    if backtest is None:
        return lines
    table = error_table(backtest, series.step, result.unit)
    held = f"the {result.forecast.coverage:.0%} range held {backtest.coverage:.0%} of the held-out values"
    return [*lines, *verdict(backtest, result.seasonal_period), held, "", *table]


def _figure(result):
    from plotly.subplots import make_subplots

    series, forecast, backtest = result.series, result.forecast, result.backtest
    rows = 1 if backtest is None else 3
    titles = [
        html.escape(title_of(series, len(forecast.values)), quote=False),
        "The held-out part, as it was forecast",
        "Mean absolute error by step, held-out part",
    ]
    figure = make_subplots(rows=rows, cols=1, subplot_titles=titles[:rows], vertical_spacing=0.11)
    _add_forecast(figure, series, forecast)
    if backtest is not None:
        _add_held_out(figure, series, backtest)
        _add_errors(figure, series, backtest)
    figure.update_yaxes(title_text=html.escape(result.unit or series.name, quote=False))
    figure.update_annotations(x=0, xanchor="left", font={"size": 15})
    legends = {}
    for row in range(1, rows + 1):  # each to the right of its panel, where no curve can be
        top = figure.layout[f"yaxis{row if row > 1 else ''}"].domain[1]
        legends[f"legend{row if row > 1 else ''}"] = {"y": top, "yanchor": "top", "x": 1.01, "xanchor": "left"}
    margin = {"l": 70, "r": 20, "t": 50, "b": 50}
    figure.update_layout(
        template="plotly_white", height=340 * rows + 80, hovermode="x unified", margin=margin, **legends
    )
    return figure


def _add_forecast(figure, series, forecast):
    n, horizon = len(series.values), len(forecast.values)
    x = _positions(series, horizon)
    first = {"row": 1, "col": 1, "legend": "legend"}
    last, ahead = series.values[-1:], x[n - 1 :]
    middle, lower, upper = (
        np.concatenate([last, part]).tolist() for part in (forecast.values, forecast.lower, forecast.upper)
    )
    name, line = html.escape(series.name, quote=False), {"color": INK, "width": 1.5}
    figure.add_scatter(x=x[:n], y=series.values.tolist(), name=name, line=line, **first)
    filled = np.flatnonzero(~series.observed)
    if filled.size:
        marker = {"color": "white", "size": 6, "line": {"color": INK, "width": 1}}
        along, values = [x[i] for i in filled], series.values[filled].tolist()
        figure.add_scatter(x=along, y=values, name="filled in", mode="markers", marker=marker, **first)
    _add_range(figure, ahead, lower, upper, f"{forecast.coverage:.0%} range", first)
    mode, line = "lines+markers" if horizon <= 30 else "lines", {"color": _RED, "width": 2}
    figure.add_scatter(x=ahead, y=middle, name="forecast", mode=mode, line=line, cliponaxis=False, **first)
    start = shown_history(series, horizon)
    figure.update_xaxes(range=[x[start], x[-1]], row=1, col=1)  # the rest is a double click away
    parts = np.concatenate([series.values[start:], forecast.lower, forecast.upper])
    low, high = float(parts.min()), float(parts.max())
    margin = 0.05 * (high - low) or 1.0
    figure.update_yaxes(range=[low - margin, high + margin], row=1, col=1)


def _add_range(figure, along, lower, upper, name, where):
    none = {"line": {"width": 0}, "mode": "lines", **where}
    figure.add_scatter(x=along, y=lower, showlegend=False, name="lower end", **none)
    figure.add_scatter(x=along, y=upper, fill="tonexty", fillcolor=_RANGE, name=name, **none)


def _add_held_out(figure, series, backtest):
    """All of the held-out part, and the forecasts that cover it without gaps, from its end."""
    rows = held_out_forecasts(backtest, len(series.values))
    x, horizon = _positions(series, 0), backtest.values.shape[1]
    second = {"row": 2, "col": 1, "legend": "legend2"}
    first = int(backtest.origins[rows[0]])
    came = {"name": "what came", "line": {"color": INK, "width": 1.5}}
    figure.add_scatter(x=x[first:], y=series.values[first:].tolist(), **came, **second)
    part = {
        name: [y for i in rows for y in getattr(backtest, name)[i].tolist()] for name in ("values", "lower", "upper")
    }
    along = [x[k] for i in rows for k in range(backtest.origins[i], backtest.origins[i] + horizon)]
    _add_range(figure, along, part["lower"], part["upper"], "range", second)
    mode, line = "lines+markers" if horizon <= 3 else "lines", {"color": _RED, "width": 1.8}
    figure.add_scatter(x=along, y=part["values"], name=held_out_name(horizon), mode=mode, line=line, **second)


def _add_errors(figure, series, backtest):
    for name in shown_methods(backtest):
        mae = backtest.mae(name)
        mode, line = "lines+markers" if len(mae) <= 30 else "lines", {"color": COLOURS[name], "width": 2}
        steps = np.arange(1, len(mae) + 1).tolist()
        figure.add_scatter(x=steps, y=mae.tolist(), name=name, mode=mode, line=line, row=3, col=1, legend="legend3")
    if logarithmic(backtest):
        figure.update_yaxes(type="log", dtick="D2", row=3, col=1)
    else:
        figure.update_yaxes(rangemode="tozero", row=3, col=1)
    figure.update_xaxes(title_text=steps_label(series), row=3, col=1)


def _positions(series, ahead):
    """Where values lie along the axis: times of the clock on the wall as text, or numbers of rows."""
    times = times_and_more(series, ahead)
    if series.times is None:
        return times.tolist()
    if series.zone is not None:
        times = wall_times(times, series.zone)[0]
    return np.datetime_as_string(times, "s").tolist()
