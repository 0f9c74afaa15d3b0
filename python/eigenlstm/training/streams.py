"""Batches that are not in memory: an iterable of them, or a function that returns one."""

import itertools
from collections.abc import Mapping

import numpy as np


class NoMoreBatches(ValueError):
    """An iterable of batches gave none for an epoch."""


class Stream:
    """Batches from an iterable, or from a function ``f(epoch) -> iterable``.

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

    def __len__(self):
        if self._steps is not None:
            return self._steps
        return len(self._source) if hasattr(self._source, "__len__") else 0

    def epoch(self, number, key):
        """The batches of epoch `number` as they come."""
        source = self._source(number) if callable(self._source) else self._source
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
