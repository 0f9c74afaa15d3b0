"""From a sequence to one vector: its last step, its mean, its maximum."""

import numpy as np

from ..checks import as_lengths, flag, one_of
from .base import Layer


class _OverTime(Layer):
    """Layers that take (B, T, F) and lengths to (B, F). Rows of length zero give zeros."""

    _no_step = "it gives one vector for a whole sequence"

    keeps_time = False

    _options = {}

    def __init__(self):
        self._build([])

    def output_shape(self, shape):
        if len(shape) != 3:
            raise ValueError(f"{type(self).__name__} takes (B, T, F), got {shape}")
        return (shape[0], shape[2])

    def _sequences(self, x, lengths):
        x = self._input(x)
        if x.ndim != 3:
            raise ValueError(f"{self._forward_name}: x must have shape (B, T, F), got {x.shape}")
        return x, as_lengths(lengths, *x.shape[:2], self._forward_name)


class Last(_OverTime):
    """The last valid step of each row: ``y[b] = x[b, lengths[b] − 1]``.

    Parameters
    ----------
    bidirectional : bool
        The second half of the features comes from step 0 instead, which is where the reverse
        direction of a bidirectional LSTM has read the whole row.
    reverse : bool
        All features come from step 0: after an LSTM that reads backwards only.
    merge : "concat", "sum", "mean" or "mul"
        With `bidirectional`: how the two halves become one, as in `LSTM`, which merges step by step.
    """

    _options = {"bidirectional": flag, "reverse": flag, "merge": one_of("concat", "sum", "mean", "mul")}

    def __init__(self, *, bidirectional=False, reverse=False, merge="concat"):
        self._take(bidirectional=bidirectional, reverse=reverse, merge=merge)
        if self.bidirectional and self.reverse:
            raise ValueError("Last: bidirectional and reverse exclude each other")
        if merge != "concat" and not self.bidirectional:
            raise ValueError(f"Last: merge={merge!r} needs bidirectional=True")
        self._build([])

    def config(self):
        chosen = {"reverse": True} if self.reverse else {"merge": self.merge} if self.merge != "concat" else {}
        return {"bidirectional": self.bidirectional, **chosen}

    def output_shape(self, shape):
        rows, features = super().output_shape(shape)
        return (rows, features // 2 if self.merge != "concat" else features)

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x (B, T, F) -> y (B, F), tape``; y is (B, F/2) where `merge` makes one of two halves."""
        x, lengths = self._sequences(x, lengths)
        if self.bidirectional and x.shape[2] % 2:
            raise ValueError(f"Last.forward: x must have two halves of features, got shape {x.shape}")
        y = np.zeros((x.shape[0], x.shape[2]), x.dtype)
        rows, steps = slice(None), 0 if self.reverse else x.shape[1] - 1
        if lengths is not None:
            rows = np.flatnonzero(lengths)
            steps = 0 if self.reverse else lengths[rows] - 1
        half = x.shape[2] // 2
        if x.shape[1]:
            y[rows] = x[rows, steps]
            if self.bidirectional:
                y[rows, half:] = x[rows, 0, half:]
        halves = None if self.merge == "concat" else (y[:, :half], y[:, half:])
        return (y if halves is None else self._merged(*halves)), (
            (rows, steps, x.shape, x.dtype, halves) if training else None
        )

    def _merged(self, there, back):
        return (
            there * back
            if self.merge == "mul"
            else (there + back) * there.dtype.type(1 if self.merge == "sum" else 0.5)
        )

    def backward(self, tape, dy):
        """``dy (B, F) -> dx (B, T, F)``: zero but at the steps that were taken."""
        rows, steps, shape, dtype, halves = self._opened(tape)
        half = shape[2] // 2
        if halves is None:
            dy = self._gradient(dy, (shape[0], shape[2]), dtype)
        else:
            dy = self._gradient(dy, (shape[0], half), dtype)
            scale = dtype.type(0.5 if self.merge == "mean" else 1)
            parts = (dy * halves[1], dy * halves[0]) if self.merge == "mul" else (dy * scale, dy * scale)
            dy = np.concatenate(parts, axis=1)
        dx = np.zeros(shape, dtype)
        if shape[1] and not self.bidirectional:
            dx[rows, steps] = dy[rows]
        elif shape[1]:
            dx[rows, steps, :half] = dy[rows, :half]
            dx[rows, 0, half:] = dy[rows, half:]
        return dx


class MeanPool(_OverTime):
    """The mean over the valid steps of each row."""

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x (B, T, F) -> y (B, F), tape``."""
        x, lengths = self._sequences(x, lengths)
        steps = _masked(x, lengths, 0.0)
        y = np.zeros((x.shape[0], x.shape[2]), x.dtype)
        for t in range(x.shape[1]):  # in the order of time: no row's bits depend on its padding
            y += steps[:, t]
        counts = np.full(len(x), x.shape[1]) if lengths is None else lengths
        counts = np.maximum(counts, 1).astype(x.dtype)[:, None]
        y /= counts
        return y, ((counts, lengths, x.shape, x.dtype) if training else None)

    def backward(self, tape, dy):
        """``dy (B, F) -> dx (B, T, F)``."""
        counts, lengths, shape, dtype = self._opened(tape)
        dy = self._gradient(dy, (shape[0], shape[2]), dtype) / counts
        return _masked(np.repeat(dy[:, None], shape[1], axis=1), lengths, 0.0)


class MaxPool(_OverTime):
    """The maximum over the valid steps of each row; the first of equals takes the gradient."""

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x (B, T, F) -> y (B, F), tape``."""
        x, lengths = self._sequences(x, lengths)
        steps = _masked(x, lengths, -np.inf)
        y = np.maximum.reduce(steps, axis=1, initial=-np.inf)
        if not x.shape[1]:
            y[:] = 0
        elif lengths is not None:
            y[lengths == 0] = 0
        y += 0.0  # one zero: which of ±0 is the greater is NumPy's business
        return y, ((steps, lengths, y) if training else None)

    def backward(self, tape, dy):
        """``dy (B, F) -> dx (B, T, F)``."""
        steps, lengths, y = self._opened(tape)
        dy = self._gradient(dy, y.shape, y.dtype)
        dx = np.zeros(steps.shape, steps.dtype)
        if steps.shape[1]:
            first = np.argmax(steps == y[:, None], axis=1)[:, None]
            np.put_along_axis(dx, first, dy[:, None], axis=1)
        return _masked(dx, lengths, 0.0)


def _masked(x, lengths, padding):
    """`x` (B, T, F) with `padding` in the steps from each row's length on."""
    if lengths is None:
        return x
    valid = np.arange(x.shape[1]) < lengths[:, None]
    return np.where(valid[:, :, None], x, x.dtype.type(padding))
