"""eigenlstm: batch-major, as it is by default, or time-major."""

from __future__ import annotations

import numpy as np

import eigenlstm as el

from ..work import Answer, Lstm, Timed


def setup(threads: int) -> dict[str, str]:
    el.set_num_threads(threads)
    return {"eigenlstm": el.__version__, "ISA": el.isa()}


def layer(work: Lstm, **options) -> el.LSTM:
    if work.P:
        options["proj_size"] = work.P
    module = el.LSTM(work.I, work.H, work.layers, bidirectional=work.bidirectional, dtype=work.dtype, seed=0, **options)
    module.params.update(work.weights())
    return module


def lstm(work: Lstm, **options) -> Timed:
    """options are those of ``el.LSTM``."""
    module = layer(work, **options)
    return {"inference": inference, "training": training, "step": step}[work.mode](work, module)


def arranged(module: el.LSTM, a: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(a.swapaxes(0, 1)) if module.time_major else a


def results(work: Lstm, module: el.LSTM, y, h, c) -> Answer:
    return {"y": work.valid(arranged(module, y)), "h": h, "c": c}


def inference(work: Lstm, module: el.LSTM) -> Timed:
    x, lengths = arranged(module, work.x()), work.lengths()

    def answer():
        y, (h, c) = module(x, lengths=lengths)
        return results(work, module, y, h, c)

    if lengths is None:
        return Timed(lambda: module(x), answer)
    return Timed(lambda: module(x, lengths=lengths), answer)


def training(work: Lstm, module: el.LSTM) -> Timed:
    """With the weights packed anew in every call, as after an optimiser's step."""
    x, dy, lengths = arranged(module, work.x()), arranged(module, work.dy()), work.lengths()

    def run():
        module._store.touch()
        y, (h, c), tape = module.forward(x, lengths=lengths)
        module.zero_grad()
        dx, _ = module.backward(tape, dy)
        return y, h, c, dx

    def answer():
        y, h, c, dx = run()
        return (
            results(work, module, y, h, c)
            | {"dx": arranged(module, dx)}
            | {n: g.copy() for n, g in module.grads.items()}
        )

    return Timed(run, answer)


def step(work: Lstm, module: el.LSTM) -> Timed:
    stream = module.stream(work.B)
    steps, out = [np.ascontiguousarray(x_t) for x_t in work.x().swapaxes(0, 1)], np.empty((work.B, work.H), work.dtype)
    first, one = steps[0], stream.step

    def answer():
        stream.reset()
        y = np.stack([stream.step(x_t).copy() for x_t in steps], axis=1)
        h, c = stream.state
        return {"y": y, "h": h.copy(), "c": c.copy()}

    return Timed(lambda: one(first, out), answer)
