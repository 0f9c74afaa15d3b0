"""Connectionist temporal classification: the loss of logits and its gradient."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..work import Timed
from . import OURS, Contestant, Row, Target


@dataclass(frozen=True)
class Ctc:
    """T frames, B rows, C classes with 0 as the blank, targets of S labels; the mean over rows of loss / S."""

    T: int
    B: int
    C: int
    S: int

    dtype = "float32"
    tolerance = 1e-3  # PyTorch, in logarithms and float32, is off by 4e-4 of the largest gradient; eigenlstm by 1e-7
    flops = 0.0  # no matrix products

    def __str__(self) -> str:
        return f"T{self.T} B{self.B} C{self.C} S{self.S}"

    def small(self) -> Ctc:
        return replace(self, T=12, B=4, S=5)

    def logits(self) -> np.ndarray:
        return np.random.default_rng(1).standard_normal((self.B, self.T, self.C)).astype(self.dtype)

    def labels(self) -> np.ndarray:
        return np.random.default_rng(2).integers(1, self.C, (self.B, self.S))


def eigenlstm(work: Ctc) -> Timed:
    import eigenlstm as el

    loss, x, labels = el.losses.CTC(), work.logits(), work.labels()

    def answer():
        value, dx = loss(x, labels)
        return {"loss": np.array([value]), "dx": dx}

    return Timed(lambda: loss(x, labels), answer)


def pytorch(work: Ctc) -> Timed:
    import torch

    from ..peers.pytorch import time_major

    x, labels = time_major(work.logits()).requires_grad_(), torch.from_numpy(work.labels())
    frames, counts = (torch.full((work.B,), n) for n in (work.T, work.S))

    def run():
        loss = torch.nn.functional.ctc_loss(x.log_softmax(-1), labels, frames, counts)
        return loss, torch.autograd.grad(loss, x)[0]

    def answer():
        loss, dx = run()
        return {"loss": loss.detach().numpy()[None], "dx": dx.numpy().swapaxes(0, 1)}

    return Timed(run, answer)


CONTESTANTS = {
    OURS: Contestant("eigenlstm", f"{__name__}:eigenlstm"),
    "PyTorch": Contestant("pytorch", f"{__name__}:pytorch"),
}

ROWS = [Row("CTC", Ctc(200, 32, 40, 30), CONTESTANTS, threads) for threads in (1, 2)]

TARGETS = [Target("CTC loss and gradient, to PyTorch", ("CTC",), "PyTorch", each=5)]
