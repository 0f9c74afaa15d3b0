"""What metrics count: targets within their row's length, with weight, not ignored."""

import numpy as np


def valid(values, lengths):
    """``(B, T, …)`` as ``(steps within their rows' lengths, …)``; as it is without lengths."""
    if lengths is None:
        return values
    return values[np.arange(values.shape[1]) < np.asarray(lengths)[:, None]]


def target_weights(name, sample_weight, shape):
    """`sample_weight` as float64, of the shape of y_true or of its first axes."""
    weight = np.asarray(sample_weight, np.float64)
    if not weight.ndim or weight.shape != shape[: weight.ndim]:
        raise ValueError(
            f"{name}: sample_weight must have the shape {shape} of y_true or of its first axes, got {weight.shape}"
        )
    return weight


def weight_of_each(name, sample_weight, lengths, shape):
    """The weight of each target within its row's length; None for no weights."""
    if sample_weight is None:
        return None
    weight = target_weights(name, sample_weight, shape)
    return valid(np.broadcast_to(weight.reshape(*weight.shape, *[1] * (len(shape) - weight.ndim)), shape), lengths)


def regression(name, y_pred, y_true, lengths, sample_weight):
    """Predictions, targets and weights (or None) in float64 as (N, outputs); what weighs nothing is 0."""
    if y_pred.shape not in (y_true.shape, (*y_true.shape, 1)):
        raise ValueError(f"{name}: y_true must have the shape {y_pred.shape} of y_pred, got {y_true.shape}")
    width = 1 if y_pred.ndim == (1 if lengths is None else 2) else y_pred.shape[-1]
    weight = weight_of_each(name, sample_weight, lengths, y_true.shape)
    arrays = [valid(values, lengths).astype(np.float64) for values in (y_pred, y_true)]
    predicted, true = (array.reshape(-1, width) for array in arrays)
    if weight is None:
        return predicted, true, None
    weight = weight.reshape(-1, width)
    return np.where(weight > 0, predicted, 0.0), np.where(weight > 0, true, 0.0), weight


def yes_or_no(y_pred, y_true):
    return y_pred.shape in (y_true.shape, (*y_true.shape, 1))


def counted(name, y_pred, y_true, lengths, sample_weight, ignore_index):
    """Logits (N,) or (N, C), targets (N,) and weights (N,) or None of the targets that count."""
    binary = yes_or_no(y_pred, y_true)
    if binary:
        y_pred = y_pred.reshape(y_true.shape)
    elif y_pred.shape[:-1] != y_true.shape or y_true.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: y_true must be integers of shape {y_pred.shape[:-1]} or have the "
            f"shape {y_pred.shape} of y_pred, got {y_true.dtype} {y_true.shape}"
        )
    weight = weight_of_each(name, sample_weight, lengths, y_true.shape)
    chosen = valid(y_true != ignore_index, lengths)
    if weight is not None:
        chosen = chosen & (weight > 0)
        weight = weight[chosen]
    logits, true = valid(y_pred, lengths)[chosen], valid(y_true, lengths)[chosen]
    return logits, (true > 0.5 if binary else true).astype(np.int64), weight
