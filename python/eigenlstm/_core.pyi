"""The compiled core. The layers, losses and optimisers of eigenlstm are built on it, and are what to use.

Nothing is cast: an array must have the dtype of its class or of its fellow arguments. TypeError says so, ValueError
tells of a shape.
"""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._types import Array, DType

__version__: str

_Real = TypeVar("_Real", np.float32, np.float64)
_Optional: TypeAlias = NDArray[_Real] | None
_Out: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
_State: TypeAlias = (
    NDArray[_Real] | list[NDArray[_Real]]
)  # of all layers and directions: a list where their widths differ

# -- what it runs on ----------------------------------------------------------------------------

def isa() -> str:
    """Name of the instruction set in use."""

def available_isas() -> list[str]:
    """Instruction sets that this build has and this CPU can run, worst first."""

def eigen_version() -> str:
    """Version of Eigen that the kernels were built with."""

def get_num_threads() -> int:
    """Threads that a call may use."""

def set_num_threads(n: int) -> None:
    """Set the threads that a call may use: 1 to 1024. Results do not depend on it."""

def fma_peak(dtype_size: int = 4, seconds: float = 0.05) -> float:
    """The peak rate of multiply-adds on one core in GFLOP/s, measured for about `seconds`."""

def sigmoid(x: NDArray[_Real]) -> NDArray[_Real]:
    """sigmoid(x), as the cell computes it: at most 4 ULP."""

def tanh(x: NDArray[_Real]) -> NDArray[_Real]:
    """tanh(x), as the cell computes it: at most 4 ULP."""

# -- LSTM ---------------------------------------------------------------------------------------

MAX_LAYERS: int

class _Weights(Generic[_Real]):
    """Packed weights: an immutable copy of the parameters."""

class _Tape(Generic[_Real]):
    """What LSTM.forward keeps for LSTM.backward. It keeps its own x."""
    @property
    def nbytes(self) -> int:
        """Bytes that the tape holds, plus the longest piece that backward computes again; without x."""
    def trace(self, direction: int, name: str) -> NDArray[_Real]:
        """i, f, g, o, c or h of every step of one direction: (B, T, H), h (B, T, P)."""

class _Stream(Generic[_Real]):
    """A streaming session: see eigenlstm.LSTM.stream."""
    @property
    def batch_size(self) -> int: ...
    @property
    def state(self) -> tuple[_State[_Real], _State[_Real]]:
        """(h, c), (num_layers, B, P) and (num_layers, B, H), or lists of arrays where the layers' widths differ: copied
        out, copied in.
        """
    @state.setter
    def state(self, value: tuple[object, object] | list[object]) -> None: ...
    def step(self, x: ArrayLike, out: _Out | None = None) -> NDArray[_Real]:
        """One time step: x (B, I) -> y (B, P); for B = 1 also (I,) -> (P,). `out`: where to write y."""
    def reset(self) -> None:
        """Set the state to what it was at the start: zero, or learned."""
    def fork(self) -> _Stream[_Real]:
        """An independent copy of the session, state included."""

class _LSTM(Generic[_Real]):
    """The core of eigenlstm.LSTM for one dtype."""
    def __init__(self, **options: object) -> None: ...
    @property
    def num_parameters(self) -> int:
        """Length of the flat buffers."""
    @property
    def parameters(self) -> list[tuple[str, tuple[int, ...]]]:
        """[(name, shape)] in the order of the flat buffer."""
    def pack(self, params: NDArray[_Real], for_backward: bool, seed: int | None = None) -> _Weights[_Real]:
        """Pack the flat parameters. `seed`: of the mask of weight drop."""
    def forward(
        self,
        weights: _Weights[_Real],
        x: NDArray[_Real],
        h0: _State[_Real] | None,
        c0: _State[_Real] | None,
        lengths: NDArray[np.int64] | None,
        time_major: bool,
        tape: bool,
        seed: int | None,
        memory: str | int,
    ) -> (
        tuple[NDArray[_Real], _State[_Real], _State[_Real]]
        | tuple[NDArray[_Real], _State[_Real], _State[_Real], _Tape[_Real]]
    ):
        """(y, h, c), and where `tape` one that keeps `memory`: "full", "light" or a number of bytes.

        `seed`: of the random masks, or None for none.
        """
    def backward(
        self,
        tape: _Tape[_Real],
        dy: _Optional[_Real],
        dh: _State[_Real] | None,
        dc: _State[_Real] | None,
        grads: NDArray[_Real],
        need_dx: bool,
        per_row: bool,
    ) -> tuple[_Optional[_Real], _State[_Real], _State[_Real], _Optional[_Real]]:
        """(dx, dh0, dc0, None); adds to grads. `per_row`: each row's gradients (B, num_parameters) in place of None."""
    def stream(self, weights: _Weights[_Real], batch_size: int) -> _Stream[_Real]:
        """A session of so many rows with these weights."""

