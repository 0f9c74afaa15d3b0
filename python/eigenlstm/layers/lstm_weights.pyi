from collections.abc import Mapping

from typing_extensions import Self

from .._types import Array, ArrayLike, DType

class ForeignWeights:
    @classmethod
    def from_state_dict(
        cls, mapping: Mapping[str, object], prefix: str = "", *, dtype: DType | None = None, **options: object
    ) -> Self: ...
    @classmethod
    def from_gates(
        cls,
        weights: Mapping[str, ArrayLike],
        biases: Mapping[str, ArrayLike] | None = None,
        *,
        hidden_first: bool = True,
        dtype: DType | None = None,
        **options: object,
    ) -> Self: ...
    def state_dict(self) -> dict[str, Array]: ...
