"""An amplifier that is played: a model with its state, its knobs and its gains."""

import numpy as np

from ...checks import as_array, finite, flag, integer, optional, positive_int
from ...model import Model
from ...sequential import Sequential


class Player:
    """A model of an amplifier or an effect, played block by block.

    `el.audio.load` makes one of a file, and `el.audio.train` one of recordings.

    >>> amp = el.audio.load("amp.json")
    >>> amp.knobs = [0.5]                        # where the model has knobs
    >>> for block in blocks:                     # (n,) of any n
    ...     play(amp.process(block))

    Parameters
    ----------
    model : Model or Sequential
        From x (B, T, I), the sample and I - 1 knobs, to y (B, T, O), without a look at what comes later.
    sample_rate : int or None
        In Hz; None where nobody knows.
    in_gain, out_gain : float
        In dB, of the sample before the model, and of what the model gives.
    prewarm : int
        Samples of silence that a reset runs through the model, as NAM's players do.
    metadata : dict
        What the file says about the model.
    format : str
        What the file was: one of `el.audio.FORMATS`, or PyTorch.

    Attributes
    ----------
    model, sample_rate, in_gain, out_gain, prewarm, metadata, format : as given
    dtype : float32 or float64, that of the model and of every block
    inputs, outputs : int, I and O

    Notes
    -----
    A player keeps its own state and the model's weights as they were when it was made; blocks may have any lengths, the
    samples that come out are the same bits. One player is for one thread at a time.
    """

    def __init__(
        self, model, *, sample_rate=None, in_gain=0.0, out_gain=0.0, prewarm=0, metadata=None, format="eigenlstm"
    ):
        if not isinstance(model, (Model, Sequential)):
            raise TypeError(f"Player: model must be a Model or a Sequential, got {type(model).__name__}")
        self.model, self.dtype = model, np.dtype(model.dtype or np.float32)
        self.inputs, self.outputs = _sizes(model)
        self.sample_rate = optional(positive_int)(sample_rate, "Player: sample_rate")
        self.in_gain, self.out_gain = finite(in_gain, "Player: in_gain"), finite(out_gain, "Player: out_gain")
        self._factors = _factor(self.in_gain, self.dtype), _factor(self.out_gain, self.dtype)
        self.prewarm = integer(prewarm, "Player: prewarm")
        if not 0 <= self.prewarm <= 1 << 24:
            raise ValueError(f"Player: prewarm must be from 0 to {1 << 24}, got {prewarm}")
        self.metadata, self.format = dict(metadata or {}), format
        self._session = _stream(model)
        self._x = np.zeros((0, self.inputs), self.dtype)
        self._knobs = np.zeros(self.inputs - 1, self.dtype)
        self._warm = None  # the state after the silence
        self.reset()

    @property
    def knobs(self):
        """The positions of the I - 1 knobs, each from 0 to 1; at first 0. A block takes those that are set then."""
        return self._knobs.copy()

    @knobs.setter
    def knobs(self, values):
        try:
            array = np.array(values, np.float64)
        except (TypeError, ValueError):
            raise TypeError(f"Player.knobs: must be {self.inputs - 1} numbers, got {values!r}") from None
        if array.shape != self._knobs.shape:
            raise ValueError(f"Player.knobs: this model has {self.inputs - 1} knobs, got values of shape {array.shape}")
        if not ((array >= 0) & (array <= 1)).all():  # NaN is refused, too
            raise ValueError(f"Player.knobs: must be from 0 to 1, got {values!r}")
        self._knobs = array.astype(self.dtype)

    def reset(self, *, prewarm=True):
        """Start anew: from the model's own initial state, and after `self.prewarm` samples of silence.

        ``prewarm=False`` leaves the silence out. The knobs stay where they are.
        """
        self._session.reset()
        if not flag(prewarm, "Player.reset: prewarm") or not self.prewarm:
            return
        if self._warm is None:
            self._session.process(np.zeros((self.prewarm, self.inputs), self.dtype))
            self._warm = self._session.state
        else:
            self._session.state = self._warm

    def process(self, block, out=None):
        """The next samples of the output for the next samples of the input.

        Parameters
        ----------
        block : array of `dtype`, (n,), or (n, I) with a value for each input and sample: knobs that move
        out : array of `dtype`, (n,), or (n, O) where the model has several outputs
            Written into and returned, contiguous; where given, and `block` is no longer than one before it, nothing is
            allocated that grows with the block. It may be `block` itself.

        Returns
        -------
        array (n,), or (n, O)

        Raises
        ------
        TypeError for another dtype, ValueError for another shape: nothing is played then.
        """
        x = self._channels(as_array(block, self.dtype, "Player.process", "block"))
        shape = (len(x),) if self.outputs == 1 else (len(x), self.outputs)
        y = np.empty(shape, self.dtype) if out is None else self._checked_out(out, shape)
        self._session.process(x, y.reshape(len(x), self.outputs))
        if self.out_gain:
            np.multiply(y, self._factors[1], out=y)
        return y

    def save(self, path, *, format=None, metadata=None):
        """Write the model to a file: see `el.audio.save`."""
        from .files import save

        save(self, path, format=format, metadata=metadata)

    def _channels(self, block):
        """What the model takes, (n, I), of a block (n,) or (n, I)."""
        if block.shape[1:] not in ((), (self.inputs,)) or block.ndim == 0:
            raise ValueError(f"Player.process: block must have shape (n,) or (n, {self.inputs}), got {block.shape}")
        if not self.in_gain and (self.inputs == 1 or block.ndim == 2):
            return block.reshape(len(block), self.inputs)
        if len(block) > len(self._x):
            self._x = np.empty((len(block), self.inputs), self.dtype)
        x = self._x[: len(block)]
        if block.ndim == 2:
            x[...] = block
        else:
            x[:, 0], x[:, 1:] = block, self._knobs
        if self.in_gain:
            x[:, 0] *= self._factors[0]
        return x

    def _checked_out(self, out, shape):
        if not isinstance(out, np.ndarray) or out.dtype != self.dtype:
            got = out.dtype if isinstance(out, np.ndarray) else type(out).__name__
            raise TypeError(f"Player.process: out must be an array of {self.dtype}, got {got}")
        if out.shape != shape:
            raise ValueError(f"Player.process: out must have shape {shape}, got {out.shape}")
        if not out.flags.c_contiguous or not out.flags.writeable:
            raise ValueError("Player.process: out must be contiguous and writable")
        return out

    def __repr__(self):
        rate = "an unknown sample rate" if self.sample_rate is None else f"{self.sample_rate:,} Hz"
        knobs = f", {self.inputs - 1} knobs" if self.inputs > 1 else ""
        return f"<Player of a {self.format} model of {self.model.num_params:,} parameters, {rate}{knobs}>"


def _sizes(model):
    """I and O of a model that can be played; ``ValueError`` for any other."""
    try:
        graph = model.graph
    except ValueError as error:
        raise ValueError(f"Player: {error}") from None
    given = list(graph.inputs.values())
    fits = len(given) == 1 and given[0].dtype == "float" and len(given[0].shape) == 2 and given[0].shape[0] is None
    taken, result = graph.values[0].shape, [graph.values[index].shape for index in graph.outputs]
    if model.keeps_time and len(given) == 1 and given[0].dtype == "float" and len(taken) == 3:
        fits = isinstance(taken[2], int) and not isinstance(taken[1], int)
    if not fits or len(result) != 1 or len(result[0]) != 3 or result[0][1] != taken[1]:
        raise ValueError("Player: model must take x (B, T, I) of floats and give y (B, T, O) of the same steps")
    return taken[2], result[0][2]


def _stream(model):
    """A session of the model; ``ValueError`` says which layer can't be played block by block, and why."""
    try:
        return model.stream()
    except ValueError as error:
        raise ValueError(f"Player: {str(error).partition('.stream: ')[2] or error}") from None


def _factor(gain, dtype):
    return dtype.type(10.0 ** (gain / 20))
