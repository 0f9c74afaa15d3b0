"""What it costs a single process to compute a batch in shards, as runs of ``fit(comm=...)`` do.

    python bench/shards.py [--threads 1] [--rounds 3]

T = 100, I = 32; milliseconds a step without shards and in 2, 4, 8, … of them, the fastest of the rounds.
"""

import argparse
import time

import numpy as np

import eigenlstm as el

T, I = 100, 32


def milliseconds(hidden, rows, shards):
    steps = max(1, 256 // rows)
    x, y = np.random.default_rng(0).standard_normal((steps * rows, T, I), np.float32), np.zeros((steps * rows, 1), "f")
    model = el.Sequential([el.LSTM(I, hidden, seed=0), el.Last(), el.Linear(hidden, 1, seed=1)])
    started = time.perf_counter()
    model.fit(x, y, loss="mse", optimizer="adam", batch_size=rows, shards=shards, seed=0, verbose=0)
    return (time.perf_counter() - started) / steps * 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    el.set_num_threads(given.threads)
    for hidden in (64, 128, 256):
        for rows in (16, 32, 64, 128, 256):
            cuts = [shards for shards in (1, 2, 4, 8, 16, 32) if shards <= rows]
            found = [[milliseconds(hidden, rows, shards) for shards in cuts] for _ in range(given.rounds)]
            best = np.min(found, axis=0)
            cells = "  ".join(f"{n}: {each / best[0] - 1:+.0%}" for n, each in zip(cuts[1:], best[1:]))
            print(f"H = {hidden}, {rows} rows: {best[0]:.2f} ms; in shards {cells}", flush=True)


if __name__ == "__main__":
    main()
