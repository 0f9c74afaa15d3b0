from collections.abc import Sequence
from typing import Any

from .._types import Path

def write_page(path: Path, results: Sequence[Any]) -> None: ...
