"""The LSTM as operators of `torch.library`, which compilers, exporters and function transforms see as a whole.

``eigenlstm::lstm`` has a fake kernel (shapes without values) and a gradient, ``eigenlstm::lstm_backward``. Code that
runs line by line does not come here: calling an operator that is written in Python costs some 50 microseconds.
"""

import functools
import json

import numpy as np
import torch
from torch.multiprocessing.reductions import StorageWeakRef

from .torch_autograd import SECOND_DERIVATIVE
from .torch_engine import Engine, tape_handle, tape_of


@torch.library.custom_op(
    "eigenlstm::lstm",
    mutates_args=(),
    device_types="cpu",
    schema="(Tensor x, Tensor? h0, Tensor? c0, Tensor[] weights, Tensor? lengths, Tensor? seed, str options, "
    "float dropout, bool time_major, bool tape) -> (Tensor y, Tensor h, Tensor c, Tensor handle)",
)
def lstm(x, h0, c0, weights, lengths, seed, options, dropout, time_major, tape):
    """``y, h, c`` and a handle of the tape (empty where `tape` is false).

    x (T, B, I), or (B, T, I) where not `time_major`; h0, c0 as torch.nn.LSTM has them; `weights` as `Engine.names`
    lists them; lengths (B,); `seed` one integer, of the random masks; `options` those of el.LSTM as JSON, without the
    dropout.
    """
    arrays = [None if value is None else value.detach().numpy() for value in (x, h0, c0, lengths)]
    if tape:
        arrays[0] = np.array(arrays[0])  # the tape's own: a compiler may use the memory of x for something else
    engine = _engine(options, dropout, weights)
    views = [weight.detach().numpy() for weight in weights]
    y, h, c, *kept = engine.forward(views, *arrays, time_major, tape, None if seed is None else int(seed))
    handle = tape_handle(*kept) if tape else torch.empty(0, dtype=torch.uint8)
    return *map(torch.from_numpy, (y, h, c)), handle


@lstm.register_fake
def _(x, h0, c0, weights, lengths, seed, options, dropout, time_major, tape):
    engine = _shapes(options, x.dtype)
    h, c = engine.state_shapes(x.shape[time_major])
    return (
        x.new_empty((*x.shape[:2], engine.features())),
        x.new_empty(h),
        x.new_empty(c),
        x.new_empty(int(tape), dtype=torch.uint8),
    )


@torch.library.custom_op(
    "eigenlstm::lstm_backward",
    mutates_args=(),
    device_types="cpu",
    schema="(Tensor handle, Tensor? dy, Tensor? dh, Tensor? dc, Tensor x, Tensor? h0, Tensor? c0, Tensor[] weights, "
    "str options, float dropout, bool time_major, bool need_dx) -> Tensor[]",
)
def lstm_backward(handle, dy, dh, dc, x, h0, c0, weights, options, dropout, time_major, need_dx):
    """``dx, dh0, dc0`` and the gradients of the weights; dx is empty where it is not needed.

    The values of x, h0, c0 and weights are not used: they say what the gradients depend on.
    """
    grads = [None if value is None else value.detach().numpy() for value in (dy, dh, dc)]
    dx, dh0, dc0, dweights = _shapes(options, x.dtype, dropout).backward(tape_of(handle), *grads, need_dx)
    dx = torch.from_numpy(dx) if need_dx else x.new_empty(0)
    # Results of an operator share no memory.
    return [dx, torch.from_numpy(dh0), torch.from_numpy(dc0), *(grad.clone() for grad in dweights)]


@lstm_backward.register_fake
def _(handle, dy, dh, dc, x, h0, c0, weights, options, dropout, time_major, need_dx):
    h, c = _shapes(options, x.dtype).state_shapes(x.shape[time_major])
    dx = x.new_empty(x.shape if need_dx else 0)
    return [dx, x.new_empty(h), x.new_empty(c), *(weight.new_empty(weight.shape) for weight in weights)]


def _keep(ctx, inputs, output):
    x, h0, c0, weights, _, _, ctx.options, ctx.dropout, ctx.time_major, _ = inputs
    ctx.save_for_backward(output[3], x, h0, c0, *weights)
    ctx.set_materialize_grads(False)


def _gradients(ctx, dy, dh, dc, _):
    handle, x, h0, c0, *weights = ctx.saved_tensors
    need_dx, need_dh0, need_dc0, need_weights, *_ = ctx.needs_input_grad
    dx, dh0, dc0, *dweights = lstm_backward(
        handle, dy, dh, dc, x, h0, c0, weights, ctx.options, ctx.dropout, ctx.time_major, need_dx
    )
    dweights = [grad if need else None for grad, need in zip(dweights, need_weights)]
    states = dh0 if need_dh0 else None, dc0 if need_dc0 else None
    return dx if need_dx else None, *states, dweights, None, None, None, None, None, None


def _refuse(ctx, *_):
    raise RuntimeError(SECOND_DERIVATIVE)


lstm.register_autograd(_gradients, setup_context=_keep)
lstm_backward.register_autograd(_refuse)


# -- engines: operators have no object that could keep one --------------------------------------------

_followers = {}  # (options, dropout, dtype, places of the weights) -> (weakly, the first weight's storage; an engine)


def _engine(options, dropout, weights):
    """The engine that follows `weights`; it goes when they do."""
    key = options, dropout, weights[0].dtype, *(weight.data_ptr() for weight in weights)
    if key not in _followers:
        for old, (storage, _) in list(_followers.items()):
            if storage.expired():
                _followers.pop(old, None)
        _followers[key] = StorageWeakRef(weights[0].untyped_storage()), _new_engine(options, dropout, weights[0].dtype)
    return _followers[key][1]


@functools.lru_cache(maxsize=64)
def _shapes(options, dtype, dropout=0.0):
    """An engine for shapes and for `backward`, which need no weights."""
    return _new_engine(options, dropout, dtype)


def _new_engine(options, dropout, dtype):
    return Engine({**json.loads(options), "dropout": dropout}, dtype)
