from torch import nn

class Report:
    replaced: dict[str, str]
    kept: dict[str, str]
    def __init__(self, replaced: dict[str, str], kept: dict[str, str]) -> None: ...

def replace(model: nn.Module) -> Report: ...
