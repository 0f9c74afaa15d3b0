"""The ranks of a run: what they tell one another, how their gradients are added, and how they end together."""

import contextlib
import json
import math
import signal
import threading

import numpy as np

from .communicator import RankFailed, as_communicator
from .shards import added, cover, owned

_LABEL, _SLOT = 24, 512  # bytes of a message's label, and of what all ranks send at once
_HEADER = _LABEL + 16
_FAILED = 1


class Alone:
    """The team of a run in one process: it has all shards, and nobody to talk to."""

    rank, size = 0, 1
    stop = None  # why the run is to end after this step

    def owned(self, shards):
        return range(shards)

    def gather(self, label, value):
        """What each rank has to say, JSON values in the order of the ranks."""
        return [value]

    def gather_arrays(self, label, arrays):
        """The arrays of all ranks, a list for each; some may be None."""
        return [arrays]

    def first(self, array):
        """`array` of rank 0, in place."""

    def padded(self, n):
        """The size of a buffer for n gradients."""
        return n

    def add(self, branches, shards, divisor, grads):
        """Write the sum over all shards, over `divisor` (None: 1), to `grads`; `branches` are what this rank has of
        the tree: (start, stop) -> flat array of `padded` size.
        """
        total = branches[0, shards]
        if divisor is None:
            np.copyto(grads, total)
        else:
            np.divide(total, grads.dtype.type(divisor), out=grads)

    def failed(self, error):
        """Tell the others that this rank ends with `error`."""

    def close(self):
        """Free what was made for this run."""

    @contextlib.contextmanager
    def together(self):
        """What fails in here in one rank ends all of them."""
        try:
            yield
        except BaseException as error:
            self.failed(error)
            raise
        self.close()

    @contextlib.contextmanager
    def signals(self):
        """While SIGINT and SIGTERM set `stop` instead of ending the process."""
        yield


