from collections.abc import Sequence

from .._types import Path

def write_page(path: Path, results: Sequence[object]) -> None: ...
