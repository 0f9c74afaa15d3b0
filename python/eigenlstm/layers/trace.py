"""What an LSTM did at every step, for plots, teaching and interpretation."""

from collections.abc import Mapping

import numpy as np

VALUES = "ifgoch"


class Trace(Mapping):
    """The gates after activation, cells and outputs of every step, as ``lstm(x, ..., trace=True)`` gives them.

    A mapping from names to arrays (B, T, H), or (T, B, H) of a time-major layer: ``trace["f_l0"]`` are the forget gates
    of layer 0; ``i``, ``f``, ``g`` (the candidate), ``o``, ``c`` and ``h`` ((B, T, P) with a projection) likewise, with
    ``_reverse`` for the second direction, at the times of x. Zeros past a row's length.
    """

    def __init__(self, arrays, *, time_major=False, lengths=None):
        self._arrays, self.time_major, self.lengths = dict(arrays), time_major, lengths

    def __getitem__(self, name):
        return self._arrays[name]

    def __iter__(self):
        return iter(self._arrays)

    def __len__(self):
        return len(self._arrays)

    def __repr__(self):
        return f"Trace({', '.join(f'{name} {values.shape}' for name, values in self.items())})"

    def row(self, row=0, *, layer=0, reverse=False):
        """The steps of one row in one direction: dict of i, f, g, o, c, h, each (T_b, H)."""
        suffix = f"_l{layer}" + "_reverse" * bool(reverse)
        if "i" + suffix not in self:
            raise ValueError(
                f"Trace.row: no layer {layer}{' reverse' * bool(reverse)} in the trace, only {', '.join(self)}"
            )
        whole = {
            name: np.swapaxes(self[name + suffix], 0, 1) if self.time_major else self[name + suffix] for name in VALUES
        }
        rows = len(whole["i"])
        if not -rows <= row < rows:
            raise ValueError(f"Trace.row: row must be one of {rows}, got {row}")
        length = None if self.lengths is None else self.lengths[row]
        return {name: values[row, :length] for name, values in whole.items()}


def of_tape(lstm, tape, lengths):
    """The trace of what a `tape` of `lstm` has kept."""
    ways = ("", "_reverse")[: lstm.num_directions]
    suffixes = [f"_l{layer}{way}" for layer in range(lstm.num_layers) for way in ways]
    return Trace(
        {name + suffix: tape.trace(index, name) for index, suffix in enumerate(suffixes) for name in VALUES},
        time_major=lstm.time_major,
        lengths=None if lengths is None else np.array(lengths),
    )
