"""Weights that make up for classes that are rare."""

from collections.abc import Mapping

import numpy as np

from ..checks import positive_int, unmasked
from .base import finite
from .losses import get, sums_of


def class_weights(y, num_classes=None):
    """A weight for each class, so that all classes that occur weigh the same together: float64 (C,).

    >>> el.losses.class_weights([0, 0, 0, 1])
    array([0.66666667, 2.        ])

    Where n of the targets count, n_c of them of class c, and k classes occur, it is ``n / (k · n_c)``. For
    ``fit(class_weight=...)`` or the `weight` of `CrossEntropy`; and
    ``fit(sampling_weight=class_weights(y)[y])`` draws all classes equally often. The same as scikit-learn's
    ``compute_class_weight("balanced")``.

    Parameters
    ----------
    y : integer or boolean array of any shape, or list of such
        Negative targets are not counted.
    num_classes : int
        C; by default the largest class plus 1. A class that does not occur weighs 0.
    """
    y = unmasked(y, "class_weights", "y")
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


class ClassWeighted:
    """`loss` with the weight of each target multiplied by the weight of its class; `fit` makes one of its
    `class_weight`, (C,) or a dict class -> weight.

    It has the other attributes of the loss, such as `reduction`. Metrics don't see these weights.
    """

    def __init__(self, loss, class_weight, keeps_time):
        self._loss, self._sums = get(loss), sums_of(loss, keeps_time)
        self.class_weight = _table(class_weight)
        self._others_weigh_1 = isinstance(class_weight, Mapping)

    def __getattr__(self, name):
        if name.startswith("_"):  # not yet there while a copy is made
            raise AttributeError(name)
        return getattr(self._loss, name)

    def __call__(self, y_pred, y_true, sample_weight=None, lengths=None):
        part, dy = self.sums(y_pred, y_true, sample_weight, lengths)
        return part.value, dy

    def sums(self, y_pred, y_true, sample_weight=None, lengths=None):
        each = _weights_of(y_true, self.class_weight, self._others_weigh_1)
        if sample_weight is not None:
            weight = np.asarray(sample_weight)
            if weight.shape != each.shape[: weight.ndim]:
                raise ValueError(
                    f"fit: with class_weight, sample_weight must have the shape {each.shape} of y or of its "
                    f"first axes, got {weight.shape}"
                )
            each = each * weight.reshape(*weight.shape, *[1] * (each.ndim - weight.ndim))
        return self._sums(y_pred, y_true, each, lengths)


def _weights_of(y, table, others_weigh_1):
    """The weight of each target's class, of the shape of `y` without a last axis of 1. Negative ones are the loss's to
    ignore or refuse.
    """
    y = np.asarray(y)
    classes = y.astype(np.int64)
    if y.dtype.kind == "f" and not np.array_equal(classes, y) or y.dtype.kind not in "iubf":
        raise TypeError(f"fit: class_weight needs y of integers or of 0 and 1, got {y.dtype}")
    if classes.size and classes.max() >= len(table) and not others_weigh_1:
        raise ValueError(
            f"fit: class_weight has weights for classes below {len(table)}, y has the class {classes.max()}"
        )
    named = (classes >= 0) & (classes < len(table))
    each = np.where(named, table[np.where(named, classes, 0)], 1.0)
    return each[..., 0] if each.ndim > 1 and each.shape[-1] == 1 else each


def _table(class_weight):
    """Weights as an array (C,); of a dict, classes that it does not name weigh 1."""
    if isinstance(class_weight, Mapping):
        classes = np.array(list(class_weight))
        if not classes.size or classes.dtype.kind not in "iu" or classes.min() < 0:
            raise ValueError(
                f"fit: class_weight must have classes (integers from 0 on) as its keys, got {class_weight!r}"
            )
        table = np.ones(classes.max() + 1)
        table[classes] = finite(list(class_weight.values()), "fit: class_weight", least=0)
        return table
    table = finite(class_weight, "fit: class_weight", least=0)
    if table.ndim != 1 or not table.size:
        raise ValueError(f"fit: class_weight must be a dict or have shape (C,), got shape {table.shape}")
    return table
