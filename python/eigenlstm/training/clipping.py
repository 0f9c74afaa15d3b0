"""Gradients cut down before a step; `eigenlstm.optimisers` has these functions."""

import numpy as np

from .. import _core
from ..checks import number


def clip_norm(layer, max_norm):
    """Scale the gradients of `layer` down to the Euclidean norm `max_norm` where theirs is larger.

    For loops by hand, between ``backward`` and the step; ``fit(clip_norm=...)`` does the same. Clipping keeps a single
    steep batch from throwing the parameters far away, which recurrent networks are prone to (Pascanu, Mikolov, Bengio
    2013):

    >>> loss, optimizer = el.losses.MSE(), el.Adam(1e-3)
    >>> for step in range(3):
    ...     y_pred, tape = model.forward(x)
    ...     value, dy = loss(y_pred, y)
    ...     model.zero_grad()
    ...     dx = model.backward(tape, dy)
    ...     norm = el.optimizers.clip_norm(model, 1.0)
    ...     optimizer.step(model)

    Parameters
    ----------
    layer : layer or model
        All gradients of it are taken together.
    max_norm : float
        Above 0.

    Returns
    -------
    float
        The norm before; watched over a run, it tells what `max_norm` suits. The same as
        ``torch.nn.utils.clip_grad_norm_``.

    Raises
    ------
    TypeError, ValueError
        `max_norm` is no number, or not above 0.
    """
    if not number(max_norm, "clip_norm: max_norm") > 0:
        raise ValueError(f"clip_norm: max_norm must be positive, got {max_norm!r}")
    layer._drop_frozen()
    grads = layer._flat_grads
    norm = _core.norm(grads)
    if norm > max_norm:
        grads *= grads.dtype.type(max_norm / (norm + 1e-6))
    return norm


def clip_value(layer, limit):
    """Clip every gradient of `layer`, a layer or a model, to [-limit, limit], in place.

    `limit` is a float above 0. Unlike `clip_norm` it changes the direction of the step. The same as
    ``torch.nn.utils.clip_grad_value_``.
    """
    if not number(limit, "clip_value: limit") > 0:
        raise ValueError(f"clip_value: limit must be positive, got {limit!r}")
    layer._drop_frozen()
    np.clip(layer._flat_grads, -limit, limit, out=layer._flat_grads)
