"""Accuracy of forecasts on series of other packages, against statsforecast: ``python -m bench.forecast``."""
