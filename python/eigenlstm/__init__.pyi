"""What an editor and a type checker see of the names that `__init__.py` imports when they are first asked for."""

from . import data as data, decoding as decoding, distributed as distributed, forecasting as forecasting
from . import losses as losses, plot as plot
from . import sklearn as sklearn, sound as sound, text as text
from ._core import (
    __version__ as __version__,
    get_num_threads as get_num_threads,
    isa as isa,
    set_num_threads as set_num_threads,
)
from .interop import audio as audio, keras as keras, torch as torch
from .losses import ctc as ctc
from .training import callbacks as callbacks, metrics as metrics, schedules as schedules
from .training import optimisers as optimisers
from .training import optimisers as optimizers
from .training.callbacks import (
    checkpoint as checkpoint,
    early_stopping as early_stopping,
    log as log,
    plateau as plateau,
    schedule as schedule,
)
from .interop import onnx as onnx
from .layers.activation import Activation as Activation
from .layers.dropout import Dropout as Dropout, SpatialDropout1D as SpatialDropout1D
from .layers.embedding import Embedding as Embedding
from .safetensors_files import FileError as FileError
from .layers.layer_norm import LayerNorm as LayerNorm
from .layers.normalization import Normalization as Normalization
from .layers.linear import Linear as Linear
from .layers.lstm import LSTM as LSTM
from .training.optimisers import SGD as SGD, Adagrad as Adagrad, Adam as Adam, AdamW as AdamW, RMSprop as RMSprop
from .layers.pooling import Last as Last, MaxPool as MaxPool, MeanPool as MeanPool
from .layers.reverse import Reverse as Reverse
from .masked_sequential import MaskedSequential as MaskedSequential
from .training.run import NonFiniteLoss as NonFiniteLoss
from .saving import load as load, save as save
from .graph import Input as Input
from .model import Model as Model
from .layers.attention import Attention as Attention
from .layers.convolution import Conv1D as Conv1D
from .layers.crf import CRF as CRF
from .layers.tied import TiedLinear as TiedLinear
from .layers.steps import (
    Gather as Gather,
    JoinDirections as JoinDirections,
    Scatter as Scatter,
    Shift as Shift,
    StackFrames as StackFrames,
)
from .layers.wiring import Add as Add, Concat as Concat, Multiply as Multiply, Slice as Slice
from .sequential import Group as Group, Sequential as Sequential, share as share

def info() -> dict[str, str | int | list[str]]:
    """What a bug report should say: versions, instruction sets, threads, as a dict."""
