"""The FMA peak of one core: the measure for every GFLOP/s in the tables."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np

try:
    from eigenlstm import _core
except ImportError:
    _core = None

BY = ("FMA loop in registers" if _core else "NumPy matrix product, a lower bound") + ", in the rounds of each row"


def fma_peak(dtype: str, seconds: float) -> float:
    """GFLOP/s, the best of this time: eigenlstm's register-only FMA loop, or else NumPy's matrix products."""
    return _core.fma_peak(np.dtype(dtype).itemsize, seconds) if _core else product(dtype, seconds)


def scaling(dtype: str, seconds: float, threads: int, turns: int = 8) -> float:
    """How many times what one thread does of this, so many threads do at the same time: less than `threads` where the machine gives less.

    A thread counts with the median of its turns: the best one may have been while another had not begun.
    """
    start = Barrier(threads)

    def together(_) -> float:
        start.wait()
        return statistics.median(fma_peak(dtype, seconds / turns) for _ in range(turns))

    alone = statistics.median(fma_peak(dtype, seconds / turns) for _ in range(turns))
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(together, range(threads))) / alone


def product(dtype: str, seconds: float, n: int = 768) -> float:
    """The best of one product or more; the caller has set OMP_NUM_THREADS=1 and so on before NumPy was loaded."""
    a, best, end = np.ones((n, n), dtype), float("inf"), time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        np.dot(a, a)
        now = time.perf_counter()
        best = min(best, now - start)
        if now >= end:
            return 2 * n**3 / best / 1e9