class WeightsFloat32(_Weights[np.float32]): ...
class WeightsFloat64(_Weights[np.float64]): ...
class TapeFloat32(_Tape[np.float32]): ...
class TapeFloat64(_Tape[np.float64]): ...
class StreamFloat32(_Stream[np.float32]): ...
class StreamFloat64(_Stream[np.float64]): ...
class LSTMFloat32(_LSTM[np.float32]): ...
class LSTMFloat64(_LSTM[np.float64]): ...

class _ModelStream(Generic[_Real]):
    """A session of a whole model: see eigenlstm.Sequential.stream."""
    @property
    def batch_size(self) -> int: ...
    @property
    def input_size(self) -> int | None: ...
    @property
    def output_size(self) -> int: ...
    @property
    def dtype(self) -> np.dtype[_Real]: ...
    @property
    def state(self) -> NDArray[_Real]: ...
    @state.setter
    def state(self, value: ArrayLike) -> None: ...
    def step(self, x: ArrayLike, out: _Out | None = None) -> NDArray[_Real]: ...
    def process(self, block: ArrayLike, out: _Out | None = None) -> NDArray[_Real]: ...
    def reset(self) -> None: ...
    def fork(self) -> _ModelStream[_Real]: ...

class _StepGraph(Generic[_Real]):
    """A model as operations on one step; each function gives the number of a new value, 0 is the input."""
    def __init__(self, input_size: int, integers: bool = False) -> None: ...
    def lstm(self, x: int, lstm: _LSTM[_Real], weights: _Weights[_Real]) -> int: ...
    def linear(self, x: int, weight: NDArray[_Real], bias: _Optional[_Real]) -> int: ...
    def layer_norm(self, x: int, weight: NDArray[_Real], bias: NDArray[_Real], eps: float) -> int: ...
    def activation(self, x: int, name: str, parameters: Sequence[float]) -> int: ...
    def embedding(self, x: int, weight: NDArray[_Real]) -> int: ...
    def causal_conv1d(self, x: int, weight: NDArray[_Real], bias: _Optional[_Real], dilation: int) -> int: ...
    def add(self, xs: Sequence[int]) -> int: ...
    def multiply(self, xs: Sequence[int]) -> int: ...
    def concat(self, xs: Sequence[int]) -> int: ...
    def slice(self, x: int, start: int, count: int) -> int: ...
    def shift(self, x: int, start: float) -> int: ...
    def affine(self, x: int, scale: NDArray[_Real], offset: NDArray[_Real]) -> int: ...
    def size(self, value: int) -> int: ...
    def stream(self, output: int, batch_size: int) -> _ModelStream[_Real]: ...

class ModelStreamFloat32(_ModelStream[np.float32]): ...
class ModelStreamFloat64(_ModelStream[np.float64]): ...
class StepGraphFloat32(_StepGraph[np.float32]): ...
class StepGraphFloat64(_StepGraph[np.float64]): ...

# -- layers -------------------------------------------------------------------------------------

def linear_forward(x: NDArray[_Real], weight: NDArray[_Real], bias: _Optional[_Real]) -> NDArray[_Real]:
    """y (N, O) = x (N, F) weight^T (O, F) + bias (O) or None."""

def linear_backward(
    x: NDArray[_Real], weight: NDArray[_Real], dy: NDArray[_Real], dweight: NDArray[_Real], dbias: _Optional[_Real]
) -> NDArray[_Real]:
    """dx (N, F) = dy (N, O) weight; adds to dweight (O, F) and dbias (O) or None in place."""

