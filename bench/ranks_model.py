"""A model of training on a cluster: seconds a step for 1 to 64 ranks, from compute measured here and networks as
published. It is a simulation: no cluster was used.

    python bench/ranks_model.py [--json FILE]

A step of R ranks takes

    compute / R + exchanges(R) + optimizer

where compute is the forward and backward pass of the batch on one core, and `fit` exchanges in a step

    512 bytes from each rank to all      losses, errors, signals     log2(R) messages, one after the other
    an all-to-all of slices              gradients                   R - 1 messages of n / R values
    an all-gather of slices              their sums                  R - 1 messages of n / R values

so that each rank sends 2 (R - 1) / R · n values and waits for log2(R) + 2 (R - 1) latencies. Nothing of that is hidden
behind the computation.
"""

import argparse
import json
import math
import time

import numpy as np

import eigenlstm as el

# seconds from one process to another, and bytes a second in each direction
NETWORKS = {
    "Ethernet, 1 Gbit/s": (50e-6, 0.117e9),
    "Ethernet, 10 Gbit/s": (20e-6, 1.17e9),
    "InfiniBand HDR, 200 Gbit/s": (1.5e-6, 24e9),
}
SIZES = (64, 128, 256, 512)  # of H
T, I, B = 100, 32, 512
RANKS = (1, 2, 4, 8, 16, 32, 64)
STATUS = 512  # bytes


def measured(hidden, repeats=3, batch=64):
    """``(compute, optimizer, parameters)``: seconds of a batch of B rows, of an update, and how many are updated."""
    model = el.Sequential([el.LSTM(I, hidden, seed=0), el.Last(), el.Linear(hidden, 1, seed=1)])
    x = np.random.default_rng(0).standard_normal((batch, T, I), np.float32)
    loss, optimizer, y = el.losses.MSE(), el.Adam(), np.zeros((batch, 1), np.float32)
    compute, update = [], []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        predicted, tape = model.forward(x)
        model.zero_grad()
        model.backward(tape, loss(predicted, y)[1], need_dx=False)
        compute.append(time.perf_counter() - started)
        started = time.perf_counter()
        optimizer.step(model)
        update.append(time.perf_counter() - started)
    return min(compute[1:]) * B / batch, min(update[1:]), model.num_params


def exchange(ranks, parameters, latency, bandwidth):
    """``(seconds, bytes)`` that a rank spends on a step's exchanges."""
    if ranks == 1:
        return 0.0, 0
    gradients = 2 * (ranks - 1) * -(-parameters // ranks) * 4
    sent = gradients + (ranks - 1) * STATUS
    return (math.log2(ranks) + 2 * (ranks - 1)) * latency + sent / bandwidth, sent


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", help="write the table there")
    given = parser.parse_args()
    el.set_num_threads(1)
    rows = []
    for hidden in SIZES:
        compute, update, parameters = measured(hidden)
        for name, (latency, bandwidth) in NETWORKS.items():
            for ranks in RANKS:
                waits, sent = exchange(ranks, parameters, latency, bandwidth)
                seconds = compute / ranks + waits + update
                rows.append(
                    {"hidden": hidden, "parameters": parameters, "network": name, "ranks": ranks, "bytes": sent,
                     "seconds": seconds}
                )  # fmt: skip
    print(f"Simulated: T = {T}, I = {I}, a batch of {B} rows in float32, one core a rank; milliseconds a step\n")
    print("| H | parameters | network |" + "".join(f" {ranks} |" for ranks in RANKS))
    print("|---|---|---|" + "---|" * len(RANKS))
    for hidden in SIZES:
        for name in NETWORKS:
            line = [row for row in rows if row["hidden"] == hidden and row["network"] == name]
            cells = "".join(f" {row['seconds'] * 1e3:.1f} |" for row in line)
            print(f"| {hidden} | {line[0]['parameters']:,} | {name} |{cells}")
    print("\n| H |" + "".join(f" {ranks} |" for ranks in RANKS[1:]) + "\n|---|" + "---|" * len(RANKS[1:]))
    for hidden in SIZES:
        line = [row for row in rows if row["hidden"] == hidden and row["network"] == next(iter(NETWORKS))]
        print(f"| {hidden} |" + "".join(f" {row['bytes'] / 1e6:.2f} |" for row in line[1:]))
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
