"""Callbacks of `fit`: those that come with the package, and `Callback`, the base of one's own.

A plain function of the run will do where one is needed after each epoch only:

>>> def note(run):
...     print(f"epoch {run.epoch}:", ", ".join(run.logs))
>>> history = model.fit(x, y, loss="mse", optimizer="adam", callbacks=[note], verbose=0)
epoch 1: epoch, loss, lr, seconds
"""

import json
import math
import os

import numpy as np

from ..atomic_files import write_atomically
from ..checks import finite, flag, number, one_of, only_known_keywords, optional, positive_int
from ..did_you_mean import attributes_of
from .resuming import is_like, is_number

__getattr__ = attributes_of(__name__, "el.callbacks", ["Callback", "early_stopping", "checkpoint", "plateau"])
_BETTER_HIGH = (
    *("accuracy", "f1", "precision", "recall", "auc", "r2", "nse", "kge", "correlation"),
    *("exact", "bleu", "chrf", "span_f1"),
)


@only_known_keywords
def early_stopping(patience=5, *, monitor=None, min_delta=0.0, mode=None, restore_best=True):
    """Stop when `monitor` has not improved for `patience` epochs.

    Where `monitor` is measured on the training data and the best parameters are to be restored, what is compared
    is not what the logs have, which was gathered while the parameters changed: after each epoch, and before the
    first, the training data are evaluated with the parameters as they are then.

    Parameters
    ----------
    patience : int
        Epochs to wait for the next improvement.
    monitor : str
        A key of the logs; ``"val_loss"`` where there is validation, else ``"loss"``.
    min_delta : float
        What counts as an improvement at least.
    mode : "min" or "max"
        Default: "max" for the metrics here that are better high, such as accuracy and bleu, else "min".
    restore_best : bool
        Give the model the parameters of the best epoch when the run ends, however it ends.
    """
    return EarlyStopping(patience, monitor, min_delta, mode, restore_best)


@only_known_keywords
def checkpoint(path, *, every=1):
    """Write model, optimizer and run to the file `path` after every `every` epochs and after the last one.

    ``fit(resume=path)`` goes on from there bit for bit, `load` reads the model.
    """
    return Checkpoint(path, every)


@only_known_keywords
def schedule(rate, *, each="step"):
    """Set the learning rate to ``rate(n)`` before each step, n counting steps or epochs from 0.

    Parameters
    ----------
    rate : callable
        Such as those of `eigenlstm.schedules`.
    each : "step" or "epoch"
    """
    return Schedule(rate, each)


@only_known_keywords
def plateau(*, factor=0.1, patience=10, monitor=None, mode=None, min_delta=1e-4, min_rate=0.0):
    """Multiply the learning rate by `factor` when `monitor` has not improved for more than `patience`
    epochs, down to `min_rate`. The other arguments are those of `early_stopping`."""
    return Plateau(factor, patience, monitor, mode, min_delta, min_rate)


@only_known_keywords
def log(path):
    """Write the logs of each epoch as a line of JSON to `path`. A new run starts a new file."""
    return Log(path)


class Callback:
    """Base of callbacks of `fit`: override the hooks that you need.

    A plain function ``f(run)`` is a callback, too: it is called after each epoch. `run` is the `Run`, with the model,
    the optimizer, the epoch, the step and the logs; in every hook it may be asked to ``run.stop(reason)``.

    In this order: `check` and `begin` once; for each step `after_backward`, clipping, `before_step` and the optimizer's
    step; after each epoch the call itself; `end` once, however the run ends. Where a run has several callbacks, each
    hook is called of one after the other, in the order in which they were given.

    A callback with something to remember has ``state_dict()``, which returns a dict of numbers, strings, arrays, lists
    and dicts of these, and ``load_state_dict(state)``: the file that `checkpoint` writes has it, and a resumed run
    gives it back.

    >>> class Norms(el.callbacks.Callback):
    ...     # Logs the largest norm of the gradients in each epoch, before they are clipped.
    ...     def begin(self, run):
    ...         self.largest = 0.0
    ...
    ...     def after_backward(self, run):
    ...         self.largest = max(self.largest, float(np.linalg.norm(run.model.flat_grads)))
    ...
    ...     def __call__(self, run):
    ...         run.logs["norm"], self.largest = self.largest, 0.0
    """

    late = False
    """Whether it is called after those that are not: one that writes down the state of the others must be."""

    adds_logs = True
    """Whether it may add to ``run.logs``. Where none does, a `monitor` that will not be logged is refused at the
    start.
    """

    def check(self, run):
        """Called before anything else: raise ValueError if the run lacks something that the callback needs.

        ``run.log_names`` has the names of what the run will log.
        """

    def begin(self, run):
        """Called before the first epoch of a run; ``run.epoch`` is not 0 if the run is resumed."""

    def resumed(self, run):
        """Called after `load_state_dict` in a run that is resumed: raise ValueError for a state that does not fit
        ``run.model``.
        """

    def after_backward(self, run):
        """Called when the gradients of a step have been computed, before they are clipped.

        ``run.model.flat_grads`` may be changed in place: the place to sum the gradients of several processes.
        """

    def before_step(self, run):
        """Called after clipping and before the optimizer's step, which is the place to set ``run.optimizer.lr``."""

    def __call__(self, run):
        """Called after each epoch, whose logs are in ``run.logs``."""

    def halted(self, run):
        """When a signal has ended a run with ``comm`` within an epoch: the place to write down how far it has come.

        Not where an epoch cannot be taken up again: see `checkpoint`.
        """

    def end(self, run):
        """Called after the run, however it ended. ``run.history.stopped`` says how: "failed: ..." for an exception."""


