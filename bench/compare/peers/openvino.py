"""OpenVINO: the ONNX model compiled once for latency, in float32 (its default on some CPUs is bfloat16)."""

from __future__ import annotations

import numpy as np
import openvino as ov

from ..work import Lstm, Timed
from .onnx_graph import model, output_names, results

THREADS = 1


def setup(threads: int) -> dict[str, str]:
    global THREADS
    THREADS = threads
    return {"OpenVINO": ov.__version__.split("-")[0]}


def compiled(work: Lstm) -> ov.CompiledModel:
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": "f32"}
    core = ov.Core()
    return core.compile_model(core.read_model(model=model(work)), "CPU", settings)


def lstm(work: Lstm) -> Timed:
    if work.mode == "training" or work.dtype != "float32" or work.P:
        raise NotImplementedError("inference in float32 without projection only")
    net = compiled(work)
    if work.mode == "step":
        return step(work, net)
    request = net.create_infer_request()
    request.set_tensor("X", ov.Tensor(np.ascontiguousarray(work.x().swapaxes(0, 1))))
    if work.ragged:
        request.set_tensor("lengths", ov.Tensor(work.lengths().astype(np.int32)))

    def run():  # what infer() does, less the dictionary of results
        request.start_async()
        request.wait()

    def answer():
        run()
        return results(work, [request.get_tensor(name).data for name in output_names(work)])

    return Timed(run, answer)


def step(work: Lstm, net: ov.CompiledModel) -> Timed:
    """Two requests in turn: what one writes as state, the other reads."""
    shape = (1, work.B, work.H)
    pair = [net.create_infer_request() for _ in range(2)]
    x = ov.Tensor(np.ascontiguousarray(work.x()[:, 0][None]))
    states = [[ov.Tensor(np.zeros(shape, work.dtype)) for _ in "hc"] for _ in range(2)]
    for request, reads, writes in zip(pair, states, states[::-1]):
        request.set_tensor("X", x)
        for name, tensor in zip(("h0", "c0", "Yh0", "Yc0"), (*reads, *writes)):
            request.set_tensor(name, tensor)
    at = 0

    def run():
        nonlocal at
        pair[at].start_async()
        pair[at].wait()
        at ^= 1

    def answer():
        nonlocal at
        at, ys = 0, []
        for tensor in states[0]:
            tensor.data[:] = 0
        for x_t in work.x().swapaxes(0, 1):
            x.data[0] = x_t
            wrote = pair[at]
            run()
            ys.append(wrote.get_tensor("Y").data[0].copy())
        return {"y": np.stack(ys, axis=1), "h": states[at][0].data.copy(), "c": states[at][1].data.copy()}

    return Timed(run, answer)
