from .._types import ArrayLike, DType
from ..layers.lstm import LSTM

def from_tensorflow(
    kernel: ArrayLike,
    bias: ArrayLike,
    *,
    cell: str,
    forget_bias: float | None = None,
    peephole: tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
    projection: ArrayLike | None = None,
    dtype: DType | None = None,
    **options: object,
) -> LSTM: ...
