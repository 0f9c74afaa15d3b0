from .._types import Path
from .csv_series import Series
from .forecaster import Backtest, Forecast, Forecaster

def error_table(backtest: Backtest, step: str, unit: str = "") -> list[str]: ...
def chosen_steps(horizon: int, most: int = 7) -> list[int]: ...
def verdict(backtest: Backtest) -> list[str]: ...
def write_picture(
    path: Path,
    series: Series,
    forecaster: Forecaster,
    forecast: Forecast,
    backtest: Backtest | None = None,
    unit: str = "",
) -> None: ...
