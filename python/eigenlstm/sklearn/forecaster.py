"""An estimator that forecasts a series."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d

from ..checks import KnownArguments, unmasked
from ..forecasting.forecaster import Forecaster
from ..forecasting.results import FORECAST
from ..forecasting.windows import targets
from ..moments import varies


class LSTMForecaster(KnownArguments, BaseEstimator):
    """Forecasts the next `horizon` values of a series; see `eigenlstm.forecasting.Forecaster`.

    Parameters
    ----------
    horizon : int
    window, season : int, optional
        Steps that the LSTM reads, steps in a season; found in the series by default.
    hidden_size, num_layers, dropout, members, epochs, patience, batch_size, learning_rate
    coverage : float
        Share of values that the range shall hold.
    random_state : int, RandomState or None
    verbose : 0, 1 or 2

    Attributes
    ----------
    forecaster_ : Forecaster

    Notes
    -----
    y is the series (n,); X holds exogenous columns (n, E), known up to the last value only; `times` are datetime64
    (n,), taken from y's index where y is a pandas Series with a DatetimeIndex.
    """

    def __init__(
        self,
        horizon=1,
        *,
        window=None,
        season=None,
        hidden_size=64,
        num_layers=1,
        dropout=0.2,
        members=3,
        epochs=None,
        patience=None,
        batch_size=64,
        learning_rate=4e-3,
        coverage=0.8,
        random_state=None,
        verbose=0,
    ):
        self.horizon = horizon
        self.window = window
        self.season = season
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.dropout = dropout
        self.members = members
        self.epochs = epochs
        self.patience = patience
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.coverage = coverage
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, y, X=None, times=None):
        """Train on the series y."""
        options = {name: value for name, value in self.get_params().items() if name not in ("random_state", "verbose")}
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        series = _series(y, X, times)
        self.forecaster_ = Forecaster(**options, seed=seed).fit(*series, verbose=self.verbose)
        self._series = series
        return self

    def predict(self, y=None, X=None, times=None):
        """The next values (horizon,) after the series y, by default that of `fit`."""
        return self._forecast(y, X, times).values

    def predict_interval(self, y=None, X=None, times=None):
        """``(lower, upper)``, each (horizon,): the range that shall hold the share `coverage` of the values."""
        forecast = self._forecast(y, X, times)
        return forecast.lower, forecast.upper

    def predict_quantiles(self, levels, y=None, X=None, times=None):
        """The quantiles (levels, horizon) at `levels` in 0.025..0.975."""
        forecast = self._forecast(y, X, times)
        return np.stack([forecast.quantiles(level) for level in levels])

    def score(self, y, X=None, times=None):
        """R² of the forecasts of the series y, which follows that of `fit` at once (as the test part of a
        ``TimeSeriesSplit`` follows its training part): of all steps of all forecasts that begin within it, each made
        from what came before. 1 is best; 0 is as good as the mean of y."""
        check_is_fitted(self, "forecaster_")
        past, later = self._series, _series(y, X, times)
        if any((a is None) != (b is None) for a, b in zip(past, later)):
            raise ValueError("score: times and X must be given as they were to fit")
        series = [None if a is None else np.concatenate([a, b]) for a, b in zip(past, later)]
        backtest = self.forecaster_.backtest(*series, start=len(past[0]))
        truth = targets(series[0], backtest.origins, self.horizon)
        spread = np.square(truth - truth.mean()).sum()
        error = np.square(backtest.errors[FORECAST]).sum()
        if not varies(truth.min(), truth.max()):
            return 1.0 if error == 0 else 0.0  # as in scikit-learn's r2_score
        return float(1 - error / spread)

    def _forecast(self, y, X, times):
        check_is_fitted(self, "forecaster_")
        return self.forecaster_.predict(*(self._series if y is None else _series(y, X, times)))


def _series(y, X, times):
    """``(values, times, exog)`` as arrays."""
    index = getattr(y, "index", None)
    if times is None and getattr(getattr(index, "dtype", None), "kind", "") == "M":
        times = np.asarray(index)
    X = None if X is None else check_array(unmasked(X, "fit", "X"), dtype=np.float64)
    return column_or_1d(unmasked(y, "fit", "y"), dtype=np.float64), None if times is None else np.asarray(times), X
