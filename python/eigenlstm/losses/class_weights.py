"""Weights that make up for classes that are rare."""

import numpy as np

from ..checks import positive_int


def class_weights(y, num_classes=None):
    """A weight for each class, so that all classes that occur weigh the same together: float64 (C,).

    >>> class_weights([0, 0, 0, 1])
    array([0.66666667, 2.        ])

    Where n of the targets count, n_c of them of class c, and k classes occur, it is ``n / (k · n_c)``. For ``fit(class_weight=...)`` or the `weight` of `CrossEntropy`; and
    ``fit(sampling_weight=class_weights(y)[y])`` draws all classes equally often. The same as scikit-learn's
    ``compute_class_weight("balanced")``.

    Parameters
    ----------
    y : integer or boolean array of any shape, or list of such
        Negative targets are not counted.
    num_classes : int
        C; by default the largest class plus 1. A class that does not occur weighs 0.
    """
    if isinstance(y, (list, tuple)) and y and np.ndim(y[0]) > 0:
        y = np.concatenate([np.asarray(row).reshape(-1) for row in y])
    y = np.asarray(y).reshape(-1)
    if y.dtype.kind not in "iub":
        raise TypeError(f"class_weights: y must be integers, got {y.dtype}")
    y = y.astype(np.int64)
    counts = np.bincount(
        y[y >= 0], minlength=0 if num_classes is None else positive_int(num_classes, "class_weights: num_classes")
    )
    if num_classes is not None and len(counts) > num_classes:
        raise ValueError(f"class_weights: y must be below num_classes {num_classes}, got {len(counts) - 1}")
    if not counts.any():
        raise ValueError("class_weights: y has no targets")
    occur = np.count_nonzero(counts)
    return np.where(counts > 0, counts.sum() / (occur * np.maximum(counts, 1)), 0.0)