def activate(x: NDArray[_Real], name: str, parameters: Sequence[float]) -> NDArray[_Real]: ...
def add(xs: Sequence[NDArray[_Real]]) -> NDArray[_Real]: ...
def multiply(xs: Sequence[NDArray[_Real]]) -> NDArray[_Real]: ...
def layer_norm_forward(
    x: NDArray[_Real], weight: NDArray[_Real], bias: NDArray[_Real], eps: float, training: bool
) -> tuple[NDArray[_Real], NDArray[_Real], NDArray[_Real]]: ...
def embedding_forward(indices: NDArray[np.int64], weight: NDArray[_Real]) -> NDArray[_Real]:
    """y (N, D) = weight (V, D)[indices (N)]."""

def embedding_backward(
    indices: NDArray[np.int64], dy: NDArray[_Real], dweight: NDArray[_Real], padding_idx: int = -1
) -> None:
    """dweight[indices[r]] += dy[r] for r = 0, 1, ...; rows with index padding_idx are left out."""

def attention_forward(
    query: NDArray[_Real],
    key: NDArray[_Real],
    memory: NDArray[_Real],
    query_lengths: NDArray[np.int64] | None,
    memory_lengths: NDArray[np.int64] | None,
    scale: float,
    v: _Optional[_Real],
) -> tuple[NDArray[_Real], NDArray[_Real]]:
    """(context (B, T, M), weights (B, T, S)) of query (B, T, Q), key (B, S, Q), memory (B, S, M): dot products times
    scale, or with v (Q) additive scores."""

def attention_backward(
    query: NDArray[_Real],
    key: NDArray[_Real],
    memory: NDArray[_Real],
    query_lengths: NDArray[np.int64] | None,
    memory_lengths: NDArray[np.int64] | None,
    scale: float,
    v: _Optional[_Real],
    weights: NDArray[_Real],
    dcontext: NDArray[_Real],
    dv: _Optional[_Real],
) -> tuple[NDArray[_Real], NDArray[_Real], NDArray[_Real]]:
    """(dquery, dkey, dmemory) of what attention_forward took and gave; adds to dv (Q) in place."""

def crf_loss(
    emissions: NDArray[_Real],
    tags: NDArray[np.int64],
    lengths: NDArray[np.int64],
    transitions: NDArray[_Real],
    start: NDArray[_Real],
    end: NDArray[_Real],
    scale: NDArray[np.float64],
    dtransitions: _Optional[_Real] = None,
    dstart: _Optional[_Real] = None,
    dend: _Optional[_Real] = None,
) -> tuple[NDArray[np.float64], _Optional[_Real]]:
    """(losses (B), demissions (B, T, K)) of emissions (B, T, K) and tags (B, T); row b is scaled by scale[b] in the
    gradients, which are added to dtransitions (K, K), dstart (K), dend (K). Without those, None for demissions."""

