"""Variants of the cell, the regularisers, projection, light tapes and gradients by row: what they cost, and what they save."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..work import Answer, Lstm, Timed
from . import OURS, Contestant, Row, Target
from .engine import MIDDLE, PYTORCH

MODES = ("inference", "training")
LOCAL = {  # to a unit: another cell kernel over the same tile
    "peephole": {"peephole": True},
    "coupled input and forget gate": {"coupled_input_forget": True},
    "cell clip": {"cell_clip": 3.0},
    "gate clip": {"gate_clip": 3.0},
    "hard activations": {"activations": ("hard_sigmoid", "softsign", "softsign")},
    "zoneout": {"zoneout": (0.1, 0.1)},
}
NORM = {"layer normalisation": {"layer_norm": True}}
REGULARISERS = {  # in training only
    "input dropout": {"input_dropout": 0.2},
    "recurrent dropout": {"recurrent_dropout": 0.2},
    "weight drop": {"weight_drop": 0.2},
}
PLAIN, FULL, CALLS = "eigenlstm plain", "eigenlstm full", "eigenlstm B calls"


def with_tape(work: Lstm, memory: str) -> Timed:
    """Training with the tape that ``forward(memory=...)`` keeps."""
    from ..peers.eigenlstm import layer, results

    module = layer(work)
    x, dy = work.x(), work.dy()

    def run():
        module._store.touch()
        y, (h, c), tape = module.forward(x, memory=memory)
        module.zero_grad()
        return y, h, c, module.backward(tape, dy)[0]

    def answer() -> Answer:
        y, h, c, dx = run()
        return results(work, module, y, h, c) | {"dx": dx} | {name: grad.copy() for name, grad in module.grads.items()}

    return Timed(run, answer, tape=lambda: module.forward(x, memory=memory)[-1].nbytes)


def per_row(work: Lstm) -> Timed:
    """Every row's own gradients, from one call."""
    from ..peers.eigenlstm import layer

    module = layer(work)
    x, dy = work.x(), work.dy()

    def run():
        module._store.touch()
        *_, tape = module.forward(x)
        return module.backward(tape, dy, per_row=True)

    def answer() -> Answer:
        dx, _, grads = run()
        return {"dx": dx} | grads

    return Timed(run, answer)


def call_by_call(work: Lstm) -> Timed:
    """Every row's own gradients, from a forward and a backward call for each."""
    from ..peers.eigenlstm import layer

    module = layer(work)
    rows = list(zip(np.split(work.x(), work.B), np.split(work.dy(), work.B)))
    grads = np.empty((work.B, module.num_params), work.dtype)

    def run():
        module._store.touch()
        dx = []
        for (x, dy), into in zip(rows, grads):
            *_, tape = module.forward(x)
            module.zero_grad()
            dx.append(module.backward(tape, dy)[0])
            into[:] = module.flat_grads
        return dx

    def answer() -> Answer:
        dx = run()
        parts = module.param_slices().items()
        return {"dx": np.concatenate(dx)} | {
            name: grads[:, part].reshape(-1, *module.params[name].shape) for name, part in parts
        }

    return Timed(run, answer)


def ours(function: Callable[..., Timed] | None = None, **options) -> Contestant:
    """By a function of this file, or by the layer's ordinary call with `options` of ``el.LSTM``."""
    return Contestant("eigenlstm", f"{__name__}:{function.__name__}" if function else "", options)


def against_plain(name: str, options: dict, mode: str) -> Row:
    return Row(f"{name}, {mode}", Lstm(*MIDDLE, mode), {OURS: ours(**options), PLAIN: ours()}, same=False)


TAPES = {OURS: ours(with_tape, memory="light"), FULL: ours(with_tape, memory="full")}
BY_ROW = {OURS: ours(per_row), CALLS: ours(call_by_call)}

ROWS = [against_plain(name, options, mode) for name, options in (LOCAL | NORM).items() for mode in MODES]
ROWS += [against_plain(name, options, "training") for name, options in REGULARISERS.items()]
for threads in (1, 2):
    ROWS += [Row(f"projection, {mode}", Lstm(*MIDDLE, mode, P=64), {OURS: ours()} | PYTORCH, threads) for mode in MODES]
    ROWS += [Row("gradients by row", Lstm(*shape, "training"), BY_ROW, threads) for shape in (MIDDLE, (20, 256, 4, 16))]
ROWS += [Row(f"light memory, {what}", Lstm(*MIDDLE, "training"), TAPES, measure=what) for what in ("seconds", "tape")]


def groups(variants: dict, modes: tuple[str, ...] = MODES) -> tuple[str, ...]:
    return tuple(f"{name}, {mode}" for name in variants for mode in modes)


TARGETS = [
    Target("variants local to a unit, time against the plain cell", groups(LOCAL), PLAIN, cost=1.15),
    Target("layer normalisation, time against the plain cell", groups(NORM), PLAIN, cost=1.4),
    Target("projection in inference, to PyTorch", ("projection, inference",), "PyTorch", each=2),
    Target("projection in training, to PyTorch", ("projection, training",), "PyTorch", each=2.7),
    Target("training with light memory, time against full", ("light memory, seconds",), FULL, cost=1.35),
    Target("tape of light memory, size against full", ("light memory, tape",), FULL, cost=0.34),
    Target("gradients by row, to B calls", ("gradients by row",), CALLS, each=5),
]
