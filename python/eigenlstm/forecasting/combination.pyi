import numpy as np
from numpy.typing import NDArray

def combination_weights(
    errors: NDArray[np.float64], earlier: NDArray[np.float64] | None = None
) -> NDArray[np.float64]: ...
def error_quantiles(errors: NDArray[np.float64]) -> NDArray[np.float64]: ...
