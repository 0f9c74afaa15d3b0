"""Rows of a model with named inputs: a column for each, and the lengths of each time axis."""

from collections.abc import Mapping

import numpy as np

from ..checks import as_lengths
from .batches import Rows
from .columns import Ragged


class NamedRows(Rows):
    """As `Rows`, with x a dict from the names of the inputs of `model` to arrays or lists of arrays.

    The lengths of its batches are a dict as well. Rows are sorted by the longest of their times. y is cut to the
    lengths of the output.
    """

    def __init__(self, model, *columns, **options):
        self._model = model
        super().__init__(*columns, **options)

    def _read(self, x, lengths, kinds, where):
        names = list(self._model.inputs)
        if not isinstance(x, Mapping) and len(names) == 1:
            x = {names[0]: x}
        if not isinstance(x, Mapping) or set(x) != set(names):
            got = f"({', '.join(map(str, x))})" if isinstance(x, Mapping) else type(x).__name__
            raise ValueError(f"{where}: x must be a dict with an array for each of ({', '.join(names)}), got {got}")
        self._given = x
        self._columns = {name: kinds.x(x[name], where, name) for name in names}
        rows = {name: len(column) for name, column in self._columns.items()}
        self.rows = rows[names[0]]
        if len(set(rows.values())) > 1:
            raise ValueError(f"{where}: all inputs must have as many rows, got {rows}")
        self._by_name = self._all_lengths(lengths, where)
        self._lengths = self._model.output_lengths(self._by_name) if self.rows else None
        self.ragged = self._lengths is not None and any(
            isinstance(self._columns[name], Ragged) for name in self._by_name
        )
        self._longest = np.max(list(self._by_name.values()), axis=0) if self._by_name else None
        times = self._model.output_lengths(self.times()) if self._model.keeps_time and self.rows else None
        self.time = None if times is None else int(times[0])

    def _all_lengths(self, lengths, where):
        """dict from the names of inputs with lengths, one for each time axis, to those of all rows."""
        model, by_name, given = self._model, {}, {}
        for name, each in model._by_input(lengths).items():
            column = self._columns[name]
            if isinstance(column, Ragged):
                raise ValueError(f"{where}: lengths is for arrays; the rows of the list {name} have their own")
            if column.array.ndim < 2:
                raise ValueError(f"{where}: lengths needs {name} of shape (N, T, ...), got {column.array.shape}")
            given[name] = as_lengths(each, *column.array.shape[:2], f"{where}: {name}")
        for name, column in self._columns.items():
            time = model._time[name]
            if isinstance(column, Ragged):
                if time is None:
                    raise ValueError(f"{where}: {name} has no time axis of free length; it must be one array")
                given[name] = column.lengths
            if name not in given:
                continue
            first = next((other for other in by_name if model._time[other] == time), None)
            if first is None:
                by_name[name] = given[name]
            elif not np.array_equal(by_name[first], given[name]):
                raise ValueError(f"{where}: {name} must have the lengths of {first}, whose time it shares")
        return by_name

    def times(self):
        """The steps of each input as the lengths of a single row."""
        steps = {}
        for name, column in self._columns.items():
            if self._model._time[name] is not None:
                dense = not isinstance(column, Ragged)
                steps[name] = np.array([column.array.shape[1] if dense else column.lengths.max(initial=0)])
        return steps

    def empty(self):
        if not all(hasattr(value, "shape") for value in self._given.values()):
            return None
        return {name: np.asarray(value) for name, value in self._given.items()}

    def _sort_by(self):
        return self._longest

    def _all_columns(self):
        return (*self._columns.values(), self._y, self._weight)

    def _take(self, index, own):
        model = self._model
        lengths = {name: each[index] for name, each in self._by_name.items()}
        longest = {model._time[name]: int(each.max()) for name, each in lengths.items()}
        x = {name: column.take(index, longest.get(model._time[name]), own) for name, column in self._columns.items()}
        time = None if self._lengths is None else int(self._lengths[index].max())
        return x, lengths or None, time
