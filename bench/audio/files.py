"""Writes amplifiers of random weights for bench_audio: python bench/audio/files.py FOLDER."""

import sys
from pathlib import Path

import eigenlstm as el


def main(folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for hidden, layers in ((3, 1), (8, 1), (12, 1), (16, 1), (20, 1), (24, 1), (32, 1), (40, 1), (16, 2), (24, 3)):
        model = el.Sequential([el.LSTM(1, hidden, layers, seed=hidden), el.Linear(hidden, 1, seed=1)])
        for suffix in ("nam", "json"):
            el.audio.save(model, folder / f"lstm-{layers}x{hidden}.{suffix}")


if __name__ == "__main__":
    main(sys.argv[1])
