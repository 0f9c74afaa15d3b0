"""What comes in from users: arrays are taken without a silent change of dtype, options are checked; an error names the
argument.

A wrong kind is a TypeError, a wrong value or shape a ValueError.
"""

import functools
import math

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


def converted(values, dtype, where, name="x", whole=True, nan=False):
    """`values`, real numbers of any dtype, as an array of `dtype`: what models do with what `fit` and `predict` get.

    Integers and booleans stay what they are where they may be `whole` (classes, indices). ``ValueError`` where a number
    is too large for `dtype`. Masked entries are NaN where that is handled (`nan`), else refused.
    """
    if nan and isinstance(values, np.ma.MaskedArray):
        values = values.astype(dtype).filled(np.nan)
    values = unmasked(values, where, name)
    try:
        array = np.asarray(values)
    except ValueError:  # rows of unlike length
        array = np.asarray(None)
    if array.dtype.kind not in "iubf":
        raise TypeError(f"{where}: {name} must be an array of real numbers, got {_kind_of(values, array)}")
    if array.dtype == dtype or whole and array.dtype.kind in "iub":
        return array
    with np.errstate(over="ignore"):
        result = array.astype(dtype)
    if array.dtype.kind == "f" and np.isinf(result).sum() != np.isinf(array).sum():
        raise ValueError(f"{where}: {name} has values that are too large for {dtype}, up to {np.nanmax(np.abs(array))}")
    return result


def _kind_of(values, array):
    if isinstance(values, np.ndarray) or array.ndim:
        return f"dtype {array.dtype}"
    return type(values).__name__


def unmasked(values, where, name="x"):
    """`values`, unless it is a masked array (``numpy.ma``) with masked entries: those are no numbers."""
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.is_masked(values):
            raise ValueError(
                f"{where}: {name} has {np.ma.count_masked(values)} masked entries; fill them in, or give NaN, "
                f"{name}.filled(np.nan), where NaN is handled (an LSTM with missing=..., targets of weight 0)"
            )
        return values.data
    if isinstance(values, (list, tuple)) and any(isinstance(value, np.ma.MaskedArray) for value in values):
        return [unmasked(value, where, f"{name}[{i}]") for i, value in enumerate(values)]
    return values


def _read(x, dtype, where, name):
    x = unmasked(x, where, name)
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
    lengths = unmasked(lengths, where, "lengths")
    try:
        array = np.array(lengths)  # a copy: what is checked must be what is used when other threads run, too
    except ValueError:
        raise ValueError(f"{where}: lengths must have shape ({batch},), got parts of different lengths") from None
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"{where}: lengths must be integers, got {array.dtype}")
    if array.shape != (batch,):
        raise ValueError(f"{where}: lengths must have shape ({batch},), got {array.shape}")
    if array.size and not (array.min() >= 0 and array.max() <= time):
        raise ValueError(f"{where}: lengths must lie in 0..{time}, got {array.min()}..{array.max()}")
    return array.astype(np.int64, copy=False)


# -- options: each check takes the value and `what`, the name of the caller and the argument, as in "Linear: bias"
# -------


def positive_int(value, what):
    """`value` as an int of at least 1."""
    value = integer(value, what)
    if not 1 <= value < 2**48:
        raise ValueError(f"{what} must be at least 1{' and below 2**48' * (value > 0)}, got {value}")
    return value


def integer(value, what):
    """`value` as an int."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{what} must be an integer, got {value!r}")
    return int(value)


def number(value, what):
    """`value` as a float."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{what} must be a number, got {value!r}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{what} is too large for a float, got {value}") from None


def finite(value, what):
    """`value` as a finite float."""
    value = number(value, what)
    if not math.isfinite(value):
        raise ValueError(f"{what} must be finite, got {value}")
    return value


def positive(value, what):
    """`value` as a finite float above 0."""
    value = number(value, what)
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{what} must be a positive number, got {value}")
    return value


def probability(value, what):
    """`value` as a float in [0, 1)."""
    value = number(value, what)
    if not 0 <= value < 1:
        raise ValueError(f"{what} must be at least 0 and below 1, got {value}")
    return value


def flag(value, what):
    """`value` as a bool."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{what} must be True or False, got {value!r}")
    return bool(value)


def one_of(*names):
    """A check that `value` is one of these strings."""

    def check(value, what):
        listed = ", ".join(map(repr, names))
        if not isinstance(value, str):
            raise TypeError(f"{what} must be one of {listed}, got {value!r}")
        if value not in names:
            raise ValueError(f"{what} must be one of {listed}, got {value!r}")
        return value

    return check


def optional(check):
    """A check that lets None pass, and leaves all else to `check`."""
    return lambda value, what: None if value is None else check(value, what)


def dtype_option(value, what):
    """float32 or float64, as an ``np.dtype``."""
    return float_dtype(value, what.partition(":")[0])


# -- keywords -------------------------------------------------------------------------------------------------------


class _SignatureOfInit:
    """The signature of a class is that of its ``__init__``. Before Python 3.11.4, `inspect` takes that of ``__new__``
    for a class that inherits its ``__init__``.
    """

    def __get__(self, instance, owner):
        if instance is not None:  # which is called by another method
            return None
        from inspect import signature  # which takes a millisecond to import

        of_init = signature(owner.__init__)
        return of_init.replace(parameters=list(of_init.parameters.values())[1:])


class KnownArguments:
    """Base of classes whose constructor refuses an unknown keyword by saying what to write instead."""

    __signature__ = _SignatureOfInit()

    def __new__(cls, *_, **named):
        refuse_unknown(named, cls.__init__, cls.__name__)
        return super().__new__(cls)


class KnownAttributes:
    """Base of classes whose instances say, of an attribute of other libraries that they lack, what to write instead."""

    def __getattr__(self, name):
        text = ""
        if not name.startswith("_"):  # tools ask for those, and expect no answer
            from .did_you_mean import unknown_member

            text = unknown_member(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{text}")


def only_known_keywords(function):
    """Decorator of functions that refuse an unknown keyword in the same way."""

    @functools.wraps(function)
    def checked(*arguments, **named):
        refuse_unknown(named, function, function.__name__)
        return function(*arguments, **named)

    return checked


def argument_names(function):
    """The names of the arguments of a function of Python, in their order."""
    code = function.__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def refuse_unknown(named, function, where):
    """``TypeError`` for a keyword in `named` that `function` does not take, with what was probably meant."""
    if not hasattr(function, "__code__") or function.__code__.co_flags & 0x08:  # it has **keywords
        return
    known = argument_names(function)
    for name in named:
        if name not in known:
            from .did_you_mean import unknown_keyword

            raise TypeError(unknown_keyword(where, name, [other for other in known if other not in ("self", "model")]))
