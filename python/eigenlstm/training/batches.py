"""Data for training: arrays, ragged sequences and streams of batches, all as steps of an epoch.

A batch is ``(x, y, lengths, sample_weight)``; what is not there is None. Arrays of a batch may be
buffers that the next batch overwrites, or views of what was given, not to be written to.
"""

import copy
import itertools
from collections.abc import Mapping

import numpy as np

from ..checks import as_lengths, converted, positive_int
from ..seeds import mix_seed
from .. import _core

_HASHED = 2**22  # bytes of a column by which it is known again
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
        """Set what is known of x: its column, its rows, and the steps of each."""
        self._x = kinds.x(x, where)
        self.rows = len(self._x)
        self.ragged = isinstance(self._x, Ragged)
        self.time = None if self.ragged else (*self._x.array.shape, None)[1]
        self._lengths = self._row_lengths(lengths, where)

    def times(self):
        """The steps of x as the lengths of a single row."""
        return np.array([self.time])

    def empty(self):
        """x as it is where it has no rows but a shape, else None."""
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
        """A text that other data would hardly give: a hash of at most some MB of each column, evenly spread."""
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
        """A column of as many rows as x; cut to the length of its batch if it has one value a step."""
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

    def epoch(self, number, key):
        """The batches of one epoch; the last may be smaller."""
        for column in self._all_columns():
            if column is not None:
                column.prepare(min(self._batch_size, self.rows))
        for index in self.order(key):
            x, lengths, time = self._take(index)
            y, weight = (None if column is None else column.take(index, time) for column in (self._y, self._weight))
            yield x, y, lengths, weight

    def _sort_by(self):
        """The lengths by which rows are put together, or None."""
        return self._lengths

    def _all_columns(self):
        return self._x, self._y, self._weight

    def _take(self, index):
        """x of a batch, its lengths, and the longest of them."""
        lengths = None if self._lengths is None else self._lengths[index]
        time = None if lengths is None else int(lengths.max())
        return self._x.take(index, time), lengths, time

    def _drawn(self, rng):
        """The rows of a shuffled epoch."""
        return (
            rng.permutation(self.rows) if self.sampling is None else rng.choice(self.rows, self.rows, p=self.sampling)
        )

    def order(self, key):
        """Which rows each batch has: index arrays, or slices where the rows stay as they are."""
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


class Dense:
    """A column that is one array: rows as they stand where neighbours, else gathered in a buffer."""

    cut = True  # to the longest row of the batch, where rows have lengths

    def __init__(self, array):
        self.array = array
        self._buffer = None

    def __len__(self):
        return len(self.array)

    def prepare(self, batch_size):
        # np.take copies the whole of an array that is not contiguous
        if self.array.flags.c_contiguous and (self._buffer is None or len(self._buffer) != batch_size):
            self._buffer = np.empty((batch_size, *self.array.shape[1:]), self.array.dtype)

    def replace(self, change):
        self.array = change(self.array)

    def fingerprint(self):
        return f"{self.array.shape} {self.array.dtype} {_hash(self.array)}"

    def take(self, index, time):
        cuts = time is not None and self.cut and time < self.array.shape[1]
        array = self.array[:, :time] if cuts else self.array
        if isinstance(index, slice):
            rows = array[index]
            rows.flags.writeable = False
            return rows
        if cuts or self._buffer is None:
            return array[index]
        full = len(index) == len(self._buffer)
        buffer = self._buffer if full else self._buffer[: len(index)]
        # "clip" writes straight into the buffer; the indices are ours
        return np.take(self.array, index, axis=0, out=buffer, mode="clip")


