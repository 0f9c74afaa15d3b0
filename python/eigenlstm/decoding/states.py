"""What step functions take and give: states as nests of arrays, scores of the next token."""

import numpy as np

from ..checks import as_floats, positive_int


def take_rows(state, rows, axis):
    """The `rows` of every array in `state`; `axis` is a nest of axes, or one for all arrays below it."""
    if state is None:
        return None
    if isinstance(state, dict):
        return {key: take_rows(part, rows, _part(axis, key)) for key, part in state.items()}
    if isinstance(state, (tuple, list)):
        parts = [take_rows(part, rows, _part(axis, i)) for i, part in enumerate(state)]
        return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)
    return np.take(np.asarray(state), rows, axis=axis)


def num_rows(state, axis, where):
    """The rows of the first array in `state`."""
    if isinstance(state, (dict, tuple, list)) and len(state):
        keys = state if isinstance(state, dict) else range(len(state))
        found = [num_rows(state[key], _part(axis, key), where) for key in keys if state[key] is not None]
        if found:
            return found[0]
    if state is None or isinstance(state, (dict, tuple, list)):
        raise ValueError(f"{where}: start must be an integer for each row where the state has no arrays")
    shape = np.shape(state)
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"{where}: state_axis {axis} must be an axis of each array in state, got shape {shape}")
    return shape[axis]


def _part(axis, key):
    return axis if isinstance(axis, int) else axis[key]


def start_tokens(start, state, axis, where):
    """The first token of each row, int64 (B,)."""
    tokens = np.asarray(start)
    if tokens.dtype.kind not in "iu" or tokens.ndim > 1:
        raise TypeError(f"{where}: start must be an integer or integers (B,), got {start!r}")
    return np.full(num_rows(state, axis, where), tokens, np.int64) if tokens.ndim == 0 else tokens.astype(np.int64)


def log_probabilities(scores, rows, where):
    """The log-softmax of a step function's scores (rows, V), in float64."""
    scores = as_floats(scores, where, "the scores that step gives")
    if scores.ndim != 2 or len(scores) != rows:
        raise ValueError(f"{where}: step must give scores of shape ({rows}, V), got {scores.shape}")
    scores = scores.astype(np.float64)
    highest = scores.max(axis=1, keepdims=True)
    if not np.isfinite(highest).all():
        raise ValueError(f"{where}: the scores of step must not be NaN or +inf, nor all -inf")
    scores -= highest
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


def token_id(value, what):
    """`value` as an int of at least 0."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < 0:
        raise ValueError(f"{what} must be an integer of at least 0, got {value!r}")
    return int(value)


def checked_limits(max_length, min_length, where):
    """`max_length` and `min_length` as ints, 0 <= min <= max."""
    positive_int(max_length, f"{where}: max_length")
    if not 0 <= token_id(min_length, f"{where}: min_length") <= max_length:
        raise ValueError(f"{where}: min_length must be at most max_length {max_length}, got {min_length}")
    return int(max_length), int(min_length)


def bans(log_p, forbidden, end, length, max_length, min_length):
    """`log_p` (rows, V) with −inf for tokens that may not come after `length` tokens; in place."""
    log_p[:, forbidden] = -np.inf
    if length < min_length:
        log_p[:, end] = -np.inf
    if length == max_length:
        ended = log_p[:, end].copy()
        log_p[:] = -np.inf
        log_p[:, end] = ended
    return log_p


def forbidden_ids(forbidden, end, where):
    """`forbidden` as int64 ids, without the end."""
    ids = np.array([token_id(token, f"{where}: forbidden") for token in forbidden], np.int64)
    if (ids == end).any():
        raise ValueError(f"{where}: forbidden must not hold the end {end}")
    return ids
