from collections.abc import Iterable

from .base import Loss, LossSum

class RatioSum(LossSum):
    def __init__(self, errors: float, power: float, count: float, eps: float) -> None: ...
    @property
    def value(self) -> float: ...  # type: ignore[override]

class ESR(Loss):
    pre_emphasis: float
    eps: float
    def __init__(self, pre_emphasis: float = 0.0, eps: float = 1e-5) -> None: ...

class DC(Loss):
    eps: float
    def __init__(self, eps: float = 1e-5) -> None: ...

class CombinedSum(LossSum):
    def __init__(self, factors: list[float], parts: list[LossSum]) -> None: ...
    @property
    def value(self) -> float: ...  # type: ignore[override]

class Combined(Loss):
    terms: list[tuple[float, Loss]]
    def __init__(self, terms: Iterable[tuple[float, str | Loss]]) -> None: ...
