"""Data for training: arrays, ragged sequences and streams of batches, all as steps of an epoch.

A batch is ``(x, y, lengths, sample_weight)``; what is not there is None. Arrays of a batch may be
buffers that the next batch overwrites, or views of what was given, not to be written to.
"""

import copy
from collections.abc import Mapping

import numpy as np

from ..checks import as_lengths, positive_int
from ..seeds import mix_seed
from .columns import Ragged
from .parts import Part, each_of
from .streams import Stream

_WINDOW = 32  # batches that are sorted by length together: little padding, much randomness left


def batches(
    x,
    y,
    lengths,
    sample_weight,
    *,
    batch_size,
    kinds,
    keeps_time,
    where,
    order="sorted",
    steps=None,
    per_step=True,
    model=None,
):
    """What `fit` or `evaluate` was given as an object with ``epoch(number, key)``.

    It yields the batches of epoch `number`; ``len()`` is the number of its steps, 0 where only the
    end of the stream tells. See `Rows` for the rest.
    """
    if y is None and not hasattr(x, "__array__") and not isinstance(x, Mapping):
        if lengths is not None or sample_weight is not None:
            raise ValueError(
                f"{where}: an iterable of batches carries lengths and sample_weight "
                "in its batches: yield dicts with x, y, lengths, sample_weight"
            )
        return Stream(x, steps, where, kinds)
    if steps is not None:
        raise ValueError(f"{where}: steps_per_epoch is for iterables of batches")
    if y is None:
        raise ValueError(f"{where}: y is missing")
    rows = rows_of(
        model,
        x,
        y,
        lengths,
        sample_weight,
        batch_size=batch_size,
        kinds=kinds,
        keeps_time=keeps_time,
        where=where,
        order=order,
        per_step=per_step,
    )
    if not rows.rows:
        raise ValueError(f"{where}: x has no rows")
    return rows


def rows_of(model, *columns, **options):
    """`Rows`, or `NamedRows` for a model with named inputs."""
    if model is None or model.inputs is None:
        return Rows(*columns, **options)
    from .named_rows import NamedRows  # which imports this

    return NamedRows(model, *columns, **options)


