"""The error for a run whose loss became NaN or infinite, and the search for the cause in its batch."""

import numpy as np


class NonFiniteLoss(ArithmeticError):
    """The loss became NaN or infinite. Model and optimizer are as they were when it was last finite.

    Attributes: `epoch` and `step` (both counted from 1 over the whole run) and `value`.
    """

    def __init__(self, epoch, step, what, value, cause=None):
        advice = cause or "A smaller learning rate or clip_norm may help"
        super().__init__(
            f"fit: {what} is {value} in epoch {epoch}, step {step}; the last parameters "
            f"with a finite loss were kept. {advice}"
        )
        self.epoch, self.step, self.value = epoch, step, value


def cause(loss, x, y, predicted, weight, lengths):
    """A sentence that says what in the batch made its loss NaN or infinite; None if that can't be told."""
    explain = getattr(loss, "explain", None)
    said = None if explain is None else explain(predicted, y, weight, lengths)
    if said:
        return said
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        return "y of this batch holds NaN or infinite values: give them a sample_weight of 0"
    for name, values in x.items() if isinstance(x, dict) else (("x", x),):
        if values.dtype.kind == "f" and not np.isfinite(values).all() and not np.isfinite(predicted).all():
            return f"{name} of this batch holds NaN or infinite values"
    return None
