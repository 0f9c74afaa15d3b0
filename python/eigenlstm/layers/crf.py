"""A conditional random field over tags, for the end of a tagger."""

import numpy as np

from .. import _core
from ..checks import as_lengths, dtype_option, optional, positive_int
from ..seeds import as_seed
from .base import Layer


class CRF(Layer):
    """A linear chain over the tags of a row: scores of tags (emissions), and of what follows what (transitions).

    ::

        score(y) = start[y_0] + sum of x[t, y_t] + sum of transitions[y_{t-1}, y_t] + end[y_{T-1}]

    It ends a model and is trained by the loss "crf" (`eigenlstm.losses.CRF`), −log of the probability of the true tags
    among all. What it gives is the best chain (Viterbi 1967), as 1 at the tag of each step and 0 elsewhere, so that
    ``argmax`` of the last axis, metrics and `predict` read it like scores; `decode` gives the tags. Source: Lafferty,
    McCallum, Pereira 2001. Computed in float64 for either dtype.

    Parameters
    ----------
    num_tags : int
        K.
    dtype : "float32" or "float64"
    seed : int or None
        Of the initial values, U(−0.1, 0.1).

    Notes
    -----
    Parameters learned: ``transitions`` (K, K), from and to, ``start_transitions`` (K,), ``end_transitions`` (K,). A tag
    that can't follow another may have a transition of -1e4: its gradient is then zero.
    """

    _no_step = "the tags of a row depend on all of its steps"
    _options = {"num_tags": positive_int, "dtype": dtype_option, "seed": optional(as_seed)}

    def __init__(self, num_tags, *, dtype="float32", seed=None):
        self._take(num_tags=num_tags, dtype=dtype, seed=seed)
        K = self.num_tags
        specs = [("transitions", (K, K)), ("start_transitions", (K,)), ("end_transitions", (K,))]
        self._build(specs, dtype, seed)

    def _initialise(self, rng):
        for view in self._param_views.values():
            view[...] = rng.uniform(-0.1, 0.1, view.shape)

    def input_shape(self):
        return ("B", "T", self.num_tags)

    def output_shape(self, shape):
        if len(shape) != 3:
            raise ValueError(f"CRF takes (B, T, {self.num_tags}), got {shape}")
        self._expect_features(shape, self.num_tags)
        return shape

    def decode(self, x, lengths=None, *, scores=False):
        """The best tags of each row: a list of B arrays (T_i,) of int64; with `scores`, also their scores (B,).

        x (B, T, K) are emissions, what the layer before gives. Of equal chains, the one with the lower tags.
        """
        x, lengths = self._emissions(x, lengths, "CRF.decode")
        tags, best = self._best(x, lengths)
        rows = [row[:length] for row, length in zip(tags, lengths)]
        return (rows, best) if scores else rows

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x (B, T, K) -> y (B, T, K), tape``: 1 at each tag of the best chain. It has no gradient; see `loss`."""
        x, lengths = self._emissions(x, lengths, self._forward_name)
        tags, _ = self._best(x, lengths)
        y = (tags[:, :, None] == np.arange(self.num_tags)).astype(self._dtype)
        return y, (() if training else None)

    def backward(self, tape, dy):
        raise TypeError('CRF.backward: the best chain has no gradient; train with loss="crf", or by CRF.loss')

    def loss(self, x, tags, lengths=None, scale=None, *, need_gradient=True):
        """``losses (B,), dx (B, T, K)`` of emissions x (B, T, K) and integer tags (B, T); adds to `grads`.

        losses[b] is −log of the probability of the row's tags; the gradients are those of the sum of scale[b] losses[b]
        (scale: float64 (B,), ones if None). Rows of scale 0 are not looked at. Without `need_gradient`, None for dx,
        and nothing is added.
        """
        x, lengths = self._emissions(x, lengths, "CRF.loss")
        tags = np.ascontiguousarray(tags, np.int64)
        if tags.shape != x.shape[:2]:
            raise ValueError(f"CRF.loss: tags must have shape {x.shape[:2]}, got {tags.shape}")
        scale = np.ones(len(x)) if scale is None else np.ascontiguousarray(scale, np.float64)
        grads = [self._grad_views[name] for name in self._grad_views] if need_gradient else []
        return _core.crf_loss(x, tags, lengths, *self._param_views.values(), scale, *grads)

    def _best(self, x, lengths):
        return _core.crf_best(x, lengths, *self._param_views.values())

    def _emissions(self, x, lengths, where):
        x = np.ascontiguousarray(self._input(x))
        if x.ndim != 3 or x.shape[2] != self.num_tags:
            raise ValueError(f"{where}: x must have shape (B, T, {self.num_tags}), got {x.shape}")
        lengths = as_lengths(lengths, *x.shape[:2], where)
        lengths = np.full(len(x), x.shape[1]) if lengths is None else lengths
        return x, np.ascontiguousarray(lengths, np.int64)
