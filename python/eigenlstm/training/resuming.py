"""What a checkpoint must hold before a run goes on with it: a value of the wrong kind would else be found after
hours.
"""

import numpy as np


def check_run(saved, params):
    """``ValueError`` unless `saved` has the kinds of values that `Run` writes, for a model with the flat parameters
    `params`.
    """
    for name, most in {"epoch": 2**48, "step": 2**48, "seed": 2**64}.items():
        _require(_is_count(saved[name], most), f"{name} must be an integer from 0 to {most - 1}, got {saved[name]!r}")
    _require(saved["stopped"] is None or isinstance(saved["stopped"], str), "stopped must be a text")
    history = saved["history"]
    _require(isinstance(history, list) and len(history) == saved["epoch"], f"history must have {saved['epoch']} epochs")
    for logs in history:
        _require(isinstance(logs, dict), "history must be a list of dicts")
        for name, value in logs.items():
            _require(isinstance(value, str) or is_number(value) or value is None, f"history: {name} must be a number")
    for name in ("raw", "average"):
        _require(
            saved[name] is None or is_like(saved[name], params),
            f"{name} must have the model's {params.size} parameters",
        )
    _require(isinstance(saved["settings"], dict), "settings must be a dict")
    _require(isinstance(saved["optimizer"], dict), "optimizer must be a dict")
    _require(isinstance(saved["optimizer"].get("state"), dict), "the optimizer's state must be a dict")
    callbacks = saved["callbacks"]
    _require(
        isinstance(callbacks, list) and all(isinstance(part, dict) for part in callbacks), "callbacks must be dicts"
    )


def is_number(value):
    """A Python number, infinities and NaN included, but no bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_like(value, params):
    """Whether `value` is an array like the flat parameters `params`."""
    return isinstance(value, np.ndarray) and value.shape == params.shape and value.dtype == params.dtype


def _is_count(value, most=2**48):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < most


def _require(condition, message):
    if not condition:
        raise ValueError(message)


_LATER_SETTINGS = ("loss", "lr", "data")  # not in the files of older versions


def require_same(saved, ours, seed):
    """The arguments that make a run what it is must be those of the `saved` one; `ours` is what this one would save."""
    settings, now = saved["settings"], ours["settings"]
    pairs = [
        (name, settings.get(name), value)
        for name, value in now.items()
        if name in settings or name not in _LATER_SETTINGS
    ]
    if now["lr"] == saved["optimizer"]["state"].get("lr"):  # the optimiser that a schedule has left there
        pairs = [pair for pair in pairs if pair[0] != "lr"]
    pairs.append(("optimizer", saved["optimizer"]["class"], ours["optimizer"]["class"]))
    classes = [[part["class"] for part in run["callbacks"]] for run in (saved, ours)]
    pairs.append(("callbacks", *classes))
    for theirs, mine in zip(saved["callbacks"], ours["callbacks"]):
        if (theirs["state"] is None) != (mine["state"] is None):
            raise ValueError(f"the state of {mine['class']} is missing, or it has none")
    if seed is not None:
        pairs.append(("seed", saved["seed"], seed))
    differing = [f"{name} was {was!r}, is {now!r}" for name, was, now in pairs if was != now]
    if differing:
        raise ValueError("; ".join(differing))
