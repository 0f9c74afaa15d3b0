"""An LSTM made of matrices that lie in another order: the gates are brought into i f g o here and nowhere else."""

from collections.abc import Mapping

import numpy as np

GATES = "ifgo"


def reorder(stacked, order):
    """`stacked` (4H, ...), whose four blocks of rows are the gates of `order` (as "icfo"), with the blocks as i f g o.

    The candidate is g, c, j or z, by who wrote the matrix.
    """
    blocks = dict(zip(order.translate(str.maketrans("cjz", "ggg")), np.split(stacked, 4)))
    return np.concatenate([blocks[gate] for gate in GATES])


def from_gates(cls, weights, biases, hidden_first, dtype, options):
    """What `LSTM.from_gates` returns, which documents it; `cls` is LSTM or a subclass."""
    where = "LSTM.from_gates"
    matrices = _four(weights, f"{where}: weights")
    for gate, matrix in matrices.items():
        if matrix.ndim != 2 or 0 in matrix.shape or matrix.shape[0] == matrix.shape[1]:
            raise ValueError(f"{where}: weights[{gate!r}] must have shape (H, H + I) or (H + I, H), got {matrix.shape}")
        if matrix.shape != matrices["i"].shape:
            raise ValueError(
                f"{where}: weights[{gate!r}] must have the shape of weights['i'], {matrices['i'].shape}, "
                f"got {matrix.shape}"
            )
    H, width = sorted(matrices["i"].shape)
    if matrices["i"].shape[0] == width:
        matrices = {gate: matrix.T for gate, matrix in matrices.items()}
    stacked = np.concatenate([matrices[gate] for gate in GATES])
    hidden, inputs = (slice(0, H), slice(H, width)) if hidden_first else (slice(width - H, width), slice(0, width - H))
    parameters = {"weight_ih_l0": stacked[:, inputs], "weight_hh_l0": stacked[:, hidden]}
    if biases is not None:
        vectors = _four(biases, f"{where}: biases")
        for gate, vector in vectors.items():
            if vector.size != H or max(vector.shape, default=1) != H:
                raise ValueError(f"{where}: biases[{gate!r}] must hold H = {H} values, got shape {vector.shape}")
        parameters["bias_l0"] = np.concatenate([vectors[gate].reshape(H) for gate in GATES])
    return cls.from_state_dict(parameters, dtype=dtype, **options)


def _four(arrays, what):
    """The arrays of the four gates, as floats."""
    if not isinstance(arrays, Mapping):
        raise TypeError(f"{what} must be a mapping from i, f, g, o to arrays, got {type(arrays).__name__}")
    if arrays.keys() != set(GATES):
        raise ValueError(
            f"{what} must have the keys i, f, g (the candidate, often called c), o, got {', '.join(map(str, arrays))}"
        )
    return {gate: floats(arrays[gate], f"{what}[{gate!r}]") for gate in GATES}


def floats(array, what):
    """`array` as an ndarray of float32 or float64; integers and half precision become float32."""
    array = np.asarray(array)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{what} must hold real numbers, got {array.dtype}")
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float32)
