"""Dropout: random zeros in training, nothing in inference."""

from .. import _core
from ..checks import optional, probability
from ..seeds import as_seed
from .base import Layer


class Dropout(Layer):
    """Zero each value with probability `p` in training and scale the rest by 1/(1 − p).

    Source: Srivastava et al. 2014, in the inverted form, so that inference is the identity.

    Parameters
    ----------
    p : float in [0, 1)
    seed : int or None
        Of the masks of calls that pass no seed of their own.

    Notes
    -----
    The mask is a function of the seed and of a value's position in x (C order) alone: Philox4x32-10
    with the position as counter.
    """

    stochastic = True

    _options = {"p": probability, "seed": optional(as_seed)}

    def __init__(self, p=0.5, *, seed=None):
        self._take(p=p, seed=seed)
        self._build([], seed=seed)

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x -> y, tape``, both of one shape, any rank."""
        x = self._input(x)
        if not training:
            return x, None
        if self.p == 0:
            return x, (None, x.shape, x.dtype)
        seed = self._next_seed() if seed is None else as_seed(seed, self._forward_name)
        mask = _core.dropout_mask(seed, 0, self._mask_shape(x.shape), self.p, x.dtype)
        return x * mask, (mask, x.shape, x.dtype)

    def _mask_shape(self, shape):
        return shape

    def _stream_into(self, graph, x):
        return x

    def backward(self, tape, dy):
        """``dy -> dx``, of one shape: multiplied by the mask of the forward pass again."""
        mask, shape, dtype = self._opened(tape)
        dy = self._gradient(dy, shape, dtype)
        return dy if mask is None else dy * mask


class SpatialDropout1D(Dropout):
    """`Dropout` of whole features: what is dropped of a row is dropped at all its steps (Tompson et al. 2015).

    x must be (B, T, F); there is one mask (B, 1, F).
    """

    def _mask_shape(self, shape):
        if len(shape) != 3:
            raise ValueError(f"{self._forward_name}: x must have shape (B, T, F), got {shape}")
        return (shape[0], 1, shape[2])
