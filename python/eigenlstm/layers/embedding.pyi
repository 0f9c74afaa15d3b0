from .._types import ArrayLike, DType, Shape
from .base import Layer

class Embedding(Layer):
    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        *,
        padding_idx: int | None = None,
        init_scale: float = 1.0,
        dtype: DType = "float32",
        seed: int | None = None,
    ) -> None: ...
    @property
    def num_embeddings(self) -> int: ...
    @property
    def embedding_dim(self) -> int: ...
    @property
    def init_scale(self) -> float: ...
    @property
    def padding_idx(self) -> int | None: ...
    @property
    def seed(self) -> int | None: ...
    def input_shape(self) -> Shape: ...
    def backward(self, tape: object, dy: ArrayLike) -> None: ...  # type: ignore[override]
