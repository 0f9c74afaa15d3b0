"""Embedding: a trained vector for each integer."""

import math

import numpy as np

from .. import _core
from ..checks import dtype_option, integer, number, optional, positive_int, unmasked
from ..seeds import as_seed
from .base import Layer


class Embedding(Layer):
    """``y[...] = weight[x[...]]`` for integers x.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
        How many vectors, of what size.
    init_scale : float
        Standard deviation of the initial weights; 0.1 or less where the matrix also ends the model (`TiedLinear`).
    padding_idx : int or None
        A row that starts at zero and gets no gradient; negative counts from the end.
    dtype : "float32" or "float64"
    seed : int or None
        Of the initial weights, N(0, init_scale²).

    Notes
    -----
    Parameters learned: ``weight`` (num_embeddings, embedding_dim). The backward pass costs as much
    as the rows that x names, not as the table.
    """

    _options = {
        "num_embeddings": positive_int,
        "embedding_dim": positive_int,
        "padding_idx": optional(integer),
        "init_scale": number,
        "dtype": dtype_option,
        "seed": optional(as_seed),
    }

    def __init__(self, num_embeddings, embedding_dim, *, padding_idx=None, init_scale=1.0, dtype="float32", seed=None):
        self._take(
            num_embeddings=num_embeddings,
            embedding_dim=embedding_dim,
            padding_idx=padding_idx,
            init_scale=init_scale,
            dtype=dtype,
            seed=seed,
        )
        if not (math.isfinite(self.init_scale) and self.init_scale >= 0):
            raise ValueError(f"Embedding: init_scale must be finite and at least 0, got {init_scale!r}")
        n = self.num_embeddings
        if padding_idx is not None and not -n <= padding_idx < n:
            raise ValueError(f"Embedding: padding_idx must lie in -{n}..{n - 1}, got {padding_idx}")
        self._become({"padding_idx": None if padding_idx is None else int(padding_idx) % n})
        self._build([("weight", (self.num_embeddings, self.embedding_dim))], dtype, seed)

    def _initialise(self, rng):
        weight = self._param_views["weight"]
        weight[...] = rng.standard_normal(weight.shape) * self.init_scale
        if self.padding_idx is not None:
            weight[self.padding_idx] = 0

    def config(self):
        config = super().config()
        if config["init_scale"] == 1:  # readers of files from before it know nothing of it
            del config["init_scale"]
        return config

    def input_shape(self):
        return ("B",)

    def output_shape(self, shape):
        return (*shape, self.embedding_dim)

    def output_dtype(self, *dtypes):
        if dtypes != ("int64",):
            raise TypeError(f"Embedding takes integers, got {', '.join(dtypes)}")
        return "float"

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x (...) of integers -> y (..., embedding_dim), tape``."""
        x = np.asarray(unmasked(x, "Embedding.forward"))
        if x.dtype.kind not in "iu" and x.size:
            raise TypeError(f"Embedding.forward: x must be of integers, got {x.dtype}")
        indices = np.ascontiguousarray(x, np.int64).reshape(-1)
        if indices.size and not (indices.min() >= 0 and indices.max() < self.num_embeddings):
            raise ValueError(
                f"Embedding.forward: x must lie in 0..{self.num_embeddings - 1}, got {indices.min()}..{indices.max()}"
            )
        shape = (*x.shape, self.embedding_dim)
        y = _core.embedding_forward(indices, self._param_views["weight"])
        return y.reshape(shape), ((indices, shape) if training else None)

    def _stream_into(self, graph, x):
        return graph.embedding(x, self._param_views["weight"])

    def backward(self, tape, dy):
        """Adds ``dy (..., embedding_dim)`` to the rows taken. None: integers have no gradient."""
        indices, shape = self._opened(tape)
        dy = self._gradient(dy, shape)
        drows = np.ascontiguousarray(dy).reshape(-1, self.embedding_dim)
        padding = -1 if self.padding_idx is None else self.padding_idx
        _core.embedding_backward(indices, drows, self._grad_views["weight"], padding)
