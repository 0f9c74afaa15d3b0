"""Convolution over time."""

import math

import numpy as np

from .. import _core
from ..checks import as_lengths, dtype_option, flag, one_of, optional, positive_int
from ..seeds import as_seed
from .base import Layer


class Conv1D(Layer):
    """``y[t] = bias + sum over j of weight[:, :, j] x[t + j * dilation - left]``: a product over windows of steps.

    As many steps come out as go in; x is zero in front of the first step and past each row's length, where y is zero,
    too.

    Parameters
    ----------
    in_channels, out_channels : int
        Sizes of the last axis of x and of y.
    kernel_size : int
        k, the steps of a window.
    padding : "same" or "causal"
        left = (k − 1) · dilation // 2: the window around a step; or left = (k − 1) · dilation: the window that ends
        with it, so that nothing depends on later steps.
    dilation : int
        Distance of the steps of a window (van den Oord et al. 2016).
    bias : bool
    dtype : "float32" or "float64"
    seed : int or None
        Of the initial weights: Glorot uniform.

    Notes
    -----
    Parameters learned: ``weight`` (out_channels, in_channels, kernel_size), ``bias`` (out_channels,), as in
    ``torch.nn.Conv1d``.
    """

    _options = {
        "in_channels": positive_int,
        "out_channels": positive_int,
        "kernel_size": positive_int,
        "padding": one_of("same", "causal"),
        "dilation": positive_int,
        "bias": flag,
        "dtype": dtype_option,
        "seed": optional(as_seed),
    }

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        *,
        padding="same",
        dilation=1,
        bias=True,
        dtype="float32",
        seed=None,
    ):
        self._take(
            in_channels=in_channels,
            out_channels=out_channels,
            kernel_size=kernel_size,
            padding=padding,
            dilation=dilation,
            bias=bias,
            dtype=dtype,
            seed=seed,
        )
        span = (self.kernel_size - 1) * self.dilation
        self._left = span if padding == "causal" else span // 2
        self._right = span - self._left
        specs = [("weight", (self.out_channels, self.in_channels, self.kernel_size))]
        self._build(specs + [("bias", (self.out_channels,))] * self.bias, dtype, seed)

    def _initialise(self, rng):
        weight = self._param_views["weight"]
        bound = math.sqrt(6 / ((self.in_channels + self.out_channels) * self.kernel_size))
        weight[...] = rng.uniform(-bound, bound, weight.shape)

    def input_shape(self):
        return ("B", "T", self.in_channels)

    def output_shape(self, shape):
        if len(shape) != 3:
            raise ValueError(f"Conv1D takes (B, T, {self.in_channels}), got {shape}")
        self._expect_features(shape, self.in_channels)
        return (*shape[:-1], self.out_channels)

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x (B, T, in_channels) -> y (B, T, out_channels), tape``."""
        x = self._input(x)
        if x.ndim != 3 or x.shape[2] != self.in_channels:
            raise ValueError(f"{self._forward_name}: x must have shape (B, T, {self.in_channels}), got {x.shape}")
        lengths = as_lengths(lengths, *x.shape[:2], self._forward_name)
        past = None if lengths is None else np.arange(x.shape[1]) >= lengths[:, None]
        windows = self._windows(x, past)
        y = _core.linear_forward(windows, self._matrix(self._param_views), self._param_views.get("bias"))
        y = y.reshape(*x.shape[:2], self.out_channels)
        if past is not None:
            y[past] = 0
        return y, ((windows, past, x.shape) if training else None)

    @property
    def _no_step(self):
        return (
            f'with padding="{self.padding}" it sees later steps; with padding="causal" it sees none' * (self._right > 0)
            or None
        )

    def _stream_into(self, graph, x):
        return graph.causal_conv1d(x, self._param_views["weight"], self._param_views.get("bias"), self.dilation)

    def _windows(self, x, past):
        """(B T, in_channels k): the values that each step sees."""
        batch, time, channels = x.shape
        padded = np.zeros((batch, self._left + time + self._right, channels), x.dtype)
        inside = padded[:, self._left : self._left + time]
        inside[...] = x
        if past is not None:
            inside[past] = 0
        span = (self.kernel_size - 1) * self.dilation + 1
        views = np.lib.stride_tricks.sliding_window_view(padded, span, axis=1)[..., :: self.dilation]
        return np.ascontiguousarray(views).reshape(batch * time, channels * self.kernel_size)

    def _matrix(self, views):
        return views["weight"].reshape(self.out_channels, -1)

    def backward(self, tape, dy):
        """``dy (B, T, out_channels) -> dx (B, T, in_channels)``; adds to `grads`."""
        windows, past, (batch, time, channels) = self._opened(tape)
        dy = self._gradient(dy, (batch, time, self.out_channels))
        if past is not None:
            dy = np.where(past[:, :, None], dy.dtype.type(0), dy)
        drows = np.ascontiguousarray(dy).reshape(-1, self.out_channels)
        dwindows = _core.linear_backward(
            windows,
            self._matrix(self._param_views),
            drows,
            self._matrix(self._grad_views),
            self._grad_views.get("bias"),
        ).reshape(batch, time, channels, self.kernel_size)
        dx = np.zeros((batch, self._left + time + self._right, channels), dy.dtype)
        for j in range(self.kernel_size):
            dx[:, j * self.dilation : j * self.dilation + time] += dwindows[..., j]
        dx = dx[:, self._left : self._left + time].copy()
        if past is not None:
            dx[past] = 0
        return dx
