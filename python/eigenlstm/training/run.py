"""One training run: its steps, its epochs, and the state from which it can go on."""

import contextlib
import math
import time
from collections.abc import Iterable

import numpy as np

from .. import _core, saving
from ..checks import integer
from ..losses import losses
from . import optimisers
from . import metrics as metric_module
from .batches import NoMoreBatches, epoch_key, step_key
from ..safetensors_files import FileError
from .objective import Objective
from .progress import Progress


class NonFiniteLoss(ArithmeticError):
    """The loss became NaN or infinite; model and optimiser are as they were when it was last finite.

    Attributes: `epoch` and `step` (both counted from 1 over the whole run) and `value`.
    """

    def __init__(self, epoch, step, what, value, cause=None):
        advice = cause or "A smaller learning rate or clip_norm may help"
        super().__init__(
            f"fit: {what} is {value} in epoch {epoch}, step {step}; the last parameters "
            f"with a finite loss were kept. {advice}"
        )
        self.epoch, self.step, self.value = epoch, step, value


class History(list):
    """A dict for each epoch. `stopped` says why the run ended: "finished", "interrupted" (Ctrl-C),
    or the reason that a callback gave."""

    stopped = None


class Run:
    """What callbacks see.

    Attributes
    ----------
    model, optimizer
        In training.
    epoch, step : int
        Epochs and updates done; the run ends at `epochs`.
    logs : dict
        Of the epoch just done; a callback may add to it.
    history : list of dict
        The logs of all epochs.
    validated : bool
        Whether there are validation data.
    """

    def __init__(
        self, model, loss, optimizer, *, metrics, callbacks, clip_norm, clip_value, tbptt, stateful, ema, seed, settings
    ):
        self.model, self.optimizer = model, optimisers.get(optimizer)
        callbacks = _checked_callbacks(callbacks)
        self.epoch, self.epochs, self.step, self.seed = 0, None, 0, seed
        self.logs, self.history = {}, History()
        self._settings = {**settings, "lr": self.optimizer.lr}
        self._data = None
        self.objective = Objective(model, loss, "fit")
        self.metrics = metric_module.for_loss(metrics, self.objective.loss)
        # what writes the state of the others down comes last
        self._callbacks = sorted(callbacks, key=lambda callback: getattr(callback, "late", False))
        self._before_step = self._hooks("before_step")
        self._clip_norm, self._clip_value = clip_norm, clip_value
        self._tbptt, self._stateful = tbptt, stateful
        self._keeps_time, self._stochastic = model.keeps_time, model.stochastic
        self._params, self._good = model._flat_params, model._flat_params.copy()
        self._good_state, self._good_steps = {}, 0  # of the optimiser, as `_good` of the model
        self._check_names()
        self._decay, self._average = ema, None if ema is None else self._params.copy()
        self._raw = None
        self._measure, self._measured = None, None
        self.source = None

    # -- for callbacks --------------------------------------------------------------------------

    def stop(self, reason):
        """End the run after this epoch."""
        self.history.stopped = reason

    @property
    def ending(self):
        """Whether the epoch just done is the last one."""
        return self.history.stopped is not None or self.epoch >= self.epochs

    @property
    def training_names(self):
        """Names in the logs of what is gathered on the training data."""
        return ["loss", *(metric.name for metric in self.metrics)]

    @property
    def can_measure(self):
        """Whether `measured` can be called: not where batches come from an iterator, which is read once."""
        return self._measure is not None

    def measured(self):
        """Loss and metrics on the training data with the parameters as they are now, as `evaluate` gives them.

        It takes a pass over the data. The logs have what was gathered during the epoch: each step's before its update.
        """
        if self._measured is None or self._measured[0] != self.step:
            self._measured = self.step, self._measure(self.epoch)
        return self._measured[1]

    def save(self, path):
        """Write model and run to `path`, for `load` and for ``fit(resume=path)``."""
        saving.save_run(path, self.model, self._state())

    # -- the loop -------------------------------------------------------------------------------

    def train(self, source, validate, epochs, verbose, measure=None):
        """Run epochs until there are `epochs` in all, a callback stops, or Ctrl-C comes.

        `validate()` and ``measure(epoch)`` evaluate the model on other data and on those of an epoch.
        """
        self.epochs, self.log_names = epochs, self._log_names(validate)
        self.validated, self._measure = validate is not None, measure
        if self.optimizer._layer is not self.model:
            self.optimizer._attach(self.model)
        self._keep()
        for check in self._hooks("check"):
            check(self)
        progress = Progress(verbose, epochs, len(source), self.epoch)
        try:
            for begin in self._hooks("begin"):
                begin(self)
            while self.epoch < epochs and self.history.stopped is None:
                self._one_epoch(source, validate, progress)
        except KeyboardInterrupt:
            self.model.touch()  # it may have come between an update and the word that there was one
            self.stop("interrupted")
            progress.note(f"interrupted in epoch {self.epoch + 1}")
        except NoMoreBatches as error:
            if not self.history:
                self._failed(error)
                raise
            self.stop(f"there were no more batches after epoch {self.epoch}")
            progress.note(self.history.stopped)
        except BaseException as error:
            self._failed(error)
            raise
        finally:
            progress.close()
        self._set_params(self._average)
        for end in self._hooks("end"):
            end(self)
        self.history.stopped = self.history.stopped or "finished"
        return self.history

    def _failed(self, error):
        """The run ends with `error`: callbacks restore what they restore at any end, and the history goes along."""
        self.stop(f"failed: {error}")
        error.history = self.history
        if not isinstance(error, NonFiniteLoss):
            self._set_params(self._average)
        for end in self._hooks("end"):
            with contextlib.suppress(Exception):  # of a callback that did not get far; `error` says more
                end(self)

    def _one_epoch(self, source, validate, progress):
        started = time.perf_counter()
        total = part = None
        for metric in self.metrics:
            metric.reset()
        states = None
        for batch in source.epoch(self.epoch, epoch_key(self.seed, self.epoch)):
            for x, y, lengths, weight in self._chunks(*batch):
                part, states = self._update(x, y, lengths, weight, states)
                total = part if total is None else total + part
            if not self._stateful:
                states = None
            if part is not None:
                progress.step(part.value)
        self._check_parameters()
        self.epoch += 1
        self.logs = {"epoch": self.epoch, "loss": losses.mean_of(total)}
        self.logs.update((metric.name, metric.result()) for metric in self.metrics)
        self._finish_epoch(validate, started)
        progress.epoch(self.logs)

    def _finish_epoch(self, validate, started):
        """Validation and callbacks, with the averaged parameters where there are any."""
        self._raw = None if self._average is None else self._params.copy()
        self._set_params(self._average)
        try:
            if validate is not None:
                self.logs.update((f"val_{name}", value) for name, value in validate().items())
            self.logs["lr"] = float(self.optimizer.lr)
            self.logs["seconds"] = time.perf_counter() - started
            self.history.append(self.logs)
            for callback in self._callbacks:
                callback(self)
        finally:
            self._set_params(self._raw)

    def _update(self, x, y, lengths, weight, states):
        """One step of the optimiser; the loss before it as a sum, and the states after it."""
        model, known = self.model, self.model.output_lengths(lengths)
        key = step_key(self.seed, self.step) if self._stochastic else None
        _core.set_zero(model._flat_grads)
        predicted, tape, states = self.objective.run(model, x, lengths, True, key, states)
        part, dy = self.objective.sums(predicted, y, weight, known)
        if not math.isfinite(part.value):
            self._fail("the loss", part.value, self._cause(x, y, predicted, weight, known))
        model.backward(tape, dy, need_dx=False)
        if self.metrics:
            predicted = self.objective.predictions(predicted, known)
        for metric in self.metrics:
            metric_module.update(metric, predicted, y, known, weight)
        if self._clip_norm is not None:
            optimisers.clip_norm(model, self._clip_norm)
        if self._clip_value is not None:
            optimisers.clip_value(model, self._clip_value)
        for before_step in self._before_step:
            before_step(self)
        self._keep()
        self.optimizer.step(model)
        if self._average is not None:
            optimisers.average(self._average, self._params, self._decay)
        self.step += 1
        return part, states

    def _chunks(self, x, y, lengths, weight):
        """A batch cut along time where backpropagation is truncated."""
        if self._tbptt is None:
            yield x, y, lengths, weight
            return
        time, each = steps_of(x), self._tbptt
        if y.ndim < 2 or y.shape[1] != time:
            raise ValueError(f"fit: tbptt needs y with a target for each of the {time} steps, got shape {y.shape}")
        per_step = weight is not None and weight.ndim > 1
        for start in range(0, time, each):
            part = slice(start, start + each)
            left = None if lengths is None else each_of(lengths, lambda n: np.clip(n - start, 0, each))
            if left is not None and not np.any(self.model.output_lengths(left)):
                return
            yield each_of(x, lambda a: a[:, part]), y[:, part], left, weight[:, part] if per_step else weight

    def _log_names(self, validate):
        """What each epoch will log; None where callbacks may add to it."""
        if any(getattr(callback, "adds_logs", True) for callback in self._callbacks):
            return None
        validated = () if validate is None else (f"val_{name}" for name in validate.names)
        return ["epoch", "loss", *(metric.name for metric in self.metrics), *validated, "lr", "seconds"]

    def _check_names(self):
        """Each entry of the logs needs a name of its own."""
        names = [metric.name for metric in self.metrics]
        taken = {"epoch", "loss", "val_loss", "lr", "seconds", *(f"val_{name}" for name in names)}
        for name in names:
            if name in taken or names.count(name) > 1:
                raise ValueError(f"fit: metrics must have names of their own in the logs, got {name!r} twice")

    def _hooks(self, name):
        return [getattr(callback, name) for callback in self._callbacks if hasattr(callback, name)]

    # -- parameters -----------------------------------------------------------------------------

    def _set_params(self, values):
        if values is not None:
            self._params[:] = values
            self.model.touch()

    def _check_parameters(self):
        """The last update of an epoch has had no loss to show what it did."""
        if not np.isfinite(self._params).all():
            self._fail("a parameter", "not finite")

    def _keep(self):
        """Note parameters and optimiser, which `_fail` restores."""
        np.copyto(self._good, self._params)
        self._good_steps = self.optimizer.steps
        for name, array in self.optimizer._state.items():
            if name in self._good_state:
                np.copyto(self._good_state[name], array)
            else:
                self._good_state[name] = array.copy()

    def _fail(self, what, value, cause=None):
        self._set_params(self._good)
        self.optimizer.steps = self._good_steps
        for name, array in self._good_state.items():
            np.copyto(self.optimizer._state[name], array)
        raise NonFiniteLoss(self.epoch + 1, self.step + 1, what, value, cause)

    def _cause(self, x, y, predicted, weight, lengths):
        """What the batch says of why its loss is not finite, as a sentence; None if nothing."""
        explain = getattr(self.objective.loss, "explain", None)
        said = None if explain is None else explain(predicted, y, weight, lengths)
        if said:
            return said
        if y.dtype.kind == "f" and not np.isfinite(y).all():
            return "y of this batch holds NaN or infinite values: give them a sample_weight of 0"
        for name, values in x.items() if isinstance(x, dict) else (("x", x),):
            if values.dtype.kind == "f" and not np.isfinite(values).all() and not np.isfinite(predicted).all():
                return f"{name} of this batch holds NaN or infinite values"
        return None

    # -- state ----------------------------------------------------------------------------------

    def _state(self):
        return {
            "epoch": self.epoch,
            "step": self.step,
            "seed": self.seed,
            "settings": {**self._settings, "data": self._fingerprint()},
            "stopped": self.history.stopped,
            "history": list(self.history),
            "optimizer": {"class": type(self.optimizer).__name__, "state": self.optimizer.state_dict()},
            "callbacks": [
                {
                    "class": type(callback).__name__,
                    "state": callback.state_dict() if hasattr(callback, "state_dict") else None,
                }
                for callback in self._callbacks
            ],
            "raw": self._raw,
            "average": self._average,
        }

    def _fingerprint(self):
        """What tells the training data from others; None for batches that are not in memory."""
        if self._data is None and self.source is not None:
            self._data = self.source.fingerprint()
        return self._data

    def resume(self, path, seed):
        """Take up the run in `path`. Nothing is changed unless all of it fits."""
        state_dict, saved = saving.load_run(path, self.model)
        before = self._everything()
        try:
            self._require_same(saved, seed)
            checked_record(saved, self._params, self._average is not None)
            self.model._checked_state(state_dict)
            if self.optimizer._layer is None:
                self.optimizer._attach(self.model)
            self.optimizer.load_state_dict(saved["optimizer"]["state"])
            for callback, part in zip(self._callbacks, saved["callbacks"]):
                if (part["state"] is None) != (not hasattr(callback, "state_dict")):
                    raise ValueError(f"{part['class']} has no state")
                if part["state"] is not None:
                    callback.load_state_dict(part["state"])
            for resumed in self._hooks("resumed"):
                resumed(self)
            self.epoch, self.step, self.seed = (int(saved[k]) for k in ("epoch", "step", "seed"))
            self.history[:], self.history.stopped = saved["history"], saved["stopped"]
            self.model.load_state_dict(state_dict)
            self._set_params(saved["raw"])
            if self._average is not None:
                self._average[:] = saved["average"]
        except Exception as error:
            self._restore(before)
            if isinstance(error, (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)):
                raise FileError(f"{path}: is not a run to go on with: {error}") from None
            raise
        np.copyto(self._good, self._params)

    def _everything(self):
        """What `resume` changes, as it is."""
        states = [(each, each.state_dict()) for each in self._callbacks if hasattr(each, "state_dict")]
        return self._params.copy(), dict(vars(self.optimizer)), states

    def _restore(self, before):
        params, attributes, states = before
        self._set_params(params)
        vars(self.optimizer).clear()
        vars(self.optimizer).update(attributes)
        for callback, state in states:
            callback.load_state_dict(state)

    def _require_same(self, saved, seed):
        """The arguments that make a run what it is must be those of the `saved` one."""
        ours, theirs = self._state(), saved
        pairs = [
            (name, theirs["settings"].get(name), value)
            for name, value in ours["settings"].items()
            if name in theirs["settings"] or name not in _LATER_SETTINGS
        ]
        now = saved["optimizer"]["state"].get("lr")  # the optimiser of the first run itself has that one
        if "lr" in theirs["settings"] and self._settings["lr"] == now:
            pairs = [pair for pair in pairs if pair[0] != "lr"]
        pairs.append(("optimizer", theirs["optimizer"]["class"], ours["optimizer"]["class"]))
        pairs.append(
            (
                "callbacks",
                [part["class"] for part in theirs["callbacks"]],
                [part["class"] for part in ours["callbacks"]],
            )
        )
        if seed is not None:
            pairs.append(("seed", theirs["seed"], seed))
        differing = [f"{name} was {was!r}, is {now!r}" for name, was, now in pairs if was != now]
        if differing:
            raise ValueError("; ".join(differing))


