"""``python -m eigenlstm amp``: a recording, played through a model of an amplifier."""

from pathlib import Path

import numpy as np

from .cli_input import CommandError


def add_amp(commands):
    """Add the command to the parser's `commands`."""
    parser = commands.add_parser(
        "amp",
        help="play a recording through a model of an amplifier",
        description="Play IN.wav through the LSTM in MODEL (NAM, GuitarML, RTNeural, AIDA-X, or a file of eigenlstm) "
        "and write OUT.wav: mono, 24 bits, at the sample rate of IN.wav. Where the model has another rate, the "
        "recording is resampled to it and back, and that is said.",
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help=".nam, .json, .aidax or .safetensors")
    parser.add_argument("source", type=Path, metavar="IN.wav", help="further formats with eigenlstm[audio]")
    parser.add_argument("target", type=Path, metavar="OUT.wav")
    parser.add_argument(
        "--knob",
        type=float,
        action="append",
        default=[],
        metavar="P",
        help="position of a knob of the model, 0 to 1; once for each, in their order; default: 0",
    )
    parser.add_argument("--gain", type=float, default=0.0, metavar="DB", help="of the output; default: 0")
    parser.set_defaults(command=_amp)


def _amp(options):
    from .interop import audio
    from .sound import write

    try:
        amp = audio.load(options.model, dtype=None)
        signal, rate = _read(options.source)
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from None
    except ImportError as error:  # what reads other sounds than WAV files of integers
        raise CommandError(str(error)) from None
    _turn(amp, options)
    print(f"{options.model}: {amp!r}")
    if not -120 <= options.gain <= 120:
        raise CommandError(f"--gain must be from -120 to 120 dB, got {options.gain:g}")
    y = _play(amp, signal.astype(amp.dtype), rate, options.source) * 10 ** (options.gain / 20)
    peak = float(np.abs(y).max()) if len(y) else 0.0
    over = int(np.count_nonzero(np.abs(y) > 1))
    if over:
        quieter = -20 * np.log10(peak)
        print(f"note: {over:,} samples lie beyond full scale and are clipped; --gain {quieter:.1f} would hold them")
    try:
        write(options.target, y, rate, bits=24)
    except OSError as error:
        raise CommandError(f"{options.target} cannot be written: {error.strerror}") from None
    print(f"written: {options.target}, {len(y) / rate:.2f} s at {rate:,} Hz, peak {peak:.3f}")


def _read(path):
    """``(signal, sample_rate)``, mono."""
    from .sound import read

    signal, rate = read(path)
    if signal.ndim == 2:
        print(f"note: {path} has {signal.shape[1]} channels; their mean is played")
        signal = signal.mean(axis=1)
    return signal, rate


def _turn(amp, options):

    if amp.outputs > 1:
        raise CommandError(f"{options.model} gives {amp.outputs} channels; this command plays models of one")
    if options.knob:
        try:
            amp.knobs = options.knob
        except ValueError:
            raise CommandError(
                f"--knob: {options.model} has {amp.inputs - 1} knobs, each from 0 to 1, got {options.knob}"
            ) from None
    elif amp.inputs > 1:
        print(f"note: {options.model} has {amp.inputs - 1} knobs, all at 0; --knob sets them")


def _play(amp, signal, rate, source):
    """`signal` of `rate` through `amp`, at the same rate."""
    from .sound import resample

    if amp.sample_rate is None:
        print(f"note: the model names no sample rate; that of {source}, {rate:,} Hz, is taken for its own")
    if amp.sample_rate in (None, rate):
        return amp.process(signal)
    print(f"note: {source} has {rate:,} Hz, the model {amp.sample_rate:,} Hz: resampled to the model's rate and back")
    y = resample(amp.process(resample(signal, rate, amp.sample_rate)), amp.sample_rate, rate)
    return np.pad(y, (0, max(0, len(signal) - len(y))))[: len(signal)]