class Rows:
    """Batches of rows from arrays or lists of arrays in memory.

    `order` is that of the rows: "given"; "sorted", by length where rows have lengths; "shuffled" by
    the key of the epoch alone, with rows of like length together. `per_step` says whether y has a value for
    each step where the model keeps time; labels of `CTC`, say, have a length of their own.
    Where `sampling` has the probability of each row, shuffled rows are drawn with replacement.
    """

    def __init__(self, x, y, lengths, weight, *, batch_size, kinds, keeps_time, where, order, per_step=True):
        self._batch_size, self._order = positive_int(batch_size, f"{where}: batch_size"), order
        self._given = x
        self._read(x, lengths, kinds, where)
        cuts = keeps_time and self._lengths is not None
        self._y = None if y is None else self._aligned(kinds.y(y, where), where, "y", cuts and per_step)
        self._weight = (
            None if weight is None else self._aligned(kinds.weight(weight, where), where, "sample_weight", cuts)
        )

    def _read(self, x, lengths, kinds, where):
        """Store x as a column, and find out how many rows it has and how many steps each row has."""
        self._x = kinds.x(x, where)
        self.rows = len(self._x)
        self.ragged = isinstance(self._x, Ragged)
        self.time = None if self.ragged else (*self._x.array.shape, None)[1]
        self._lengths = self._row_lengths(lengths, where)

    def times(self):
        """The number of steps of x, as an array of lengths for a single row."""
        return np.array([self.time])

    def empty(self):
        """x itself if it is an array without rows, which has a shape all the same; otherwise None."""
        return np.asarray(self._given) if hasattr(self._given, "shape") else None

    sampling = None

    def again(self, order):
        """The same rows, each once, in another order."""
        rows = copy.copy(self)
        rows._order, rows.sampling = order, None
        return rows

    def check_epochs(self, epochs):
        """Rows can be read as often as one likes."""

    def fingerprint(self):
        """A text by which other data can be told apart: a hash of a few MB of each column, taken at even distances."""
        return " ".join("-" if column is None else column.fingerprint() for column in self._all_columns())

    def _row_lengths(self, lengths, where):
        if self.ragged:
            if lengths is not None:
                raise ValueError(f"{where}: lengths is for x as one array; the rows of a list have their own")
            return self._x.lengths
        if lengths is None:
            return None
        shape = self._x.array.shape
        if len(shape) < 2:
            raise ValueError(f"{where}: lengths needs x of shape (N, T, …), got {shape}")
        return as_lengths(lengths, shape[0], shape[1], where)

    def _aligned(self, column, where, name, per_step):
        """A column with as many rows as x. If it has a value for each step, it is cut to the length of its batch."""
        if len(column) != self.rows:
            raise ValueError(f"{where}: {name} must have as many rows as x, {self.rows}, got {len(column)}")
        if isinstance(column, Ragged):
            column.own_time = not (per_step and np.array_equal(column.lengths, self._lengths))
            if column.arrays[0].dtype.kind in "iu":
                # no class: this is where `losses.CTC` sees the labels end
                column.padding, column.dtype = -1, np.dtype(np.int64)
        else:
            column.cut = per_step and column.array.ndim > 1 and column.array.shape[1] == self.time
        return column

    def __len__(self):
        return (self.rows + self._batch_size - 1) // self._batch_size

    def epoch(self, number, key, mine=None):
        """The batches of one epoch; the last may be smaller. None for those of which ``mine(i)`` is false."""
        self._prepare()
        for i, index in enumerate(self.order(key)):
            yield self._part(index, slice(None)).batch if mine is None or mine(i) else None

    def parts(self, number, key, own):
        """The batches of one epoch as `Part`; ``own(rows)`` is the slice of a batch's rows that is read."""
        self._prepare()
        for index in self.order(key):
            yield self._part(index, own(_size(index)))

    def _prepare(self):
        for column in self._all_columns():
            if column is not None:
                column.prepare(min(self._batch_size, self.rows))

    def _part(self, index, own):
        x, lengths, time = self._take(index, own)
        y, weight = (None if column is None else column.take(index, time, own) for column in (self._y, self._weight))
        return Part((x, y, each_of(lengths, lambda a: a[own]), weight), _size(index), lengths)

    def _sort_by(self):
        """The lengths by which rows are sorted, so that rows of similar length form a batch; or None."""
        return self._lengths

    def _all_columns(self):
        return self._x, self._y, self._weight

    def _take(self, index, own):
        """x of the rows `own` of a batch, the lengths of all its rows, and the longest of them."""
        lengths = None if self._lengths is None else self._lengths[index]
        time = None if lengths is None else int(lengths.max())
        return self._x.take(index, time, own), lengths, time

    def _drawn(self, rng):
        """The rows of a shuffled epoch."""
        return (
            rng.permutation(self.rows) if self.sampling is None else rng.choice(self.rows, self.rows, p=self.sampling)
        )

    def order(self, key):
        """The rows of each batch: arrays of indices, or slices if the rows keep their order."""
        size = self._batch_size
        shuffled, lengths = self._order == "shuffled", self._sort_by()
        if not shuffled and (lengths is None or self._order == "given"):
            return [slice(i, min(i + size, self.rows)) for i in range(0, self.rows, size)]
        rng = np.random.Generator(np.random.PCG64(key)) if shuffled else None
        order = self._drawn(rng) if shuffled else np.arange(self.rows)
        if lengths is None:
            return [order[i : i + size] for i in range(0, self.rows, size)]
        window = _WINDOW * size if shuffled else max(1, self.rows)
        batched = []
        for i in range(0, self.rows, window):
            part = order[i : i + window]
            part = part[np.argsort(lengths[part], kind="stable")]
            batched += [part[j : j + size] for j in range(0, len(part), size)]
        if shuffled:
            batched = [batched[i] for i in rng.permutation(len(batched))]
        return batched


def _size(index):
    """The rows of an index of `Rows.order`."""
    return index.stop - index.start if isinstance(index, slice) else len(index)


def epoch_key(seed, epoch):
    """The key that determines the order of the rows in `epoch` of a run with `seed`."""
    return mix_seed(mix_seed(seed, 0), epoch)


def step_key(seed, step):
    """The key that determines what layers draw in `step` of a run with `seed`."""
    return mix_seed(mix_seed(seed, 1), step)