_LATER_SETTINGS = ("loss", "lr", "data")  # not in the files of older versions


def checked_record(saved, params, averages):
    """Refuse a record of a run with anything but numbers, names and arrays where they belong."""
    for name in ("epoch", "step", "seed"):
        if integer(saved[name], name) < 0:
            raise ValueError(f"{name} must be at least 0, got {saved[name]}")
    if not (saved["stopped"] is None or isinstance(saved["stopped"], str)):
        raise TypeError(f"stopped must be a text, got {saved['stopped']!r}")
    history = saved["history"]
    if not (isinstance(history, list) and all(isinstance(logs, dict) for logs in history)):
        raise TypeError("history must be a list of dicts")
    if len(history) != saved["epoch"]:
        raise ValueError(f"history has {len(history)} epochs instead of {saved['epoch']}")
    for name in ("raw", "average"):
        array = saved[name]
        if array is None and not averages:
            continue
        if not isinstance(array, np.ndarray) or (array.shape, array.dtype) != (params.shape, params.dtype):
            raise ValueError(f"{name} must be {params.dtype} of shape {params.shape}")


def _checked_callbacks(callbacks):
    """`callbacks` as a list, found to be functions before the first step rather than after the first epoch."""
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"fit: callbacks must be a list of functions f(run), got {callbacks!r}")
    callbacks = list(callbacks)
    for callback in callbacks:
        if not callable(callback):
            raise TypeError(f"fit: callbacks must be a list of functions f(run), got one that is {callback!r}")
    return callbacks


def each_of(x, change):
    """`change` of an array, or of each array of a dict."""
    return {name: change(each) for name, each in x.items()} if isinstance(x, dict) else change(x)


def steps_of(x):
    """The steps of an array (B, T, …), or of the arrays of a dict, which have one time."""
    return (next(iter(x.values())) if isinstance(x, dict) else x).shape[1]
