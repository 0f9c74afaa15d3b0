"""A step of the optimizer whose batch is cut into shards: their losses, their gradients, and the sum of both."""

import math

import numpy as np

from ..distributed.shards import added, cover, cuts_of, middle, rows_of_rank
from ..losses.base import FlowSum, LossSum
from ..losses.signals import RatioSum

_SUMS = {kind.__name__: kind for kind in (LossSum, FlowSum, RatioSum)}  # whose gradients add up by their `weight`


class NotFinite(ArithmeticError):
    """The loss of a shard is NaN or infinite: ``NotFinite(value, cause)``."""


class Division:
    """Which rows of a batch belong to which shard, and to this process.

    Called with the number of rows of a batch, it is the slice of those that this process computes.

    Attributes
    ----------
    number : int or "auto"
        Shards of a batch.
    """

    def __init__(self, team, number):
        self.team, self.number = team, number

    def __call__(self, rows):
        return self.of_rank(rows, self.team.rank)

    def of_rank(self, rows, rank):
        """The slice of a batch's rows that some rank computes."""
        return rows_of_rank(rows, rank, self.team.size, self.number)

    def shards(self, rows):
        """The cuts between the shards of a batch of so many rows, and the range of those that this process has."""
        cuts = cuts_of(rows, self.number)
        return cuts, self.team.owned(len(cuts) - 1)


class GradientSum:
    """Adds the gradients of the shards of a batch, of all ranks, in `grads`.

    The gradient of a mean over some predictions is weighted by how many they are (`LossSum.weight`), added by the tree
    of `eigenlstm.distributed.shards`, and divided by how many there are in the batch. A batch of one shard is left as
    it is.

    Attributes
    ----------
    stop : str or None
        Why some rank has been told to end, by a signal.
    """

    def __init__(self, division, grads):
        self._division, self._team, self._grads = division, division.team, grads
        self._buffers = []
        self.stop = None

    def over(self, rows, gradient):
        """The `LossSum` of a batch of `rows` rows, whose gradient is then in `grads`.

        ``gradient(shard, own, shards)`` is called for each shard of this process: it writes the gradient of the rows
        `own` of this process's part to `grads`, and returns their `LossSum`, or raises `NotFinite`.
        """
        cuts, mine = self._division.shards(rows)
        shards = len(cuts) - 1
        if shards == self._team.size == 1:
            self.stop = self._team.stop
            return gradient(0, slice(0, rows), 1)

        def leaf(shard):
            own = slice(cuts[shard] - cuts[mine.start], cuts[shard + 1] - cuts[mine.start])
            part = told(said(gradient(shard, own, shards)))
            return part, self._weighted(part.weight if shards > 1 else None)

        branches, trouble = {}, None
        try:
            for start, stop in cover(mine.start, mine.stop, shards):
                branches[start, stop] = self._branch(start, stop, leaf)
        except NotFinite as error:
            trouble = error.args
        total = self._agreed(branches, trouble, shards)
        divisor = (total.weight or None) if shards > 1 else None
        self._team.add({key: buffer for key, (_, buffer) in branches.items()}, shards, divisor, self._grads)
        self._buffers += [buffer for _, buffer in branches.values()]
        return total

    def _branch(self, start, stop, leaf):
        """``(LossSum, gradients)`` of the branch of the tree over shards [start, stop)."""
        if stop - start == 1:
            return leaf(start)
        left, right = self._branch(start, middle(start, stop), leaf), self._branch(middle(start, stop), stop, leaf)
        self._buffers.append(right[1])
        return left[0] + right[0], np.add(left[1], right[1], out=left[1])

    def _agreed(self, branches, trouble, shards):
        """The `LossSum` of all shards, once every rank has said that it has come this far."""
        losses = [[*key, said(part)] for key, (part, _) in branches.items()]
        answers = self._team.gather("computes a step", {"losses": losses, "trouble": trouble, "stop": self._team.stop})
        self.stop = next((each["stop"] for each in answers if each["stop"]), None)
        for each in answers:
            if each["trouble"]:
                raise NotFinite(*each["trouble"])
        known = {(start, stop): told(part) for each in answers for start, stop, part in each["losses"]}
        total = added(0, shards, lambda start, stop: known.get((start, stop)))
        if not math.isfinite(total.value):
            raise NotFinite(total.value, None)
        return total

    def _weighted(self, weight):
        """A buffer with the gradients times `weight`."""
        n = self._grads.size
        if not self._buffers:
            self._buffers.append(np.zeros(self._team.padded(n), self._grads.dtype))
        buffer = self._buffers.pop()
        if weight is None:
            np.copyto(buffer[:n], self._grads)
        else:
            np.multiply(self._grads, self._grads.dtype.type(weight), out=buffer[:n])
        return buffer


def said(part):
    """A `LossSum` as JSON values."""
    kind = type(part).__name__
    if _SUMS.get(kind) is not type(part):
        raise TypeError(
            f"fit: shards need a loss whose gradients add up over shards; those that give a {kind}, as Combined does, "
            "do not: train it in one process with shards=1"
        )
    return [kind, part.numbers()]


def told(words):
    """The `LossSum` that `said` gave as JSON values."""
    kind, numbers = words
    return _SUMS[kind].of_numbers(numbers)
