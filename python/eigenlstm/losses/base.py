"""What all losses share: how the losses of single predictions become one number."""

import math

import numpy as np

from ..checks import as_array, as_floats, as_lengths


class Loss:
    """Base of all losses; `reduction` is "mean" or "sum"."""

    def __init__(self, *, reduction="mean"):
        if reduction not in ("mean", "sum"):
            raise ValueError(f"{type(self).__name__}: reduction must be 'mean' or 'sum', got {reduction!r}")
        self.reduction = reduction

    def __repr__(self):
        options = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if not name.startswith("_"))
        return f"{type(self).__name__}({options})"

    def _arrays(self, y_pred, y_true):
        """Both as arrays of one float dtype."""
        where = type(self).__name__
        y_pred = as_floats(y_pred, where, "y_pred")
        return y_pred, as_array(y_true, y_pred.dtype, where, "y_true")

    def _scale(self, total):
        return 1.0 if self.reduction == "sum" else 1 / total if total else 0.0


def weights(sample_weight, lengths, shape, dtype, where):
    """Weights of targets of `shape` as an array of the shape of their first axes, and their sum over all
    targets."""
    weight = np.ones(1)
    if sample_weight is not None:
        weight = finite(sample_weight, f"{where}: sample_weight", least=0)
        if weight.shape != shape[: weight.ndim] or weight.ndim == 0:
            raise ValueError(
                f"{where}: sample_weight must have the shape {shape} of y_true or of its first axes, got {weight.shape}"
            )
    if lengths is not None:
        if len(shape) < 2:
            raise ValueError(f"{where}: lengths need y_true of shape (B, T, ...), got {shape}")
        valid = np.arange(shape[1]) < as_lengths(lengths, *shape[:2], where)[:, None]
        if sample_weight is None or weight.ndim == 1:
            weight = valid * weight.reshape(-1, 1)
        else:
            weight = weight * valid.reshape(*valid.shape, *[1] * (weight.ndim - 2))
    per_weight = math.prod(shape) // max(weight.size, 1)
    return weight.astype(dtype), float(weight.sum()) * per_weight


def finite(values, what, least):
    """Real numbers as a float64 array, all finite and at least `least`."""
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{what} must be numbers, got {values.dtype}")
    values = values.astype(np.float64)
    if not (np.isfinite(values).all() and (values >= least).all()):
        raise ValueError(f"{what} must be finite and at least {least}")
    return values
