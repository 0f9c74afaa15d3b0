"""The LSTM cells of TensorFlow 1 and its operations: one matrix for x and h, and a forget bias that no file holds."""

import numpy as np

from ..layers.lstm import LSTM
from .gates import floats, reorder

# The order of the gates in the columns, and the forget bias that is added at run time where none is given.
_CELLS = {
    "BasicLSTMCell": ("ijfo", 1.0),
    "LSTMCell": ("ijfo", 1.0),
    "LSTMBlockCell": ("icfo", 1.0),
    "LSTMBlockFusedCell": ("icfo", 1.0),
    "BlockLSTM": ("icfo", 1.0),
    "BlockLSTMV2": ("ifco", 0.0),
}
_PEEPHOLE = {"LSTMCell", "LSTMBlockCell", "LSTMBlockFusedCell", "BlockLSTM", "BlockLSTMV2"}


def from_tensorflow(kernel, bias, *, cell, forget_bias=None, peephole=None, projection=None, dtype=None, **options):
    """An LSTM of one layer from the variables of a TensorFlow cell.

    TensorFlow adds its forget bias when it runs, so no checkpoint holds it: it is added to `bias` here.

    Parameters
    ----------
    kernel : array (I + H, 4H), with a projection (I + P, 4H)
        The rows of x first. `w` of the block operations.
    bias : array (4H,)
        `b` of the block operations.
    cell : str
        Where they come from, which sets the order of the gates: "BasicLSTMCell" and "LSTMCell" (i j f o),
        "LSTMBlockCell", "LSTMBlockFusedCell" and "BlockLSTM" (i c f o, whatever TensorFlow's text says), "BlockLSTMV2"
        (i f c o).
    forget_bias : float or None
        None: 1, TensorFlow's default; 0 for BlockLSTMV2, which has none.
    peephole : (wci, wcf, wco), arrays (H,), or None
        The diagonals `w_i_diag`, `w_f_diag`, `w_o_diag` of LSTMCell; of every cell but BasicLSTMCell.
    projection : array (H, P) or None
        `projection/kernel` of LSTMCell.
    dtype : "float32", "float64" or None
        None: that of the arrays.
    options
        Further options of `eigenlstm.LSTM`. `cell_clip` is TensorFlow's: note that the raw operations LSTMBlockCell and
        BlockLSTM clip at 3 unless told otherwise, and the Python cells don't clip.

    Raises
    ------
    TypeError, ValueError
        For an unknown cell and for arrays that don't fit together, with what was expected and what came.
    """
    where = "from_tensorflow"
    if cell not in _CELLS:
        raise ValueError(f"{where}: cell must be one of {', '.join(_CELLS)}, got {cell!r}")
    order, default = _CELLS[cell]
    if cell == "BlockLSTMV2" and forget_bias:
        raise ValueError(f"{where}: BlockLSTMV2 has no forget bias, got forget_bias={forget_bias}")
    kernel, bias = floats(kernel, f"{where}: kernel"), floats(bias, f"{where}: bias")
    if kernel.ndim != 2 or kernel.shape[1] % 4 or not kernel.shape[1]:
        raise ValueError(f"{where}: kernel must have shape (I + H, 4H), got {kernel.shape}")
    H = kernel.shape[1] // 4
    outputs = H
    parameters = {}
    if projection is not None:
        projection = _shaped(projection, (H, None), f"{where}: projection", cell in ("LSTMCell",), cell)
        outputs = projection.shape[1]
        parameters["weight_hr_l0"] = projection.T
    inputs = len(kernel) - outputs
    if inputs < 1:
        raise ValueError(f"{where}: kernel must have more than {outputs} rows (I + {outputs}), got {kernel.shape}")
    bias = _shaped(bias, (4 * H,), f"{where}: bias")
    bias = reorder(bias, order)
    bias[H : 2 * H] += default if forget_bias is None else forget_bias
    rows = reorder(kernel.T, order)
    parameters.update(weight_ih_l0=rows[:, :inputs], weight_hh_l0=rows[:, inputs:], bias_l0=bias)
    if peephole is not None:
        if len(peephole) != 3:
            raise ValueError(f"{where}: peephole must be three arrays (wci, wcf, wco), got {len(peephole)}")
        parameters["peephole_l0"] = np.concatenate(
            [
                _shaped(part, (H,), f"{where}: peephole {name}", cell in _PEEPHOLE, cell)
                for name, part in zip(("wci", "wcf", "wco"), peephole)
            ]
        )
    return LSTM.from_state_dict(parameters, dtype=dtype, **options)


def _shaped(array, shape, what, allowed=True, cell=""):
    """`array` as floats of `shape`, in which None stands for any size."""
    if not allowed:
        raise ValueError(f"{what} was given, but {cell} has none")
    array = floats(array, what)
    if array.ndim != len(shape) or any(size not in (None, got) for size, got in zip(shape, array.shape)):
        text = ", ".join("P" if size is None else str(size) for size in shape)
        raise ValueError(f"{what} must have shape ({text}{',' * (len(shape) == 1)}), got {array.shape}")
    return array
