"""What is done to each batch before a model trains on it: class weights and augmentation."""

from collections.abc import Mapping

import numpy as np

from .. import _core
from ..losses.base import finite
from ..seeds import mix_seed
from .batches import Rows

_NAMES = ("x", "y", "lengths", "sample_weight")


class Prepared:
    """The batches of `source` with class weights and augmentation.

    What `augment` draws depends on the key of the epoch and on the number of the batch alone.
    """

    def __init__(self, source, augment, class_weight):
        steps = [] if augment is None else list(augment) if isinstance(augment, (list, tuple)) else [augment]
        if not all(callable(step) for step in steps):
            raise TypeError(
                f"fit: augment must be a function augment(batch, rng) -> batch, or several, got {augment!r}"
            )
        self._source, self._augment = source, steps
        self._class_weight = None if class_weight is None else _table(class_weight)
        sampling = getattr(source, "sampling", None)
        # what a resumed run must have alike
        self.settings = {
            "augment": [getattr(step, "__qualname__", type(step).__qualname__) for step in steps] or None,
            "class_weight": None if class_weight is None else self._class_weight.tolist(),
            "sampling_weight": None if sampling is None else f"{_core.fingerprint(sampling):x}",
        }

    def __len__(self):
        return len(self._source)

    def epoch(self, number, key):
        for i, batch in enumerate(self._source.epoch(number, key)):
            if self._class_weight is not None:
                batch = self._weighted(*batch)
            yield self._augmented(batch, mix_seed(mix_seed(key, 1), i)) if self._augment else batch

    def _weighted(self, x, y, lengths, weight):
        each = class_weights_of(y, self._class_weight)
        if weight is not None:
            weight = np.asarray(weight)
            if weight.shape != each.shape[: weight.ndim]:
                raise ValueError(
                    f"fit: with class_weight, sample_weight must have the shape {each.shape} of y or of its first axes, "
                    f"got {weight.shape}"
                )
            each = each * weight.reshape(*weight.shape, *[1] * (each.ndim - weight.ndim))
        return x, y, lengths, each

    def _augmented(self, batch, key):
        rng = np.random.Generator(np.random.PCG64(key))
        given = changed = dict(zip(_NAMES, batch))
        for step in self._augment:
            changed = step(dict(changed), rng)
            _check_batch(given, changed)
        return tuple(changed[name] for name in _NAMES)


def draw_by(sampling_weight, source, shuffle):
    """Let `source` draw its rows in proportion to `sampling_weight`."""
    if not isinstance(source, Rows) or not shuffle:
        raise ValueError("fit: sampling_weight needs x as an array or a list, and shuffle on")
    weight = finite(sampling_weight, "fit: sampling_weight", least=0)
    if weight.shape != (source.rows,) or not weight.any():
        raise ValueError(
            f"fit: sampling_weight must have shape ({source.rows},) and not be all 0, got shape {weight.shape}"
        )
    source.sampling = weight / weight.sum()


def class_weights_of(y, table):
    """The weight of each target's class, of the shape of `y` without a last axis of 1; 0 for negative ones, which are ignored."""
    y = np.asarray(y)
    classes = y.astype(np.int64)
    if y.dtype.kind == "f" and not np.array_equal(classes, y) or y.dtype.kind not in "iubf":
        raise TypeError(f"fit: class_weight needs y of integers or of 0 and 1, got {y.dtype}")
    if classes.size and classes.max() >= len(table):
        raise ValueError(
            f"fit: class_weight has weights for classes below {len(table)}, y has the class {classes.max()}"
        )
    each = np.where(classes < 0, 0.0, table[np.maximum(classes, 0)])
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


def _check_batch(given, changed):
    """A batch must stay one: the same parts, as many rows in each as there are targets."""
    if not isinstance(changed, Mapping) or set(changed) != set(_NAMES):
        got = f"({', '.join(map(str, changed))})" if isinstance(changed, Mapping) else type(changed).__name__
        raise ValueError(f"fit: augment must give a dict with ({', '.join(_NAMES)}), got {got}")
    rows = len(changed["y"]) if np.ndim(changed["y"]) else None
    for name in ("y", "x", "lengths", "sample_weight"):
        _check_alike(name, given[name], changed[name], rows)


def _check_alike(name, given, changed, rows):
    """A part of a batch must stay of its kind, for as many rows as there are targets."""
    if isinstance(given, Mapping):
        if not isinstance(changed, Mapping) or set(changed) != set(given):
            raise ValueError(f"fit: augment must give {name} as a dict with ({', '.join(given)})")
        for key in given:
            _check_alike(f"{name}[{key!r}]", given[key], changed[key], rows)
        return
    if changed is None and (given is None or name == "sample_weight"):
        return
    if not isinstance(changed, np.ndarray) or changed.ndim == 0 or len(changed) != rows:
        raise ValueError(f"fit: augment must give {name} as an array with as many rows as y, got {np.shape(changed)}")
    if given is not None and changed.dtype != given.dtype:
        raise TypeError(f"fit: augment must keep the dtype {given.dtype} of {name}, got {changed.dtype}")
