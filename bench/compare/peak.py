"""The FMA peak of one core: what every GFLOP/s in the table is to be held against."""

from __future__ import annotations

import time


def fma_peak() -> dict[str, float | str]:
    """GFLOP/s by dtype, and how it was found: eigenlstm's register-only FMA loop, or else NumPy's matrix products."""
    try:
        from eigenlstm import _core
    except ImportError:
        return {
            "how": "NumPy matrix product, a lower bound",
            "float32": product("float32"),
            "float64": product("float64"),
        }
    return {"how": "FMA loop in registers", "float32": _core.fma_peak(4, 0.2), "float64": _core.fma_peak(8, 0.2)}


def product(dtype: str, n: int = 768, seconds: float = 0.3) -> float:
    """The best product of its time; the caller has set OMP_NUM_THREADS=1 and so on before NumPy was loaded."""
    import numpy as np

    a, best, end = np.ones((n, n), dtype), float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        np.dot(a, a)
        best = min(best, time.perf_counter() - start)
    return 2 * n**3 / best / 1e9
