"""Which rows a model trains on, and what is done to each batch before: sampling and augmentation."""

from collections.abc import Iterable, Mapping

import numpy as np

from .. import _core
from ..losses.base import finite
from ..seeds import mix_seed
from .batches import Rows
from .parts import part_of

_NAMES = ("x", "y", "lengths", "sample_weight")


class Prepared:
    """The batches of `source`, augmented.

    What `augment` draws depends on the key of the epoch and on the number of the batch alone.
    """

    def __init__(self, source, augment):
        steps = [] if augment is None else list(augment) if isinstance(augment, (list, tuple)) else [augment]
        if not all(callable(step) for step in steps):
            raise TypeError(
                f"fit: augment must be a function augment(batch, rng) -> batch, or several, got {augment!r}"
            )
        self._source, self._augment = source, steps
        sampling = getattr(source, "sampling", None)
        # what a resumed run must have alike
        self.settings = {
            "augment": [getattr(step, "__qualname__", type(step).__qualname__) for step in steps] or None,
            "sampling_weight": None if sampling is None else f"{_core.fingerprint(sampling):x}",
        }

    def __len__(self):
        return len(self._source)

    def parts(self, number, key, own):
        """The batches of an epoch as `Part`. What augments a batch sees all of it, whoever computes it."""
        if not self._augment:
            yield from self._source.parts(number, key, own)
            return
        for i, batch in enumerate(self._source.epoch(number, key)):
            yield part_of(self._augmented(batch, mix_seed(mix_seed(key, 1), i)), own)

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


def _named(callback):
    return ": it is a class, write it with its arguments" if isinstance(callback, type) else ""


def checked_callbacks(callbacks):
    """`callbacks` as a list, found to be functions before the first step rather than after the first epoch."""
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"fit: callbacks must be a list of functions f(run), got {callbacks!r}")
    callbacks = list(callbacks)
    for callback in callbacks:
        if not callable(callback) or isinstance(callback, type):
            raise TypeError(
                f"fit: callbacks must be a list of functions f(run), got one that is {callback!r}{_named(callback)}"
            )
    return callbacks
