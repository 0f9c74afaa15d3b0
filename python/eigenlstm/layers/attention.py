"""Attention: each step of a query looks at the steps of a memory and takes their weighted mean."""

import math

import numpy as np

from .. import _core
from ..checks import as_array, as_lengths, dtype_option, flag, one_of, optional, positive_int
from ..seeds import as_seed
from .symbolic import shape_text
from .wiring import Joint


class Attention(Joint):
    """``y[t] = sum over s of w[t, s] memory[s]``, ``w[t] = softmax over s of score(query[t], memory[s])``.

    ``attention(query, memory)`` takes query (B, T, query_size) and memory (B, S, memory_size) to (B, T, memory_size).
    The steps of the memory past its lengths have no weight; those of the query past its own give zeros.

    Parameters
    ----------
    query_size, memory_size : int
        `memory_size` is that of the query if None.
    score : "dot", "general" or "additive"
        ::

            dot       q . m                            both of one size (Luong, Pham, Manning 2015)
            general   q . (W m)                        W: weight (query_size, memory_size) (the same)
            additive  v . tanh(W_q q + W_m m + b)      (Bahdanau, Cho, Bengio 2015)

    hidden_size : int or None
        Of v in the additive score; `query_size` if None.
    scale : bool
        Whether dot and general scores are divided by the root of `query_size` (Vaswani et al. 2017).
    dtype : "float32" or "float64"
    seed : int or None
        Of the initial weights: Glorot uniform.

    Notes
    -----
    Parameters learned: none, or ``weight`` (query_size, memory_size), or ``query_weight`` (hidden, query_size),
    ``memory_weight`` (hidden, memory_size), ``bias`` (hidden) and ``v`` (hidden).
    """

    _no_step = "it looks at the steps of a whole sequence"
    _options = {
        "query_size": positive_int,
        "memory_size": positive_int,
        "score": one_of("dot", "general", "additive"),
        "hidden_size": optional(positive_int),
        "scale": flag,
        "dtype": dtype_option,
        "seed": optional(as_seed),
    }

    def __init__(
        self,
        query_size,
        memory_size=None,
        *,
        score="dot",
        hidden_size=None,
        scale=False,
        dtype="float32",
        seed=None,
    ):
        self._take(
            query_size=query_size,
            memory_size=query_size if memory_size is None else memory_size,
            score=score,
            hidden_size=hidden_size,
            scale=scale,
            dtype=dtype,
            seed=seed,
        )
        if score == "dot" and self.query_size != self.memory_size:
            raise ValueError(
                f"Attention: with dot scores, query and memory must have one size, got {query_size} and {memory_size}"
            )
        if hidden_size is not None and score != "additive":
            raise ValueError(f"Attention: hidden_size is of additive scores, not of {score}")
        if scale and score == "additive":
            raise ValueError("Attention: scale is of dot and general scores, not of additive")
        size = self.hidden_size or self.query_size
        self._become({"hidden_size": size if score == "additive" else None})
        self._factor = 1 / math.sqrt(self.query_size) if self.scale else 1.0
        specs = {
            "dot": [],
            "general": [("weight", (self.query_size, self.memory_size))],
            "additive": [
                ("query_weight", (size, self.query_size)),
                ("memory_weight", (size, self.memory_size)),
                ("bias", (size,)),
                ("v", (size,)),
            ],
        }
        self._build(specs[score], dtype, seed)

    def _initialise(self, rng):
        for name, view in self._param_views.items():
            if name != "bias":
                bound = math.sqrt(6 / (sum(view.shape) if view.ndim > 1 else 1 + view.size))
                view[...] = rng.uniform(-bound, bound, view.shape)

    def output_shape(self, *shapes):
        sizes = [shape[-1] for shape in shapes]
        if len(shapes) != 2 or any(len(shape) != 3 for shape in shapes) or sizes != [self.query_size, self.memory_size]:
            raise ValueError(
                f"Attention takes a query (B, T, {self.query_size}) and a memory (B, S, {self.memory_size}), got "
                f"{' and '.join(map(shape_text, shapes))}"
            )
        return (*shapes[0][:-1], self.memory_size)

    def forward(self, query, memory, *, lengths=None, training=True, seed=None):
        """``query (B, T, Q), memory (B, S, M) -> y (B, T, M), tape``. `lengths`: those of the query and of the
        memory.
        """
        given = self._given(query, memory, lengths)
        y, weights = self._attend(*given)
        return y, ((given, weights) if training else None)

    def weights(self, query, memory, *, lengths=None):
        """The weights w (B, T, S), zero past the lengths: what each step of the query looks at."""
        return self._attend(*self._given(query, memory, lengths))[1]

    def _given(self, query, memory, lengths):
        """``query, memory, lengths of either``, checked."""
        query = np.ascontiguousarray(as_array(query, self._dtype, self._forward_name, "query"))
        memory = np.ascontiguousarray(as_array(memory, self._dtype, self._forward_name, "memory"))
        for name, array, size in (("query", query, self.query_size), ("memory", memory, self.memory_size)):
            if array.ndim != 3 or array.shape[2] != size or len(array) != len(query):
                rows = "B" if name == "query" else len(query)
                raise ValueError(
                    f"{self._forward_name}: {name} must have shape ({rows}, steps, {size}), got {array.shape}"
                )
        lengths = (None, None) if lengths is None else lengths
        if not isinstance(lengths, (tuple, list)) or len(lengths) != 2:
            raise TypeError(f"{self._forward_name}: lengths must be a pair, of the query and of the memory")
        of_query, of_memory = (
            as_lengths(each, *array.shape[:2], f"{self._forward_name}: {name}")
            for name, each, array in zip(("query", "memory"), lengths, (query, memory))
        )
        return query, memory, of_query, of_memory

    def _attend(self, query, memory, of_query, of_memory):
        query, key, v = self._scored(query, memory)
        return _core.attention_forward(query, key, memory, of_query, of_memory, self._factor, v)

    def _scored(self, query, memory):
        """What the scores are made of: queries and keys of one size, and v."""
        views = self._param_views
        if self.score == "dot":
            return query, memory, None
        if self.score == "general":
            return query, _linear(memory, views["weight"], None), None
        query = _linear(query, views["query_weight"], views["bias"])
        return query, _linear(memory, views["memory_weight"], None), views["v"]

    def backward(self, tape, dy):
        """``dy (B, T, M) -> (dquery, dmemory)``; adds to `grads`."""
        (query, memory, of_query, of_memory), weights = self._opened(tape)
        dy = self._gradient(dy, (*query.shape[:2], self.memory_size))
        projected, key, v = self._scored(query, memory)
        grads = self._grad_views
        dquery, dkey, dmemory = _core.attention_backward(
            projected, key, memory, of_query, of_memory, self._factor, v, weights, dy, grads.get("v")
        )
        views = self._param_views
        if self.score == "general":
            dkey = _linear_backward(memory, views["weight"], dkey, grads["weight"], None)
        if self.score == "additive":
            dquery = _linear_backward(query, views["query_weight"], dquery, grads["query_weight"], grads["bias"])
            dkey = _linear_backward(memory, views["memory_weight"], dkey, grads["memory_weight"], None)
        dmemory += dkey
        return dquery, dmemory


def _linear(x, weight, bias):
    """x (B, T, F) -> (B, T, O), by the native product."""
    return _core.linear_forward(x.reshape(-1, x.shape[-1]), weight, bias).reshape(*x.shape[:-1], len(weight))


def _linear_backward(x, weight, dy, dweight, dbias):
    rows, drows = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
    return _core.linear_backward(rows, weight, drows, dweight, dbias).reshape(x.shape)
