"""Spectrograms with stripes left out in training."""

import numpy as np

from ..checks import number, positive_int


class SpecAugment:
    """Hide stripes of time and of frequency: ``fit(augment=SpecAugment())``.

    Each row gets its own. A stripe is as wide as drawn from 0 … its greatest width, and lies anywhere within the
    row's length. Source: Park et al. 2019, without time warping.

    Parameters
    ----------
    freq_masks, freq_width : int
        How many stripes of frequency, and their greatest width in columns of x.
    time_masks, time_width : int
        How many stripes of time, and their greatest width in steps.
    time_ratio : float
        Greatest width of a stripe of time as a part of the row's length.
    fill : float or "mean"
        What takes their place: a number (0 suits features of mean 0), or the mean of the row's column.
    input : str or None
        Name of the input with the features where the model has several.
    """

    def __init__(
        self, *, freq_masks=2, freq_width=8, time_masks=2, time_width=20, time_ratio=0.2, fill=0.0, input=None
    ):
        counts = {
            "freq_masks": freq_masks,
            "freq_width": freq_width,
            "time_masks": time_masks,
            "time_width": time_width,
        }
        for name, value in counts.items():
            setattr(self, name, 0 if value == 0 and type(value) is int else positive_int(value, f"SpecAugment: {name}"))
        if not 0 <= number(time_ratio, "SpecAugment: time_ratio") <= 1:
            raise ValueError(f"SpecAugment: time_ratio must lie in [0, 1], got {time_ratio!r}")
        self.time_ratio, self.input = float(time_ratio), input
        self.fill = fill if fill == "mean" else number(fill, "SpecAugment: fill")

    def __call__(self, batch, rng):
        """The batch with stripes hidden; `batch` and `rng` as `fit` gives them to `augment`."""
        x = batch["x"] if self.input is None else batch["x"][self.input]
        if x.ndim != 3:
            raise ValueError(f"SpecAugment: x must have shape (B, T, F), got {x.shape}")
        rows, time, columns = x.shape
        lengths = batch.get("lengths")
        if self.input is not None and lengths is not None:
            lengths = lengths.get(self.input)
        lengths = np.full(rows, time) if lengths is None else lengths
        widest = np.minimum(self.time_width, (self.time_ratio * lengths).astype(np.int64))
        hidden = (
            _stripes(rng, self.time_masks, widest, lengths, time)[:, :, None]
            | _stripes(
                rng, self.freq_masks, np.full(rows, min(self.freq_width, columns)), np.full(rows, columns), columns
            )[:, None]
        )
        inside = np.arange(time) < lengths[:, None]
        x = np.where(hidden & inside[:, :, None], self._filling(x, inside), x)
        return {**batch, "x": x if self.input is None else {**batch["x"], self.input: x}}

    def _filling(self, x, inside):
        if self.fill != "mean":
            return x.dtype.type(self.fill)
        total = np.where(inside[:, :, None], x, 0).sum(axis=1, dtype=np.float64)
        return (total / np.maximum(inside.sum(axis=1), 1)[:, None]).astype(x.dtype)[:, None, :]


def _stripes(rng, count, widest, lengths, size):
    """Which of `size` places of each row lie in one of `count` stripes within its length, (B, size)."""
    width = rng.integers(0, widest[:, None], size=(len(lengths), count), endpoint=True)
    start = rng.integers(0, lengths[:, None] - width, endpoint=True)
    place = np.arange(size)
    return ((place >= start[..., None]) & (place < (start + width)[..., None])).any(axis=1)
