from torch import nn

from ..layers.lstm import LSTM
from ..sequential import Sequential

def from_torch(module: nn.Module) -> LSTM | Sequential: ...
