"""What is compared. A row is one work and who does it; a file here is one subject: its ``ROWS`` and ``TARGETS``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from importlib import import_module

FILES = ("engine", "few_rows", "random_shapes", "beside_others", "cliffs", "variants", "training", "ctc")
OURS = "eigenlstm"
ONE_THREAD = f"{OURS}, 1 thread"  # in rows of several threads: what they are compared with


@dataclass(frozen=True)
class Contestant:
    """library: of the process (peers/<library>.py); build: "module:function", called with the work and the options.

    threads: of its process; None: those of the row.
    """

    library: str
    build: str = ""
    options: dict = field(default_factory=dict)
    threads: int | None = None

    @property
    def builder(self) -> str:
        return self.build or f".peers.{self.library}:lstm"


@dataclass(frozen=True)
class Row:
    """work: any dataclass with ``flops`` (or 0), ``dtype``, ``tolerance`` and ``small()``.

    measure: "seconds" of one call; "bytes": the growth of resident memory in three calls of a fresh process; or "tape":
    the bytes that a tape says it keeps.
    pause: seconds before each call; threads that spin for the next one sleep by then.
    burnt: whether a process that has nothing to do with the row keeps one core busy meanwhile.
    same: contestants must give the same answer to be timed. False where the costs of different things are compared.
    """

    group: str
    work: object
    contestants: dict[str, Contestant]
    threads: int = 1
    measure: str = "seconds"
    pause: float = 0.0
    burnt: bool = False
    same: bool = True

    def threads_of(self, contestant: Contestant) -> int:
        return contestant.threads or self.threads

    @property
    def name(self) -> str:
        return f"{self.group}: {self.work}, {self.threads} thread{'s' * (self.threads > 1)}"


@dataclass(frozen=True)
class Target:
    """`ours` is `each` times as fast as `against` at every row of the groups, and `mean` times in the geometric mean.

    against: a contestant's name, or "best": the fastest peer of the row. With `cost` in place of `each`, `ours` takes at most
    `cost` times what `against` takes.
    """

    text: str
    groups: tuple[str, ...]
    against: str
    each: float = 0.0
    mean: float | None = None
    cost: float | None = None
    ours: str = OURS


def small(rows: list[Row]) -> list[Row]:
    """Every kind of row once, at a size that takes no time."""
    found = {}
    for row in rows:
        row = replace(row, work=row.work.small())
        found.setdefault(row.name, row)
    return list(found.values())


def load(seed: int = 0) -> tuple[list[Row], list[Target]]:
    """All rows and targets. seed: of the random shapes."""
    modules = [import_module(f".{name}", __package__) for name in FILES]
    rows = [row for m in modules for row in (m.rows(seed) if hasattr(m, "rows") else m.ROWS)]
    return rows, [target for m in modules for target in m.TARGETS]
