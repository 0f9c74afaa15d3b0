"""Pictures of a training run and of what an LSTM did; need matplotlib (``eigenlstm[demo]``)."""

import numpy as np


def history(history, *, path=None):
    """The curves of a `fit`: loss and validation loss, and one panel for each metric.

    Parameters
    ----------
    history : list of dict
        What `fit` returns.
    path : path
        Where to write the picture, if anywhere; the suffix says the format.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if not history:
        raise ValueError("plot.history: the history is empty")
    names = [name for name in history[0]
             if not name.startswith("val_") and name not in ("epoch", "seconds", "lr")]
    figure = _figure(len(names), height=2.6)
    epochs = [logs["epoch"] for logs in history]
    for axes, name in zip(figure.axes, names):
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            if key in history[0]:
                axes.plot(epochs, [logs[key] for logs in history], label=label)
        axes.set_ylabel(name)
        axes.legend()
    figure.axes[-1].set_xlabel("epoch")
    return _finished(figure, path)


def gates(trace, *, row=0, layer=0, path=None):
    """Heat maps of gates and cell of one row over time.

    Parameters
    ----------
    trace : dict
        Of an LSTM with ``trace=True``: arrays (B, T, H), or (layers, B, T, H), by the names i, f, g,
        o, c.
    row, layer : int
        Which row of the batch, which layer.
    path : path
        Where to write the picture, if anywhere.

    Returns
    -------
    matplotlib.figure.Figure
    """
    panels = {name: _one_row(trace[name], row, layer) for name in "ifgoc" if name in trace}
    if not panels:
        raise ValueError(f"plot.gates: the trace has none of i, f, g, o, c, only {list(trace)}")
    figure = _figure(len(panels), height=1.6)
    titles = {"i": "input gate", "f": "forget gate", "g": "candidate", "o": "output gate",
              "c": "cell"}
    for axes, (name, values) in zip(figure.axes, panels.items()):
        gate = name in "ifo"
        bound = 1 if gate or not values.size else max(1e-12, float(np.abs(values).max()))
        image = axes.imshow(values.T, aspect="auto", interpolation="nearest",
                            cmap="viridis" if gate else "RdBu_r", vmin=0 if gate else -bound,
                            vmax=bound)
        figure.colorbar(image, ax=axes)
        axes.set_ylabel(f"{titles[name]}\nunit")
    figure.axes[len(panels) - 1].set_xlabel("step")
    return _finished(figure, path)


def _one_row(values, row, layer):
    values = np.asarray(values)
    if values.ndim not in (3, 4):
        raise ValueError("plot.gates: arrays must have shape (B, T, H) or (layers, B, T, H), got "
                         f"{values.shape}")
    return values[layer, row] if values.ndim == 4 else values[row]


def _figure(panels, height):
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("eigenlstm.plot needs matplotlib: "
                          'pip install "eigenlstm[demo]"') from None
    figure = Figure(figsize=(7, height * panels + 0.4), layout="constrained")
    FigureCanvasAgg(figure)  # no window, no global state
    figure.subplots(panels, 1, sharex=True)
    return figure


def _finished(figure, path):
    if path is not None:
        figure.savefig(path, dpi=120)
    return figure
