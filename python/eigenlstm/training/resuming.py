"""What a checkpoint must hold before a run goes on with it: a value of the wrong kind would else be found after
hours.
"""

import numpy as np

from .. import saving
from ..distributed.shards import checked_shards
from ..safetensors_files import FileError


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
_BEFORE = {"shards": 1}  # what runs had before there was such a setting


def require_same(saved, ours, seed):
    """The arguments that make a run what it is must be those of the `saved` one; `ours` is what this one would save."""
    settings, now = saved["settings"], ours["settings"]
    settings = {**_BEFORE, **settings}
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


def take_up(run, path, seed, any_shards):
    """Let `run` go on with the one in `path`. Nothing is changed unless all of it fits.

    With `any_shards`, it goes on with as many shards as that one has.
    """
    state_dict, saved = saving.load_run(path, run.model)
    before = _everything(run)
    try:
        check_run(saved, run._params)
        if any_shards:
            shards = checked_shards(saved["settings"].get("shards", _BEFORE["shards"]), "shards")
            run._division.number = run._settings["shards"] = shards
        require_same(saved, run._state(), seed)
        run.model._checked_state(state_dict)
        if run.optimizer._layer is None:
            run.optimizer._attach(run.model)
        run.optimizer.load_state_dict(saved["optimizer"]["state"])
        for callback, part in zip(run._callbacks, saved["callbacks"]):
            if part["state"] is not None:
                callback.load_state_dict(part["state"])
        for resumed in run._hooks("resumed"):
            resumed(run)
        run._within.load(saved.get("within"), run.metrics)
        if (saved["average"] is None) != (run._average is None):
            raise ValueError("average must be there with ema alone")
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        _restore(run, before)
        raise FileError(f"{path}: is not a run to go on with: {error}") from None
    run.epoch, run.step, run.seed = saved["epoch"], saved["step"], saved["seed"]
    run.history[:], run.history.stopped = saved["history"], saved["stopped"]
    run.model.load_state_dict(state_dict)
    run._set_params(saved["raw"])
    if run._average is not None:
        run._average[:] = saved["average"]


def _everything(run):
    """What `take_up` changes, as it is."""
    states = [(each, each.state_dict()) for each in run._callbacks if hasattr(each, "state_dict")]
    return run._params.copy(), dict(vars(run.optimizer)), states


def _restore(run, before):
    params, attributes, states = before
    run._set_params(params)
    vars(run.optimizer).clear()
    vars(run.optimizer).update(attributes)
    for callback, state in states:
        callback.load_state_dict(state)
    run._within.clear()
