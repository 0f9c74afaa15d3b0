"""Callbacks of `fit`: plain callables ``f(run)``, called after each epoch; see `eigenlstm.run.Run`.

Any of them may be written as a function of one's own:

>>> from torch.utils.tensorboard import SummaryWriter
>>> writer = SummaryWriter()
>>> def tensorboard(run):
...     for name, value in run.logs.items():
...         writer.add_scalar(name, value, run.epoch)
>>> model.fit(x, y, ..., callbacks=[tensorboard])
"""

import json
import math
import os

import numpy as np

from ..checks import finite, flag, integer, number
from ..atomic_files import write_atomically

_BETTER_HIGH = (
    *("accuracy", "f1", "precision", "recall", "auc", "r2", "nse", "kge", "correlation"),
    *("exact", "bleu", "chrf", "span_f1"),
)


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


def checkpoint(path, *, every=1):
    """Write model, optimiser and run to `path` every so many epochs and at the last.

    ``fit(resume=path)`` goes on from there bit for bit, `load` reads the model.
    """
    return Checkpoint(path, every)


def schedule(rate, *, each="step"):
    """Set the learning rate to ``rate(n)`` before each step, n counting steps or epochs from 0.

    Parameters
    ----------
    rate : callable
        Such as those of `eigenlstm.schedules`.
    each : "step" or "epoch"
    """
    return Schedule(rate, each)


def plateau(*, factor=0.1, patience=10, monitor=None, mode=None, min_delta=1e-4, min_rate=0.0):
    """Multiply the learning rate by `factor` when `monitor` has not improved for more than `patience`
    epochs, down to `min_rate`. The other arguments are those of `early_stopping`."""
    return Plateau(factor, patience, monitor, mode, min_delta, min_rate)


def log(path):
    """Write the logs of each epoch as a line of JSON to `path`. A new run starts a new file."""
    return Log(path)


class Monitor:
    """Whether a number in the logs improves."""

    def __init__(self, monitor, mode, min_delta, where):
        if mode not in (None, "min", "max"):
            raise ValueError(f"{where}: mode must be 'min' or 'max', got {mode!r}")
        if not number(min_delta, f"{where}: min_delta") >= 0:
            raise ValueError(f"{where}: min_delta must be at least 0, got {min_delta!r}")
        self.name, self._mode, self._min_delta, self._where = monitor, mode, min_delta, where
        self.reset()

    def reset(self):
        self.best, self.waited = None, 0

    def improves(self, logs):
        """Take the logs of an epoch in."""
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
        """Refuse before the first step a name that no epoch will log."""
        if self.name is not None and run.log_names is not None:
            self._require(self.name, run.log_names)

    def _require(self, name, logs):
        if name not in logs:
            raise ValueError(f"{self._where}: there is no {name!r} in the logs, only {', '.join(logs)}")

    def state_dict(self):
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state):
        best, waited = state["best"], state["waited"]
        if best is not None:
            number(best, f"{self._where}: best")
        if integer(waited, f"{self._where}: waited") < 0:
            raise ValueError(f"{self._where}: waited must be at least 0, got {waited}")
        self.best, self.waited = best, waited


class EarlyStopping:
    """See `early_stopping`. Attributes after a run: `best` and `best_epoch`."""

    adds_logs = False

    def __init__(self, patience, monitor, min_delta, mode, restore_best):
        self._patience = _natural(patience, "early_stopping: patience")
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
        if not (params is None and epoch is None or isinstance(params, np.ndarray) and integer(epoch, "epoch") >= 0):
            raise ValueError("early_stopping: params must be an array, and epoch an integer of at least 0")
        self._monitor.load_state_dict(state["monitor"])
        self._params, self.best_epoch = params, epoch

    def resumed(self, run):
        """Check what `load_state_dict` took over against the model."""
        like = run.model.flat_params
        if self._params is not None and (self._params.shape, self._params.dtype) != (like.shape, like.dtype):
            raise ValueError(f"early_stopping: params must be {like.dtype} of shape {like.shape}")


class Checkpoint:
    """See `checkpoint`."""

    adds_logs = False
    late = True  # what the other callbacks have noted goes into the file

    def __init__(self, path, every):
        self._path, self._every = os.fspath(path), _natural(every, "checkpoint: every")

    def check(self, run):
        _check_folder(self._path, "checkpoint")

    def __call__(self, run):
        if run.epoch % self._every == 0 or run.ending:
            run.save(self._path)


class Schedule:
    """See `schedule`."""

    adds_logs = False

    def __init__(self, rate, each):
        if each not in ("step", "epoch"):
            raise ValueError(f"schedule: each must be 'step' or 'epoch', got {each!r}")
        if not callable(rate):
            raise TypeError(f"schedule: rate must be a function of the step, got {rate!r}")
        self._rate, self._by_step = rate, each == "step"

    def before_step(self, run):
        n = run.step if self._by_step else run.epoch
        run.optimizer.lr = finite(self._rate(n), f"schedule: rate({n})")

    def __call__(self, run):
        """Nothing is left to do after an epoch."""


class Plateau:
    """See `plateau`."""

    adds_logs = False

    def __init__(self, factor, patience, monitor, mode, min_delta, min_rate):
        if not 0 < number(factor, "plateau: factor") < 1:
            raise ValueError(f"plateau: factor must lie between 0 and 1, got {factor!r}")
        self._factor, self._min_rate = factor, min_rate
        self._patience = _natural(patience, "plateau: patience")
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


class Log:
    """See `log`."""

    adds_logs = False

    def __init__(self, path):
        self._path = os.fspath(path)

    def check(self, run):
        _check_folder(self._path, "log")

    def begin(self, run):
        """Keep the lines up to where the run goes on: a kill may have left later ones."""
        lines = []
        if run.epoch and os.path.exists(self._path):
            with open(self._path, encoding="utf-8") as file:
                lines = file.readlines()[: run.epoch]
        write_atomically(self._path, "".join(lines).encode())

    def __call__(self, run):
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(_finite(run.logs)) + "\n")


def _finite(logs):
    """The logs as JSON values: null for NaN, which JSON doesn't know, and text for what is no number or list."""
    return {name: _json_value(value) for name, value in logs.items()}


def _json_value(value):
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_json_value(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _check_folder(path, where):
    """Refuse before the first step a path whose folder is not there."""
    folder = os.path.dirname(path)
    if folder and not os.path.isdir(folder):
        raise FileNotFoundError(f"{where}: there is no folder {os.fsdecode(folder)!r} to write into")


def _natural(value, what):
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{what} must be an integer of at least 1, got {value!r}")
    return int(value)
