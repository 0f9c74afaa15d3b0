from collections.abc import Callable, Iterable
from typing import TypeVar

from .._types import Array, ArrayLike, Ints
from .beam_search import Axis

_State = TypeVar("_State")

def greedy(
    step: Callable[[Ints, _State], tuple[Array, _State]],
    state: _State,
    *,
    start: int | ArrayLike,
    end: int,
    max_length: int,
    min_length: int = 0,
    forbidden: Iterable[int] = (),
    state_axis: Axis = 0,
) -> list[Ints]: ...
