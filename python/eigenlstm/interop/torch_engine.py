"""An LSTM of this package that computes on torch tensors: its parameters follow theirs, values pass without a copy."""

import os
import threading
import weakref

import numpy as np
import torch

from .. import _core
from ..layers.lstm import LSTM
from ..layers.parameters import blank_parameters
from .state_dict import add_biases, torch_biases

_NUMPY = {torch.float32: "float32", torch.float64: "float64"}


class Engine:
    """An `el.LSTM` whose parameters are copied from torch tensors whenever these have changed.

    Parameters
    ----------
    options : dict
        Of el.LSTM's constructor.
    dtype : torch.float32 or torch.float64

    Attributes
    ----------
    names : list of str
        Of the tensors that it follows, in their order, as torch names them: with two biases.

    Notes
    -----
    Whether a weight has changed is told by a fingerprint of its bytes: a tensor's version counter does not see what is
    written through ``.data``, ``.numpy()`` or by another process into shared memory.
    """

    def __init__(self, options, dtype):
        if dtype not in _NUMPY:
            raise RuntimeError(f"eigenlstm computes in float32 and float64, got weights of {dtype}")
        with blank_parameters(limit=2**48):
            self._layer = LSTM(**options, dtype=_NUMPY[dtype])
        self.names = []
        self._parts = []  # of each parameter: its view, and the index of its tensor, or those of its two biases
        for name, view in self._layer._param_views.items():
            sources = torch_biases(name) or [name]
            self._parts.append((view, range(len(self.names), len(self.names) + len(sources))))
            self.names += sources
        self.shapes = [view.shape for view, indices in self._parts for _ in indices]
        self._fingerprints = None

    def state_shapes(self, batch):
        """The shapes of h and of c."""
        layer = self._layer
        states = layer.num_layers * layer.num_directions
        return (states, batch, layer.proj_size or layer.hidden_size), (states, batch, layer.hidden_size)

    def features(self):
        """The size of y's last axis."""
        return self._layer.output_shape(self._layer.input_shape())[-1]

    def forward(self, weights, x, h0, c0, lengths, time_major, with_tape, seed):
        """``y, h, c`` and, with a tape, the tape, which refers to the memory of `x`; all arguments are NumPy arrays.

        `weights` are those of `names`. `seed` is that of the random masks, None for none.
        """
        self._follow(weights)
        packed = self._layer._weights(with_tape, seed)
        return self._layer._core.forward(packed, x, h0, c0, lengths, time_major, with_tape, seed, "full")

    def backward(self, tape, dy, dh, dc, need_dx):
        """``dx, dh0, dc0`` as NumPy arrays, and a list of the gradients of the weights as tensors."""
        grads = np.zeros(self._layer.num_params, self._layer.dtype)
        dx, dh0, dc0, _ = self._layer._core.backward(tape, dy, dh, dc, grads, need_dx, False)
        parts = torch.from_numpy(grads).split([view.size for view, _ in self._parts])
        dweights = []
        for (view, indices), part in zip(self._parts, parts):
            if len(indices) == 1:
                dweights.append(part.view(view.shape))
            else:  # two biases, which both have the gradient of their sum
                dweights += [part, part.clone()]
        return dx, dh0, dc0, dweights

    def _follow(self, weights):
        fingerprints = [_core.fingerprint(weight if weight.flags.c_contiguous else weight.copy()) for weight in weights]
        if fingerprints == self._fingerprints:
            return
        for name, shape, weight in zip(self.names, self.shapes, weights):
            if weight.shape != shape or weight.dtype != self._layer.dtype:
                raise RuntimeError(
                    f"eigenlstm: {name} must have shape {tuple(shape)} and dtype {self._layer.dtype}, "
                    f"got {weight.shape} and {weight.dtype}"
                )
        with _copying:
            for view, indices in self._parts:
                view[...] = weights[indices[0]] if len(indices) == 1 else add_biases(*(weights[i] for i in indices))
            self._layer.touch()
            self._fingerprints = fingerprints


# Held while parameters are copied, by all engines, and by whoever forks: the child does not find it taken for ever.
_copying = threading.RLock()
os.register_at_fork(before=_copying.acquire, after_in_parent=_copying.release, after_in_child=_copying.release)


class WeightViews:
    """NumPy views of weight tensors, made again when a tensor has another storage."""

    def __init__(self):
        self._places, self._views = None, None

    def of(self, weights):
        """A view of each of the tensors `weights`."""
        places = [(weight.data_ptr(), weight.shape, weight.stride()) for weight in weights]
        if places != self._places:
            self._views = [weight.detach().numpy() for weight in weights]
            self._places = places
        return self._views


# -- tapes ------------------------------------------------------------------------------------------


class _Holder(np.ndarray):
    """The byte behind a handle; it owns the tape."""


_holders = weakref.WeakValueDictionary()  # address of the byte -> its holder


def tape_handle(tape):
    """A tensor of one byte, whose storage keeps `tape` alive.

    Autograd treats it as it treats every saved tensor: it lives as long as the graph may need it, and activation
    checkpointing drops it and computes it again.
    """
    holder = _Holder((1,), np.uint8)
    holder[0] = 0
    holder.tape = tape
    handle = torch.from_numpy(holder)
    _holders[handle.data_ptr()] = holder
    return handle


def tape_of(handle):
    """The tape of a handle."""
    holder = _holders.get(handle.data_ptr()) if handle.numel() else None
    if holder is None:
        raise RuntimeError(
            "eigenlstm: what the forward pass kept for this backward pass is not there: it ran without gradients, or "
            "something (a hook on saved tensors) has put a copy in the place of the tensor that stands for it"
        )
    return holder.tape
