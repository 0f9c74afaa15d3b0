"""From a sequence to one vector: its last step, its mean, its maximum."""

import numpy as np

from .arrays import as_lengths
from .layer import Layer


class _OverTime(Layer):
    """Layers that take (B, T, F) and lengths to (B, F). Rows of length zero give zeros."""

    keeps_time = False

    def __init__(self):
        self._build([])

    def config(self):
        return {}

    def output_shape(self, shape):
        if len(shape) != 3:
            raise ValueError(f"{type(self).__name__} takes (B, T, F), got {shape}")
        return (shape[0], shape[2])

    def _sequences(self, x, lengths):
        x = self._input(x)
        if x.ndim != 3:
            raise ValueError(f"{self._forward_name}: x must have shape (B, T, F), got {x.shape}")
        batch, time, _ = x.shape
        if lengths is None:
            return x, np.full(batch, time)
        return x, as_lengths(lengths, batch, time, self._forward_name)


class Last(_OverTime):
    """The last valid step of each row: ``y[b] = x[b, lengths[b] − 1]``.

    Parameters
    ----------
    bidirectional : bool
        The second half of the features comes from step 0 instead, which is where the reverse
        direction of a bidirectional LSTM has read the whole row.
    """

    def __init__(self, *, bidirectional=False):
        self.bidirectional = bool(bidirectional)
        self._build([])

    def config(self):
        return {"bidirectional": self.bidirectional}

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x (B, T, F) -> y (B, F), tape``."""
        x, ends = self._sequences(x, lengths)
        y = np.zeros((x.shape[0], x.shape[2]), x.dtype)
        rows, half = np.flatnonzero(ends), self._half(x)
        if rows.size:
            y[rows, :half] = x[rows, ends[rows] - 1, :half]
            y[rows, half:] = x[rows, 0, half:]
        return y, ((ends, x.shape, x.dtype) if training else None)

    def backward(self, tape, dy):
        """``dy (B, F) -> dx (B, T, F)``: zero but at the steps that were taken."""
        ends, shape, dtype = self._opened(tape)
        dy = self._gradient(dy, (shape[0], shape[2]), dtype)
        dx = np.zeros(shape, dtype)
        rows, half = np.flatnonzero(ends), self._half(dx)
        if rows.size:
            dx[rows, ends[rows] - 1, :half] = dy[rows, :half]
            dx[rows, 0, half:] = dy[rows, half:]
        return dx

    def _half(self, x):
        """Where the features that are read at the end stop."""
        return x.shape[2] // 2 if self.bidirectional else x.shape[2]


class MeanPool(_OverTime):
    """The mean over the valid steps of each row."""

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x (B, T, F) -> y (B, F), tape``."""
        x, ends = self._sequences(x, lengths)
        steps = _masked(x, ends, 0.0)
        y = np.zeros((x.shape[0], x.shape[2]), x.dtype)
        for t in range(x.shape[1]):  # in the order of time: no row's bits depend on its padding
            y += steps[:, t]
        y /= _counts(ends, x.dtype)
        return y, ((ends, x.shape, x.dtype) if training else None)

    def backward(self, tape, dy):
        """``dy (B, F) -> dx (B, T, F)``."""
        ends, shape, dtype = self._opened(tape)
        dy = self._gradient(dy, (shape[0], shape[2]), dtype) / _counts(ends, dtype)
        return _masked(np.repeat(dy[:, None], shape[1], axis=1), ends, 0.0)


class MaxPool(_OverTime):
    """The maximum over the valid steps of each row; the first of equals takes the gradient."""

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x (B, T, F) -> y (B, F), tape``."""
        x, ends = self._sequences(x, lengths)
        steps = _masked(x, ends, -np.inf)
        y = np.maximum.reduce(steps, axis=1, initial=-np.inf)
        y[ends == 0] = 0
        y += 0.0  # one zero: which of ±0 is the greater is NumPy's business
        return y, ((steps, ends, y) if training else None)

    def backward(self, tape, dy):
        """``dy (B, F) -> dx (B, T, F)``."""
        steps, ends, y = self._opened(tape)
        dy = self._gradient(dy, y.shape, y.dtype)
        dx = np.zeros(steps.shape, steps.dtype)
        if steps.shape[1]:
            first = np.argmax(steps == y[:, None], axis=1)[:, None]
            np.put_along_axis(dx, first, dy[:, None], axis=1)
        return _masked(dx, ends, 0.0)


def _counts(ends, dtype):
    """What the sums are divided by, (B, 1)."""
    return np.maximum(ends, 1).astype(dtype)[:, None]


def _masked(x, ends, padding):
    """`x` (B, T, F) with `padding` in the steps from each row's end on."""
    valid = np.arange(x.shape[1]) < ends[:, None]
    if valid.all():
        return x
    return np.where(valid[:, :, None], x, x.dtype.type(padding))