class Ragged:
    """A column that is a list of arrays (T_i, …), padded to the longest of the batch."""

    own_time = False  # the rows are not aligned with those of x
    padding = 0

    def __init__(self, arrays):
        self.arrays = arrays
        self.dtype = arrays[0].dtype
        self.lengths = np.array([len(array) for array in arrays], np.int64)

    def __len__(self):
        return len(self.arrays)

    def prepare(self, batch_size):
        pass

    def replace(self, change):
        self.arrays = [change(array) for array in self.arrays]
        self.dtype = self.arrays[0].dtype

    def fingerprint(self):
        step = max(1, sum(array.nbytes for array in self.arrays) // _HASHED)
        return f"{_hash(self.lengths)} {self.dtype} {_hash(np.concatenate(self.arrays[::step]))}"

    def take(self, index, time):
        if time is None or self.own_time:
            time = int(self.lengths[index].max())
        first, lengths = self.arrays[0], self.lengths[index]
        padded = np.full((len(lengths), time, *first.shape[1:]), self.padding, self.dtype)
        arrays = self.arrays[index] if isinstance(index, slice) else [self.arrays[i] for i in index]
        for row, length, array in zip(padded, lengths, arrays):
            row[:length] = array
        return padded


def _hash(array):
    step = max(1, array.nbytes // _HASHED)
    return f"{_core.fingerprint(np.ascontiguousarray(array[::step])):x}"


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


def epoch_key(seed, epoch):
    """The key of the order of rows in `epoch` of a run with `seed`."""
    return mix_seed(mix_seed(seed, 0), epoch)


def step_key(seed, step):
    """The key of what layers draw in `step` of a run with `seed`."""
    return mix_seed(mix_seed(seed, 1), step)


class Kinds:
    """How what a user gives becomes what model and loss take: real numbers of any dtype are converted once.

    Integers stay integers where the model begins with an `Embedding`, or the loss takes classes.
    """

    def __init__(self, model, loss=None, class_weight=None):
        self.dtype = model.dtype or np.dtype(np.float32)
        first = model
        while getattr(first, "layers", None) and model.inputs is None:
            first = first.layers[0]
        ours = type(first).__module__.startswith("eigenlstm.")
        self._floats = {name: each.dtype == "float" for name, each in (model.inputs or {}).items()}
        self._x = not (ours and first.dtype is not None and type(first).__name__ != "Embedding")
        self._nan = getattr(first, "missing", None) in ("forward_fill", "mask")
        self._real = getattr(loss, "real_targets", False) and class_weight is None
        self._classes = getattr(loss, "classes", False)

    def x(self, values, where, name="x"):
        whole = not self._floats[name] if name in self._floats else self._x
        return _column(values, self.dtype, where, name, whole, self._nan)

    def y(self, values, where):
        column = _column(values, self.dtype, where, "y", not self._real)
        if self._classes:
            column.replace(_as_classes)
        return column

    def weight(self, values, where):
        return _column(values, self.dtype, where, "sample_weight", False)

    def batch(self, x, y, lengths, weight, where):
        """A user's batch as ours."""
        if isinstance(x, Mapping):
            x = {name: self.x(values, where, name).array for name, values in x.items()}
        else:
            x = self.x(x, where).array
        weight = None if weight is None else self.weight(weight, where).array
        return x, self.y(y, where).array, lengths, weight


def _as_classes(array):
    """Classes that came as floats, 0.0 and 1.0, as integers; what are none are left to the loss, which refuses them."""
    if array.dtype.kind != "f" or not (np.isfinite(array).all() and (array == np.trunc(array)).all()):
        return array
    return array.astype(np.int64)


def _column(values, dtype, where, name, whole=True, nan=False):
    """`values` as a column of floats of `dtype`; integers and bools stay what they are where they may be `whole`."""
    if isinstance(values, (list, tuple)) and len(values) and np.ndim(values[0]) > 0 and _differ(values):
        arrays = [converted(value, dtype, where, f"{name}[{i}]", whole, nan) for i, value in enumerate(values)]
        shapes = {array.shape[1:] for array in arrays}
        if len(shapes) > 1 or len({array.dtype for array in arrays}) > 1:
            raise ValueError(f"{where}: the arrays in {name} must differ in their first axis only")
        return Ragged(arrays)
    array = converted(values, dtype, where, name, whole, nan)
    if array.ndim == 0:
        raise ValueError(f"{where}: {name} must have rows, got a scalar")
    return Dense(array)


def _differ(values):
    """Whether a list holds sequences as rows of their own (arrays, or lists of unlike length)."""
    return hasattr(values[0], "__array__") or len({len(value) for value in values}) > 1
