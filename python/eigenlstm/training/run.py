"""One training run: its steps, its epochs, and the state from which it can go on."""

import contextlib
import itertools
import math
import time

import numpy as np

from .. import _core, saving
from ..losses import losses
from ..seeds import mix_seed
from . import metrics as metric_module
from . import optimisers
from .batches import epoch_key, step_key
from .callbacks import hooks
from .failures import NonFiniteLoss, cause
from .objective import Objective
from .parts import each_of
from .preparation import checked_callbacks
from .progress import Progress
from .resuming import take_up
from .sharding import GradientSum, NotFinite
from .streams import NoMoreBatches
from .within import Halted, Within, pieces


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
    rank : int
        This process, of those of ``fit(comm=...)``; 0 where there is one. Each has its own copy of the callbacks.
    """

    def __init__(
        self,
        model,
        loss,
        optimizer,
        *,
        division,
        metrics,
        callbacks,
        clip_norm,
        clip_value,
        tbptt,
        stateful,
        ema,
        seed,
        settings,
    ):
        self.team, self._division, self._within = division.team, division, Within()
        self.rank = self.team.rank
        self.model, self.optimizer = model, optimisers.get(optimizer)
        callbacks = checked_callbacks(callbacks)
        self.epoch, self.epochs, self.step, self.seed = 0, None, 0, seed
        self.logs, self.history = {}, History()
        self._settings = {**settings, "lr": self.optimizer.lr}
        self._data = None
        self.objective = Objective(model, loss, "fit")
        self.metrics = metric_module.for_loss(metrics, self.objective.loss)
        # what writes the state of the others down comes last
        self._callbacks = sorted(callbacks, key=lambda callback: getattr(callback, "late", False))
        self._after_backward, self._before_step = self._hooks("after_backward"), self._hooks("before_step")
        self._clip_norm, self._clip_value = clip_norm, clip_value
        self._tbptt, self._stateful = tbptt, stateful
        self._keeps_time, self._stochastic = model.keeps_time, model.stochastic
        self._params, self._good = model._flat_params, model._flat_params.copy()
        self._sum = GradientSum(division, model._flat_grads)
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
        """Write model and run to `path`, for `load` and for ``fit(resume=path)``. Rank 0 does, for all."""
        if self.rank == 0:
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
        progress = Progress(verbose if self.rank == 0 else 0, epochs, len(source), self.epoch)
        try:
            with self.team.signals():
                for begin in self._hooks("begin"):
                    begin(self)
                while self.epoch < epochs and self.history.stopped is None:
                    self._one_epoch(source, validate, progress)
        except Halted as halted:
            self._halt(str(halted))
            progress.note(f"{halted} in epoch {self.epoch + 1}")
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

    def _halt(self, reason):
        """The run ends within an epoch, which a checkpoint can take up from there."""
        if self._within.state is not None:
            with self._averaged():
                for halted in self._hooks("halted"):
                    halted(self)
        self.stop(reason)

    def _one_epoch(self, source, validate, progress):
        started = time.perf_counter()
        done, total, states = self._within.begin(self.metrics), self._within.total, None
        key, part = epoch_key(self.seed, self.epoch), None
        for batch in itertools.islice(source.parts(self.epoch, key, self._division), done, None):
            for piece in pieces(batch, self._tbptt, self.model):
                part, states = self._update(piece, batch.rows, states)
                total = part if total is None else total + part
            if not self._stateful:
                states = None
            if part is not None:
                progress.step(part.value)
            done += 1
            if self._sum.stop is not None:
                self._within.keep(done, total, self.metrics, self._stateful)
                raise Halted(self._sum.stop)
        self._within.clear()
        self._check_parameters()
        self.epoch += 1
        self.logs = {"epoch": self.epoch, "loss": losses.mean_of(total)}
        self.logs.update((metric.name, metric.result()) for metric in self.metrics)
        self._finish_epoch(validate, started)
        progress.epoch(self.logs)

    def _finish_epoch(self, validate, started):
        """Validation and callbacks, with the averaged parameters where there are any."""
        with self._averaged():
            if validate is not None:
                self.logs.update((f"val_{name}", value) for name, value in validate().items())
            self.logs["lr"] = float(self.optimizer.lr)
            self.logs["seconds"] = self.team.gather("ends an epoch", time.perf_counter() - started)[0]
            self.history.append(self.logs)
            for callback in self._callbacks:
                callback(self)
            reasons = self.team.gather("has called the callbacks", self.history.stopped)
            self.history.stopped = next((reason for reason in reasons if reason is not None), None)

    @contextlib.contextmanager
    def _averaged(self):
        """While the model has the averaged parameters, where there are any."""
        self._raw = None if self._average is None else self._params.copy()
        self._set_params(self._average)
        try:
            yield
        finally:
            self._set_params(self._raw)

    def _update(self, batch, rows, states):
        """One step of the optimiser; the loss before it as a sum, and the states after it, a dict by shards.

        `batch` is this process's part of a batch of `rows` rows.
        """
        model, after, seen = self.model, {}, []
        key = step_key(self.seed, self.step) if self._stochastic else None

        def gradient(shard, own, shards):
            x, y, lengths, weight = batch if shards == 1 else (each_of(each, lambda a: a[own]) for each in batch)
            known, before = model.output_lengths(lengths), None if states is None else states[shard]
            drawn = key if key is None or shards == 1 else mix_seed(key, shard)
            _core.set_zero(model._flat_grads)
            predicted, tape, after[shard] = self.objective.run(model, x, lengths, True, drawn, before)
            part, dy = self.objective.sums(predicted, y, weight, known)
            value = part.value if shards == 1 else part.total
            if not math.isfinite(value):
                raise NotFinite(value, cause(self.objective.loss, x, y, predicted, weight, known))
            if shards > 1 or part.divisor:
                model.backward(tape, dy, need_dx=False)
            if self.metrics:
                seen.append((self.objective.predictions(predicted, known), y, known, weight))
            return part

        try:
            part = self._sum.over(rows, gradient)
        except NotFinite as error:
            self._fail("the loss", *error.args)
        model._drop_frozen()
        if self.metrics:
            self._update_metrics(seen)
        if part.divisor == 0:  # nothing counts, as in a burn-in: momentum alone moves nothing
            self.step += 1
            return part, after
        for after_backward in self._after_backward:
            after_backward(self)
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
            self._keep_frozen()
        self.step += 1
        return part, after

    def _update_metrics(self, seen):
        """Give the metrics what each shard of all ranks has predicted, in the order of the shards."""
        arrays = self.team.gather_arrays("gathers metrics", [array for each in seen for array in each])
        for told in arrays:
            for predicted, y, known, weight in zip(*[iter(told)] * 4):
                for metric in self.metrics:
                    metric_module.update(metric, predicted, y, known, weight)

    def _keep_frozen(self):
        """What is not trained is its own average, to the bit."""
        start = 0
        for leaf in self.model._leaves():
            if not leaf.trainable:
                self._average[start : start + leaf._size] = leaf._flat_params
            start += leaf._size

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
        return hooks(self._callbacks, name)

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
                {"class": type(callback).__name__, "state": _state_of(callback)} for callback in self._callbacks
            ],
            "raw": self._raw,
            "average": self._average,
            "within": self._within.state,
        }

    def _fingerprint(self):
        """What tells the training data from others; None for batches that are not in memory."""
        if self._data is None and self.source is not None:
            self._data = self.source.fingerprint()
        return self._data

    def resume(self, path, seed, any_shards=False):
        """Take up the run in `path`, with `any_shards` in as many shards as it had. Nothing is changed unless all of it
        fits.
        """
        take_up(self, path, seed, any_shards)


def _state_of(callback):
    return callback.state_dict() if hasattr(callback, "state_dict") else None
