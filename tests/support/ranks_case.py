"""Runs that several processes train together, for tests that compare their bits with those of one process.

    python ranks_case.py FOLDER TRANSPORT CASE...

TRANSPORT is "mpi", "torch" or "alone". Each rank writes FOLDER/CASE.TRANSPORT.RANK with a hash of all that the run has
left; the name of a case has its dtype behind a colon.
"""

import hashlib
import json
import os
import sys

import numpy as np

import eigenlstm as el

SHARDS = 8


def data(dtype, rows=22, time=9, features=5, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, time, features)).astype(dtype)
    return x, np.tanh(np.cumsum(x[:, :, :1], axis=1)).astype(dtype)


def per_step(dtype, **options):
    return el.Sequential(
        [el.LSTM(5, 6, dtype=dtype, seed=1, **options), el.Linear(head(options), 1, dtype=dtype, seed=2)]
    )


def per_row(dtype, outputs=1, **options):
    layers = [
        el.LSTM(5, 6, dtype=dtype, seed=1, **options),
        el.Last(),
        el.Linear(head(options), outputs, dtype=dtype, seed=2),
    ]
    return el.Sequential(layers)


def head(options):
    return 12 if options.get("bidirectional") else 6


def ragged(dtype):
    x, y = data(dtype)
    lengths = np.random.default_rng(3).integers(1, 10, len(x))
    return [row[:n] for row, n in zip(x, lengths)], [row[:n] for row, n in zip(y, lengths)]


def steps(dtype, fit=None, **options):
    return per_step(dtype, **options), *data(dtype), {"loss": "mse", **(fit or {})}


def plain(dtype):
    x, y = data(dtype)
    xv, yv = data(dtype, 30, seed=5)
    options = {
        "validation_data": (xv, yv[:, -1]),
        "metrics": ["rmse", "nse"],
        "clip_norm": 0.5,
        "ema": 0.9,
        "callbacks": [el.early_stopping(patience=2), el.schedule(el.schedules.cosine(1e-2, steps=9))],
    }
    return per_row(dtype), x, y[:, -1], {"loss": "mse", **options}


def ragged_steps(dtype):
    return per_step(dtype, num_layers=2, dropout=0.3), *ragged(dtype), {"loss": "huber", "metrics": ["mae"]}


def ragged_tbptt(dtype):
    return per_step(dtype), *ragged(dtype), {"loss": "mse", "tbptt": 4}


def weighted(dtype):
    x, y = data(dtype)
    options = {"class_weight": {0: 1.0, 1: 2.5}, "sample_weight": np.linspace(0, 2, len(x)), "metrics": ["accuracy"]}
    return per_row(dtype, 2), x, (y[:, -1, 0] > 0).astype(int), {"loss": "cross_entropy", **options}


def ctc(dtype):
    x, _ = ragged(dtype)
    labels = [np.random.default_rng(i).integers(1, 4, max(1, len(row) // 3)) for i, row in enumerate(x)]
    model = el.Sequential(
        [el.LSTM(5, 6, dtype=dtype, seed=1, bidirectional=True), el.Linear(12, 4, dtype=dtype, seed=2)]
    )
    return model, x, labels, {"loss": el.losses.CTC(zero_infinity=True), "metrics": ["wer"]}


def nse(dtype):
    x, y = data(dtype)
    return per_row(dtype), x, y[:, -1], {"loss": "nse", "sample_weight": np.linspace(0, 1, len(x))}


def esr(dtype):
    return steps(dtype, {"loss": el.losses.ESR(), "tbptt": 5})


def augmented(dtype):
    def noise(batch, rng):
        return {**batch, "x": batch["x"] + rng.standard_normal(batch["x"].shape).astype(dtype)}

    return *steps(dtype)[:3], {"loss": "mse", "augment": noise, "tbptt": 5}


def told(dtype):
    """A generator that gives each rank its rows."""
    x, y = data(dtype)

    def batches(epoch, rank, size):
        for start in range(0, 22, 11):
            mine = el.distributed.rows_of_rank(11, rank, size, SHARDS)
            yield x[start : start + 11][mine], y[start : start + 11, -1][mine]

    return per_row(dtype), batches, None, {"loss": "mse"}


def shards_left_out(dtype):
    """170 rows: a batch of 160, which is cut into 10 shards, and one of 10 rows, cut into 8."""
    x, y = data(dtype, rows=170)
    return per_row(dtype), x, y[:, -1], {"loss": "mse", "batch_size": 160, "shards": None}


CASES = {
    "plain": plain,
    "ragged": ragged_steps,
    "bidirectional": lambda dtype: steps(dtype, bidirectional=True),
    "dropout": lambda dtype: steps(dtype, num_layers=2, dropout=0.4, recurrent_dropout=0.2),
    "zoneout": lambda dtype: steps(dtype, zoneout=(0.2, 0.3)),
    "weight_drop": lambda dtype: steps(dtype, weight_drop=0.3),
    "layer_norm": lambda dtype: steps(dtype, layer_norm=True),
    "tbptt": lambda dtype: steps(dtype, {"tbptt": 4, "metrics": ["mae"]}),
    "ragged_tbptt": ragged_tbptt,
    "stateful": lambda dtype: steps(dtype, {"stateful": True, "batch_size": 11}),
    "class_weight": weighted,
    "ctc": ctc,
    "nse": nse,
    "esr": esr,
    "augmented": augmented,
    "told": told,
    "shards_left_out": shards_left_out,
}


def communicator(transport):
    if transport == "alone":
        return None
    if transport == "torch":
        return el.distributed.torch_comm(timeout=60)
    from mpi4py import MPI

    return MPI.COMM_WORLD


def trained(case, comm, **more):
    """``(model, history, run)`` of a case."""
    name, _, dtype = case.partition(":")
    model, x, y, options = CASES[name](dtype or "float32")
    runs = []
    options = {
        "batch_size": 12, "epochs": 3, "seed": 4, "optimizer": el.Adam(1e-2), "verbose": 0, "shards": SHARDS, **options
    }  # fmt: skip
    options["callbacks"] = [*options.get("callbacks", ()), runs.append, *more.pop("callbacks", ())]
    options = {**options, **more}
    if y is None:
        options.pop("batch_size")
    if comm is None and options["shards"] is None:
        options["shards"] = "auto"  # the default with comm
    return model, model.fit(x, y, comm=comm, **options), runs[-1]


def digest(model, history, run):
    """A hash of parameters, history and the optimizer's state; the seconds of an epoch are left out."""
    found = hashlib.sha256(model.flat_params.tobytes())
    found.update(repr([{k: v for k, v in logs.items() if k != "seconds"} for logs in history]).encode())
    for name, array in sorted(run.optimizer._state.items()):
        found.update(name.encode() + array.tobytes())
    return found.hexdigest()


def main(folder, transport, *cases):
    el.set_num_threads(1)
    comm = communicator(transport)
    rank = 0 if comm is None else comm.rank
    for case in cases:
        model, history, run = trained(case, comm)
        with open(os.path.join(folder, f"{case}.{transport}.{rank}"), "w") as file:
            json.dump({"hash": digest(model, history, run), "losses": [logs["loss"] for logs in history]}, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
