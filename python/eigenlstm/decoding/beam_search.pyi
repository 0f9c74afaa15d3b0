from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias, TypeVar

from .._types import Array, ArrayLike, Ints

_State = TypeVar("_State")
"""Tuples, lists and dicts of arrays, to any depth, or None."""

Axis: TypeAlias = int | Sequence[Axis] | Mapping[str, Axis]

class Hypothesis(NamedTuple):
    tokens: Ints
    score: float
    log_probability: float

def beam_search(
    step: Callable[[Ints, _State], tuple[Array, _State]],
    state: _State,
    *,
    start: int | ArrayLike,
    end: int,
    max_length: int,
    beam_width: int = 4,
    num_results: int = 1,
    length_penalty: Literal["length", "gnmt"] = "length",
    alpha: float = 1.0,
    early_stop: bool = True,
    min_length: int = 0,
    forbidden: Iterable[int] = (),
    state_axis: Axis = 0,
) -> list[list[Hypothesis]]: ...
