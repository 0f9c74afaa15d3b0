"""Where others fall off: denormal numbers, and a width one past a multiple of the SIMD width."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..work import Answer, Lstm, Timed
from . import OURS, Contestant, Row, Target
from .engine import MIDDLE

MODES = ("inference", "training")
PLACES = ("weights", "state", "input")
ORDINARY, WIDER = "eigenlstm, ordinary numbers", "eigenlstm, H = 72"
DENORMAL = 1e-41  # float32's least normal number is 1.2e-38


def scaled(work: Lstm, place: str, size: float = 1.0) -> Timed:
    """With everything in one place `size` times what it is. The state stays as it begins: forget gate open, the others shut."""
    from ..peers.eigenlstm import layer, results

    module = layer(work)
    x, state = work.x(), None
    size = np.dtype(work.dtype).type(size)
    if place == "weights":
        module.flat_params[:] *= size
    if place == "input":
        x *= size
    if place == "state":
        module.params["bias_l0"] = np.repeat(np.array([-60, 60, 0, -60], work.dtype), work.H)
        signs = np.random.default_rng(4).choice(np.array([-1, 1], work.dtype), (2, 1, work.B, work.H))
        state = tuple(signs * size)
    dy = work.dy()

    def run():
        module._store.touch()
        if work.mode == "inference":
            return module(x, state)
        y, hc, tape = module.forward(x, state)
        module.zero_grad()
        return y, hc, module.backward(tape, dy)

    def answer() -> Answer:
        y, (h, c), *_ = run()
        return results(work, module, y, h, c)

    return Timed(run, answer)


def of_size(work: Lstm, size: int) -> Timed:
    """The same with I and H of another size."""
    from ..peers.eigenlstm import lstm

    return lstm(replace(work, I=size, H=size))


def denormals(place: str, mode: str) -> Row:
    def of(**options):
        return Contestant("eigenlstm", f"{__name__}:scaled", {"place": place} | options)

    return Row(f"denormal {place}, {mode}", Lstm(*MIDDLE, mode), {OURS: of(size=DENORMAL), ORDINARY: of()}, same=False)


WIDTHS = {OURS: Contestant("eigenlstm"), WIDER: Contestant("eigenlstm", f"{__name__}:of_size", {"size": 72})}

ROWS = [denormals(place, mode) for place in PLACES for mode in MODES]
ROWS += [Row(f"H = 65, {mode}", Lstm(100, 32, 65, 65, mode), WIDTHS, same=False) for mode in MODES]

TARGETS = [
    Target(
        "denormals, time against ordinary numbers",
        tuple(f"denormal {p}, {m}" for p in PLACES for m in MODES),
        ORDINARY,
        cost=1.1,
    ),
    Target("H = 65, time against H = 72", tuple(f"H = 65, {m}" for m in MODES), WIDER, cost=1.15),
]
