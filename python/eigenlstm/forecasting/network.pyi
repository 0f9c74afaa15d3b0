from ..model import Model
from ..sequential import Sequential
from .classical import Smoothing

class Network:
    members: int
    smoothing: Smoothing | None
    model: Model | Sequential
    history: list[dict[str, float]]
