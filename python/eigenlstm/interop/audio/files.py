"""Files of amplifiers: which format one is, and the formats' readers and writers."""

import json
import os

import numpy as np

from ...atomic_files import write_atomically
from ...checks import float_dtype
from ...did_you_mean import no_such
from ...safetensors_files import FileError, parse_json, read_tensors, starts_as_tensors
from ...saving import load as load_model
from . import guitarml, nam, rtneural, torch_state
from .amplifier import Amplifier, parts
from .fields import Field, read_json
from .player import Player

_READERS = (nam, guitarml, rtneural, torch_state)
_WRITERS = {
    "NAM": nam.written,
    "GuitarML": guitarml.written,
    "RTNeural": rtneural.written,
    "AIDA-X": rtneural.written_for_aidax,
}
FORMATS = (*_WRITERS, "eigenlstm")
SUFFIXES = {".nam": "NAM", ".aidax": "AIDA-X", ".json": "RTNeural", ".safetensors": "eigenlstm"}
_KEY = "audio"  # of a player's own values in the metadata of our files


def load(path, *, dtype=None):
    """The amplifier in the file `path`, as a `Player`.

    Read are the LSTMs of Neural Amp Modeler (.nam), GuitarML and CoreAudioML (.json), RTNeural (.json) and AIDA-X
    (.aidax, .json), a bare ``state_dict`` of PyTorch (.json), and what `save` writes. What a file is, is told by what
    is in it. The test that a file of AIDA-X holds is run.

    Parameters
    ----------
    path : str, bytes or os.PathLike
    dtype : "float32" or "float64"
        That the model computes in; float32 if not given, and for our own files the one that they have.

    Raises
    ------
    FileError
        It is no such file, holds another kind of model (WaveNet, GRU, ...), which is named, or fails its own test. The
        error names the key; nothing is built from a file before all of it was checked.
    OSError
        The file cannot be read.
    """
    if dtype is not None:
        dtype = float_dtype(dtype, "audio.load")
    if starts_as_tensors(path):
        return _load_ours(path, dtype)
    document = read_json(path)
    given = _reader(document).read(document, np.dtype(np.float32) if dtype is None else dtype)
    return Player(
        given.model(),
        sample_rate=given.sample_rate,
        in_gain=given.in_gain,
        out_gain=given.out_gain,
        prewarm=given.prewarm,
        metadata=given.metadata,
        format=given.format,
    )


def save(amp, path, *, format=None, metadata=None):
    """Write an amplifier to the file `path`, whole or not at all.

    Parameters
    ----------
    amp : Player, Model or Sequential
        Of a chain of LSTM, Linear and Activation, perhaps with the input added to its output.
    format : str
        One of `el.audio.FORMATS`. Told by the name of the file if not given: .nam, .aidax, .json (RTNeural's) and
        .safetensors (ours, which holds any model that a `Player` plays).
    metadata : dict of JSON values
        In place of the player's. RTNeural's files have none.

    Raises
    ------
    ValueError
        The format can't hold this model: the reason is named, and nothing is written.
    """
    amp = amp if isinstance(amp, Player) else Player(amp)
    suffix = os.path.splitext(os.fsdecode(path))[1].lower()
    if format is None:
        format = SUFFIXES.get(suffix)
        if format is None:
            raise ValueError(
                f"audio.save: format must be given for a file that ends in {suffix!r}: {', '.join(FORMATS)}"
            )
    if format not in FORMATS:
        raise ValueError(no_such("format", format, FORMATS))
    metadata = amp.metadata if metadata is None else metadata
    if format == "eigenlstm":
        return _save_ours(amp, path, metadata)
    try:
        layers, skip = parts(amp.model)
        given = Amplifier(layers, skip, format, amp.sample_rate, amp.in_gain, amp.out_gain)
        text = json.dumps(_WRITERS[format](given, metadata), allow_nan=False)
    except ValueError as error:
        raise ValueError(f"audio.save: this amplifier can't be written as {format}: {error}") from None
    write_atomically(path, text.encode())
    return None


def _reader(document):
    if isinstance(document.value, dict):
        for reader in _READERS:
            if reader.fits(document.value):
                return reader
        found = f"an object with {', '.join(map(repr, list(document.value)[:6])) or 'nothing'}"[:200]
    else:
        found = "no object"
    raise FileError(
        f"{document.path}: is no amplifier that can be read: NAM's have architecture, config and weights, GuitarML's "
        "model_data and state_dict, RTNeural's and AIDA-X's in_shape and layers, or a state_dict of PyTorch; this is "
        f"{found}"
    )


# -- our own files --------------------------------------------------------------------------------


def _save_ours(amp, path, metadata):
    about = {
        "sample_rate": amp.sample_rate,
        "in_gain": amp.in_gain,
        "out_gain": amp.out_gain,
        "prewarm": amp.prewarm,
        "metadata": metadata,
    }
    amp.model.save(path, metadata={_KEY: json.dumps(about, allow_nan=False)})


def _load_ours(path, dtype):
    metadata = read_tensors(path, lambda _, metadata: metadata)[1]
    options = {}
    if _KEY in metadata:
        about = Field(parse_json(metadata[_KEY].encode(), path, "its description of the amplifier"), path, _KEY)
        rate, found = about.get("sample_rate"), about.get("metadata")
        options = {
            "sample_rate": None if rate is None else rate.integer(1, 1_000_000),
            **{name: about[name].number(-120, 120) for name in ("in_gain", "out_gain")},
            "prewarm": about["prewarm"].integer(0, 1_000_000),
            "metadata": {} if found is None else found.object(),
        }
    model = load_model(path, custom_layers=())
    if dtype is not None and model.dtype != dtype:
        raise ValueError(f"audio.load: {path} holds a model of {model.dtype}, dtype is {dtype}")
    try:
        return Player(model, **options)
    except (TypeError, ValueError) as error:
        raise FileError(f"{path}: {str(error).removeprefix('Player: ')}") from None
