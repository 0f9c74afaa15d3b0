"""Features brought to mean 0 and standard deviation 1, and back, inside the model."""

import numpy as np

from .. import _core
from ..checks import as_lengths, converted, dtype_option, flag, positive_int
from ..moments import Moments
from .base import Layer
from .parameters import initialising


class Normalization(Layer):
    """``y = (x − mean) / std`` of each feature, the last axis of x; with ``invert=True`` back: ``y = std · x + mean``.

    Mean and standard deviation are those of data that `adapt` is shown, or given. They belong to the layer's
    parameters, so that they are saved, streamed and exported with a model, but training leaves them as they are.

    >>> scale, back = el.Normalization(3), el.Normalization(1, invert=True)
    >>> scale.adapt(x)                                               # x (B, T, 3)
    >>> back.adapt(y)                                                # y (B, T, 1)
    >>> model = el.Sequential([scale, el.LSTM(3, 32), el.Linear(32, 1), back])

    Parameters
    ----------
    features : int
        Size of the last axis.
    mean, std : number or array (features,)
        Of each feature; 0 and 1 if not given. `std` is positive.
    invert : bool
    dtype : "float32" or "float64"

    Notes
    -----
    Parameters: ``mean`` and ``std`` (features,). Computed is ``scale · x + offset`` with ``scale = 1 / std`` and
    ``offset = −mean · scale``, each step rounded to the layer's dtype. NaN stays NaN.
    """

    _options = {"features": positive_int, "invert": flag, "dtype": dtype_option}

    def __init__(self, features, mean=0.0, std=1.0, *, invert=False, dtype="float32"):
        self._take(features=features, invert=invert, dtype=dtype)
        self._build([("mean", (self.features,)), ("std", (self.features,))], dtype)
        if initialising():
            self._set(self._given(mean, "mean"), self._given(std, "std"))

    @property
    def trainable(self):
        """False: there is nothing to train. (Models set this for all their layers; it is ignored here.)"""
        return False

    @trainable.setter
    def trainable(self, value):
        pass

    def _given(self, values, name, where="Normalization"):
        """`values` of each feature in the layer's dtype; checked."""
        array = np.asarray(values)
        if array.ndim == 0:
            array = np.broadcast_to(array, (self.features,))
        if array.dtype.kind not in "iuf":
            raise TypeError(f"Normalization: {name} must be numbers, got {array.dtype}")
        if array.shape != (self.features,):
            raise ValueError(f"Normalization: {name} must have shape ({self.features},), got {array.shape}")
        with np.errstate(over="ignore"):
            array = array.astype(self.dtype)
        least = np.finfo(self.dtype).tiny  # below it, x / std may overflow, and denormals are flushed to 0
        if not np.isfinite(array).all() or (name == "std" and not (array >= least).all()):
            expected = f"positive, at least {least:.2g}, and finite" if name == "std" else "finite"
            raise ValueError(f"{where}: {name} must be {expected}, got {values}")
        return array

    def _set(self, mean, std):
        self._param_views["mean"][...] = mean
        self._param_views["std"][...] = std
        self.touch()

    def adapt(self, x, *, lengths=None):
        """Take mean and standard deviation (the biased one) of each feature from data.

        Parameters
        ----------
        x : array (..., features), or list of arrays (T_i, features)
            NaN stands for a missing value and is left out.
        lengths : integers (B,)
            Of the rows of x (B, T, features): what lies behind them is left out.

        Raises
        ------
        ValueError
            x has another shape, an infinity, or a feature without a value. A feature that does not vary keeps the
            standard deviation 1.
        """
        x = self._data(x) if lengths is None else _numbers(x)
        if x.ndim == 0 or x.shape[-1] != self.features:
            raise ValueError(f"Normalization.adapt: x must have shape (..., {self.features}), got {x.shape}")
        seen = ~np.isnan(x)
        if lengths is not None:
            if x.ndim != 3:
                raise ValueError(f"Normalization.adapt: lengths are those of x (B, T, features), got x {x.shape}")
            lengths = as_lengths(lengths, len(x), x.shape[1], "Normalization.adapt")
            seen &= (np.arange(x.shape[1]) < lengths[:, None])[..., None]
        if np.isinf(x[seen]).any():
            raise ValueError("Normalization.adapt: x has an infinite value")
        seen = seen.reshape(-1, self.features)
        empty = np.flatnonzero(~seen.any(axis=0))
        if len(empty):
            raise ValueError(f"Normalization.adapt: x has no value of feature {empty[0]}")
        moments = Moments.of(x.reshape(-1, self.features), seen.astype(np.float64))
        std = np.where(moments.varies, np.sqrt(moments.squares / moments.count), 1.0)
        where = "Normalization.adapt"
        self._set(self._given(moments.mean, "mean", where), self._given(std, "std", where))

    def _data(self, x):
        """`x` as one array; rows of different lengths one after another."""
        ragged = isinstance(x, (list, tuple)) and all(isinstance(row, np.ndarray) for row in x)
        if not ragged or len({row.shape for row in x}) == 1:
            return _numbers(x)
        for i, row in enumerate(x):
            if row.ndim != 2 or row.shape[1] != self.features:
                raise ValueError(f"Normalization.adapt: x[{i}] must have shape (T, {self.features}), got {row.shape}")
        return np.concatenate([_numbers(row, f"x[{i}]") for i, row in enumerate(x)] or [np.empty((0, self.features))])

    def input_shape(self):
        return ("B", self.features)

    def output_shape(self, shape):
        self._expect_features(shape, self.features)
        return shape

    def _scale_and_offset(self):
        mean, std = self._param_views["mean"], self._param_views["std"]
        if self.invert:
            return std, mean
        with np.errstate(all="ignore"):  # a file may hold any values
            scale = 1 / std
            return scale, -mean * scale

    def forward(self, x, *, lengths=None, training=True, seed=None):
        """``x (..., features) -> y, tape`` of the same shape."""
        x = self._input(x)
        if x.ndim == 0 or x.shape[-1] != self.features:
            raise ValueError(f"Normalization.forward: x must have shape (..., {self.features}), got {x.shape}")
        scale, offset = self._scale_and_offset()
        y = _core.affine(np.ascontiguousarray(x).reshape(-1, self.features), scale, offset).reshape(x.shape)
        return y, ((y.shape, scale) if training else None)

    def _stream_into(self, graph, x):
        return graph.affine(x, *self._scale_and_offset())

    def backward(self, tape, dy):
        """``dy (..., features) -> dx``; the gradients of mean and std stay as they are."""
        shape, scale = self._opened(tape)
        return self._gradient(dy, shape) * scale


def _numbers(x, name="x"):
    """`x` in float64; masked entries are NaN."""
    return converted(x, np.dtype("float64"), "Normalization.adapt", name, whole=False, nan=True)
