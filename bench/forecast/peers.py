"""The forecasts of statsforecast's methods from every origin, kept in a folder so that they are made once."""

import signal
import time
import warnings

import numpy as np

METHODS = ("SeasonalNaive", "AutoETS", "AutoARIMA", "AutoTheta", "MSTL")
LONG = 1000  # values: from here on a method is fitted once, before the first origin, and moved along
MOST = 300  # seconds that a method may take for a series
ARIMA_SEES = 1000  # last values: with a season of 24 or 52 it takes hours on more


def forecasts(method, series):
    """``(point, lower, upper, seconds)`` of the 80% range, each (N, horizon) but the last.

    Short series are fitted again at every origin; long ones once, and given the values up to each origin.
    """
    import statsforecast.models as models

    season, values = series.season, series.values
    seasons = {24: [24, 168], 7: [7, 365], 1: [2]}.get(season, [season])
    make = getattr(models, method)
    model = make(seasons) if method == "MSTL" else make(season_length=season)
    sees = ARIMA_SEES if method == "AutoARIMA" else len(values)
    rows = []
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i, origin in enumerate(series.origins):
            known = values[max(origin - sees, 0) : origin]
            if len(values) < LONG or method in ("SeasonalNaive", "MSTL"):
                found = model.forecast(known, series.horizon, level=[80])
            else:
                if i == 0:
                    model.fit(known)
                found = model.forward(known, series.horizon, level=[80])
            rows.append([found[key] for key in ("mean", "lo-80", "hi-80")])
    seconds = time.perf_counter() - start
    return *np.array(rows, np.float64).transpose(1, 0, 2), seconds


def kept_forecasts(folder, method, series):
    """As `forecasts`, from `folder` where they have been made before; None where they take more than `MOST` seconds."""
    path = folder / f"{series.name.replace(' ', '_')}-{method}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        signal.signal(signal.SIGALRM, _stop)
        signal.alarm(MOST)
        try:
            point, lower, upper, seconds = forecasts(method, series)
        except TimeoutError:
            point, lower, upper, seconds = [], [], [], np.inf
        finally:
            signal.alarm(0)
        np.savez(path, point=point, lower=lower, upper=upper, seconds=seconds)
    with np.load(path) as kept:
        found = kept["point"], kept["lower"], kept["upper"], float(kept["seconds"])
    return found if np.isfinite(found[3]) else None


def _stop(*_):
    raise TimeoutError


def warm_up():
    """Let numba compile before anything is timed."""
    from .series import Series

    values = 10 + np.sin(np.arange(60) * np.pi / 6) + np.random.default_rng(0).normal(size=60) / 10
    tiny = Series("warm-up", values, np.array([]), 12, 4, np.array([56]))
    for method in METHODS:
        forecasts(method, tiny)
