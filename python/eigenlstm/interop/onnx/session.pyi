from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from ..._types import ArrayLike, Path
from ...tables import Table
from .plan import Placement

@dataclass(frozen=True)
class NodeArg:
    name: str
    type: str
    shape: list[int | str | None] | None

class Session:
    def __init__(
        self,
        path_or_bytes: Path | bytes | onnx.ModelProto,
        sess_options: object = None,
        providers: Sequence[str] | None = None,
        *,
        constants: Mapping[str, ArrayLike] | None = None,
        runtime: Literal["onnxruntime", "reference"] | None = None,
    ) -> None: ...
    def run(
        self, output_names: Iterable[str] | None, input_feed: Mapping[str, ArrayLike], run_options: None = None
    ) -> list[NDArray[np.generic]]: ...
    def get_inputs(self) -> list[NodeArg]: ...
    def get_outputs(self) -> list[NodeArg]: ...
    @property
    def placements(self) -> list[Placement]: ...
    def summary(self) -> Table: ...

def constant_inputs(
    graph: onnx.GraphProto, constants: Mapping[str, ArrayLike], where: str
) -> dict[str, NDArray[np.generic]]: ...
