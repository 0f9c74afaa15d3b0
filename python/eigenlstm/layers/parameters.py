"""One flat buffer of parameters and one of gradients, shared by the layers of a model."""

import math
import os
import sys
import threading
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from .. import _core

_blank_limit = ContextVar("blank_limit", default=None)

# Of the versions of all stores. One for all, so that a fork can wait for it: a child forked while another thread holds
# it
# would find it taken for ever. Re-entrant, as a signal handler may use the model that it interrupts.
_version_lock = threading.RLock()
os.register_at_fork(
    before=_version_lock.acquire, after_in_parent=_version_lock.release, after_in_child=_version_lock.release
)


@contextmanager
def blank_parameters(limit):
    """Layers built in here are not initialised and may not hold more than `limit` values together.

    For those who overwrite the values at once (load, copy): what a file claims about sizes is
    refused before anything is allocated for it.
    """
    token = _blank_limit.set([limit])
    try:
        yield
    finally:
        _blank_limit.reset(token)


def initialising():
    """Whether a layer under construction is to draw its initial values."""
    return _blank_limit.get() is None


def admit(values):
    """Refuse a layer of at least so many `values` if that is over the limit of `blank_parameters`."""
    budget = _blank_limit.get()
    if budget is not None and values > budget[0]:
        raise ValueError("the layers hold more values than there are")


def admitted(specs):
    """Pass `specs` on while they stay within the limit of `blank_parameters`, and count them."""
    budget = _blank_limit.get()
    for name, shape in specs:
        values = max(1, math.prod(shape))
        admit(values)
        if budget is not None:
            budget[0] -= values
        yield name, tuple(shape)


class ParameterStore:
    """Parameters and gradients of any number of layers, each in one contiguous 1-D array.

    Parameters
    ----------
    specs : iterable of (name, shape)
        What it holds, in order.
    dtype : np.dtype
        float32 or float64.

    Attributes
    ----------
    params, grads : ndarray, shape (size,), 64-byte aligned
        For this package's own code. Whoever writes into `params` calls `touch` afterwards.

    Notes
    -----
    `version` must tell exactly when packed weights are stale, although users write through NumPy
    views as they please. A user can only write through a view that he holds, and every view that
    leaves the package is cut from `_public`: a second array over the memory of `params` that stands
    on a memoryview. NumPy makes the base of a view of a view the outermost *array*, and stops there
    because the next base is no array, so each slice, reshape, memoryview or tensor made from a
    public view keeps one reference to `_public` as long as it lives. While its reference count is
    above the one it was born with, or once after it was, the bytes are compared by a 64-bit
    fingerprint; when nobody has held a view since the last look, the answer costs nothing.
    The package's own views are cut from `params` and do not count.
    """

    def __init__(self, specs, dtype):
        self.specs = [(name, tuple(shape)) for name, shape in specs]
        self.size = sum(math.prod(shape) for _, shape in self.specs)
        self.dtype = np.dtype(dtype)
        if self.size >= 2**48:
            raise ValueError(f"{self.size} parameters fit in no memory")
        try:
            self.params = _core.zeros(self.size, self.dtype)
            self.grads = _core.zeros(self.size, self.dtype)
        except MemoryError:
            gib = 2 * self.size * self.dtype.itemsize / 2**30
            raise MemoryError(
                f"{self.size:,} parameters of {self.dtype} and their gradients need {gib:,.1f} GiB, more than there is"
            ) from None
        self._public = np.asarray(memoryview(self.params))
        self._version = 1
        self._fingerprint = None
        self._handed_out = self._settled = 0
        self._unshared = sys.getrefcount(self._public)

    def public(self, start, stop):
        """A fresh writable view of ``params[start:stop]`` to hand to a user."""
        view = self._public[start:stop]
        self._handed_out += 1  # after the view exists: `_look` then sees one of the two
        return view

    def held(self):
        """Whether a user holds a view of the parameters now."""
        return sys.getrefcount(self._public) > self._unshared

    def touch(self):
        """Say that the parameters have changed."""
        with _version_lock:
            self._version += 1
            self._fingerprint = None  # of the values before: must not match them again

    def version(self):
        """A number that differs from every earlier answer if the parameters may have changed."""
        if self._handed_out != self._settled:
            self._look()
        return self._version

    def _look(self):
        with _version_lock:
            handed_out = self._handed_out  # before counting: a view taken meanwhile makes it differ
            held = self.held()
            fingerprint = _core.fingerprint(self.params)
            if fingerprint != self._fingerprint:
                self._fingerprint = fingerprint
                self._version += 1
            if not held:
                self._settled = handed_out  # last: till then other threads wait for the lock
