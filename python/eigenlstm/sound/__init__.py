"""Sound in front of a model: files, mel spectrograms, cepstral coefficients, masks for training.

>>> signal, sample_rate = el.sound.read("word.wav", sample_rate=8000, mono=True)
>>> mfcc = el.sound.MFCC(8000, convention="htk")
>>> features = el.sound.normalize(mfcc(signal))                    # (T, 13), float32: a row of x
>>> features = np.concatenate([features, el.sound.deltas(features)], axis=1)
>>> model.save("m.safetensors", metadata={"sound": mfcc.to_json()})
>>> mfcc = el.sound.load("m.safetensors")
"""

from .augmentation import SpecAugment
from .features import MFCC, LogMel, load, mel_filters
from .files import read, write
from .framing import deltas, frames, normalize, pre_emphasis
from .resampling import resample

__all__ = [
    "MFCC",
    "LogMel",
    "SpecAugment",
    "deltas",
    "frames",
    "load",
    "mel_filters",
    "normalize",
    "pre_emphasis",
    "read",
    "resample",
    "write",
]
