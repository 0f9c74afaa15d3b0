"""The LSTM as PyTorch's autograd sees it when code runs line by line: one node, no compiler."""

import torch

from .torch_engine import tape_handle, tape_of

SECOND_DERIVATIVE = (
    "eigenlstm: the LSTM has no second derivative; its gradient (create_graph=True) cannot be differentiated again"
)


def lstm(engine, views, x, h0, c0, weights, lengths, time_major, seed):
    """``y, h, c`` as tensors, with a node in the graph where a gradient may be asked for.

    `views` are NumPy views of the tensors `weights`; `h0`, `c0` and `lengths` (an array) may be None.
    """
    call = engine, views, lengths, time_major, seed
    if torch.is_grad_enabled() and any(value is not None and value.requires_grad for value in (*weights, x, h0, c0)):
        return _LSTM.apply(call, x, h0, c0, *weights)
    return tuple(
        map(torch.from_numpy, engine.forward(views, *map(_array, (x, h0, c0)), lengths, time_major, False, seed))
    )


class _LSTM(torch.autograd.Function):
    @staticmethod
    def forward(ctx, call, x, h0, c0, *weights):
        engine, views, lengths, time_major, seed = call
        *values, tape = engine.forward(views, *map(_array, (x, h0, c0)), lengths, time_major, True, seed)
        # The tape refers to x: being saved, x makes backward refuse to run after it was changed in place.
        ctx.save_for_backward(tape_handle(tape), x, h0, c0)
        ctx.engine, ctx.weights = engine, weights
        ctx.set_materialize_grads(False)
        return tuple(map(torch.from_numpy, values))

    @staticmethod
    def backward(ctx, dy, dh, dc):
        handle, *inputs = ctx.saved_tensors
        need_dx, need_dh0, need_dc0, *need_weights = ctx.needs_input_grad[1:]
        dx, dh0, dc0, dweights = ctx.engine.backward(tape_of(handle), *map(_array, (dy, dh, dc)), need_dx)
        grads = [torch.from_numpy(dx) if need_dx else None, torch.from_numpy(dh0) if need_dh0 else None,
                 torch.from_numpy(dc0) if need_dc0 else None]  # fmt: skip
        grads += [grad if need else None for grad, need in zip(dweights, need_weights)]
        if torch.is_grad_enabled():  # with create_graph=True
            sources = (value for value in (dy, dh, dc, *inputs, *ctx.weights) if value is not None)
            grads = _Once.apply(len(grads), *grads, *sources)
        return None, *grads


class _Once(torch.autograd.Function):
    """Passes the first `count` tensors on, as if they depended on the others; that derivative is an error."""

    @staticmethod
    def forward(ctx, count, *tensors):
        return tuple(None if value is None else value.view_as(value) for value in tensors[:count])

    @staticmethod
    def backward(ctx, *_):
        raise RuntimeError(SECOND_DERIVATIVE)


def _array(tensor):
    if tensor is None:
        return None
    return tensor.detach().numpy() if tensor.requires_grad else tensor.numpy()
