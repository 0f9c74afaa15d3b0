"""ONNX out and in: `save` a model, `load` one to train on, run any graph with a `Session` whose LSTMs run here.

Needs ``pip install "eigenlstm[onnx]"``; `Session` runs what is not an LSTM in ONNX Runtime, which the extra brings, or
in onnx's own reference evaluator where that isn't installed.
"""

try:
    import onnx as _onnx  # noqa: F401
except ImportError:
    raise ImportError('el.onnx needs onnx: pip install "eigenlstm[onnx]"') from None

from .loading import load
from .saving import save
from .session import Session

__all__ = ["Session", "load", "save"]
