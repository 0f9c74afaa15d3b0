"""Pictures of a training run, of the gates of an LSTM and of a forecast. They need matplotlib:
``pip install "eigenlstm[demo]"``.
"""

import io

import numpy as np


def history(history, *, path=None):
    """Training curves: a panel for the loss and one for each metric, on training and validation data.

    Parameters
    ----------
    history : list of dict
        What `fit` returned.
    path : path or None
        Where to write the picture; the suffix chooses the format. None: it is not written.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if not history:
        raise ValueError("plot.history: the history is empty")
    names = [name for name in history[0] if not name.startswith("val_") and name not in ("epoch", "seconds", "lr")]
    figure = _figure(len(names), height=2.6)
    epochs = [logs["epoch"] for logs in history]
    for axes, name in zip(figure.axes, names):
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            if key in history[0]:
                axes.plot(epochs, [logs[key] for logs in history], label=label)
        axes.set_ylabel(name)
        axes.legend()
    figure.axes[-1].xaxis.get_major_locator().set_params(integer=True)
    figure.axes[-1].set_xlabel("epoch")
    return _finished(figure, path)


def gates(trace, *, row=0, layer=0, reverse=False, path=None):
    """Heat maps of the gates, the cell and the output of one row over time, with a line for each unit.

    Parameters
    ----------
    trace : eigenlstm.layers.trace.Trace
        What ``lstm(x, trace=True)`` returned.
    row, layer : int
        The row of the batch, and the layer.
    reverse : bool
        Show the reverse direction of the layer.
    path : path or None
        Where to write the picture; the suffix chooses the format. None: it is not written.

    Returns
    -------
    matplotlib.figure.Figure
    """
    panels = trace.row(row, layer=layer, reverse=reverse)
    figure = _figure(len(panels), height=1.6)
    for axes, (name, values) in zip(figure.axes, panels.items()):
        title, bound = _PANELS[name]
        bound = bound or max(1e-12, float(np.abs(values).max(initial=0)))
        gate = name in "ifo"  # values from 0 to 1; the others may be negative
        image = axes.imshow(
            values.T,
            aspect="auto",
            interpolation="nearest",
            cmap="viridis" if gate else "RdBu_r",
            vmin=0 if gate else -bound,
            vmax=bound,
        )
        figure.colorbar(image, ax=axes, pad=0.01)
        axes.set_title(title, loc="left", fontsize="medium")
        axes.yaxis.get_major_locator().set_params(integer=True, nbins=4)
        axes.set_ylabel("unit")
    figure.axes[len(panels) - 1].xaxis.get_major_locator().set_params(integer=True)
    figure.axes[len(panels) - 1].set_xlabel("time step")
    return _finished(figure, path)


def forecast(values, forecast, times=None, *, backtest=None, observed=None, name="value", path=None):
    """A picture of a forecast (horizon,) after its history (n,), with its range; with a backtest, also of how earlier
    forecasts went, and of their errors.

    Parameters
    ----------
    values, times, observed : (n,)
        What `Forecaster.predict` and `backtest` were given, a Series or frame of pandas or polars among others.
    forecast : eigenlstm.forecasting.Forecast
    backtest : eigenlstm.forecasting.Backtest, optional
    name : str
        What the values are, with their unit.
    path : path or None
        Where to write the picture; the suffix chooses the format. None: it is not written.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from .forecasting.frames import series_of
    from .forecasting.picture import draw, size_of

    series = series_of(values, times, observed, name, "plot.forecast")
    figure = _shown(size_of(backtest))
    draw(figure, series, forecast, backtest)
    return _finished(figure, path)


# The title of each panel, and the largest absolute value of its colours (None: that of the data).
_PANELS = {
    "i": ("input gate i", 1),
    "f": ("forget gate f", 1),
    "g": ("candidate g", 1),
    "o": ("output gate o", 1),
    "c": ("cell c", None),
    "h": ("output h", None),
}


def _figure(panels, height):
    figure = _shown((7, height * panels + 0.4))
    figure.subplots(panels, 1, sharex=True)
    return figure


def _shown(size):
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError('eigenlstm.plot needs matplotlib: pip install "eigenlstm[demo]"') from None

    class Shown(Figure):
        """A figure that a notebook can show as the value of a cell. IPython learns that from pyplot, which we avoid."""

        def _repr_png_(self):
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", dpi=120)
            return buffer.getvalue()

    figure = Shown(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)  # no window, no global state
    return figure


def _finished(figure, path):
    if path is not None:
        figure.savefig(path, dpi=120)
    return figure
