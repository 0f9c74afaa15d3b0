"""Amplifiers for ``python -m eigenlstm convert``."""

import os
from pathlib import Path

from ...layers.lstm import LSTM
from ...safetensors_files import FileError
from ..convert import Report
from .files import SUFFIXES, load, save

_CALLED = {"LSTM": "lstm", "Linear": "dense", "Activation": "activation", "Slice": "skip", "Add": "skip"}


def read(path):
    """``(player, Report)`` of an amplifier's file."""
    amp = load(path)
    became = [(_CALLED.get(type(layer).__name__, "layer"), _text(layer)) for layer in amp.model.graph.layers.values()]
    rate = "an unknown sample rate" if amp.sample_rate is None else f"{amp.sample_rate} Hz"
    knobs = f", {amp.inputs - 1} knob{'s' * (amp.inputs > 2)}" if amp.inputs > 1 else ""
    report = Report(os.fspath(path), f"{amp.format}, {rate}{knobs}", became)
    if amp.in_gain or amp.out_gain:
        report.notes.append(
            f"gains of {amp.in_gain:g} dB before the model and {amp.out_gain:g} dB behind it: eigenlstm.audio.load "
            "applies them, eigenlstm.load gives the model alone"
        )
    if amp.prewarm:
        report.notes.append(f"a player runs {amp.prewarm} samples of silence through it when it is reset")
    return amp, report


def write(amp, path):
    """As the name of the file says (.nam, .aidax, .json), else as a file of ours."""
    try:
        save(amp, path, format=SUFFIXES.get(Path(path).suffix.lower(), "eigenlstm"))
    except ValueError as error:
        raise FileError(f"{path}: {str(error).removeprefix('audio.save: ')}") from None


def _text(layer):
    """The layer with its sizes and without what is known of all of them."""
    config = layer.config()
    sizes = [config.pop(name) for name in ("input_size", "hidden_size", "num_layers") if isinstance(layer, LSTM)]
    if sizes:
        return f"LSTM({', '.join(map(str, sizes))})"
    return repr(layer).replace(", dtype='float32'", "").replace(", seed=None", "")
