from dataclasses import dataclass, field

from .._types import Path

@dataclass
class Report:
    path: str
    kind: str
    became: list[tuple[str, str]]
    notes: list[str] = field(default_factory=list)
    difference: float | None = None
    compared_with: str = ""
    def lines(self) -> list[str]: ...

@dataclass(frozen=True)
class Reader:
    name: str
    suffixes: tuple[str, ...]
    starts: tuple[bytes, ...]
    module: str
    architectures: bool = False

READERS: list[Reader]

def reader_of(path: Path) -> Reader: ...
def convert(source: Path, target: Path, *, architecture: Path | None = None, compare: bool = True) -> Report: ...
