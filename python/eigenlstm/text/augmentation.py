"""Text made noisy in training."""

import numpy as np

from ..checks import number


class WordDropout:
    """Replace tokens by the unknown one, each with probability `rate`: ``fit(augment=WordDropout(0.1, 1))``.

    A model that has met the unknown token everywhere leans on no single word. Source: Iyyer, Manjunatha,
    Boyd-Graber, Daumé 2015; Bowman et al. 2016.

    Parameters
    ----------
    rate : float in [0, 1)
    unknown_id : int
        What replaces a token; `Vocabulary.unknown_id`.
    keep : integers
        Ids that are never replaced, such as those of padding, start and end.
    input : str or None
        Name of the input with the tokens where the model has several.
    """

    def __init__(self, rate, unknown_id, *, keep=(), input=None):
        if not 0 <= number(rate, "WordDropout: rate") < 1:
            raise ValueError(f"WordDropout: rate must lie in [0, 1), got {rate!r}")
        if isinstance(unknown_id, bool) or not isinstance(unknown_id, (int, np.integer)):
            raise TypeError(f"WordDropout: unknown_id must be an integer, got {unknown_id!r}")
        self.rate, self.unknown_id, self.input = float(rate), int(unknown_id), input
        self.keep = np.array(list(keep), np.int64)

    def __call__(self, batch, rng):
        """The batch with tokens replaced; `batch` and `rng` as `fit` gives them to `augment`."""
        x = batch["x"] if self.input is None else batch["x"][self.input]
        if x.dtype.kind not in "iu":
            raise TypeError(f"WordDropout: x must be integers, got {x.dtype}")
        dropped = (rng.random(x.shape) < self.rate) & ~np.isin(x, self.keep)
        x = np.where(dropped, np.array(self.unknown_id, x.dtype), x)
        return {**batch, "x": x if self.input is None else {**batch["x"], self.input: x}}
