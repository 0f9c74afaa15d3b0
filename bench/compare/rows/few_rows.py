"""A few rows at a time, as a server that batches what comes in, or audio of several channels, has them."""

from ..work import Lstm
from . import OURS, Row, Target
from .engine import INFERENCE, PYTORCH, US, beside_one

ROWS_AT_ONCE = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16)
STEPS = {64: 100, 128: 100, 256: 60, 512: 40, 1024: 20}  # of each H: a call takes about as long
PEERS = {OURS: US[OURS]} | PYTORCH
RUNTIME = {"ONNX Runtime": INFERENCE["ONNX Runtime"]}


def few_rows(threads: int) -> list[Row]:
    rows = []
    for mode, contestants in (("inference", PEERS | RUNTIME), ("training", PEERS)):
        for H, T in STEPS.items():
            for B in ROWS_AT_ONCE:
                work = Lstm(T, B, H, H, mode)
                rows.append(Row(f"few rows, {mode}", work, beside_one(threads, contestants), threads))
    return rows


ROWS = few_rows(1) + few_rows(2)

TARGETS = [
    Target(
        "1 to 16 rows, inference, to the faster of ONNX Runtime and PyTorch",
        ("few rows, inference",),
        "best",
        each=1.05,
        mean=1.15,
    ),
    Target("1 to 16 rows, training, to PyTorch", ("few rows, training",), "PyTorch", each=1.15, mean=1.4),
]
