"""States of an LSTM, and gradients with respect to them, as they come in: pairs (h, c) of arrays or of lists of
arrays.
"""

import numpy as np

from ..checks import as_array


def as_state(state, dtype, uniform, where, name, part):
    """(h, c) of `state`, either None where it is not given.

    Each is one array where the layers' widths are `uniform`, else a list of one for each layer and direction. `name` is
    the argument in errors, and `part` the name of one of the two, where "{}" stands for h or c.
    """
    if state is None:
        return None, None
    lengths = where == "LSTM.forward" and _looks_like_lengths(state)
    if lengths or not isinstance(state, (tuple, list)) or len(state) != 2:
        pair = isinstance(state, (tuple, list)) and not lengths
        got = f"{type(state).__name__} of {len(state)}" if pair else type(state).__name__
        hint = "; to give the rows' lengths, write lengths=..." if lengths else ""
        raise (ValueError if pair else TypeError)(
            f"{where}: {name} must be a pair ({part.format('h')}, {part.format('c')}), got {got}{hint}"
        )
    return tuple(
        None if half is None else _half(half, dtype, uniform, where, part.format(letter))
        for half, letter in zip(state, "hc")
    )


def _looks_like_lengths(state):
    """Whether it is a sequence of integers, as in ``lstm(x, lengths)``."""
    if isinstance(state, (tuple, list)):
        return bool(state) and all(isinstance(value, (int, np.integer)) for value in state)
    return "int" in str(getattr(state, "dtype", ""))


def _half(half, dtype, uniform, where, name):
    if uniform:
        return as_array(half, dtype, where, name)
    if not isinstance(half, (list, tuple)):
        raise TypeError(
            f"{where}: {name} must be a list of arrays (the layers' widths differ), got {type(half).__name__}"
        )
    return [as_array(entry, dtype, where, f"{name}[{i}]") for i, entry in enumerate(half)]


def as_input(x, dtype, missing, where):
    """x as an array of `dtype`; masked entries (``numpy.ma``) are NaN where `missing` handles those."""
    if type(x) is not np.ndarray and isinstance(x, np.ma.MaskedArray) and missing in ("forward_fill", "mask"):
        x = x.filled(np.nan)
    return as_array(x, dtype, where)
