"""The user's x, y and sample_weight as columns of rows, in the dtypes that the model and the loss take."""

from collections.abc import Mapping

import numpy as np

from .. import _core
from ..checks import converted

_HASHED = 2**22  # bytes of a column that go into its fingerprint


class Kinds:
    """Converts the user's data to what model and loss take: real numbers of any dtype, converted once.

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
        if not self._classes:
            return _column(values, self.dtype, where, "y", not self._real)
        column = _column(values, np.dtype(np.float64), where, "y")  # in which large classes are exact
        column.replace(lambda array: _as_classes(array, self.dtype))
        return column

    def weight(self, values, where):
        return _column(values, self.dtype, where, "sample_weight", False)

    def batch(self, x, y, lengths, weight, where):
        """A batch that the user made, converted."""
        if isinstance(x, Mapping):
            x = {name: _one_array(self.x(values, where, name), where, name) for name, values in x.items()}
        else:
            x = _one_array(self.x(x, where), where, "x")
        weight = None if weight is None else _one_array(self.weight(weight, where), where, "sample_weight")
        return x, _one_array(self.y(y, where), where, "y"), lengths, weight


def _one_array(column, where, name):
    """The array of a column of a batch, whose rows must be padded already."""
    if isinstance(column, Ragged):
        raise ValueError(f"{where}: {name} of a batch must be one array; pad its rows, and give their lengths")
    return column.array


def _as_classes(array, dtype):
    """Classes that are given as floats (0.0, 1.0) as integers. Other numbers stay floats, and the loss refuses them."""
    if array.dtype.kind != "f":
        return array
    whole = np.isfinite(array).all() and (array == np.trunc(array)).all()
    return array.astype(np.int64 if whole else dtype)


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


class Dense:
    """A column that is one array. Neighbouring rows are given as a view, others are gathered in a buffer."""

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

    def take(self, index, time, own=slice(None)):
        """The rows `own` of those that `index` has, up to `time`."""
        index = _within(index, own)
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

    def take(self, index, time, own=slice(None)):
        """The rows `own` of those that `index` has, padded as all of these are."""
        if time is None or self.own_time:
            time = int(self.lengths[index].max())
        index = _within(index, own)
        first, lengths = self.arrays[0], self.lengths[index]
        padded = np.full((len(lengths), time, *first.shape[1:]), self.padding, self.dtype)
        arrays = self.arrays[index] if isinstance(index, slice) else [self.arrays[i] for i in index]
        for row, length, array in zip(padded, lengths, arrays):
            row[:length] = array
        return padded


def _within(index, own):
    """Of the rows that `index` has, a slice or an array, those that the slice `own` has."""
    if not isinstance(index, slice):
        return index[own]
    rows = range(index.start, index.stop)[own]
    return slice(rows.start, rows.stop)


def _hash(array):
    step = max(1, array.nbytes // _HASHED)
    return f"{_core.fingerprint(np.ascontiguousarray(array[::step])):x}"
