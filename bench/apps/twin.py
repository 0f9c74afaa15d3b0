"""What the PyTorch twins of the applications share."""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

import eigenlstm as el


def options(description, epochs, out=None, arguments=None):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--data", default=None)
    parser.add_argument("--split", type=int, default=0)
    if out is not None:
        parser.add_argument("--out", type=Path, default=out)
    given = parser.parse_args(arguments)
    torch.set_num_threads(el.get_num_threads())
    torch.manual_seed(given.seed)
    return given


def ragged(rows):
    """``(x, lengths)``: rows of unequal length as one padded tensor."""
    lengths = torch.tensor([len(row) for row in rows])
    return pad_sequence([torch.from_numpy(np.ascontiguousarray(row)) for row in rows], batch_first=True), lengths


def packed(lstm, x, lengths):
    """The outputs of `lstm` on a padded batch; no time is spent on its padding."""
    steps = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    return pad_packed_sequence(lstm(steps)[0], batch_first=True)[0]


def batches(lengths, size, rng):
    """Indices of an epoch's batches: rows of like length together, as `fit` does, both in random order."""
    order = rng.permutation(len(lengths))
    pools = np.split(order, range(16 * size, len(order), 16 * size))
    order = np.concatenate([pool[np.argsort(np.asarray(lengths)[pool], kind="stable")] for pool in pools])
    made = np.split(order, range(size, len(order), size))
    return [made[i] for i in rng.permutation(len(made))]


def finished(seconds):
    """Every twin passes the processor seconds of its training through here: `bench.apps.training_time` looks at them."""
    return seconds


def train(model, loss, rows, *, valid=None, epochs, size, rate, seed, augment, ema=0.0, watch=None):
    """Train by ``loss(model, batch) -> tensor`` with the schedule `rate(step)`; the processor seconds that it took.

    A batch is the dict that `augment` of `fit` gets; `rows` makes it of indices. After each epoch the loss of the rows
    `valid` is taken, as `fit` does. With `ema` the model ends with the running mean of its parameters.
    `watch(seconds)` is called after each epoch; its own time does not count."""
    kept = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(ema))
    rng = np.random.default_rng(seed)
    updates, step = torch.optim.Adam(model.parameters(), lr=rate(0)), 0
    lengths = [len(row) for row in rows["x"]]
    started = time.process_time()
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for chosen in batches(lengths, size, rng):
            x, sizes = ragged([rows["x"][i] for i in chosen])
            batch = augment({"x": x.numpy(), "lengths": sizes.numpy(), "y": None, "sample_weight": None}, rng)
            updates.param_groups[0]["lr"] = rate(step)
            updates.zero_grad()
            value = loss(model, torch.from_numpy(batch["x"]), sizes, [rows["y"][i] for i in chosen])
            value.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            updates.step()
            if ema:
                kept.update_parameters(model)
            total, step = total + value.item(), step + 1
        told = f"  val_loss {validated(kept.module if ema else model, loss, valid, size):.4f}" if valid else ""
        print(f"epoch {epoch + 1:3}/{epochs}  loss {total / -(-len(lengths) // size):.4f}{told}", flush=True)
        if watch is not None:
            stopped = time.process_time()
            watch(stopped - started)
            started += time.process_time() - stopped
    if ema:
        model.load_state_dict(kept.module.state_dict())
    return finished(time.process_time() - started)


def validated(model, loss, rows, size):
    """The mean loss of `rows`, those of like length together."""
    lengths = [len(row) for row in rows["x"]]
    total, order = 0.0, np.argsort(lengths, kind="stable")
    model.eval()
    with torch.no_grad():
        for chosen in np.split(order, range(size, len(order), size)):
            value = loss(model, *ragged([rows["x"][i] for i in chosen]), [rows["y"][i] for i in chosen])
            total += len(chosen) * value.item()
    return total / len(order)
