"""Layers that move steps: to the step before, between rows of characters and rows of words, several into one."""

import numpy as np

from .. import _core
from ..checks import finite, integer, positive_int, unmasked
from .base import Layer
from .symbolic import shape_text
from .wiring import Joint


def _start(value, what):
    """A finite number; an integer stays one."""
    return integer(value, what) if isinstance(value, (int, np.integer)) else finite(value, what)


class Shift(Layer):
    """Each step gets the one before it: ``y[:, 0] = start``, ``y[:, t] = x[:, t - 1]``.

    For teacher forcing: a decoder that reads ``shift(target)`` sees at each step what it should have said before. Takes
    integers (B, T), then `start` is the index of the mark at the start of a sentence, or floats (B, T, ...).
    """

    _options = {"start": _start}

    def __init__(self, start=0):
        self._take(start=start)
        self._build([])

    def output_shape(self, shape):
        if len(shape) < 2:
            raise ValueError(f"Shift takes (B, T, ...), got {shape_text(shape)}")
        return shape

    def output_dtype(self, *dtypes):
        if dtypes == ("int64",) and not isinstance(self.start, int):
            raise TypeError(f"Shift: start must be an integer for integers, got {self.start}")
        return dtypes[0]

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x (B, T, ...) -> y, tape`` of the same shape."""
        x = np.asarray(unmasked(x, self._forward_name))
        integers = x.dtype.kind in "iu"
        x = x if integers else self._input(x)
        if x.ndim < 2:
            raise ValueError(f"{self._forward_name}: x must have shape (B, T, ...), got {x.shape}")
        if integers and not isinstance(self.start, int):
            raise TypeError(f"{self._forward_name}: start must be an integer for integers, got {self.start}")
        y = np.empty_like(x)
        y[:, :1] = self.start
        y[:, 1:] = x[:, :-1]
        return y, ((None if integers else (x.shape, x.dtype),) if training else None)

    def _stream_into(self, graph, x):
        return graph.shift(x, self.start)

    def backward(self, tape, dy):
        """``dy -> dx``; None for integers."""
        (floats,) = self._opened(tape)
        if floats is None:
            return None
        dy = self._gradient(dy, *floats)
        dx = np.zeros_like(dy)
        dx[:, :-1] = dy[:, 1:]
        return dx


class _Indexed(Joint):
    """Base of the layers that take x (B, T, F) and integers that number steps, where -1 means no step."""

    _options = {}

    _no_step = "it picks from the steps of a whole sequence"

    def __init__(self):
        self._build([])

    def output_dtype(self, *dtypes):
        if dtypes[:2] != ("float", "int64"):
            raise TypeError(f"{type(self).__name__} takes floats and then integers, got {' and '.join(dtypes)}")
        return "float"

    def _given(self, x, steps, bound):
        """x, and for each step the row of ``x.reshape(-1, F)`` that it names: ``bound`` steps a row; -1 where it names
        none.
        """
        x = self._input(x)
        steps = np.asarray(steps)
        if steps.dtype.kind not in "iu":
            raise TypeError(f"{self._forward_name}: steps must be integers, got {steps.dtype}")
        if x.ndim != 3 or steps.ndim != 2 or len(x) != len(steps):
            raise ValueError(
                f"{self._forward_name}: x must have shape (B, T, F) and steps (B, S), got {x.shape} and {steps.shape}"
            )
        if steps.size and not (steps.min() >= -1 and steps.max() < bound):
            raise ValueError(
                f"{self._forward_name}: steps must lie in -1..{bound - 1}, got {steps.min()}..{steps.max()}"
            )
        rows = np.arange(len(steps), dtype=np.int64)[:, None] * bound + steps
        return np.ascontiguousarray(x), np.where(steps < 0, np.int64(-1), rows).reshape(-1)


class Gather(_Indexed):
    """``y[b, s] = x[b, steps[b, s]]``, zeros where ``steps[b, s]`` is -1: words from the characters that they end with.

    ``gather(x, steps)`` takes x (B, T, F) and integers (B, S) to (B, S, F).
    """

    def output_shape(self, *shapes):
        if len(shapes) != 2 or len(shapes[0]) != 3 or len(shapes[1]) != 2:
            raise ValueError(f"Gather takes (B, T, F) and (B, S), got {' and '.join(map(shape_text, shapes))}")
        return (*shapes[1], shapes[0][2])

    def forward(self, x, steps, *, lengths=None, training=True, seed=None):
        """``x (B, T, F), steps (B, S) -> y (B, S, F), tape``."""
        x, rows = self._given(x, steps, np.shape(x)[1])
        there = rows >= 0
        y = np.zeros((len(rows), x.shape[2]), x.dtype)
        if there.all() and len(rows):
            y = _core.embedding_forward(rows, x.reshape(-1, x.shape[2]))
        elif there.any():
            y[there] = _core.embedding_forward(rows[there], x.reshape(-1, x.shape[2]))
        shape = (*np.shape(steps), x.shape[2])
        return y.reshape(shape), ((rows, x.shape, shape, x.dtype) if training else None)

    def backward(self, tape, dy):
        """``dy (B, S, F) -> (dx (B, T, F), None)``: the sum of what was taken of each step."""
        rows, shape, taken, dtype = self._opened(tape)
        dy = np.ascontiguousarray(self._gradient(dy, taken, dtype)).reshape(-1, shape[2])
        there = rows >= 0
        dx = np.zeros((shape[0] * shape[1], shape[2]), dtype)
        if there.any():
            _core.embedding_backward(rows[there], dy[there], dx)
        return dx.reshape(shape), None


class Scatter(_Indexed):
    """``y[b, s] = sum of x[b, t] with steps[b, t] = s``: the sum of the characters of each word.

    ``scatter(x, steps, like)`` takes x (B, T, F), integers (B, T), -1 for none, and any value (B, S, ...) whose steps
    the result gets, to (B, S, F).
    """

    _no_step = "it sums over the steps of a whole sequence"

    def output_dtype(self, *dtypes):
        if dtypes[:2] != ("float", "int64"):
            raise TypeError(f"Scatter takes floats, then integers, then any value, got {' and '.join(dtypes)}")
        return "float"

    def output_shape(self, *shapes):
        if len(shapes) != 3 or len(shapes[0]) != 3 or shapes[1] != shapes[0][:2] or len(shapes[2]) < 2:
            raise ValueError(
                f"Scatter takes (B, T, F), (B, T) and (B, S, ...), got {' and '.join(map(shape_text, shapes))}"
            )
        return (*shapes[2][:2], shapes[0][2])

    def forward(self, x, steps, like, *, lengths=None, training=True, seed=None):
        """``x (B, T, F), steps (B, T), like (B, S, ...) -> y (B, S, F), tape``."""
        if np.ndim(like) < 2 or np.shape(steps) != np.shape(x)[:2]:
            raise ValueError(
                f"Scatter.forward: steps must have shape {np.shape(x)[:2]} and like (B, S, ...), got {np.shape(steps)} "
                f"and {np.shape(like)}"
            )
        bound = np.shape(like)[1]
        x, rows = self._given(x, steps, bound)
        there = rows >= 0
        y = np.zeros((len(x) * bound, x.shape[2]), x.dtype)
        if there.any():
            _core.embedding_backward(rows[there], x.reshape(-1, x.shape[2])[there], y)
        shape = (len(x), bound, x.shape[2])
        return y.reshape(shape), ((rows, x.shape, shape, x.dtype) if training else None)

    def backward(self, tape, dy):
        """``dy (B, S, F) -> (dx (B, T, F), None, None)``."""
        rows, shape, given, dtype = self._opened(tape)
        dy = np.ascontiguousarray(self._gradient(dy, given, dtype)).reshape(-1, shape[2])
        there = rows >= 0
        dx = np.zeros((len(rows), shape[2]), dtype)
        if there.any():
            dx[there] = _core.embedding_forward(rows[there], dy)
        return dx.reshape(shape), None, None


class JoinDirections(Layer):
    """The state of a bidirectional LSTM as one of twice the width: (2 L, B, H) -> (L, B, 2 H), forward then reverse.

    For an encoder of two directions and a decoder of one: ``decoder(x, (join(h), join(c)))``.
    """

    _no_step = "it takes the state after a whole sequence"
    keeps_time = False
    _options = {}

    def __init__(self):
        self._build([])

    def output_shape(self, shape):
        if len(shape) != 3 or not isinstance(shape[0], int) or shape[0] % 2:
            raise ValueError(f"JoinDirections takes a state (2 L, B, H), got {shape_text(shape)}")
        return (shape[0] // 2, shape[1], 2 * shape[2])

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x (2 L, B, H) -> y (L, B, 2 H), tape``."""
        x = self._input(x)
        if x.ndim != 3 or len(x) % 2:
            raise ValueError(f"{self._forward_name}: x must have shape (2 L, B, H), got {x.shape}")
        y = np.concatenate([x[::2], x[1::2]], axis=2)
        return y, ((x.shape, y.shape, x.dtype) if training else None)

    def backward(self, tape, dy):
        """``dy (L, B, 2 H) -> dx (2 L, B, H)``."""
        shape, joined, dtype = self._opened(tape)
        dy = self._gradient(dy, joined, dtype)
        dx = np.empty(shape, dtype)
        dx[::2], dx[1::2] = dy[:, :, : shape[2]], dy[:, :, shape[2] :]
        return dx


