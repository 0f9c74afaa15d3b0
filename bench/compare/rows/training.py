"""Training a model: an epoch of `fit` against the loop that a PyTorch user writes, and against one by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..work import Answer, Lstm, Timed
from . import OURS, Contestant, Row, Target
from .engine import MIDDLE


@dataclass(frozen=True)
class Epoch:
    """`batches` steps of Adam on LSTM(I, H), the last time step, Linear(H, 1) and the mean squared error.

    The answer is what the model predicts for the first batch after one epoch: it depends on every update.
    """

    T: int
    B: int
    I: int
    H: int
    batches: int = 8

    dtype = "float32"
    tolerance = 1e-3  # Adam divides by the size of a gradient, so that of a tiny one rounding decides the sign
    LR = 1e-3

    def __str__(self) -> str:
        return f"T{self.T} B{self.B} I{self.I} H{self.H}, {self.batches} batches"

    def small(self) -> Epoch:
        return replace(self, T=6, B=4, H=18, batches=2)

    @property
    def lstm(self) -> Lstm:
        return Lstm(self.T, self.B, self.I, self.H, "training")

    @property
    def flops(self) -> float:
        """Of the LSTM, with the gradient of the input that nobody asks for left out."""
        return self.batches * (self.lstm.flops - 2 * self.T * self.B * 4 * self.H * self.I)

    def x(self) -> np.ndarray:
        return np.random.default_rng(1).standard_normal((self.batches * self.B, self.T, self.I)).astype(self.dtype)

    def y(self) -> np.ndarray:
        return np.random.default_rng(2).standard_normal((self.batches * self.B, 1)).astype(self.dtype)

    def head(self) -> Answer:
        weight = np.random.default_rng(3).uniform(-1, 1, (1, self.H)) / np.sqrt(self.H)
        return {"weight": weight.astype(self.dtype), "bias": np.zeros(1, self.dtype)}


def eigenlstm(work: Epoch, by_hand: bool = False) -> Timed:
    import eigenlstm as el

    from ..peers.eigenlstm import layer

    def fresh():
        lstm, head = layer(work.lstm), el.Linear(work.H, 1)
        head.params.update(work.head())
        return el.Sequential([lstm, el.Last(), head]), el.Adam(work.LR)

    x, y = work.x(), work.y()
    pairs = [(x[i : i + work.B], y[i : i + work.B]) for i in range(0, len(x), work.B)]
    loss = el.losses.get("mse")

    def fit(model, optimizer):
        model.fit(x, y, loss=loss, optimizer=optimizer, epochs=1, batch_size=work.B, shuffle=False, verbose=0)

    def loop(model, optimizer):
        for x_b, y_b in pairs:
            prediction, tape = model.forward(x_b)
            _, dy = loss(prediction, y_b)
            model.zero_grad()
            model.backward(tape, dy, need_dx=False)
            optimizer.step(model)

    epoch = loop if by_hand else fit
    trained = fresh()

    def answer():
        model, optimizer = fresh()
        epoch(model, optimizer)
        return {"prediction": model(x[: work.B])}

    return Timed(lambda: epoch(*trained), answer)


def pytorch(work: Epoch) -> list[Timed]:
    return [pytorch_with(work, fused) for fused in (True, False)]


def pytorch_with(work: Epoch, fused: bool) -> Timed:
    import torch

    from ..peers.pytorch import layer, time_major

    def fresh():
        lstm, head = layer(work.lstm), torch.nn.Linear(work.H, 1)
        head.load_state_dict({name: torch.from_numpy(value) for name, value in work.head().items()})
        for name, parameter in lstm.named_parameters():  # two biases would move their sum twice as fast as one
            parameter.requires_grad_(not name.startswith("bias_hh"))
        parameters = [p for p in (*lstm.parameters(), *head.parameters()) if p.requires_grad]
        return lstm, head, torch.optim.Adam(parameters, work.LR, fused=fused)

    pairs = [
        (time_major(x), torch.from_numpy(y)) for x, y in zip(*(np.split(a, work.batches) for a in (work.x(), work.y())))
    ]

    def epoch(lstm, head, optimizer):
        for x, y in pairs:
            loss = torch.nn.functional.mse_loss(head(lstm(x)[0][-1]), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    trained = fresh()

    def answer():
        lstm, head, optimizer = fresh()
        epoch(lstm, head, optimizer)
        with torch.inference_mode():
            return {"prediction": head(lstm(pairs[0][0])[0][-1]).numpy()}

    return Timed(lambda: epoch(*trained), answer, "fused Adam" if fused else "default Adam")


CONTESTANTS = {
    OURS: Contestant("eigenlstm", f"{__name__}:eigenlstm"),
    "eigenlstm by hand": Contestant("eigenlstm", f"{__name__}:eigenlstm", {"by_hand": True}),
    "PyTorch": Contestant("pytorch", f"{__name__}:pytorch"),
}

ROWS = [
    Row("training epoch", Epoch(*shape), CONTESTANTS, threads)
    for threads in (1, 2)
    for shape in ((100, 32, 32, 64), MIDDLE, (100, 64, 256, 256))
] + [Row("training epoch, smallest", Epoch(1, 1, 16, 16, 64), CONTESTANTS)]

TARGETS = [
    Target("an epoch of fit, to PyTorch", ("training epoch",), "PyTorch", each=1.8),
    Target("an epoch of fit, time against the same by hand", ("training epoch",), "eigenlstm by hand", cost=1.03),
]
