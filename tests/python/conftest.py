"""Shared by every test: each leaves the thread count as it was. (pyproject.toml puts `reference` on the path.)"""

import os
import signal
import sys

# The oracle's small products gain nothing from BLAS threads, which only fight ours for the cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest  # noqa: E402

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # as a shell starts jobs in the background; tests of Ctrl-C need it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def restore_num_threads():
    el = sys.modules.get("eigenlstm")
    before = el.get_num_threads() if el else None
    yield
    if before is not None:
        el.set_num_threads(before)