class StackFrames(Layer):
    """`count` neighbouring steps become one: (B, T, F) -> (B, ceil(T / count), count F); what is missing at the end is
    zeros.

    A row of n steps then has ceil(n / count), so that an LSTM after it has fewer steps to run.
    """

    _no_step = "it makes one step of several"
    _options = {"count": positive_int}

    def __init__(self, count):
        self._take(count=count)
        self._build([])

    def output_shape(self, shape):
        if len(shape) != 3 or not isinstance(shape[2], int):
            raise ValueError(f"StackFrames takes (B, T, F), got {shape_text(shape)}")
        time = -(-shape[1] // self.count) if isinstance(shape[1], int) else f"{shape[1]}/{self.count}"
        return (shape[0], time, self.count * shape[2])

    def input_for(self, shape):
        return (*shape[:2], shape[2] // self.count) if len(shape) == 3 and shape[2] % self.count == 0 else None

    def output_lengths(self, lengths):
        return None if lengths is None else -(-np.asarray(lengths) // self.count)

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x (B, T, F) -> y (B, ceil(T / count), count F), tape``."""
        x = self._input(x)
        if x.ndim != 3:
            raise ValueError(f"{self._forward_name}: x must have shape (B, T, F), got {x.shape}")
        batch, time, features = x.shape
        steps = -(-time // self.count)
        y = np.zeros((batch, steps * self.count, features), x.dtype)
        y[:, :time] = x
        mask = _past(lengths, x)
        if mask is not None:
            y[:, :time][mask] = 0
        shape = (batch, steps, self.count * features)
        return y.reshape(shape), ((x.shape, shape, x.dtype, mask) if training else None)

    def backward(self, tape, dy):
        """``dy -> dx``."""
        shape, stacked, dtype, mask = self._opened(tape)
        dy = np.ascontiguousarray(self._gradient(dy, stacked, dtype))
        dx = dy.reshape(shape[0], -1, shape[2])[:, : shape[1]].copy()
        if mask is not None:
            dx[mask] = 0
        return dx


def _past(lengths, x):
    """Where (B, T) steps lie past the lengths; None where there are none."""
    if lengths is None:
        return None
    return np.arange(x.shape[1]) >= np.asarray(lengths)[:, None]
