from collections.abc import Sequence
from typing import Literal, TypeAlias, overload

import numpy as np

from .._core import StreamFloat32, StreamFloat64, TapeFloat32, TapeFloat64
from .._types import Array, ArrayLike, DType, Shape, State, StateLike
from .base import Layer
from .lstm_weights import ForeignWeights
from .symbolic import Value
from .trace import Trace

_Activation: TypeAlias = str | tuple[str] | tuple[str, float] | tuple[str, float, float]
Activations: TypeAlias = tuple[_Activation, _Activation, _Activation]
Tape: TypeAlias = TapeFloat32 | TapeFloat64
_Memory: TypeAlias = Literal["full", "light"] | int

class LSTM(ForeignWeights, Layer):
    def __init__(
        self,
        input_size: int,
        hidden_size: int | Sequence[int],
        num_layers: int = 1,
        *,
        bias: bool = True,
        bidirectional: bool = False,
        dropout: float | Sequence[float] = 0.0,
        proj_size: int = 0,
        time_major: bool = False,
        dtype: DType = "float32",
        init: Literal["default", "torch"] = "default",
        forget_bias: float | None = None,
        seed: int | None = None,
        peephole: bool = False,
        coupled_input_forget: bool = False,
        layer_norm: bool = False,
        activations: Activations | tuple[Activations, Activations] = ("sigmoid", "tanh", "tanh"),
        gate_clip: float | None = None,
        cell_clip: float | None = None,
        merge: Literal["concat", "sum", "mean", "mul"] = "concat",
        residual: bool = False,
        learned_state: bool = False,
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        zoneout: float | tuple[float, float] = 0.0,
        weight_drop: float = 0.0,
        missing: Literal["propagate", "error", "forward_fill", "mask"] = "propagate",
        reverse: bool = False,
    ) -> None: ...
    @property
    def dtype(self) -> np.dtype[np.float32] | np.dtype[np.float64]: ...
    @property
    def input_size(self) -> int: ...
    @property
    def hidden_size(self) -> int | tuple[int, ...]: ...
    @property
    def num_layers(self) -> int: ...
    @property
    def bias(self) -> bool: ...
    @property
    def bidirectional(self) -> bool: ...
    @property
    def dropout(self) -> float | tuple[float, ...]: ...
    @property
    def proj_size(self) -> int: ...
    @property
    def time_major(self) -> bool: ...
    @property
    def init(self) -> str: ...
    @property
    def forget_bias(self) -> float: ...
    @property
    def seed(self) -> int | None: ...
    @property
    def peephole(self) -> bool: ...
    @property
    def coupled_input_forget(self) -> bool: ...
    @property
    def layer_norm(self) -> bool: ...
    @property
    def activations(self) -> Activations | tuple[Activations, Activations]: ...
    @property
    def gate_clip(self) -> float | None: ...
    @property
    def cell_clip(self) -> float | None: ...
    @property
    def merge(self) -> str: ...
    @property
    def residual(self) -> bool: ...
    @property
    def learned_state(self) -> bool: ...
    @property
    def input_dropout(self) -> float: ...
    @property
    def recurrent_dropout(self) -> float: ...
    @property
    def zoneout(self) -> float | tuple[float, float]: ...
    @property
    def weight_drop(self) -> float: ...
    @property
    def missing(self) -> str: ...
    @property
    def reverse(self) -> bool: ...
    @property
    def num_directions(self) -> int: ...
    def input_shape(self) -> Shape: ...
    @overload  # type: ignore[override]
    def __call__(self, x: Value, state: object = None, lengths: object = None) -> tuple[Value, tuple[Value, Value]]: ...
    @overload
    def __call__(
        self,
        x: ArrayLike,
        state: StateLike | None = None,
        lengths: ArrayLike | None = None,
        *,
        trace: Literal[False] = False,
    ) -> tuple[Array, State]: ...
    @overload
    def __call__(
        self, x: ArrayLike, state: StateLike | None = None, lengths: ArrayLike | None = None, *, trace: Literal[True]
    ) -> tuple[Array, State, Trace]: ...
    @overload  # type: ignore[override]
    def forward(
        self,
        x: ArrayLike,
        state: StateLike | None = None,
        lengths: ArrayLike | None = None,
        training: Literal[True] = True,
        seed: int | None = None,
        *,
        memory: _Memory = "full",
    ) -> tuple[Array, State, Tape]: ...
    @overload
    def forward(
        self,
        x: ArrayLike,
        state: StateLike | None = None,
        lengths: ArrayLike | None = None,
        *,
        training: Literal[False],
        seed: int | None = None,
        memory: _Memory = "full",
    ) -> tuple[Array, State, None]: ...
    @overload  # type: ignore[override]
    def backward(
        self,
        tape: Tape,
        dy: ArrayLike | None,
        dstate: StateLike | None = None,
        *,
        need_dx: Literal[True] = True,
        per_row: Literal[False] = False,
    ) -> tuple[Array, State]: ...
    @overload
    def backward(
        self,
        tape: Tape,
        dy: ArrayLike | None,
        dstate: StateLike | None = None,
        *,
        need_dx: Literal[False],
        per_row: Literal[False] = False,
    ) -> tuple[None, State]: ...
    @overload
    def backward(
        self,
        tape: Tape,
        dy: ArrayLike | None,
        dstate: StateLike | None = None,
        *,
        need_dx: Literal[True] = True,
        per_row: Literal[True],
    ) -> tuple[Array, State, dict[str, Array]]: ...
    @overload
    def backward(
        self,
        tape: Tape,
        dy: ArrayLike | None,
        dstate: StateLike | None = None,
        *,
        need_dx: Literal[False],
        per_row: Literal[True],
    ) -> tuple[None, State, dict[str, Array]]: ...
    def stream(self, batch_size: int = 1) -> StreamFloat32 | StreamFloat64: ...
