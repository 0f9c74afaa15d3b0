"""eigenlstm: the LSTM for CPUs.

>>> import numpy as np, eigenlstm as el
>>> lstm = el.LSTM(8, 32, seed=0)
>>> y, (h, c) = lstm(np.zeros((4, 100, 8), np.float32))
"""

import importlib

from . import _core
from . import _moved as _moved  # makes old module names work
from ._core import __version__, get_num_threads, isa, set_num_threads
from .layers.lstm import LSTM

_core.isa()  # a wrong EIGENLSTM_ISA is an error now, not in the middle of the work
_core.get_num_threads()

# Everything else is imported when it is first asked for: `import eigenlstm` stays cheap.
_LAZY = {
    "Model": "model",
    "Input": "graph",
    "Sequential": "sequential",
    "MaskedSequential": "masked_sequential",
    "Group": "sequential",
    "share": "sequential",
    "Linear": "layers.linear",
    "Embedding": "layers.embedding",
    "Dropout": "layers.dropout",
    "SpatialDropout1D": "layers.dropout",
    "LayerNorm": "layers.layer_norm",
    "Normalization": "layers.normalization",
    "Activation": "layers.activation",
    "Attention": "layers.attention",
    "Conv1D": "layers.convolution",
    "CRF": "layers.crf",
    "Gather": "layers.steps",
    "JoinDirections": "layers.steps",
    "Scatter": "layers.steps",
    "Shift": "layers.steps",
    "StackFrames": "layers.steps",
    "TiedLinear": "layers.tied",
    "Add": "layers.wiring",
    "Multiply": "layers.wiring",
    "Concat": "layers.wiring",
    "Slice": "layers.wiring",
    "Last": "layers.pooling",
    "MeanPool": "layers.pooling",
    "MaxPool": "layers.pooling",
    "Reverse": "layers.reverse",
    "SGD": "training.optimisers",
    "Adam": "training.optimisers",
    "AdamW": "training.optimisers",
    "RMSprop": "training.optimisers",
    "Adagrad": "training.optimisers",
    "early_stopping": "training.callbacks",
    "checkpoint": "training.callbacks",
    "schedule": "training.callbacks",
    "log": "training.callbacks",
    "plateau": "training.callbacks",
    "NonFiniteLoss": "training.run",
    "load": "saving",
    "save": "saving",
    "FileError": "safetensors_files",
}
_MODULES = {
    "losses": "losses",
    "ctc": "losses.ctc",
    "metrics": "training.metrics",
    "callbacks": "training.callbacks",
    "schedules": "training.schedules",
    "optimisers": "training.optimisers",
    "optimizers": "training.optimisers",
    "audio": "interop.audio",
    "data": "data",
    "forecasting": "forecasting",
    "keras": "interop.keras",
    "text": "text",
    "sound": "sound",
    "decoding": "decoding",
    "distributed": "distributed",
    "onnx": "interop.onnx",
    "plot": "plot",
    "sklearn": "sklearn",
    "torch": "interop.torch",
}

__all__ = ["LSTM", "__version__", "get_num_threads", "info", "isa", "set_num_threads", *_LAZY]


def __getattr__(name):
    if name in _LAZY:
        value = getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)
    elif name in _MODULES:
        value = importlib.import_module(f".{_MODULES[name]}", __name__)
    else:
        from .did_you_mean import unknown_attribute

        close = unknown_attribute(name, [*__all__, *_MODULES])
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{close}")
    globals()[name] = value
    return value


def __dir__():
    return sorted({*__all__, *_MODULES})


def info():
    """What a bug report should say: versions, instruction sets, threads, as a dict."""
    import platform

    import numpy

    return {
        "eigenlstm": __version__,
        "isa": _core.isa(),
        "available_isas": _core.available_isas(),
        "num_threads": _core.get_num_threads(),
        "eigen": _core.eigen_version(),
        "numpy": numpy.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
