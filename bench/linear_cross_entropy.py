"""A Linear to a vocabulary and its cross-entropy, as one and apart: processor seconds and peak memory.

python bench/linear_cross_entropy.py [--batch 64 --time 12 --features 256 --classes 6000 --padding 0.333]
"""

import argparse
import resource
import time

import numpy as np

import eigenlstm as el


def apart(layer, x, y, lengths):
    logits, tape = layer.forward(x)
    value, dy = el.losses.CrossEntropy()(logits, y, None, lengths)
    return value, layer.backward(tape, dy)


def together(layer, x, y, lengths):
    part, dx = el.losses.LinearCrossEntropy().through(layer, x, y, None, lengths)
    return part.value, dx


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("batch", 64), ("time", 12), ("features", 256), ("classes", 6000), ("repeats", 15)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--padding", type=float, default=1 / 3)
    parser.add_argument("--threads", type=int, default=el.get_num_threads())
    o = parser.parse_args()
    el.set_num_threads(o.threads)
    rng = np.random.default_rng(0)
    layer = el.Linear(o.features, o.classes, seed=0)
    x = rng.standard_normal((o.batch, o.time, o.features)).astype("f")
    y = rng.integers(0, o.classes, (o.batch, o.time))
    mean = round(o.time * (1 - o.padding))
    lengths = np.clip(mean + rng.permutation(np.arange(o.batch) % 9 - 4), 1, o.time)
    print(f"{np.sum(lengths) / lengths.size / o.time:.0%} of the steps count; {o.threads} threads")
    best, peak = {}, {}
    for run in (together, apart):  # the one that takes less memory first: the peak of a process only grows
        run(layer, x, y, lengths)
        peak[run] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for _ in range(o.repeats):
        for run in (together, apart):
            layer.zero_grad()
            start = time.process_time()
            run(layer, x, y, lengths)
            best[run] = min(best.get(run, np.inf), time.process_time() - start)
    value, dx = together(layer, x, y, lengths)
    expected, dx_apart = apart(layer, x, y, lengths)
    assert abs(value - expected) < 1e-5 * abs(expected) and np.allclose(dx, dx_apart, atol=1e-7)
    for run in (apart, together):
        print(f"{run.__name__:10} {best[run] * 1e3:8.2f} ms   peak so far {peak[run]:6.0f} MiB")
    print(f"as one: {best[apart] / best[together]:.2f} times as fast")


if __name__ == "__main__":
    main()
