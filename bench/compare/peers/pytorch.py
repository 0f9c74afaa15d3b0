"""PyTorch: ``nn.LSTM``, time-major, through oneDNN, through its own loops, and as frozen TorchScript.

``torch.compile`` is not among them: Dynamo does not trace ``nn.LSTM`` and runs it as it is.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ..work import Answer, Lstm, Timed


def setup(threads: int) -> dict[str, str]:
    torch.set_num_threads(threads)
    warnings.filterwarnings("ignore")  # the tracer's remarks on shapes
    return {"PyTorch": torch.__version__}


def layer(work: Lstm) -> torch.nn.LSTM:
    kind = {"float32": torch.float32, "float64": torch.float64}[work.dtype]
    module = torch.nn.LSTM(work.I, work.H, work.layers, bidirectional=work.bidirectional, proj_size=work.P, dtype=kind)
    state = {}
    for name, value in work.weights().items():
        if name.startswith("bias"):
            state[name.replace("bias", "bias_ih")] = torch.from_numpy(value)
            state[name.replace("bias", "bias_hh")] = torch.zeros_like(torch.from_numpy(value))
        else:
            state[name] = torch.from_numpy(value)
    module.load_state_dict(state)
    return module


def time_major(a: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(a.swapaxes(0, 1)))


def results(work: Lstm, y: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> Answer:
    return {"y": work.valid(y.detach().numpy().swapaxes(0, 1)), "h": h.detach().numpy(), "c": c.detach().numpy()}


def through_own_loops(call):
    """The call with oneDNN switched off: PyTorch's native path, the faster one where T = 1."""

    def run():
        with torch.backends.mkldnn.flags(enabled=False):
            return call()

    return run


def lstm(work: Lstm) -> list[Timed]:
    make = {"inference": inference, "training": training, "step": step}[work.mode]
    module, x = layer(work), time_major(work.x())
    if work.ragged:
        return ragged(work, module, x)
    return make(work, module, x)


def inference(work: Lstm, module: torch.nn.LSTM, x: torch.Tensor) -> list[Timed]:
    scripted = torch.jit.freeze(torch.jit.trace(module.eval(), x))

    def variant(call, setting):
        def run():
            with torch.inference_mode():
                return call()

        def answer():
            y, (h, c) = run()
            return results(work, y, h, c)

        return Timed(run, answer, setting)

    return [
        variant(lambda: module(x), "oneDNN"),
        variant(through_own_loops(lambda: module(x)), "native"),
        variant(lambda: scripted(x), "TorchScript"),
    ]


def training(work: Lstm, module: torch.nn.LSTM, x: torch.Tensor) -> list[Timed]:
    x.requires_grad_()
    named = dict(module.named_parameters())
    dy = time_major(work.dy())

    def call():
        y, (h, c) = module(x)
        return y, h, c, torch.autograd.grad(y, [x, *named.values()], dy)

    def variant(run, setting):
        def answer():
            y, h, c, (dx, *grads) = run()
            return results(work, y, h, c) | gradients(dx, named, grads)

        return Timed(run, answer, setting)

    return [variant(call, "oneDNN"), variant(through_own_loops(call), "native")]


def gradients(dx, names, grads) -> Answer:
    found = {n.replace("bias_ih", "bias"): g.numpy() for n, g in zip(names, grads) if not n.startswith("bias_hh")}
    return {"dx": dx.numpy().swapaxes(0, 1)} | found


def step(work: Lstm, module: torch.nn.LSTM, x: torch.Tensor) -> list[Timed]:
    def variant(wrap, setting):
        state = None

        def run(x_t=x[:1]):
            nonlocal state
            with torch.inference_mode():
                y, state = module(x_t, state)
            return y

        def answer():
            nonlocal state
            state = None
            y = torch.cat([wrap(lambda x_t=x_t: run(x_t))() for x_t in x.split(1)])
            return results(work, y, *state)

        return Timed(wrap(run), answer, setting)

    return [variant(lambda call: call, "oneDNN"), variant(through_own_loops, "native")]


def ragged(work: Lstm, module: torch.nn.LSTM, x: torch.Tensor) -> list[Timed]:
    """Padded batch in, padded batch out, by way of a packed sequence."""
    lengths = torch.from_numpy(work.lengths())
    named = dict(module.named_parameters())
    dy = time_major(work.dy())

    def forward():
        y, (h, c) = module(pack_padded_sequence(x, lengths, enforce_sorted=False))
        return pad_packed_sequence(y, total_length=work.T)[0], h, c

    def infer():
        with torch.inference_mode():
            return forward()

    def train():
        y, h, c = forward()
        return y, h, c, torch.autograd.grad(y, [x, *named.values()], dy)

    def training_answer():
        y, h, c, (dx, *grads) = train()
        return results(work, y, h, c) | gradients(dx, named, grads)

    if work.mode == "inference":
        return [Timed(infer, lambda: results(work, *infer()), "packed")]
    x.requires_grad_()
    return [Timed(train, training_answer, "packed")]