def crf_best(
    emissions: NDArray[_Real],
    lengths: NDArray[np.int64],
    transitions: NDArray[_Real],
    start: NDArray[_Real],
    end: NDArray[_Real],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(tags (B, T), -1 past the lengths, scores (B)) of the best chain of each row."""

# -- random numbers -----------------------------------------------------------------------------

def random_bits(seed: int, substream: int, start: int, n: int) -> NDArray[np.uint32]:
    """n words of a substream of Philox4x32-10, from its block `start` on; four words a block."""

def random_uniform(seed: int, substream: int, shape: int | Sequence[int], dtype: DType = "float64") -> Array:
    """Uniform values in [0, 1) of 24 bits (float32) or 53 (float64); value i is a function of (seed, substream, i)."""

def dropout_mask(seed: int, substream: int, shape: int | Sequence[int], p: float, dtype: DType) -> Array:
    """0 with probability p, else 1 / (1 - p); value i (C order) is a function of (seed, substream, i)."""

def fingerprint(array: NDArray[np.generic]) -> int:
    """A 64-bit hash of the bytes of a contiguous array."""

# -- losses: the value in float64, and the gradient with respect to the first argument -----------

class _ElementLoss(Protocol):
    def __call__(
        self,
        y_pred: NDArray[_Real],
        y_true: NDArray[_Real],
        weight: _Optional[_Real] = None,
        scale: float = 1.0,
        parameters: _Optional[_Real] = None,
    ) -> tuple[float, NDArray[_Real]]: ...

mse: _ElementLoss
mae: _ElementLoss
huber: _ElementLoss
bce: _ElementLoss
quantile: _ElementLoss
gaussian_nll: _ElementLoss
poisson_nll: _ElementLoss

def cross_entropy(
    logits: NDArray[_Real],
    labels: NDArray[np.int64],
    weight: _Optional[_Real] = None,
    class_weight: _Optional[_Real] = None,
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
    mean: bool = True,
) -> tuple[float, NDArray[_Real]]:
    """Softmax cross-entropy of logits (N, C) and labels (N), and its gradient."""

def linear_cross_entropy(
    x: NDArray[_Real],
    matrix: NDArray[_Real],
    bias: _Optional[_Real],
    labels: NDArray[np.int64],
    row_weight: _Optional[_Real],
    class_weight: _Optional[_Real],
    label_smoothing: float,
    ignore_index: int,
    mean: bool,
    dmatrix: _Optional[_Real] = None,
    dbias: _Optional[_Real] = None,
) -> tuple[float, _Optional[_Real]]:
    """(value, dx (N, F)) of the cross-entropy of x (N, F) matrix^T (C, F) + bias (C) and labels (N); adds to dmatrix
    (C, F) and dbias (C) in place. Without dmatrix, None for dx."""

def ctc(
    logits: NDArray[_Real],
    targets: NDArray[np.int64],
    input_lengths: NDArray[np.int64],
    target_lengths: NDArray[np.int64],
    blank: int,
    scale: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[_Real]]:
    """(losses (B), dlogits (B, T, C)) of logits (B, T, C) and targets (B, S); dlogits of row b is scaled by
    scale[b].
    """

def ctc_beam_search(logits: Array, blank: int, width: int) -> list[tuple[NDArray[np.int64], float]]:
    """[(labels, log probability), ...] of one row of logits (T, C), best first."""

# -- optimisers: one step on flat arrays, in place -----------------------------------------------
# weight_decay[i] holds for the parameters before ends[i].

def zeros(n: int, dtype: DType) -> Array:
    """A flat array of n zeros, aligned to 64 bytes; large ones are in huge pages."""

def set_zero(x: NDArray[_Real]) -> None:
    """x = 0, in place."""

def sgd_step(
    params: NDArray[_Real],
    grads: NDArray[_Real],
    step: int,
    lr: float,
    ends: Sequence[int],
    weight_decay: Sequence[float],
    momentum_buffer: _Optional[_Real],
    momentum: float,
    dampening: float,
    nesterov: bool,
) -> None:
    """Stochastic gradient descent."""

def adam_step(
    params: NDArray[_Real],
    grads: NDArray[_Real],
    step: int,
    lr: float,
    ends: Sequence[int],
    weight_decay: Sequence[float],
    exp_avg: NDArray[_Real],
    exp_avg_sq: NDArray[_Real],
    beta1: float,
    beta2: float,
    eps: float,
    decoupled: bool,
) -> None:
    """Adam, or AdamW where decoupled."""

def rmsprop_step(
    params: NDArray[_Real],
    grads: NDArray[_Real],
    step: int,
    lr: float,
    ends: Sequence[int],
    weight_decay: Sequence[float],
    square_avg: NDArray[_Real],
    momentum_buffer: _Optional[_Real],
    grad_avg: _Optional[_Real],
    alpha: float,
    eps: float,
    momentum: float,
) -> None:
    """RMSprop; centred where grad_avg is given."""

def adagrad_step(
    params: NDArray[_Real],
    grads: NDArray[_Real],
    step: int,
    lr: float,
    ends: Sequence[int],
    weight_decay: Sequence[float],
    sum: NDArray[_Real],
    lr_decay: float,
    eps: float,
) -> None:
    """Adagrad."""

def ema(average: NDArray[_Real], params: NDArray[_Real], decay: float) -> None:
    """average = decay average + (1 - decay) params, in place."""

def norm(x: Array) -> float:
    """The Euclidean norm of all values, summed in float64."""
