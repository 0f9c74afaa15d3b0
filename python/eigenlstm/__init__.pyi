"""What an editor and a type checker see of the names that `__init__.py` imports when they are first asked for."""

from . import callbacks as callbacks, ctc as ctc, forecasting as forecasting, losses as losses, metrics as metrics
from . import optimisers as optimisers, plot as plot, schedules as schedules, sklearn as sklearn
from ._core import __version__ as __version__, get_num_threads as get_num_threads, isa as isa, set_num_threads as set_num_threads
from .callbacks import checkpoint as checkpoint, early_stopping as early_stopping, log as log, plateau as plateau, schedule as schedule
from .dropout import Dropout as Dropout
from .embedding import Embedding as Embedding
from .files import FileError as FileError
from .layer_norm import LayerNorm as LayerNorm
from .linear import Linear as Linear
from .lstm import LSTM as LSTM
from .optimisers import SGD as SGD, Adagrad as Adagrad, Adam as Adam, AdamW as AdamW, RMSprop as RMSprop
from .pooling import Last as Last, MaxPool as MaxPool, MeanPool as MeanPool
from .run import NonFiniteLoss as NonFiniteLoss
from .saving import load as load, save as save
from .sequential import Group as Group, Sequential as Sequential, share as share

def info() -> dict[str, str | int | list[str]]:
    """What a bug report should say: versions, instruction sets, threads, as a dict."""
