"""One flat buffer of parameters and one of gradients, shared by the layers of a model."""

import math
import os
import sys
from _thread import RLock  # threading's own; the rest of that module would be a sixth of the time of our import
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from .. import _core

_blank_limit = ContextVar("blank_limit", default=None)

# Guards the versions of all stores. There is one lock for all of them, so that a fork can wait for it: a child process
# that is forked while another thread holds the lock would find it locked for ever. It is re-entrant because a signal
# handler may use the very model that it interrupts.
_version_lock = RLock()
os.register_at_fork(
    before=_version_lock.acquire, after_in_parent=_version_lock.release, after_in_child=_version_lock.release
)


@contextmanager
def blank_parameters(limit):
    """Within this context, layers are built without initial values and may hold at most `limit` values in total.

    It is meant for code that overwrites the values at once, as when a model is loaded or copied. A file that claims
    larger sizes than it has data for is refused before any memory is allocated for them.
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
    """``ValueError`` if a layer that needs at least `values` values would exceed the limit of `blank_parameters`."""
    budget = _blank_limit.get()
    if budget is not None and values > budget[0]:
        raise ValueError("the layers hold more values than there are")


def admitted(specs):
    """Yield `specs` one by one, counting their values against the limit of `blank_parameters`."""
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
        For the package's own code, which must call `touch` after it has written into `params`.

    Notes
    -----
    `version` must tell exactly when packed weights are out of date, although users may write into the parameters at
    any time through NumPy views. They can only do so through a view that they hold, so the store keeps track of whether
    anyone holds one:

    - Every view that leaves the package is cut from `_public`, a second array over the memory of `params`. The base of
      `_public` is a memoryview, not an array. NumPy sets the base of a view of a view to the outermost *array*, which
      is therefore `_public`: each slice, reshape, memoryview or tensor made from a public view holds a reference to it
      for as long as it lives. A reference count above the initial one means that a user holds a view.
    - While a view is held, and once more after the last one is gone, the parameters are compared with what they were by
      a 64-bit fingerprint of their bytes. If nobody has held a view since the last comparison, nothing is computed.
    - The package's own views are cut from `params` and are not counted.
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
        self._handed_out += 1  # only now, when the view exists: `_look` notices at least one of the two
        return view

    def held(self):
        """Whether a user holds a view of the parameters now."""
        return sys.getrefcount(self._public) > self._unshared

    def touch(self):
        """Say that the parameters have changed."""
        with _version_lock:
            self._version += 1
            self._fingerprint = None  # the old values, should they come back, count as a change, too

    def version(self):
        """A number that differs from every earlier answer if the parameters may have changed."""
        if self._handed_out != self._settled:
            self._look()
        return self._version

    def _look(self):
        with _version_lock:
            handed_out = self._handed_out  # read first: if a view is handed out meanwhile, the two differ below
            held = self.held()
            fingerprint = _core.fingerprint(self.params)
            if fingerprint != self._fingerprint:
                self._fingerprint = fingerprint
                self._version += 1
            if not held:
                self._settled = handed_out  # last of all: until then, other threads come here and wait for the lock
