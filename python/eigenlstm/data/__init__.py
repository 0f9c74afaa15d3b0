"""The data sets that ship with the package. README.md beside this file has sources and licences."""

import gzip
from pathlib import Path

import numpy as np

_FOLDER = Path(__file__).parent


def tetouan():
    """Path of a CSV with the hourly electricity demand of Tetouan in 2017.

    Columns: ``time`` (local, 2017-01-01 00:00 to 2017-12-30 23:00) and ``demand_mw`` (mean power in
    megawatts); 8,736 rows without a gap.
    """
    return _FOLDER / "tetouan.csv"


def japanese_vowels():
    """Utterances of /ae/ by nine speakers: ``(x_train, y_train), (x_test, y_test)``.

    x is a list of float32 arrays (frames, 12) of LPC cepstrum coefficients, 7 to 29 frames of 6.4 ms
    each; y holds the speakers as int64 in 0..8. 270 utterances for training, 370 for testing.
    """
    parts = {"train": ([], []), "test": ([], [])}
    with gzip.open(_FOLDER / "japanese_vowels.txt.gz", "rt", encoding="ascii") as file:
        for block in file.read().strip().split("\n\n"):
            (part, speaker), *frames = (line.split() for line in block.split("\n"))
            x, y = parts[part]
            x.append(np.array(frames, np.float32))
            y.append(int(speaker) - 1)
    return tuple((x, np.array(y)) for x, y in parts.values())


def alice():
    """The text of "Alice's Adventures in Wonderland", 148,423 ASCII characters."""
    return (_FOLDER / "alice.txt").read_text(encoding="ascii")
