"""What a file says of a forecaster beside its model's parameters, as JSON values, checked when it is read."""

import numpy as np

from ..checks import positive_int
from .classical import Smoothing, Theta
from .results import LEVELS
from .transforms import POWERS
from .windows import CYCLES, Scaler

_PARAMETERS = ("horizon", "window", "season", "coverage", "members")
_SCALERS = ("_level", "_change", "_target", "_exog")
_METHODS = ("LSTM", "persistence", "seasonal naive", "drift", "Theta", "smoothing")


def state_of(forecaster):
    """The state of a fitted forecaster; `restored` is its inverse."""
    scalers = {name: getattr(forecaster, name) for name in _SCALERS}
    state = {
        **{name: getattr(forecaster, name) for name in (*_PARAMETERS, "period", "cycles", "seasonal_period")},
        "seasons": list(forecaster.seasons),
        "scalers": {name: [scaler.mean.tolist(), scaler.scale.tolist()] for name, scaler in scalers.items()},
        "errors": forecaster._errors.tolist(),
    }
    if forecaster.weights is not None:  # not of a file of version 0.1
        smoothing, theta = forecaster._smoothing, forecaster.theta
        state |= {
            "power": forecaster.power,
            "floor": forecaster.floor,
            "weights": forecaster.weights,
            "corrects": "naive" if forecaster.smoothing is None else "smoothing",
            "smoothing": [smoothing.season, smoothing.rates.tolist(), smoothing.scale],
            "theta": [theta.season, theta.alpha],
        }
    return state


def parameters_of(state):
    """The arguments that a forecaster of that state is made with."""
    given = {"members": 1, **state}  # files of version 0.1 have one
    return {name: given[name] for name in _PARAMETERS}


def restored(forecaster, state, model):
    """`forecaster`, fresh, with the rest of `state`; ValueError and the like where parts do not fit."""
    forecaster.model, forecaster.cycles = model, [name for name in state["cycles"] if CYCLES[name]]
    forecaster.period = positive_int(state["period"], "period")
    season = forecaster.season if forecaster.season > 1 else None
    forecaster.seasonal_period = state.get("seasonal_period", season)  # files before 0.3 have but one season
    forecaster.seasons = tuple(positive_int(each, "season") for each in state.get("seasons", [forecaster.season]))
    if forecaster.seasonal_period is not None:
        positive_int(forecaster.seasonal_period, "seasonal_period")
    for name in _SCALERS:
        mean, scale = (np.array(part, np.float64) for part in state["scalers"][name])
        if mean.shape != scale.shape or mean.ndim != (name == "_exog") or not (scale > 0).all():
            raise ValueError(f"scaler {name}")
        setattr(forecaster, name, Scaler(mean, scale))
    forecaster._errors = np.array(state["errors"], np.float64)
    if "weights" in state:
        _restore_methods(forecaster, state)
    features = 2 + len(forecaster._exog.mean) + 2 * len(forecaster.cycles)
    if (
        forecaster._errors.shape != (len(LEVELS), forecaster.horizon)
        or forecaster.period not in (1, forecaster.seasonal_period)
        or forecaster.seasons[:1] != (forecaster.season,)
        or _output_shape(model, features) != ("B", forecaster.members * forecaster.horizon)
    ):
        raise ValueError("shapes")
    return forecaster


def _restore_methods(forecaster, state):
    forecaster.power = POWERS[POWERS.index(state["power"])]
    forecaster.floor = None if state["floor"] is None else 0.0
    forecaster.weights = {name: float(state["weights"][name]) for name in _METHODS if name in state["weights"]}
    season, rates, scale = state["smoothing"]
    rates = np.array(rates, np.float64)
    forecaster._smoothing = Smoothing(positive_int(season, "season"), rates, float(scale))
    season, alpha = state["theta"]
    forecaster.theta = Theta(positive_int(season, "season"), float(alpha))
    forecaster.smoothing = {"naive": None, "smoothing": forecaster._smoothing}[state["corrects"]]
    shares = np.array(list(forecaster.weights.values()))
    if (
        len(shares) != len(state["weights"])
        or not (shares >= 0).all()
        or not abs(shares.sum() - 1) < 1e-6
        or rates.shape != (4,)
        or not ((rates >= 0) & (rates <= 1)).all()
        or not 0 < forecaster.theta.alpha < 1
        or not {forecaster._smoothing.season, forecaster.theta.season} <= {1, forecaster.season}
    ):
        raise ValueError("methods")


def _output_shape(model, features):
    """The shape that the model gives for windows of so many features."""
    if hasattr(model, "graph"):
        given, found = (model.graph.values[part[0]].shape for part in ((0,), model.graph.outputs))
        return ("B", found[-1]) if len(given) == 3 and given[-1] == features and len(found) == 2 else None
    return model.output_shape(("B", "T", features))
