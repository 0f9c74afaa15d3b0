from collections.abc import Sequence

from matplotlib.figure import Figure

from ._types import ArrayLike, Path
from .forecasting.results import Backtest, Forecast
from .layers.trace import Trace

def history(history: Sequence[dict[str, float]], *, path: Path | None = None) -> Figure: ...
def gates(trace: Trace, *, row: int = 0, layer: int = 0, reverse: bool = False, path: Path | None = None) -> Figure: ...
def forecast(
    values: object,
    forecast: Forecast,
    times: object = None,
    *,
    backtest: Backtest | None = None,
    observed: ArrayLike | None = None,
    name: str = "value",
    path: Path | None = None,
) -> Figure: ...
