"""The gradient under the transforms of torch.func (grad, vjp, ...), which operators of torch.library do not support."""

import torch

from . import torch_ops
from .torch_autograd import SECOND_DERIVATIVE


def lstm(x, h0, c0, weights, lengths, seed, options, dropout, time_major):
    """``y, h, c``; the arguments are those of `torch_ops.lstm`."""
    return _LSTM.apply((lengths, seed, options, dropout, time_major), x, h0, c0, *weights)[:3]


class _LSTM(torch.autograd.Function):
    @staticmethod
    def forward(settings, x, h0, c0, *weights):
        return torch_ops.lstm(x, h0, c0, list(weights), *settings, True)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.settings, *tensors = inputs
        handle = output[3]
        ctx.mark_non_differentiable(handle)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(handle, *tensors)

    @staticmethod
    def backward(ctx, dy, dh, dc, _):
        handle, x, h0, c0, *weights = ctx.saved_tensors
        dx, dh0, dc0, *dweights = _Gradient.apply(ctx.settings[2:], handle, dy, dh, dc, x, h0, c0, *weights)
        return None, dx, None if h0 is None else dh0, None if c0 is None else dc0, *dweights


class _Gradient(torch.autograd.Function):
    @staticmethod
    def forward(settings, handle, dy, dh, dc, x, h0, c0, *weights):
        return tuple(torch_ops.lstm_backward(handle, dy, dh, dc, x, h0, c0, list(weights), *settings, True))

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, *_):
        raise RuntimeError(SECOND_DERIVATIVE)
