"""What ranks talk by: the protocol, and what it is made of by MPI and by torch.distributed."""

import abc
import atexit
import datetime
import faulthandler
import os
import sys
import time

import numpy as np

from ..checks import number

_TIMEOUT = 600.0  # seconds: a rank may be that late, because it writes a file or reads data
_ABORT = 3.0  # seconds that MPI has to end all ranks


class RankFailed(RuntimeError):
    """Another rank raised an error, died, or could not be reached. The message says which, and what it said."""


class Pending(abc.ABC):
    """An exchange that has begun."""

    @abc.abstractmethod
    def wait(self):
        """Return when the received buffers are complete. `RankFailed` if that takes longer than the timeout, or if a
        rank is gone.
        """


class Communicator(abc.ABC):
    """The protocol of ``fit(comm=...)``: derive from this, or have the same attributes and methods.

    All buffers are contiguous arrays of ``np.uint8``; counts are bytes, a list with one for each rank, and the parts
    lie behind one another in the order of the ranks. Each method is called by all ranks in the same order. A buffer
    that was given to a method that starts an exchange is left alone until its `Pending` has been waited for.

    Attributes
    ----------
    rank, size : int
        This rank, from 0, and how many there are.
    timeout : float
        Seconds to wait for the other ranks in one exchange before `RankFailed` is raised.
    """

    rank = 0
    size = 1
    timeout = _TIMEOUT

    @abc.abstractmethod
    def start_all_to_all(self, send, send_counts, receive, receive_counts):
        """Start to send part i of `send` to rank i, and to receive part i of `receive` from it: a `Pending`."""

    @abc.abstractmethod
    def start_all_gather(self, send, receive, counts):
        """Start to send `send` to all ranks, and to receive part i of `receive` from rank i: a `Pending`."""

    @abc.abstractmethod
    def broadcast(self, buffer):
        """Overwrite `buffer` by that of rank 0, which has the same size."""

    @abc.abstractmethod
    def abort(self, message):
        """End all ranks as well as can be done, since they can't be told in any other way; `message` says why."""

    def all_to_all(self, send, send_counts, receive, receive_counts):
        """As `start_all_to_all`, and wait."""
        self.start_all_to_all(send, send_counts, receive, receive_counts).wait()

    def all_gather(self, send, receive, counts):
        """As `start_all_gather`, and wait."""
        self.start_all_gather(send, receive, counts).wait()


def as_communicator(comm):
    """What `fit` was given as `comm`, as a `Communicator`."""
    if isinstance(comm, Communicator):
        return comm
    if type(comm).__module__.partition(".")[0] == "mpi4py":
        return mpi_comm(comm)
    needed = [name for name in vars(Communicator) if not name.startswith("_")]
    missing = [name for name in needed if not hasattr(comm, name)]
    if missing:
        raise TypeError(
            f"fit: comm must be a communicator of mpi4py, el.distributed.torch_comm() or have the methods of "
            f"el.distributed.Communicator; {type(comm).__name__} has no {', '.join(missing)}"
        )
    return comm


def mpi_comm(comm=None, *, timeout=_TIMEOUT):
    """A communicator of mpi4py (``MPI.COMM_WORLD`` by default) as a `Communicator`, with a timeout of its own.

    ``fit(comm=MPI.COMM_WORLD)`` makes one itself. All ranks call this together. It talks in a duplicate of `comm`, so
    that messages of yours and ours are never taken for one another. Needs ``pip install "eigenlstm[mpi]"``.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm
    timeout : float
        Seconds to wait for the other ranks in one exchange.
    """
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise ImportError('mpi_comm needs mpi4py: pip install "eigenlstm[mpi]"') from error
    comm = MPI.COMM_WORLD if comm is None else comm
    if not isinstance(comm, MPI.Intracomm):
        raise TypeError(f"mpi_comm: comm must be an intracommunicator of mpi4py, got {type(comm).__name__}")
    return _Mpi(comm, _checked_timeout(timeout, "mpi_comm"), MPI)


def torch_comm(group=None, *, timeout=_TIMEOUT):
    """The processes of torch.distributed as a `Communicator`; they talk by gloo.

    Where ``torch.distributed`` was not initialised before, that is done here with the backend gloo, from what
    ``torchrun`` wrote into the environment; else all its ranks call this together, and a group of their own is made of
    them. Needs ``pip install "eigenlstm[torch]"``.

    Parameters
    ----------
    group : torch.distributed.ProcessGroup
        Whose processes; those of the default group by default.
    timeout : float
        Seconds to wait for the other ranks in one exchange, and at the start.
    """
    try:
        import torch
        import torch.distributed as dist
    except ImportError as error:
        raise ImportError('torch_comm needs PyTorch: pip install "eigenlstm[torch]"') from error
    timeout = _checked_timeout(timeout, "torch_comm")
    limit = datetime.timedelta(seconds=timeout)
    if not dist.is_initialized():
        dist.init_process_group("gloo", timeout=limit)
        atexit.register(_leave, dist)
    else:
        # a group's threads wait for an exchange as long as the timeout that it was made with
        ranks = dist.get_process_group_ranks(dist.group.WORLD if group is None else group)
        group = dist.new_group(ranks, timeout=limit, backend="gloo", use_local_synchronization=True)
    return _Torch(group, timeout, torch, dist)


