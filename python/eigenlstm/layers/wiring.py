"""Layers that join values or cut them: sums, products, values side by side, parts of them."""

import math

import numpy as np

from .. import _core
from ..checks import as_array, as_floats, integer, optional
from .base import Layer
from .symbolic import Value, shape_text


class Joint(Layer):
    """Base of the layers that take several arrays: ``layer(a, b, …)``.

    `lengths` is a tuple with those of each array, or None. `backward` gives a tuple, one gradient for each array.
    """

    several = True

    def __call__(self, *xs, lengths=None):
        """Inference: the ``y`` of `forward` with ``training=False``."""
        for x in xs:
            if isinstance(x, Value):
                return x._trace.call(self, xs, lengths=lengths)
        return self.forward(*xs, lengths=lengths, training=False)[0]

    def _floats(self, xs, least):
        """`xs`, at least `least` of them, as arrays of one dtype."""
        if len(xs) < least:
            raise TypeError(f"{self._forward_name}: takes at least {least} arrays, got {len(xs)}")
        first = as_array(xs[0], self._dtype, self._forward_name, "x[0]") if self._dtype else None
        first = as_floats(xs[0], self._forward_name, "x[0]") if first is None else first
        return [first, *(as_array(x, first.dtype, self._forward_name, f"x[{i}]") for i, x in enumerate(xs[1:], 1))]


class _Elementwise(Joint):
    """Base of the layers that combine two or more arrays of the same shape, value by value."""

    _options = {}

    def __init__(self):
        self._build([])

    def output_shape(self, *shapes):
        if len(shapes) < 2 or any(shape != shapes[0] for shape in shapes):
            raise ValueError(
                f"{type(self).__name__} takes two values or more of one shape, got {_and(map(shape_text, shapes))}"
            )
        return shapes[0]

    def _alike(self, xs):
        xs = self._floats(xs, 2)
        for i, x in enumerate(xs):
            if x.shape != xs[0].shape:
                raise ValueError(
                    f"{self._forward_name}: x[{i}] must have the shape {xs[0].shape} of x[0], got {x.shape}"
                )
        return xs


class Add(_Elementwise):
    """``y = a + b + …`` of arrays of one shape; in a `Model`, ``a + b``. A skip is ``x + f(x)``."""

    def forward(self, *xs, lengths=None, training=True, seed=None):
        """``a, b, … -> y, tape``."""
        xs = self._alike(xs)
        y = _core.add(xs)
        return y, ((y.shape, y.dtype, len(xs)) if training else None)

    def _stream_into(self, graph, *xs):
        return graph.add(xs)

    def backward(self, tape, dy):
        """``dy -> (dy, dy, …)``."""
        shape, dtype, count = self._opened(tape)
        return (self._gradient(dy, shape, dtype),) * count


class Multiply(_Elementwise):
    """``y = a * b * …`` of arrays of one shape, value by value; in a `Model`, ``a * b``."""

    def forward(self, *xs, lengths=None, training=True, seed=None):
        """``a, b, … -> y, tape``."""
        xs = self._alike(xs)
        y = _core.multiply(xs)
        return y, (tuple(xs) if training else None)

    def _stream_into(self, graph, *xs):
        return graph.multiply(xs)

    def backward(self, tape, dy):
        """``dy -> (dy * b * …, dy * a * …, …)``."""
        xs = self._opened(tape)
        dy = self._gradient(dy, xs[0].shape, xs[0].dtype)
        return tuple(math.prod((x for j, x in enumerate(xs) if j != i), start=dy) for i in range(len(xs)))


class Concat(Joint):
    """Arrays side by side along the last axis: ``(…, a), (…, b) -> (…, a + b)``."""

    _options = {}

    def __init__(self):
        self._build([])

    def output_shape(self, *shapes):
        if len(shapes) < 2 or any(shape[:-1] != shapes[0][:-1] for shape in shapes):
            raise ValueError(
                "Concat takes two values or more that differ in their last axis only, got "
                f"{_and(map(shape_text, shapes))}"
            )
        if not all(isinstance(shape[-1], int) for shape in shapes):
            raise ValueError(
                f"Concat takes values whose last axis has a fixed size, got {_and(map(shape_text, shapes))}"
            )
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))

    def forward(self, *xs, lengths=None, training=True, seed=None):
        """``a, b, … -> y, tape``."""
        xs = self._floats(xs, 2)
        for i, x in enumerate(xs):
            if x.ndim == 0 or x.shape[:-1] != xs[0].shape[:-1]:
                raise ValueError(
                    f"Concat.forward: x[{i}] must have the shape {(*xs[0].shape[:-1], '...')} of x[0] but for the last "
                    f"axis, got {x.shape}"
                )
        y = np.concatenate(xs, axis=-1)
        return y, ((y.shape, y.dtype, np.cumsum([x.shape[-1] for x in xs[:-1]])) if training else None)

    def _stream_into(self, graph, *xs):
        return graph.concat(xs)

    def backward(self, tape, dy):
        """``dy -> (da, db, …)``: its parts."""
        shape, dtype, cuts = self._opened(tape)
        return tuple(np.split(self._gradient(dy, shape, dtype), cuts, axis=-1))


class Slice(Layer):
    """``y = x[..., start:stop]``; in a `Model`, ``x[..., start:stop]``. Negative numbers count from the end, as
    Python's.
    """

    _options = {"start": optional(integer), "stop": optional(integer)}

    def __init__(self, start=None, stop=None):
        self._take(start=start, stop=stop)
        self._build([])

    def input_for(self, shape):
        return None

    def _width(self, size):
        return len(range(size)[self.start : self.stop])

    def output_shape(self, shape):
        if not isinstance(shape[-1], int) or not self._width(shape[-1]):
            raise ValueError(f"Slice [..., {self.start}:{self.stop}] takes nothing of {shape_text(shape)}")
        return (*shape[:-1], self._width(shape[-1]))

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x (…, n) -> y (…, m), tape``; y is a view of x."""
        x = self._input(x)
        if x.ndim == 0 or not self._width(x.shape[-1]):
            raise ValueError(f"Slice.forward: [..., {self.start}:{self.stop}] takes nothing of x of shape {x.shape}")
        y = x[..., self.start : self.stop]
        return y, ((x.shape, y.shape, x.dtype) if training else None)

    def _stream_into(self, graph, x):
        taken = range(graph.size(x))[self.start : self.stop]
        return graph.slice(x, taken.start, len(taken))

    def backward(self, tape, dy):
        """``dy (…, m) -> dx (…, n)``: zero where nothing was taken."""
        shape, part, dtype = self._opened(tape)
        dx = np.zeros(shape, dtype)
        dx[..., self.start : self.stop] = self._gradient(dy, part, dtype)
        return dx


def _and(words):
    return " and ".join(words)
