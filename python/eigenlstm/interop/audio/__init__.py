"""Amplifiers and effects that are LSTMs, played and trained: NAM, GuitarML, RTNeural and AIDA-X files.

>>> amp = el.audio.load("amp.nam")
>>> y = amp.process(x)                                   # the next block of samples, mono
>>> amp.sample_rate, amp.metadata["name"]
(48000, 'Plexi')
>>> el.audio.save(amp, "amp.aidax")
>>> amp, history = el.audio.train("dry.wav", "wet.wav")

``python -m eigenlstm amp MODEL IN.wav OUT.wav`` plays a file through a model.
"""

from .files import FORMATS, load, save
from .player import Player
from .training import train

__all__ = ["FORMATS", "Player", "load", "save", "train"]
