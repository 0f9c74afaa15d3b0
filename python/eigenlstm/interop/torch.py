"""`el.torch`: PyTorch models with LSTMs of this package. ``pip install "eigenlstm[torch]"`` brings what it needs."""

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError('el.torch needs PyTorch: pip install "eigenlstm[torch]"') from error

from .torch_convert import from_torch
from .torch_modules import LSTM, LSTMCell
from .torch_replace import Report, replace

__all__ = ["LSTM", "LSTMCell", "Report", "from_torch", "replace"]
