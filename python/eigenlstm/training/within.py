"""Epochs that a run was stopped in, and batches that are cut along time."""

import numpy as np

from ..losses.base import LossSum
from .parts import each_of


def pieces(part, tbptt, model):
    """The batch of a `Part`, cut along time into pieces of `tbptt` steps; whole where that is None.

    There are as many as the longest row of the whole batch has, whichever rows this process has.
    """
    x, y, lengths, weight = part.batch
    if tbptt is None:
        yield part.batch
        return
    time = steps_of(x)
    if y.ndim < 2 or y.shape[1] != time:
        raise ValueError(f"fit: tbptt needs y with a target for each of the {time} steps, got shape {y.shape}")
    per_step = weight is not None and weight.ndim > 1
    for start in range(0, time, tbptt):
        cut = slice(start, start + tbptt)

        def left(n, start=start):
            return np.clip(n - start, 0, tbptt)

        if part.lengths is not None and not np.any(model.output_lengths(each_of(part.lengths, left))):
            return
        yield (
            each_of(x, lambda a, cut=cut: a[:, cut]),
            y[:, cut],
            each_of(lengths, left),
            weight[:, cut] if per_step else weight,
        )


def steps_of(x):
    """The steps of an array (B, T, …), or of the arrays of a dict, which have one time."""
    return (next(iter(x.values())) if isinstance(x, dict) else x).shape[1]


class Halted(Exception):
    """A run is to end after this step: ``Halted(reason)``."""


class Within:
    """What an epoch has gathered when its run is stopped within it, so that a resumed run goes on from that batch.

    Attributes
    ----------
    total : LossSum or None
        Of the batches so far.
    state : dict or None
        What a checkpoint has of it; None between two epochs, and where the metrics' state cannot be written.
    """

    def __init__(self):
        self.clear()

    def clear(self):
        self.total, self.state = None, None

    def begin(self, metrics):
        """Make the metrics ready for an epoch; the number of batches that it has done before."""
        for metric in metrics:
            metric.reset()
        if self.state is None:
            return 0
        for metric, state in zip(metrics, self.state["metrics"]):
            vars(metric).update(state)
        return self.state["batches"]

    def keep(self, batches, total, metrics, stateful):
        """Note that an epoch has come this far. Where states go from batch to batch it can't be taken up there."""
        states = [dict(vars(metric)) for metric in metrics]
        plain = type(total) in (LossSum, type(None)) and all(map(_is_plain, states))
        self.total = total
        self.state = None
        if plain and not stateful:
            numbers = None if total is None else total.numbers()
            self.state = {"batches": batches, "total": numbers, "metrics": states}

    def load(self, state, metrics):
        """Take over the `state` of a checkpoint; ``ValueError`` if it is none."""
        if state is None:
            self.clear()
            return
        batches, numbers, states = state["batches"], state["total"], state["metrics"]
        if not (isinstance(batches, int) and not isinstance(batches, bool) and 0 <= batches < 2**48):
            raise ValueError(f"batches must be a number of batches, got {batches!r}")
        if numbers is not None and (len(numbers) != 3 or not all(isinstance(n, (float, type(None))) for n in numbers)):
            raise ValueError("total must be three numbers")
        if len(states) != len(metrics) or not all(isinstance(each, dict) for each in states):
            raise ValueError(f"metrics must have the state of {len(metrics)} metrics")
        for metric, each in zip(metrics, states):
            if each.keys() - vars(metric).keys():
                raise ValueError(f"the state of {metric.name} does not fit")
        self.total, self.state = None if numbers is None else LossSum(*numbers), state


def _is_plain(value):
    """Whether a checkpoint gives `value` back as it is."""
    if isinstance(value, dict):
        return all(type(key) is str and _is_plain(each) for key, each in value.items())
    if type(value) is list:
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str, np.ndarray)
