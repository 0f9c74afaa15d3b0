"""An output layer that shares the matrix of an embedding."""

import numpy as np

from .. import _core
from ..checks import flag
from .base import Layer
from .embedding import Embedding


class TiedLinear(Layer):
    """Scores of words from vectors by the matrix of an `Embedding`: ``y[..., v] = bias[v] + embedding.weight[v] . x``.

    One matrix reads and writes the words, and gets the sum of both gradients (Press, Wolf 2017). The embedding must be
    part of the same model; its parameters are counted there.

    Parameters
    ----------
    embedding : Embedding
    bias : bool

    Notes
    -----
    Parameters learned: ``bias`` (num_embeddings,).
    """

    _options = {"bias": flag}
    _fixed = frozenset({"embedding"})  # not in the config: files say which layer of the model it is

    def __init__(self, embedding, *, bias=True):
        if not isinstance(embedding, Embedding):
            raise TypeError(f"TiedLinear: embedding must be an Embedding, got {type(embedding).__name__}")
        self._take(bias=bias)
        self.tied = embedding
        self._build([("bias", (embedding.num_embeddings,))] * self.bias, embedding.dtype)

    @property
    def embedding(self):
        """The `Embedding` whose matrix this layer uses."""
        return self.tied

    @classmethod
    def from_config(cls, config, tied=None):
        if tied is None:
            raise ValueError(
                "TiedLinear: is a part of the model that holds its embedding, and is copied and loaded with that"
            )
        return cls(tied, **config)

    def input_shape(self):
        return ("B", self.tied.embedding_dim)

    def output_shape(self, shape):
        self._expect_features(shape, self.tied.embedding_dim)
        return (*shape[:-1], self.tied.num_embeddings)

    def output_weights(self):
        """``weight, bias, dweight, dbias`` as `losses.LinearCrossEntropy` takes them: views, None where there is no
        bias.
        """
        weight, dweight = self.tied._param_views["weight"], self.tied._grad_views["weight"]
        return weight, self._param_views.get("bias"), dweight, self._grad_views.get("bias")

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x (..., embedding_dim) -> y (..., num_embeddings), tape``."""
        x = self._input(x)
        if x.ndim == 0 or x.shape[-1] != self.tied.embedding_dim:
            raise ValueError(f"{self._forward_name}: x must have shape (..., {self.tied.embedding_dim}), got {x.shape}")
        weight, bias, _, _ = self.output_weights()
        rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
        shape = (*x.shape[:-1], len(weight))
        return _core.linear_forward(rows, weight, bias).reshape(shape), ((rows, shape) if training else None)

    def _stream_into(self, graph, x):
        return graph.linear(x, *self.output_weights()[:2])

    def backward(self, tape, dy):
        """``dy (..., num_embeddings) -> dx (..., embedding_dim)``; adds to `grads`, and to those of the embedding."""
        rows, shape = self._opened(tape)
        drows = np.ascontiguousarray(self._gradient(dy, shape)).reshape(-1, shape[-1])
        weight, _, dweight, dbias = self.output_weights()
        dx = _core.linear_backward(rows, weight, drows, dweight, dbias)
        return dx.reshape(*shape[:-1], self.tied.embedding_dim)

    def __repr__(self):
        return f"TiedLinear(<embedding {self.tied.num_embeddings}, {self.tied.embedding_dim}>, bias={self.bias})"
