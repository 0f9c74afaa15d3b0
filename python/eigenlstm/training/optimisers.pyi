from collections.abc import Mapping

from .._types import Array
from ..checks import KnownArguments
from ..layers.base import Layer
from .clipping import clip_norm as clip_norm
from .clipping import clip_value as clip_value

class Optimiser(KnownArguments):
    lr: float
    steps: int
    lr_factors: dict[str, float] | None
    weight_decay: float | dict[str, float]
    def __init__(
        self,
        lr: float,
        weight_decay: float | Mapping[str, float],
        lr_factors: Mapping[str, float] | None = None,
        **options: float | bool,
    ) -> None: ...
    def step(self, layer: Layer) -> None: ...
    def state_dict(self) -> dict[str, object]: ...
    def load_state_dict(self, state: Mapping[str, object]) -> None: ...

class SGD(Optimiser):
    def __init__(
        self,
        lr: float = 1e-2,
        momentum: float = 0.0,
        *,
        dampening: float = 0.0,
        weight_decay: float | Mapping[str, float] = 0.0,
        lr_factors: Mapping[str, float] | None = None,
        nesterov: bool = False,
    ) -> None: ...

class Adam(Optimiser):
    betas: tuple[float, float]
    def __init__(
        self,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        weight_decay: float | Mapping[str, float] = 0.0,
        lr_factors: Mapping[str, float] | None = None,
    ) -> None: ...

class AdamW(Adam):
    def __init__(
        self,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        weight_decay: float | Mapping[str, float] = 1e-2,
        lr_factors: Mapping[str, float] | None = None,
    ) -> None: ...

class RMSprop(Optimiser):
    def __init__(
        self,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        *,
        weight_decay: float | Mapping[str, float] = 0.0,
        lr_factors: Mapping[str, float] | None = None,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None: ...

class Adagrad(Optimiser):
    def __init__(
        self,
        lr: float = 1e-2,
        *,
        lr_decay: float = 0.0,
        weight_decay: float | Mapping[str, float] = 0.0,
        lr_factors: Mapping[str, float] | None = None,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None: ...

def get(optimizer: str | Optimiser) -> Optimiser: ...
def average(averaged: Array, params: Array, decay: float) -> None: ...
