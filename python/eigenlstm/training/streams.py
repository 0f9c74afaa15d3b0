"""Batches that are not in memory: an iterable of them, or a function that returns one."""

import inspect
import itertools
from collections.abc import Mapping

import numpy as np

from .parts import Part, each_of, part_of


class NoMoreBatches(ValueError):
    """An iterable of batches gave none for an epoch."""


class Stream:
    """Batches from an iterable, or from a function ``f(epoch) -> iterable``.

    A function ``f(epoch, rank, size)`` gives of each batch the rows that the rank computes.

    An iterator can be read once: it serves one epoch, or `steps` batches an epoch until it ends.
    """

    rows = None

    def __init__(self, source, steps, where, kinds):
        if not (callable(source) or hasattr(source, "__iter__")):
            raise TypeError(
                f"{where}: x must be an array, a list of arrays, an iterable of batches "
                f"or a function that returns one, got {type(source).__name__}"
            )
        self._source, self._steps, self._where, self._kinds = source, steps, where, kinds
        self._told = callable(source) and _takes_rank(source)

    def __len__(self):
        if self._steps is not None:
            return self._steps
        return len(self._source) if hasattr(self._source, "__len__") else 0

    def parts(self, number, key, own):
        """The batches of epoch `number` as `Part`: of whole ones the rows ``own(rows)``, or what is given of them."""
        if not self._told or own.team.size == 1:
            for batch in self.epoch(number, key):
                yield part_of(batch, own)
            return
        batches = self._read(self._source(number, rank=own.team.rank, size=own.team.size), number)
        while True:
            batch = next(batches, None)
            part = _whole(batch, own, self._where)
            if part is None:
                return
            yield part

    def epoch(self, number, key, mine=None):
        """The batches of epoch `number` as they come; None for those of which ``mine(i)`` is false."""
        source = self._source
        if callable(source):
            source = source(number, rank=0, size=1) if self._told else source(number)
        for i, batch in enumerate(self._read(source, number)):
            yield batch if mine is None or mine(i) else None

    def _read(self, source, number):
        taken = 0
        for batch in itertools.islice(source, self._steps):
            taken += 1
            yield self._kinds.batch(*_unpacked(batch, self._where), self._where)
        if not taken:
            raise NoMoreBatches(
                f"{self._where}: there is no batch in epoch {number}; a generator can "
                "be read once: give a function f(epoch) that returns a new one"
            )

    def fingerprint(self):
        return None

    def again(self, order):
        """What can be read once more for the same batches, else None."""
        return self if self._rereadable() else None

    def check_epochs(self, epochs):
        """Refuse what can't be read as often as there are epochs."""
        if epochs > 1 and self._steps is None and not self._rereadable():
            raise ValueError(
                f"{self._where}: x is an iterator, which can be read once, for {epochs} epochs: give a function "
                "f(epoch) that returns a new one, or steps_per_epoch"
            )

    def _rereadable(self):
        return callable(self._source) or iter(self._source) is not self._source


def _takes_rank(function):
    try:
        return {"rank", "size"} <= inspect.signature(function).parameters.keys()
    except (TypeError, ValueError):  # some built-in functions have no signature
        return False


def _whole(batch, own, where):
    """The `Part` that a rank was given, checked against those of the others; None after the last batch."""
    about = None
    if batch is not None:
        x, y, lengths, _ = batch
        steps = {name: each.shape[1:2] for name, each in (x if isinstance(x, Mapping) else {"x": x}).items()}
        about = {"rows": len(y), "steps": steps, "lengths": each_of(lengths, lambda a: a.tolist())}
    said = own.team.gather("reads a batch", about)
    ends = [rank for rank, each in enumerate(said) if each is None]
    if ends:
        if len(ends) < len(said):
            raise ValueError(f"{where}: rank {ends[0]} has no more batches, but others have")
        return None
    rows = [each["rows"] for each in said]
    expected = [_rows_of(own, sum(rows), rank) for rank in range(len(rows))]
    if rows != expected:
        raise ValueError(
            f"{where}: of a batch of {sum(rows)} rows the ranks must give {expected} "
            f"(el.distributed.rows_of_rank says which), got {rows}"
        )
    for rank, each in enumerate(said):
        if each["steps"] != said[0]["steps"]:
            raise ValueError(
                f"{where}: all ranks must pad a batch to the same steps, got {said[0]['steps']} on rank 0, "
                f"{each['steps']} on rank {rank}"
            )
    return Part(batch, sum(rows), _joined([each["lengths"] for each in said]))


def _rows_of(own, rows, rank):
    mine = own.of_rank(rows, rank)
    return mine.stop - mine.start


def _joined(lengths):
    """The lengths of all rows of a batch."""
    if lengths[0] is None:
        return None
    if isinstance(lengths[0], Mapping):
        return {name: _joined([each[name] for each in lengths]) for name in lengths[0]}
    return np.array([n for each in lengths for n in each], np.int64)


def _unpacked(batch, where):
    """A user's batch, ``(x, y)``, ``(x, y, sample_weight)`` or a mapping, as our tuple."""
    if isinstance(batch, Mapping):
        extra = batch.keys() - {"x", "y", "lengths", "sample_weight"}
        if extra or not {"x", "y"} <= batch.keys():
            raise ValueError(
                f"{where}: a batch must have x and y and may have lengths and "
                f"sample_weight, got {', '.join(map(str, batch))}"
            )
        fields = (batch["x"], batch["y"], batch.get("lengths"), batch.get("sample_weight"))
    elif isinstance(batch, (tuple, list)) and len(batch) in (2, 3):
        fields = (batch[0], batch[1], None, batch[2] if len(batch) == 3 else None)
    else:
        raise ValueError(
            f"{where}: a batch must be (x, y), (x, y, sample_weight) or a dict with "
            f"x, y, lengths, sample_weight, got {type(batch).__name__}"
        )
    x, y, lengths, weight = fields
    if isinstance(lengths, Mapping):
        return x, y, {name: np.asarray(each) for name, each in lengths.items()}, weight
    return x, y, None if lengths is None else np.asarray(lengths), weight
