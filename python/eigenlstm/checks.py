"""Arrays in: taken without a silent change of dtype, refused with the argument's name."""

import numpy as np

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def float_dtype(dtype, where):
    """The dtype of a layer: float32 or float64, as an ``np.dtype``."""
    try:
        resolved = None if dtype is None else np.dtype(dtype)
    except (TypeError, ValueError):
        resolved = None
    if resolved is None or resolved not in FLOATS:  # to NumPy, None equals float64
        raise TypeError(f"{where}: dtype must be float32 or float64, got {dtype!r}")
    return resolved


def as_array(x, dtype, where, name="x"):
    """`x` as an ndarray of exactly `dtype`.

    Lists of Python numbers carry no dtype of their own and are read as `dtype`; whatever carries
    one (ndarray, torch tensor, pandas frame) must carry this one. ``TypeError`` otherwise.
    """
    array = x if type(x) is np.ndarray else _read(x, dtype, where, name)
    if array.dtype != dtype:
        raise TypeError(
            f"{where}: {name} must have dtype {dtype}, got {array.dtype}; convert with {name}.astype(np.{dtype})"
        )
    return array


def as_floats(x, where, name="x"):
    """`x` as an ndarray of float32 or float64; lists of Python numbers are read as float32."""
    array = x if type(x) is np.ndarray else _read(x, FLOATS[0], where, name)
    if array.dtype not in FLOATS:
        raise TypeError(f"{where}: {name} must have dtype float32 or float64, got {array.dtype}")
    return array


def _read(x, dtype, where, name):
    leaf = x
    while isinstance(leaf, (list, tuple)) and leaf:
        leaf = leaf[0]
    plain = type(leaf) in (int, float, list, tuple)
    try:
        array = np.asarray(x, dtype=dtype) if plain else np.asarray(x)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{where}: {name} cannot be read as an array of {dtype}: {error}") from None
    return np.asarray(array)


def as_lengths(lengths, batch, time, where):
    """Valid steps of each row as int64 ``(batch,)`` in ``[0, time]``; ``None`` stays ``None``."""
    if lengths is None:
        return None
    try:
        array = np.array(lengths)  # a copy: what is checked must be what is used when other threads run, too
    except ValueError:
        raise ValueError(f"{where}: lengths must have shape ({batch},), got parts of different lengths") from None
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"{where}: lengths must be integers, got {array.dtype}")
    if array.shape != (batch,):
        raise ValueError(f"{where}: lengths must have shape ({batch},), got {array.shape}")
    if array.size and not (0 <= array.min() and array.max() <= time):
        raise ValueError(f"{where}: lengths must lie in 0..{time}, got {array.min()}..{array.max()}")
    return array.astype(np.int64, copy=False)


def positive_int(value, what):
    """`value` as an int of at least 1; `what` names the caller and the argument."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{what} must be an integer, got {value!r}")
    if not 1 <= value < 2**48:
        raise ValueError(f"{what} must be at least 1{' and below 2**48' * (value > 0)}, got {value}")
    return int(value)


def number(value, what):
    """`value` as a float; `what` names the caller and the argument."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{what} must be a number, got {value!r}")
    return float(value)
