"""Estimators for scikit-learn (the extra `sklearn`): `LSTMRegressor`, `LSTMClassifier`, `LSTMForecaster`.

>>> from eigenlstm.sklearn import LSTMClassifier
>>> LSTMClassifier(hidden_size=64).fit(X_train, y_train).score(X_test, y_test)

X holds one sequence a row, in one of three forms: an array (n, T) of univariate sequences, an array (n, T, F),
or a list of n arrays (T_i, F) or (T_i,) of any lengths. Computation is in float32; X and y of any real dtype
are converted.
"""

try:
    from sklearn.utils.validation import validate_data as validate_data  # there since 1.6
except ImportError as error:
    raise ImportError('eigenlstm.sklearn needs scikit-learn 1.6 or later: pip install "eigenlstm[sklearn]"') from error

from .forecaster import LSTMForecaster
from .sequences import LSTMClassifier, LSTMRegressor

__all__ = ["LSTMClassifier", "LSTMForecaster", "LSTMRegressor"]
