"""Two threads where calls are apart, after the threads of another library have worked, and beside another program.

The threads of OpenBLAS spin for 100 ms after a product of NumPy, those of ONNX Runtime for 45 and OpenMP's for 8. What
is compared is a call on two threads and on one, in processes that do the same before each call.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from ..work import Lstm, Timed
from . import ONE_THREAD, OURS, Contestant, Row, Target
from .engine import PYTORCH, RUNTIMES

SHAPES = [(60, 1, 512, 512), (100, 32, 128, 128), (70, 40, 300, 300)]  # threads share units; micro-batches; rows
THREADS = 2
SETTLES = 2e-4  # seconds from the other library's call to ours: Python's own work
APART = {"back to back": 0.0, "a call every 30 ms": 0.03, "a call every 100 ms": 0.1}


def numpy_product() -> Callable[[], object]:
    a = np.ones((400, 400), np.float32)
    return lambda: a @ a


def pytorch_call() -> Callable[[], object]:
    import torch

    torch.set_num_threads(THREADS)
    module, x = torch.nn.LSTM(128, 128), torch.ones(20, 32, 128)

    def call():
        with torch.inference_mode():
            module(x)

    return call


def onnxruntime_call() -> Callable[[], object]:
    from ..peers import onnxruntime

    onnxruntime.setup(THREADS)
    return onnxruntime.lstm(Lstm(20, 32, 128, 128))[-1].run


OTHERS = {
    "after a NumPy product": numpy_product,
    "after a PyTorch call": pytorch_call,
    "after an ONNX Runtime call": onnxruntime_call,
}


def after(work: Lstm, other: str, threads: int) -> Timed:
    """eigenlstm on so many threads, right after a call of another library on THREADS."""
    import eigenlstm as el

    from ..peers.eigenlstm import lstm

    timed, call_other = lstm(work), OTHERS[other]()

    def before():
        el.set_num_threads(threads)
        call_other()
        time.sleep(SETTLES)

    return timed._replace(before=before)


def contestants_after(other: str) -> dict[str, Contestant]:
    """Both in a process whose other libraries have THREADS threads."""
    return {
        label: Contestant("eigenlstm", f"{__name__}:after", {"other": other, "threads": threads})
        for label, threads in ((OURS, THREADS), (ONE_THREAD, 1))
    }


TWO_AND_ONE = {OURS: Contestant("eigenlstm"), ONE_THREAD: Contestant("eigenlstm", threads=1)}
EVERYONE = TWO_AND_ONE | PYTORCH | {"ONNX Runtime": RUNTIMES["ONNX Runtime"]}
BURNT = "one core burnt"


def group(pattern: str) -> str:
    return f"inference, {pattern}"


ROWS = []
for shape in SHAPES:
    work = Lstm(*shape)
    ROWS += [Row(group(name), work, EVERYONE, THREADS, pause=pause) for name, pause in APART.items()]
    ROWS += [Row(group(other), work, contestants_after(other), THREADS) for other in OTHERS]
    ROWS.append(Row(group(BURNT), work, EVERYONE, THREADS, burnt=True))

QUIET = tuple(map(group, [*APART, *OTHERS]))
GROUPS = (*QUIET, group(BURNT))

TARGETS = [
    Target("two threads where calls are apart or after others, time against one", QUIET, ONE_THREAD, cost=1.03),
    Target("two threads beside a burnt core, time against one", (group(BURNT),), ONE_THREAD, cost=1.1),
]