def hooks(callbacks, name):
    """The methods `name` of those of `callbacks` that do something there: inherited ones that do nothing are left
    out.
    """
    found = [callback for callback in callbacks if hasattr(callback, name)]
    nothing = getattr(Callback, name)
    return [getattr(callback, name) for callback in found if getattr(type(callback), name, None) is not nothing]


class Monitor:
    """Watches a number in the logs and tells whether it improves."""

    def __init__(self, monitor, mode, min_delta, where):
        optional(one_of("min", "max"))(mode, f"{where}: mode")
        if monitor is not None and not isinstance(monitor, str):
            raise TypeError(f"{where}: monitor must be the name of something in the logs, got {monitor!r}")
        if not number(min_delta, f"{where}: min_delta") >= 0:
            raise ValueError(f"{where}: min_delta must be at least 0, got {min_delta!r}")
        self.name, self._mode, self._min_delta, self._where = monitor, mode, min_delta, where
        self.reset()

    def reset(self):
        self.best, self.waited = None, 0

    def improves(self, logs):
        """Whether the number in the logs of an epoch is better than the best so far, which is then replaced."""
        name = self.name or ("val_loss" if "val_loss" in logs else "loss")
        self._require(name, logs)
        value = logs[name]
        high = name.removeprefix("val_") in _BETTER_HIGH if self._mode is None else self._mode == "max"
        gain = math.inf if self.best is None else value - self.best if high else self.best - value
        if gain > self._min_delta and not math.isnan(value):
            self.best, self.waited = value, 0
            return True
        self.waited += 1
        return False

    def check(self, run):
        """``ValueError``, before the first step, for a name that no epoch will log."""
        if self.name is not None and run.log_names is not None:
            self._require(self.name, run.log_names)

    def _require(self, name, logs):
        if name not in logs:
            raise ValueError(f"{self._where}: there is no {name!r} in the logs, only {', '.join(logs)}")

    def state_dict(self):
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state):
        best, waited = state["best"], state["waited"]
        if not (best is None or is_number(best)):
            raise ValueError(f"{self._where}: best must be a number or None, got {best!r}")
        if not (isinstance(waited, int) and waited >= 0):
            raise ValueError(f"{self._where}: waited must be a number of epochs, got {waited!r}")
        self.best, self.waited = best, waited


