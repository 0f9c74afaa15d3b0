"""Shapes that nobody chose: drawn at random, for the seed that the results name (``--seed``)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..work import Lstm
from . import OURS, Contestant, Row, Target
from .engine import PYTORCH, RUNTIMES

COUNT = 30
RANGES = {"T": (5, 200), "B": (1, 64), "I": (1, 512), "H": (8, 768)}  # each drawn evenly on a logarithmic scale
MOST_FLOPS = 4e9  # of an inference: some 40 ms on one core. What takes longer is drawn again

PEERS = {OURS: Contestant("eigenlstm"), **PYTORCH}
CONTESTANTS = {"inference": PEERS | {"ONNX Runtime": RUNTIMES["ONNX Runtime"]}, "training": PEERS}


class Drawn(Lstm):
    def small(self) -> Lstm:
        """One for all of a mode."""
        return Lstm(6, 4, 16, 18, self.mode)


def draw(rng: np.random.Generator) -> Lstm:
    while True:
        shape = {
            name: round(math.exp(rng.uniform(math.log(low), math.log(high)))) for name, (low, high) in RANGES.items()
        }
        if (work := Drawn(**shape)).flops <= MOST_FLOPS:
            return work


def rows(seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    works = [draw(rng) for _ in range(COUNT)]
    return [
        Row(f"{mode}, random shapes", replace(work, mode=mode), contestants)
        for mode, contestants in CONTESTANTS.items()
        for work in works
    ]


TARGETS = [
    Target("inference, random shapes, to the best peer", ("inference, random shapes",), "best", each=1, mean=1.45),
    Target("training, random shapes, to PyTorch", ("training, random shapes",), "PyTorch", each=1.15, mean=1.4),
]
