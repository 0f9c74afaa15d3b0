"""What estimators are given, as arrays."""

import numpy as np
from sklearn.utils.validation import check_array

from ..checks import unmasked


def weights(sample_weight, X):
    """`sample_weight` as an array (n,), or None."""
    if sample_weight is None:
        return None
    sample_weight = unmasked(sample_weight, "fit", "sample_weight")
    weight = np.asarray(check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"))
    if weight.shape != (len(X),):
        raise ValueError(f"sample_weight must have shape ({len(X)},), got {weight.shape}")
    if (weight < 0).any():
        raise ValueError("sample_weight must not be negative")
    if not weight.any():
        raise ValueError("sample_weight must not be zero for all samples")
    return weight


def ragged_rows(X):
    """The rows of a list (or array of objects) of sequences as arrays; None if X is an array or the like of one."""
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1:
        X = X.tolist()
    if not isinstance(X, (list, tuple)) or not len(X) or any(np.ndim(row) == 0 for row in X[:1]):
        return None
    rows = [np.asarray(row) for row in X]
    return rows if rows[0].ndim == 2 or len({row.shape for row in rows}) > 1 else None


def rows(X, index):
    return X[index] if isinstance(X, np.ndarray) else [X[i] for i in index]


def without_masks(X, nan):
    """X with NaN for masked entries (``numpy.ma``) where `nan` may be, else refused if there are any."""
    if isinstance(X, np.ma.MaskedArray):
        return X.astype(np.float64).filled(np.nan) if nan else unmasked(X, "fit")
    if isinstance(X, (list, tuple)) and any(isinstance(row, np.ma.MaskedArray) for row in X):
        return [without_masks(row, nan) for row in X]
    return X
