"""Forecasting of a series: windows, a model trained on them, a backtest beside naive forecasts, reports and
pictures.
"""

from .forecaster import LEVELS, Backtest, Forecast, Forecaster, validation_size

__all__ = ["LEVELS", "Backtest", "Forecast", "Forecaster", "validation_size"]
