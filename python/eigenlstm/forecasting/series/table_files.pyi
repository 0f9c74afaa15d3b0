from dataclasses import dataclass, field

from ..._types import Path

@dataclass
class TableFile:
    path: str
    header: list[str]
    rows: list[tuple[int, list[str]]]
    delimiter: str = ""
    notes: list[str] = field(default_factory=list)
    @property
    def lines(self) -> list[int]: ...
    def column(self, name: str) -> list[str]: ...

def read_table(path: Path, *, encoding: str | None = None) -> TableFile: ...