class Team(Alone):
    """The ranks of `comm`. Whatever they exchange begins with the same fields, among them a label of what it is: a
    rank that has failed says so in what the others take for the next exchange, and ranks that have lost step notice.
    """

    def __init__(self, comm):
        self._comm = as_communicator(comm)
        self._ours = self._comm is not comm
        self.rank, self.size = int(self._comm.rank), int(self._comm.size)
        self.bytes_sent = 0  # to other ranks, for gradients
        self._told = False

    def owned(self, shards):
        return owned(shards, self.rank, self.size)

    # -- small things ---------------------------------------------------------------------------

    def gather(self, label, value):
        return [json.loads(said) for said in self._exchange(label, json.dumps(value).encode())]

    def gather_arrays(self, label, arrays):
        about = json.dumps([None if each is None else (each.dtype.str, each.shape) for each in arrays]).encode()
        head = np.array([len(about)], np.int64).tobytes()
        said = self._exchange(label, b"".join([head, about, *(a.tobytes() for a in arrays if a is not None)]))
        return [_arrays_in(buffer) for buffer in said]

    def same(self, about, shown):
        """``ValueError`` in all ranks unless `about`, name -> text, is the same in all; `shown` is what it says."""
        said = self.gather("compares its options", [about, shown])
        first, first_shown = said[0]
        for rank, (other, other_shown) in enumerate(said):
            names = sorted(name for name in first | other if first.get(name) != other.get(name))
            if names:
                self._told = True  # each of them sees it
                pairs = [f"{name} is {first_shown.get(name)} on rank 0, {other_shown.get(name)}" for name in names]
                raise ValueError(f"fit: all ranks must run the same: {'; '.join(pairs)} on rank {rank}")

    def first(self, array):
        self._comm.broadcast(array.reshape(-1).view(np.uint8))

    def _exchange(self, label, content, status=0):
        """The contents of all ranks, as bytes. Short ones go along with the label, in one exchange."""
        slot = np.zeros(_SLOT, np.uint8)
        slot[:_LABEL] = np.frombuffer(label.encode()[:_LABEL].ljust(_LABEL), np.uint8)
        slot[_LABEL:_HEADER].view(np.int64)[:] = status, len(content)
        inline = len(content) <= _SLOT - _HEADER
        if inline:
            slot[_HEADER : _HEADER + len(content)] = np.frombuffer(content, np.uint8)
        slots = np.empty((self.size, _SLOT), np.uint8)
        self._comm.all_gather(slot, slots.reshape(-1), [_SLOT] * self.size)
        about = np.ascontiguousarray(slots[:, _LABEL:_HEADER]).view(np.int64)
        sizes = about[:, 1].tolist()
        if max(sizes) <= _SLOT - _HEADER:
            said = [row[_HEADER : _HEADER + size].tobytes() for row, size in zip(slots, sizes)]
        else:
            gathered = np.empty(sum(sizes), np.uint8)
            self._comm.all_gather(np.frombuffer(bytearray(content), np.uint8), gathered, sizes)
            said = [part.tobytes() for part in np.split(gathered, np.cumsum(sizes)[:-1])]
        if status != _FAILED:
            self._check(label, slots[:, :_LABEL], about[:, 0], said)
        return said

    def _check(self, label, labels, statuses, said):
        for rank, (status, content) in enumerate(zip(statuses, said)):
            if status == _FAILED:
                self._told = True
                raise RankFailed(f"rank {rank} of {self.size} failed: {content.decode()}")
        doing = [row.tobytes().decode().strip() for row in labels]
        if len(set(doing)) > 1:
            self._told = True  # each of them sees it
            at = ", ".join(f"rank {rank} {what}" for rank, what in enumerate(doing))
            raise RankFailed(f"the ranks have lost step, as one of them did what the others did not: {at}")

    def failed(self, error):
        if self._told:
            return
        self._told = True
        message = f"{type(error).__name__}: {error}"
        if isinstance(error, RankFailed):  # an exchange was broken off: the others can't be told in another one
            self._comm.abort(f"rank {self.rank} of {self.size}: {message}")
            return
        with contextlib.suppress(RankFailed):
            self._exchange("failed", message.encode(), _FAILED)

    def close(self):
        if self._ours and hasattr(self._comm, "close"):
            self._comm.close()

    # -- gradients ------------------------------------------------------------------------------

    def padded(self, n):
        return -(-n // self.size) * self.size

    def add(self, branches, shards, divisor, grads):
        """Each rank adds a slice of the gradients over all branches, and all ranks gather the slices."""
        n, dtype = self.padded(grads.size) // self.size, grads.dtype
        covers = [cover(mine.start, mine.stop, shards) for mine in (owned(shards, r, self.size) for r in self._all())]
        send = self._by_slice([branches[branch] for branch in covers[self.rank]], n, dtype)
        received = np.empty((sum(map(len, covers)), n), dtype)
        width = n * dtype.itemsize
        self._comm.all_to_all(
            send.view(np.uint8),
            [width * len(covers[self.rank])] * self.size,
            received.reshape(-1).view(np.uint8),
            [width * len(each) for each in covers],
        )
        known = dict(zip((branch for each in covers for branch in each), received))
        total = added(0, shards, lambda start, stop: known.get((start, stop)))
        if divisor is not None:
            total = np.divide(total, dtype.type(divisor), out=received[0])
        gathered = np.empty(n * self.size, dtype)
        self._comm.all_gather(total.view(np.uint8), gathered.view(np.uint8), [width] * self.size)
        np.copyto(grads, gathered[: grads.size])
        self.bytes_sent += (self.size - 1) * width * (len(covers[self.rank]) + 1)

    def _all(self):
        return range(self.size)

    def _by_slice(self, arrays, n, dtype):
        """`arrays` as one buffer that has the first slice of each, then the second slice of each, …"""
        if len(arrays) == 1:
            return arrays[0]
        send = np.empty((self.size, len(arrays), n), dtype)
        for i, array in enumerate(arrays):
            send[:, i] = array.reshape(self.size, n)
        return send.reshape(-1)

    # -- signals --------------------------------------------------------------------------------

    @contextlib.contextmanager
    def signals(self):
        """A second Ctrl-C does what it does elsewhere."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def note(number, frame):
            if number == signal.SIGINT and self.stop is not None:
                raise KeyboardInterrupt
            self.stop = "interrupted" if number == signal.SIGINT else "terminated"

        before = {each: signal.signal(each, note) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def _arrays_in(buffer):
    size = int(np.frombuffer(buffer, np.int64, 1)[0])
    arrays, start = [], 8 + size
    for each in json.loads(buffer[8:start]):
        if each is None:
            arrays.append(None)
            continue
        dtype, shape = each
        count = math.prod(shape)
        arrays.append((np.frombuffer(buffer, dtype, count, start) if count else np.empty(0, dtype)).reshape(shape))
        start += count * np.dtype(dtype).itemsize
    return arrays
