"""Time turned around."""

import numpy as np

from ..checks import as_lengths
from .base import Layer


class Reverse(Layer):
    """Each row from its last step to its first: ``y[b, t] = x[b, lengths[b] - 1 - t]``. Steps past the length stay."""

    _options = {}
    _no_step = "it begins with the last step of a sequence"

    def __init__(self):
        self._build([])

    def output_shape(self, shape):
        if len(shape) != 3:
            raise ValueError(f"Reverse takes (B, T, F), got {shape}")
        return shape

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x (B, T, F) -> y (B, T, F), tape``."""
        x = self._input(x)
        if x.ndim != 3:
            raise ValueError(f"Reverse.forward: x must have shape (B, T, F), got {x.shape}")
        lengths = as_lengths(lengths, *x.shape[:2], "Reverse.forward")
        return _reversed(x, lengths), ((lengths, x.shape, x.dtype) if training else None)

    def backward(self, tape, dy):
        """``dy -> dx``, of one shape: reversed as x was."""
        lengths, shape, dtype = self._opened(tape)
        return _reversed(self._gradient(dy, shape, dtype), lengths)


def _reversed(x, lengths):
    if lengths is None:
        return np.ascontiguousarray(x[:, ::-1])
    steps = np.arange(x.shape[1])
    from_end = lengths[:, None] - 1 - steps
    return np.take_along_axis(x, np.where(from_end >= 0, from_end, steps)[:, :, None], axis=1)