class EarlyStopping(Callback):
    """See `early_stopping`. Attributes after a run: `best` and `best_epoch`."""

    adds_logs = False

    def __init__(self, patience, monitor, min_delta, mode, restore_best):
        self._patience = positive_int(patience, "early_stopping: patience")
        self._restore = flag(restore_best, "early_stopping: restore_best")
        self._monitor = Monitor(monitor, mode, min_delta, "early_stopping")
        self._params = self.best_epoch = None

    @property
    def best(self):
        return self._monitor.best

    def check(self, run):
        self._monitor.check(run)
        if self._measures(run, run.log_names) and not run.can_measure:
            raise ValueError(
                "early_stopping: the loss of an epoch's parameters cannot be measured, as x is an iterator, which can "
                "be read once: give validation_data, a function f(epoch) that returns a new one, or restore_best=False"
            )

    def begin(self, run):
        if run.epoch == 0:
            self._monitor.reset()
            self._params = self.best_epoch = None
            if self._measures(run, run.log_names):
                self._compare(run, run.measured())
                self._monitor.waited = 0

    def __call__(self, run):
        self._compare(run, {**run.logs, **run.measured()} if self._measures(run, run.logs) else run.logs)

    def _measures(self, run, names):
        """Whether what is compared is gathered on the training data; `names` of the logs, None where not known yet."""
        if self._monitor.name is None and (names is None or "val_loss" in names):
            return False
        return self._restore and (self._monitor.name or "loss") in run.training_names

    def _compare(self, run, logs):
        if self._monitor.improves(logs):
            self.best_epoch = run.epoch
            self._params = run.model.flat_params.copy()
        elif self._monitor.waited >= self._patience:
            run.stop(f"no improvement for {self._monitor.waited} epochs")

    def end(self, run):
        if self._restore and self._params is not None:
            run.model.flat_params = self._params

    def state_dict(self):
        return {"monitor": self._monitor.state_dict(), "epoch": self.best_epoch, "params": self._params}

    def load_state_dict(self, state):
        params, epoch = state["params"], state["epoch"]
        if not (params is None or (isinstance(params, np.ndarray) and params.ndim == 1)):
            raise ValueError(f"early_stopping: params must be a flat array, got {type(params).__name__}")
        if not (epoch is None or (isinstance(epoch, int) and epoch >= 0)):
            raise ValueError(f"early_stopping: epoch must be a number of epochs, got {epoch!r}")
        self._monitor.load_state_dict(state["monitor"])
        self._params, self.best_epoch = params, epoch

    def resumed(self, run):
        """Check what `load_state_dict` took over against the model."""
        if self._params is not None and not is_like(self._params, run.model.flat_params):
            raise ValueError(f"early_stopping: params must have the model's {run.model.num_params} parameters")


class Checkpoint(Callback):
    """See `checkpoint`."""

    adds_logs = False
    late = True  # the file has what the other callbacks have noted

    def __init__(self, path, every):
        self._path, self._every = os.fspath(path), positive_int(every, "checkpoint: every")

    def check(self, run):
        _check_folder(run, self._path, "checkpoint")

    def __call__(self, run):
        if run.epoch % self._every == 0 or run.ending:
            run.save(self._path)

    def halted(self, run):
        run.save(self._path)


class Schedule(Callback):
    """See `schedule`."""

    adds_logs = False

    def __init__(self, rate, each):
        one_of("step", "epoch")(each, "schedule: each")
        if not callable(rate):
            raise TypeError(f"schedule: rate must be a function of the step, got {rate!r}")
        self._rate, self._by_step = rate, each == "step"

    def before_step(self, run):
        n = run.step if self._by_step else run.epoch
        run.optimizer.lr = finite(self._rate(n), f"schedule: rate({n})")


class Plateau(Callback):
    """See `plateau`."""

    adds_logs = False

    def __init__(self, factor, patience, monitor, mode, min_delta, min_rate):
        if not 0 < number(factor, "plateau: factor") < 1:
            raise ValueError(f"plateau: factor must lie between 0 and 1, got {factor!r}")
        self._factor, self._min_rate = factor, min_rate
        self._patience = positive_int(patience, "plateau: patience")
        self._monitor = Monitor(monitor, mode, min_delta, "plateau")

    def check(self, run):
        self._monitor.check(run)

    def begin(self, run):
        if run.epoch == 0:
            self._monitor.reset()

    def __call__(self, run):
        if not self._monitor.improves(run.logs) and self._monitor.waited > self._patience:
            run.optimizer.lr = max(run.optimizer.lr * self._factor, self._min_rate)
            self._monitor.waited = 0

    def state_dict(self):
        return self._monitor.state_dict()

    def load_state_dict(self, state):
        self._monitor.load_state_dict(state)


class Log(Callback):
    """See `log`."""

    adds_logs = False

    def __init__(self, path):
        self._path = os.fspath(path)

    def check(self, run):
        _check_folder(run, self._path, "log")

    def begin(self, run):
        """Keep the lines up to the epoch after which the run goes on: a run that was killed may have left more."""
        if run.rank:
            return
        lines = []
        if run.epoch and os.path.exists(self._path):
            with open(self._path, encoding="utf-8") as file:
                lines = file.readlines()[: run.epoch]
        write_atomically(self._path, "".join(lines).encode())

    def __call__(self, run):
        if run.rank == 0:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(json.dumps(_finite(run.logs)) + "\n")


def _finite(logs):
    """The logs as JSON values: null for NaN, which JSON doesn't have, and text for anything but numbers and lists."""
    return {name: _json_value(value) for name, value in logs.items()}


def _json_value(value):
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_json_value(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _check_folder(run, path, where):
    """``FileNotFoundError``, before the first step, for a path in a folder that does not exist on the machine of rank
    0, which writes.
    """
    folder = os.path.dirname(path)
    if run.rank == 0 and folder and not os.path.isdir(folder):
        raise FileNotFoundError(f"{where}: there is no folder {os.fsdecode(folder)!r} to write into")
