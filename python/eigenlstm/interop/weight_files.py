"""Files of weights under PyTorch's names, for ``python -m eigenlstm convert``: state_dicts in .pt and safetensors
files.

Such a file says what the weights are and not what is done with them, so one LSTM alone can be read from it.
"""

from pathlib import Path

import numpy as np

from ..layers.lstm import LSTM
from ..safetensors_files import FileError, read_tensors
from .convert import Report

_ENDS = ("weight_ih_l0", "weight_ih")  # of an LSTM, of an LSTMCell
_WRAPPED = ("state_dict", "model_state_dict", "model")  # where checkpoints keep a state_dict


def read(path):
    """``(LSTM, Report)``; `FileError` for a file that holds anything but the weights of one LSTM."""
    state, kind = _state(path)
    prefix = _prefix(state, path)
    try:
        lstm = LSTM.from_state_dict(state, prefix)
    except (TypeError, ValueError) as error:
        raise FileError(f"{path}: {str(error).removeprefix('LSTM.from_state_dict: ')}") from None
    became = [(f"{prefix}* ({len(state)} tensors)", repr(lstm))]
    notes = ["x and y are (B, T, ...), as with batch_first=True", "dropout, which such files don't tell, is 0"]
    return lstm, Report(str(path), kind, became, notes)


def compare(path, lstm):
    """The largest difference from torch.nn.LSTM on random input, where PyTorch is installed."""
    try:
        import torch
    except ImportError:
        return None, "PyTorch is not installed"
    if lstm.config().keys() & {"peephole", "layer_norm", "learned_state"} or not isinstance(lstm.hidden_size, int):
        return None, "torch.nn.LSTM has no such LSTM"
    names = "input_size", "hidden_size", "num_layers", "bias", "bidirectional", "proj_size"
    options = {name: getattr(lstm, name) for name in names}
    theirs = torch.nn.LSTM(**options, batch_first=True, dtype=getattr(torch, lstm.dtype.name))
    theirs.load_state_dict({name: torch.from_numpy(value) for name, value in lstm.state_dict().items()})
    x = np.random.default_rng(0).standard_normal((2, 20, lstm.input_size)).astype(lstm.dtype)
    with torch.no_grad():
        y, states = theirs(torch.from_numpy(x))
    ours = lstm(x)
    pairs = [(y, ours[0]), *zip(states, ours[1])]
    return max(float(np.abs(a.numpy() - b).max()) for a, b in pairs), "torch.nn.LSTM on 2 random rows of 20 steps"


def _state(path):
    """dict name -> tensor or array, and what kind of file it is."""
    if Path(path).suffix.lower() == ".safetensors":
        tensors, metadata = read_tensors(path)
        if "eigenlstm" in metadata:
            raise FileError(f"{path}: is a file of eigenlstm already; eigenlstm.load reads it")
        return tensors, "weights in a safetensors file"
    return _torch_state(path), "weights saved by PyTorch"


def _torch_state(path):
    try:
        import torch
    except ImportError as error:
        raise ImportError('reading files of PyTorch needs it: pip install "eigenlstm[torch]"') from error
    with open(path, "rb"):  # OSError as for other files
        pass
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of many types; the file may hold anything
        raise FileError(
            f"{path}: torch.load(weights_only=True) refuses it ({_first_line(error)}); a whole pickled module is never "
            "read: save module.state_dict(), or call el.torch.from_torch on the module"
        ) from None
    for key in _WRAPPED:
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict):
        raise FileError(f"{path}: must hold a state_dict, got {type(state).__name__}")
    return {str(name): value for name, value in state.items()}


def _prefix(state, path):
    """What all names start with: that of the one LSTM in the file."""
    found = {name[: -len(end)] for name in state for end in _ENDS if name.endswith(end)}
    if not found:
        raise FileError(
            f"{path}: there are no weights of an LSTM in it, only {', '.join(list(state)[:8]) or 'nothing'}"
        )
    if len(found) == 1 and all(name.startswith(*found) for name in state):
        return found.pop()
    others = [name for name in state if not name.startswith(tuple(found))] if "" not in found else []
    more = f" and {', '.join(others[:8])}" if others else ""
    raise FileError(
        f"{path}: holds LSTMs under {', '.join(map(repr, sorted(found)))}{more}; what is done with their results "
        "is not in the file: el.torch.from_torch reads that from the module, and "
        "el.LSTM.from_state_dict(weights, prefix) takes one LSTM"
    )


def _first_line(error):
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200]
