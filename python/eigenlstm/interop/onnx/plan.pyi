from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

OURS: str
NUMPY: str
THEIRS: str
REFERENCE: str

@dataclass(frozen=True)
class Placement:
    node: str
    operator: str
    runtime: str
    reason: str = ""

class Plan:
    graph: object
    runtime: object
    placements: list[Placement]
    def __init__(self, graph: object, runtime: object) -> None: ...
    def run(self, values: dict[str, NDArray[np.generic]]) -> None: ...
    def value(self, values: dict[str, NDArray[np.generic]], name: str) -> NDArray[np.generic]: ...

def is_lstm(node: onnx.NodeProto) -> bool: ...
def holds_lstm(node: onnx.NodeProto) -> bool: ...
