from typing import Literal

from .base import Layer

class _OverTime(Layer):
    def __init__(self) -> None: ...

class Last(_OverTime):
    def __init__(
        self,
        *,
        bidirectional: bool = False,
        reverse: bool = False,
        merge: Literal["concat", "sum", "mean", "mul"] = "concat",
    ) -> None: ...
    @property
    def bidirectional(self) -> bool: ...
    @property
    def reverse(self) -> bool: ...
    @property
    def merge(self) -> str: ...

class MeanPool(_OverTime): ...
class MaxPool(_OverTime): ...
