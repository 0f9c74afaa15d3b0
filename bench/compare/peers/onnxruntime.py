"""ONNX Runtime: one session at full optimisation, called with arrays and with inputs and outputs bound beforehand."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort

from ..work import Lstm, Timed
from .onnx_graph import model, output_names, results

THREADS = 1


def setup(threads: int) -> dict[str, str]:
    global THREADS
    THREADS = threads
    ort.set_default_logger_severity(3)
    return {"ONNX Runtime": ort.__version__}


def session(work: Lstm) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    return ort.InferenceSession(model(work), options, providers=["CPUExecutionProvider"])


def value(a: np.ndarray) -> ort.OrtValue:
    return ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(a))


def lstm(work: Lstm) -> list[Timed]:
    if work.mode == "training" or work.dtype != "float32" or work.P:
        raise NotImplementedError("inference in float32 without projection only")
    run = session(work)
    if work.mode == "step":
        return [step(work, run)]
    x = np.ascontiguousarray(work.x().swapaxes(0, 1))
    feeds = {"X": x} | ({"lengths": work.lengths().astype(np.int32)} if work.ragged else {})
    names = output_names(work)
    bound = run.io_binding()
    for name, array in feeds.items():
        bound.bind_ortvalue_input(name, value(array))
    held = []  # the binding refers to the outputs; this keeps them
    for name, array in zip(names, run.run(names, feeds)):
        held.append(value(array))
        bound.bind_ortvalue_output(name, held[-1])

    def run_bound():
        run.run_with_iobinding(bound)
        return held

    return [
        Timed(lambda: run.run(names, feeds), lambda: results(work, run.run(names, feeds)), "run"),
        Timed(run_bound, lambda: results(work, [v.numpy() for v in run_bound()]), "bound"),
    ]


def step(work: Lstm, run: ort.InferenceSession) -> Timed:
    """Two bindings in turn: what one writes as state, the other reads."""
    shape = (1, work.B, work.H)
    states = [[value(np.zeros(shape, work.dtype)) for _ in "hc"] for _ in range(2)]
    x, y = value(work.x()[:, 0][None]), value(np.zeros(shape, work.dtype))
    bindings = []
    for reads, writes in (states, states[::-1]):
        bound = run.io_binding()
        for name, v in zip(("X", "h0", "c0"), (x, *reads)):
            bound.bind_ortvalue_input(name, v)
        for name, v in zip(output_names(work), (y, *writes)):
            bound.bind_ortvalue_output(name, v)
        bindings.append(bound)
    at = 0

    def call():
        nonlocal at
        run.run_with_iobinding(bindings[at])
        at ^= 1

    def answer():
        nonlocal at
        at, ys = 0, []
        for v in states[0]:
            v.update_inplace(np.zeros(shape, work.dtype))
        for x_t in work.x().swapaxes(0, 1):
            x.update_inplace(np.ascontiguousarray(x_t[None]))
            call()
            ys.append(y.numpy()[0].copy())
        h, c = (v.numpy().copy() for v in states[at])  # numpy() looks at memory that the next calls write to
        return {"y": np.stack(ys, axis=1), "h": h, "c": c}

    return Timed(call, answer, "bound")
