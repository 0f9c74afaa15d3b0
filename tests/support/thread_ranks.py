"""Ranks that are threads of one process: a communicator of the documented protocol, without any library."""

import threading

import numpy as np

from eigenlstm.distributed import Pending, RankFailed


class Meeting:
    """Where `size` threads put what they send and take what they receive."""

    def __init__(self, size, timeout=20.0):
        self.size, self.timeout = size, timeout
        self.table = [None] * size
        self.barrier = threading.Barrier(size)

    def swap(self, rank, value):
        """The values of all ranks, once all are there."""
        try:
            self.table[rank] = value
            self.barrier.wait(self.timeout)
            values = list(self.table)
            self.barrier.wait(self.timeout)
        except threading.BrokenBarrierError:
            raise RankFailed(f"there was no answer from some rank for {self.timeout:g} s") from None
        return values


class Done(Pending):
    def wait(self):
        pass


class ThreadRank:
    """One rank. It has the methods of `eigenlstm.distributed.Communicator` without deriving from it."""

    def __init__(self, meeting, rank):
        self._meeting, self.rank, self.size, self.timeout = meeting, rank, meeting.size, meeting.timeout
        self.bytes_received, self.aborted = 0, None

    def start_all_to_all(self, send, send_counts, receive, receive_counts):
        sent = self._meeting.swap(self.rank, np.split(send.copy(), np.cumsum(send_counts)[:-1]))
        self._deliver([parts[self.rank] for parts in sent], receive, receive_counts)
        return Done()

    def start_all_gather(self, send, receive, counts):
        self._deliver(self._meeting.swap(self.rank, send.copy()), receive, counts)
        return Done()

    def _deliver(self, parts, receive, counts):
        assert [part.size for part in parts] == list(counts)
        self.bytes_received += sum(part.size for rank, part in enumerate(parts) if rank != self.rank)
        np.concatenate(parts, out=receive)

    def all_to_all(self, *arguments):
        self.start_all_to_all(*arguments).wait()

    def all_gather(self, *arguments):
        self.start_all_gather(*arguments).wait()

    def broadcast(self, buffer):
        buffer[:] = self._meeting.swap(self.rank, buffer.copy())[0]

    def abort(self, message):
        self.aborted = message
        self._meeting.barrier.abort()


def together(size, work, timeout=20.0):
    """What ``work(comm)`` returns, or the exception that it raises, in each of `size` ranks."""
    meeting, found = Meeting(size, timeout), [None] * size

    def rank_of(rank):
        try:
            found[rank] = work(ThreadRank(meeting, rank))
        except BaseException as error:
            found[rank] = error

    threads = [threading.Thread(target=rank_of, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found