def _leave(dist):
    """gloo's threads must have ended before the interpreter does."""
    if dist.is_initialized():
        dist.destroy_process_group()


def _checked_timeout(timeout, where):
    if not number(timeout, f"{where}: timeout") > 0:
        raise ValueError(f"{where}: timeout must be positive, got {timeout!r}")
    return float(timeout)


class _Mpi(Communicator):
    """By the buffer methods of mpi4py; nothing is pickled."""

    def __init__(self, comm, timeout, mpi):
        self._comm, self._mpi, self.timeout = comm.Dup(), mpi, timeout
        self.rank, self.size = comm.Get_rank(), comm.Get_size()

    def start_all_to_all(self, send, send_counts, receive, receive_counts):
        byte = self._mpi.BYTE
        return self._begin(self._comm.Ialltoallv, [send, send_counts, byte], [receive, receive_counts, byte])

    def start_all_gather(self, send, receive, counts):
        byte = self._mpi.BYTE
        return self._begin(self._comm.Iallgatherv, [send, send.size, byte], [receive, counts, byte])

    def broadcast(self, buffer):
        self._begin(self._comm.Ibcast, [buffer, self._mpi.BYTE]).wait()

    def abort(self, message):
        """Where nobody can be reached any more, MPI may wait for ever for an answer: this process then ends itself."""
        sys.stderr.write(f"{message}\n")
        sys.stderr.flush()
        faulthandler.dump_traceback_later(_ABORT, exit=True, file=open(os.devnull, "w"))
        self._comm.Abort(1)

    def close(self):
        self._comm.Free()

    def _begin(self, function, *buffers):
        try:
            return _MpiPending(function(*buffers), self.timeout, self._mpi)
        except self._mpi.Exception as error:
            raise RankFailed(f"rank {self.rank} could not reach the other ranks: {error}") from None


class _MpiPending(Pending):
    def __init__(self, request, timeout, mpi):
        self._request, self._timeout, self._mpi = request, timeout, mpi

    def wait(self):
        """A rank that waits asks again and again; after a while it sleeps in between, as others may need its core."""
        started, asked = None, 0
        try:
            while not self._request.Test():
                asked += 1
                if asked < 200:
                    continue
                now = time.monotonic()
                started = now if started is None else started
                if now - started > self._timeout:
                    raise RankFailed(f"there was no answer from some rank for {self._timeout:g} s")
                time.sleep(0 if now - started < 2e-3 else 1e-4)
        except self._mpi.Exception as error:
            raise RankFailed(f"another rank could not be reached: {error}") from None


class _Torch(Communicator):
    def __init__(self, group, timeout, torch, dist):
        self._group, self.timeout, self._torch, self._dist = group, timeout, torch, dist
        self.rank, self.size = dist.get_rank(group), dist.get_world_size(group)

    def start_all_to_all(self, send, send_counts, receive, receive_counts):
        return self._begin(
            self._dist.all_to_all_single,
            *(self._torch.from_numpy(buffer) for buffer in (receive, send)),
            list(receive_counts),
            list(send_counts),
        )

    def start_all_gather(self, send, receive, counts):
        """gloo gathers parts of one size: where they differ, shorter ones are sent with what fills them up."""
        if len(set(counts)) == 1:
            return self._begin(self._dist.all_gather, self._parts(receive, counts), self._torch.from_numpy(send))
        longest = max(counts)
        padded, gathered = np.zeros(longest, np.uint8), np.empty(longest * self.size, np.uint8)
        padded[: send.size] = send
        parts = self._parts(gathered, [longest] * self.size)
        pending = self._begin(self._dist.all_gather, parts, self._torch.from_numpy(padded))
        pending.then = lambda: np.concatenate(
            [part[:n] for part, n in zip(map(np.asarray, parts), counts)], out=receive
        )
        return pending

    def _parts(self, buffer, counts):
        ends = np.cumsum(counts).tolist()
        return [self._torch.from_numpy(buffer[end - count : end]) for end, count in zip(ends, counts)]

    def broadcast(self, buffer):
        first = self._dist.get_process_group_ranks(self._group)[0] if self._group is not None else 0
        self._begin(self._dist.broadcast, self._torch.from_numpy(buffer), first).wait()

    def abort(self, message):
        """The connections are closed, on which the other ranks notice that this one is gone."""
        sys.stderr.write(f"{message}\n")
        _leave(self._dist)

    def _begin(self, function, *arguments):
        try:
            return _TorchPending(function(*arguments, group=self._group, async_op=True), self.timeout)
        except (RuntimeError, ValueError) as error:
            raise RankFailed(f"rank {self.rank} could not reach the other ranks: {_first_line(error)}") from None


class _TorchPending(Pending):
    then = None  # what is to be done with what was received

    def __init__(self, work, timeout):
        self._work, self._timeout = work, timeout

    def wait(self):
        try:
            self._work.wait(datetime.timedelta(seconds=self._timeout))
        except RuntimeError as error:
            raise RankFailed(f"another rank could not be reached: {_first_line(error)}") from None
        if self.then is not None:
            self.then()


def _first_line(error):
    return str(error).strip().partition("\n")[0]
