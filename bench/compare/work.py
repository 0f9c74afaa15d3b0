"""What is computed: one piece of LSTM work, with the same numbers in every library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

Answer = dict[str, np.ndarray]


class Timed(NamedTuple):
    """What a library hands to the race: the call that is timed, and what it computes, for the check before."""

    run: Callable[[], object]
    answer: Callable[[], Answer]
    setting: str = ""  # which of the library's own ways this is; the fastest one races
    tape: Callable[[], int] | None = None  # bytes that its tape keeps, where that is measured
    before: Callable[[], object] | None = None  # what the process does before each call; not timed


@dataclass(frozen=True)
class Lstm:
    """An LSTM of given sizes. Inputs and answers are batch-major: x (B, T, I), y (B, T, D*H), h and c (layers*D, B, H).

    mode: "inference" (y, h, c), "training" (forward, then dx and the gradient of every weight, from a given dy) or
    "step" (one time step with the state carried from call to call; the answer is that of the first STEPS steps).
    """

    T: int
    B: int
    I: int
    H: int
    mode: str = "inference"
    dtype: str = "float32"
    layers: int = 1
    bidirectional: bool = False
    ragged: bool = False  # lengths uniform in 1..T
    P: int = 0  # projected size

    STEPS = 8

    @property
    def tolerance(self) -> float:
        """How far two answers may be apart, relative to the largest value of an array."""
        return {"float32": 5e-5, "float64": 1e-11}[self.dtype]

    def __str__(self) -> str:
        parts = [f"T{self.T} B{self.B} I{self.I} H{self.H}"]
        if self.P:
            parts.append(f"P{self.P}")
        if self.layers > 1 or self.bidirectional:
            parts.append(f"{self.layers} layers" + " both ways" * self.bidirectional)
        if self.ragged:
            parts.append("ragged")
        if self.dtype != "float32":
            parts.append(self.dtype)
        return " ".join(parts)

    def small(self) -> Lstm:
        """The same in kind, at a size that takes no time."""
        return replace(self, T=min(self.T, 6), B=min(self.B, 4), I=min(self.I, 16), H=min(self.H, 18), P=min(self.P, 8))

    @property
    def directions(self) -> int:
        return 1 + self.bidirectional

    @property
    def output_size(self) -> int:
        return self.P or self.H

    def suffixes(self) -> list[tuple[str, int]]:
        """PyTorch's name ending of each layer and direction, with the width of what enters it."""
        ends = ["", "_reverse"][: self.directions]
        wide = self.directions * self.output_size
        return [(f"_l{k}{end}", self.I if k == 0 else wide) for k in range(self.layers) for end in ends]

    @property
    def flops(self) -> float:
        """Of the matrix products alone; the gradients take twice what the forward pass takes."""
        rows = self.T * self.B if self.lengths() is None else int(self.lengths().sum())
        H, out = self.H, self.output_size
        per_row = sum(2 * 4 * H * (width + out) + 2 * H * self.P for _, width in self.suffixes())
        return float(rows * per_row * (3 if self.mode == "training" else 1))

    def lengths(self) -> np.ndarray | None:
        if not self.ragged:
            return None
        return np.random.default_rng(7).integers(1, self.T + 1, self.B)

    def valid(self, y: np.ndarray) -> np.ndarray:
        """y (B, T, F) with zeros past the end of each row, where the libraries differ in what they leave."""
        lengths = self.lengths()
        if lengths is None:
            return y
        return np.where(np.arange(y.shape[1])[None, :, None] < lengths[:, None, None], y, 0)

    def x(self) -> np.ndarray:
        T = self.STEPS if self.mode == "step" else self.T
        return np.random.default_rng(1).standard_normal((self.B, T, self.I)).astype(self.dtype)

    def dy(self) -> np.ndarray:
        wide = self.directions * self.output_size
        return self.valid(np.random.default_rng(2).standard_normal((self.B, self.T, wide)).astype(self.dtype))

    def weights(self) -> Answer:
        """weight_ih (4H, I), weight_hh (4H, H or P), bias (4H), weight_hr (P, H): PyTorch's but for one bias."""
        rng = np.random.default_rng(3)
        H, out = self.H, self.output_size
        shapes = {}
        for end, width in self.suffixes():
            shapes |= {"weight_ih" + end: (4 * H, width), "weight_hh" + end: (4 * H, out), "bias" + end: (4 * H,)}
            if self.P:
                shapes["weight_hr" + end] = (self.P, H)
        return {
            name: rng.uniform(-1, 1, shape).astype(self.dtype) / np.sqrt(H).astype(self.dtype)
            for name, shape in shapes.items()
        }


def largest_difference(a: Answer, b: Answer) -> tuple[float, str]:
    """The largest |a - b| of any array, relative to the array's largest value, and that array's name."""
    if a.keys() != b.keys():
        return np.inf, f"names {sorted(a.keys() ^ b.keys())}"
    worst = (0.0, "")
    for name in a:
        u, v = np.asarray(a[name], np.float64), np.asarray(b[name], np.float64)
        if u.shape != v.shape:
            return np.inf, f"{name}: shapes {u.shape} and {v.shape}"
        difference = float(np.max(np.abs(u - v)) / max(np.max(np.abs(v)), 1e-30))
        worst = max(worst, (difference if np.isfinite(difference) else np.inf, name))
    return worst
