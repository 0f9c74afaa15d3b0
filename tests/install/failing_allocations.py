"""Each allocation of the compiled module fails once: the call raises MemoryError, the process lives, and the next call
is right.

    c++ -shared -fPIC -O1 -o failing.so tests/install/failing_allocations.cpp
    LD_PRELOAD=./failing.so python tests/install/failing_allocations.py [most]

For each operation and each N from 1 to `most` (200) or to the number of allocations that the operation makes, a forked
process makes it with the Nth allocation failing. Linux and glibc alone.
"""

import ctypes
import os
import signal
import sys
import tempfile

import numpy as np

import eigenlstm as el
from eigenlstm import _core

preloaded = ctypes.CDLL(None)
preloaded.fail_allocation.argtypes = (ctypes.c_size_t, ctypes.c_size_t, ctypes.c_long)
preloaded.allocations.restype = ctypes.c_long


def module_range():
    """Where the module's code lies in memory."""
    spans = [
        [int(end, 16) for end in line.split()[0].split("-")]
        for line in open("/proc/self/maps")
        if line.rstrip().endswith(os.path.basename(_core.__file__))
    ]
    return min(start for start, _ in spans), max(end for _, end in spans)


CODE = module_range()
folder = tempfile.mkdtemp()
rng = np.random.default_rng(0)
x = rng.standard_normal((6, 7, 3)).astype(np.float32)
OPTIONS = dict(num_layers=2, seed=0)
VARIANT = dict(
    num_layers=2, proj_size=4, peephole=True, layer_norm=True, learned_state=True, residual=True, dropout=0.1, seed=0
)
lstm, variant = el.LSTM(3, 9, **OPTIONS), el.LSTM(3, 9, **VARIANT)
both = el.LSTM(3, 9, bidirectional=True, missing="mask", **OPTIONS)
tapes = {id(layer): layer.forward(x, seed=1)[2] for layer in (lstm, variant, both)}
stream = variant.stream(batch_size=2)
session = lstm.stream()


def model():
    return el.Sequential([el.LSTM(3, 8, seed=0), el.Last(), el.Linear(8, 2, seed=1)])


trained = model()
trained.save(os.path.join(folder, "m"))


def fit():
    fresh = model()
    fresh.fit(x, np.zeros(6, np.int64), loss="cross_entropy", optimizer=el.Adam(1e-2), batch_size=2, seed=0, verbose=0)
    return fresh.flat_params


def each(layer):
    name = "bidirectional" if layer is both else "variant" if layer is variant else "plain"
    return {
        f"{name}: inference": lambda: layer(x)[0],
        f"{name}: forward": lambda: layer.forward(x, seed=1)[0],
        f"{name}: forward, light": lambda: layer.forward(x, seed=1, memory="light")[0],
        f"{name}: backward": lambda: layer.backward(tapes[id(layer)], np.ones_like(layer(x)[0]))[0],
        f"{name}: per row": lambda: layer.backward(tapes[id(layer)], np.ones_like(layer(x)[0]), per_row=True)[0],
        f"{name}: trace": lambda: layer(x, trace=True)[2]["f_l0"],
    }


OPERATIONS = {
    "a layer": lambda: el.LSTM(3, 9, **VARIANT).flat_params,
    **each(lstm),
    **each(variant),
    **each(both),
    "stream": lambda: variant.stream(batch_size=2).step(x[:2, 0]),
    "step": lambda: session.fork().step(x[0, 0]),
    "fork": lambda: stream.fork().step(x[:2, 0]),
    "state": lambda: stream.fork().state[0],
    "fit": fit,
    "predict": lambda: trained.predict(x),
    "evaluate": lambda: np.float64(trained.evaluate(x, np.zeros(6, np.int64), loss="cross_entropy")["loss"]),
    "save": lambda: (trained.save(os.path.join(folder, "saved")), trained.flat_params)[1],
    "load": lambda: el.load(os.path.join(folder, "m")).flat_params,
    "ctc": lambda: el.losses.CTC()(x, np.array([[1, 2]] * 6))[1],
    "embedding": lambda: el.Embedding(5, 3, seed=0)(np.arange(5)),
    "random": lambda: _core.random_mask(100, 0.5, 1) if hasattr(_core, "random_mask") else np.zeros(1),
}


def attempt(operation, expected, n):
    """In a forked process; what went wrong, or None."""
    child = os.fork()
    if child == 0:
        code = 0
        signal.alarm(60)
        try:
            preloaded.fail_allocation(*CODE, n)
            try:
                operation()
                code = 0
            except MemoryError:
                code = 0
            except BaseException as error:  # noqa: BLE001
                print(f"raised {type(error).__name__}: {error}", flush=True)
                code = 1
            preloaded.allocations()
            if not np.array_equal(operation(), expected):
                print("the next call gave something else", flush=True)
                code = 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return f"died of signal {os.WTERMSIG(status)}"
    return None if status == 0 else f"exited with {os.WEXITSTATUS(status)}"


def main():
    most, wrong, tried = int(sys.argv[1]) if len(sys.argv) > 1 else 200, [], 0
    el.set_num_threads(1)
    for name, operation in OPERATIONS.items():
        expected = operation()
        preloaded.fail_allocation(*CODE, 0)
        operation()
        count = preloaded.allocations()
        for n in range(1, min(count, most) + 1):
            tried += 1
            problem = attempt(operation, expected, n)
            if problem:
                wrong.append(f"{name}, allocation {n} of {count}: {problem}")
                print(wrong[-1], flush=True)
    print(f"{tried} failing allocations in {len(OPERATIONS)} operations, {len(wrong)} handled wrongly")
    sys.exit(bool(wrong) or not tried)


if __name__ == "__main__":
    main()
