from .classical import Theta
from .network import Network

class Methods(Network):
    seasons: tuple[int, ...]
    season: int | None
    seasonal_period: int | None
    period: int
    weights: dict[str, float] | None
    theta: Theta | None
