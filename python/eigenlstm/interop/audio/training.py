"""Training a model of an amplifier from what went into it and what came out."""

import os

import numpy as np

from ... import _core
from ...checks import as_floats, flag, integer, number, positive_int
from ...layers.linear import Linear
from ...layers.lstm import LSTM
from ...losses import DC, ESR, Combined
from ...seeds import as_seed, mix_seed, system_seed
from ...training.callbacks import early_stopping, plateau
from ...training.optimisers import Adam
from .amplifier import Amplifier
from .player import Player


def train(
    dry,
    wet,
    *,
    sample_rate=None,
    hidden_size=24,
    num_layers=1,
    skip=False,
    delay=0,
    loss=None,
    epochs=100,
    batch_size=16,
    learning_rate=5e-3,
    segment=0.5,
    burn_in=1024,
    tbptt=1024,
    validation=0.1,
    patience=20,
    callbacks=(),
    resume=None,
    seed=None,
    verbose=1,
):
    """``(player, history)``: an LSTM trained to give the recording `wet` for the recording `dry`.

    >>> amp, history = el.audio.train("dry.wav", "wet.wav")
    >>> amp.save("amp.nam")

    Parameters
    ----------
    dry, wet : path of a sound of one channel, or float array (n,)
        Of one sample rate and length; what the longer has more is left out if it is less than a tenth of a second. An
        array `dry` (n, I) has I - 1 knobs, from 0 to 1, beside each sample.
    sample_rate : int
        In Hz, of arrays.
    hidden_size, num_layers : int
        Of the LSTM, behind which there is a Linear.
    skip : bool
        Add the input to the output. NAM's and RTNeural's files have no place for that, the others have.
    delay : int
        Samples by which `wet` comes later than what it answers to: the latency of the recording, which is taken out.
    loss : str or loss
        By default 0.75 · `losses.ESR` with a pre-emphasis of 0.85, and 0.25 · `losses.DC`.
    epochs, batch_size, callbacks, resume, seed, verbose
        As of `fit`. The optimizer is Adam; the learning rate is halved when 5 epochs have brought no improvement.
    learning_rate : float
    segment : float
        Seconds of a row; the recordings are cut into rows, which overlap by `burn_in`.
    burn_in : int
        Samples at the start of each row that only warm the state up and don't count in the loss.
    tbptt : int
        Samples after which backpropagation is truncated and the parameters are updated; the state goes on.
    validation : float
        Share of the recordings, at their end, that is not trained on; the best epoch is the one with the lowest loss
        there.
    patience : int
        Epochs without an improvement after which training ends.

    Returns
    -------
    player : Player
        Its ``metadata["validation_esr"]`` is the plain error-to-signal ratio of the validation part.
    history : list of dicts, as `fit` gives it

    Raises
    ------
    ValueError
        The recordings don't fit together or are too short.
    """
    where = "audio.train"
    x, y, rate = _recordings(dry, wet, sample_rate, integer(delay, f"{where}: delay"), where)
    burn_in = integer(burn_in, f"{where}: burn_in")
    length = round(number(segment, f"{where}: segment") * rate)
    held_out = number(validation, f"{where}: validation")
    if burn_in < 0 or length < 1 or not 0 < held_out < 1:
        raise ValueError(
            f"{where}: burn_in must be at least 0, segment positive and validation between 0 and 1, "
            f"got {burn_in}, {segment} and {validation}"
        )
    cut = len(x) - int(held_out * len(x))
    if cut < burn_in + length or len(x) - cut <= burn_in:
        raise ValueError(
            f"{where}: {len(x) / rate:.2f} s of sound, {held_out:.0%} of them for validation, are too few for a "
            f"burn_in of {burn_in} samples and segments of {segment:g} s"
        )
    seed = system_seed() if seed is None else as_seed(seed, where)
    lstm = LSTM(x.shape[1], hidden_size, positive_int(num_layers, f"{where}: num_layers"), seed=mix_seed(seed, 0))
    head = Linear(lstm.hidden_size, 1, seed=mix_seed(seed, 1))
    model = Amplifier([lstm, head], flag(skip, f"{where}: skip"), "eigenlstm").model()
    rows, targets = _rows(x[:cut], length, burn_in), _rows(y[:cut], length, burn_in)
    last = (x[None, cut:], y[None, cut:], _counted(1, len(x) - cut, burn_in))
    history = model.fit(
        rows,
        targets,
        sample_weight=_counted(len(rows), rows.shape[1], burn_in),
        validation_data=last,
        loss=Combined([(0.75, ESR(pre_emphasis=0.85)), (0.25, DC())]) if loss is None else loss,
        optimizer=Adam(learning_rate),
        epochs=epochs,
        batch_size=batch_size,
        tbptt=tbptt,
        clip_norm=1.0,
        callbacks=[plateau(factor=0.5, patience=5), early_stopping(patience), *callbacks],
        resume=resume,
        seed=seed,
        verbose=verbose,
    )
    esr = model.evaluate(*last[:2], sample_weight=last[2], loss=ESR())["loss"]
    about = {"trained_by": f"eigenlstm {_core.__version__}", "validation_esr": esr}
    return Player(model, sample_rate=rate, prewarm=rate // 2, metadata=about), history


def _recordings(dry, wet, sample_rate, delay, where):
    """x (n, I) and y (n, 1), float32, and their sample rate."""
    (x, rate), (y, wet_rate) = (
        _recording(sound, sample_rate, name, where) for sound, name in ((dry, "dry"), (wet, "wet"))
    )
    if rate != wet_rate:
        raise ValueError(
            f"{where}: dry has {rate} Hz, wet {wet_rate} Hz: they must be of one recording (see el.sound.resample)"
        )
    if y.shape[1] != 1:
        raise ValueError(f"{where}: wet must have one channel, got {y.shape[1]}")
    if not 0 <= delay < len(y):
        raise ValueError(f"{where}: delay must be at least 0 and less than the {len(y)} samples of wet, got {delay}")
    if abs(len(x) - len(y)) > rate // 10 + delay:
        raise ValueError(f"{where}: dry has {len(x)} samples, wet {len(y)}: they must be of one recording")
    y = y[delay:]
    n = min(len(x), len(y))
    x, y = x[:n], y[:n]
    for name, signal in (("dry", x), ("wet", y)):
        if not np.isfinite(signal).all():
            raise ValueError(f"{where}: {name} has values that are not finite")
    if not np.any(y):
        raise ValueError(f"{where}: wet is silent: there is nothing to learn")
    return x, y, rate


def _recording(sound, sample_rate, name, where):
    """A signal (n, channels), float32, and its sample rate."""
    if not isinstance(sound, (str, bytes, os.PathLike)):
        if sample_rate is None:
            raise ValueError(f"{where}: sample_rate must be given with an array {name}")
        array = as_floats(sound, where, name)
        if array.ndim not in (1, 2) or array.size == 0:
            raise ValueError(f"{where}: {name} must have shape (n,), got {array.shape}")
        return array.reshape(len(array), -1).astype(np.float32), positive_int(sample_rate, f"{where}: sample_rate")
    from ...sound import read

    signal, rate = read(sound)
    if signal.ndim == 2:
        raise ValueError(f"{where}: {name} must have one channel, got {signal.shape[1]}: {os.fsdecode(sound)}")
    if sample_rate not in (None, rate):
        raise ValueError(f"{where}: sample_rate is {sample_rate} Hz, {os.fsdecode(sound)} has {rate} Hz")
    return signal[:, None], rate


def _rows(signal, length, burn_in):
    """(N, burn_in + length, channels): each sample behind the first burn_in is counted in one row."""
    starts = range(0, len(signal) - burn_in - length + 1, length)
    return np.stack([signal[start : start + burn_in + length] for start in starts])


def _counted(rows, steps, burn_in):
    """Weights (rows, steps): 0 while the state warms up."""
    return np.broadcast_to((np.arange(steps) >= burn_in).astype(np.float32), (rows, steps))
