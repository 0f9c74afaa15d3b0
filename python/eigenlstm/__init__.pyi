"""What an editor and a type checker see of the names that `__init__.py` imports when they are first asked for."""

from . import data as data
from . import decoding as decoding
from . import forecasting as forecasting
from . import losses as losses
from . import plot as plot
from . import sklearn as sklearn
from . import sound as sound
from . import text as text
from ._core import (
    __version__ as __version__,
)
from ._core import (
    get_num_threads as get_num_threads,
)
from ._core import (
    isa as isa,
)
from ._core import (
    set_num_threads as set_num_threads,
)
from .graph import Input as Input
from .interop import keras as keras
from .interop import onnx as onnx
from .interop import torch as torch
from .layers.activation import Activation as Activation
from .layers.attention import Attention as Attention
from .layers.convolution import Conv1D as Conv1D
from .layers.crf import CRF as CRF
from .layers.dropout import Dropout as Dropout
from .layers.dropout import SpatialDropout1D as SpatialDropout1D
from .layers.embedding import Embedding as Embedding
from .layers.layer_norm import LayerNorm as LayerNorm
from .layers.linear import Linear as Linear
from .layers.lstm import LSTM as LSTM
from .layers.pooling import Last as Last
from .layers.pooling import MaxPool as MaxPool
from .layers.pooling import MeanPool as MeanPool
from .layers.reverse import Reverse as Reverse
from .layers.steps import (
    Gather as Gather,
)
from .layers.steps import (
    JoinDirections as JoinDirections,
)
from .layers.steps import (
    Scatter as Scatter,
)
from .layers.steps import (
    Shift as Shift,
)
from .layers.steps import (
    StackFrames as StackFrames,
)
from .layers.tied import TiedLinear as TiedLinear
from .layers.wiring import Add as Add
from .layers.wiring import Concat as Concat
from .layers.wiring import Multiply as Multiply
from .layers.wiring import Slice as Slice
from .losses import ctc as ctc
from .masked_sequential import MaskedSequential as MaskedSequential
from .model import Model as Model
from .safetensors_files import FileError as FileError
from .saving import load as load
from .saving import save as save
from .sequential import Group as Group
from .sequential import Sequential as Sequential
from .sequential import share as share
from .training import callbacks as callbacks
from .training import metrics as metrics
from .training import optimisers as optimisers
from .training import schedules as schedules
from .training.callbacks import (
    checkpoint as checkpoint,
)
from .training.callbacks import (
    early_stopping as early_stopping,
)
from .training.callbacks import (
    log as log,
)
from .training.callbacks import (
    plateau as plateau,
)
from .training.callbacks import (
    schedule as schedule,
)
from .training.optimisers import SGD as SGD
from .training.optimisers import Adagrad as Adagrad
from .training.optimisers import Adam as Adam
from .training.optimisers import AdamW as AdamW
from .training.optimisers import RMSprop as RMSprop
from .training.run import NonFiniteLoss as NonFiniteLoss

def info() -> dict[str, str | int | list[str]]:
    """What a bug report should say: versions, instruction sets, threads, as a dict."""
