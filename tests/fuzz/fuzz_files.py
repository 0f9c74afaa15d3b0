"""A fuzzer of the files that are read: models, checkpoints, forecasters, amplifiers of other programs.

    python tests/fuzz/fuzz_files.py --seconds 600

Each example takes a file of the corpus (tests/cases/written_by_0_1_0, tests/fuzz/corpus: what once was a finding, and
amplifiers with random weights in the JSON of NAM, GuitarML, RTNeural and AIDA-X),
changes values of its JSON at random places, or its bytes, and reads it. Whatever comes must be a `FileError`, or a file
that loads and whose model works; anything else, a crash, a hang or memory beyond reason included, is a finding: the
file is kept and its path printed.
"""

import argparse
import contextlib
import copy
import json
import random
import resource
import signal
import struct
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import eigenlstm as el
from eigenlstm.forecasting import Forecaster

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import audio_case  # noqa: E402

CORPUS = [
    *sorted((HERE.parent / "cases/written_by_0_1_0").glob("*.safetensors")),
    *sorted((HERE / "corpus").glob("*.safetensors")),
]
STRANGE = [
    None, True, False, 0, 1, -1, 2, 3, 1 << 20, 1 << 40, (1 << 63) - 1, 1 << 63, 10**400, 0.5, -0.5, 1e308, -1e-308, "", "a", "ä",
    "\ud800", "\0", "float32", "float64", "LSTM", "Sequential", "Group", "tanh", "sum", "x" * 5000, [], {}, [[]], [0], [None], [1, 2],
    [10**9, 10**9], {"": 0}, {"class": "Linear", "config": {}}, {"dict": {}}, {"tensor": "x"}, {"float": "nan"}, {"float": "x"},
]  # fmt: skip
SECONDS = 10  # for one file
MEMORY = 2 << 30  # bytes of address space beyond what the process has


def strange(rng):
    """One of STRANGE; a copy, as what it is put into may be changed again."""
    return copy.deepcopy(rng.choice(STRANGE))


def split(data):
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def joined(header, rest):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + rest


def places(value, path=()):
    """Every path to a value within nested dicts and lists."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def changed(value, rng):
    """`value` with something else at one or a few places."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        path = rng.choice(list(places(value)))
        if not path:
            return strange(rng)
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        what = rng.randrange(6)
        if what == 0 and isinstance(parent, dict):
            del parent[path[-1]]
        elif what == 1 and isinstance(parent, dict):
            parent[rng.choice(("x", "seed", "layers", "config", "class", ""))] = strange(rng)
        elif what == 2 and isinstance(parent, list):
            parent.insert(rng.randrange(len(parent) + 1), copy.deepcopy(parent[path[-1]]))
        elif what == 3 and isinstance(parent[path[-1]], (int, float)) and not isinstance(parent[path[-1]], bool):
            with contextlib.suppress(OverflowError):  # an integer of STRANGE and a float
                parent[path[-1]] = parent[path[-1]] + rng.choice((-1, 1, 0.5, 1000))
        elif what == 4:
            other = rng.choice(list(places(value)))
            if other:
                source = value
                for key in other:
                    source = source[key]
                parent[path[-1]] = copy.deepcopy(source)
        else:
            parent[path[-1]] = strange(rng)
    return value


def mutated(data, rng):
    kind = rng.randrange(10)
    if kind > 1 and data[:1] == b"{":
        return json.dumps(changed(json.loads(data), rng)).encode()
    if kind == 0:
        return data[: rng.randrange(len(data))]
    if kind == 1:
        data = bytearray(data)
        for _ in range(rng.choice((1, 3, 30))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        return bytes(data)
    try:
        header, rest = split(data)
    except (ValueError, struct.error):
        return data[::-1]
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if kind == 2 or not metadata:
        return joined(changed(header, rng), rest)
    name = rng.choice(list(metadata))
    try:
        metadata[name] = json.dumps(changed(json.loads(metadata[name]), rng))
    except ValueError:
        metadata[name] = rng.choice(("", "{", "[]", "null", "x" * 100))
    return joined(header, rest)


def use(model):
    """A model that loaded must work: parameters in and out, and its description again."""
    model.load_state_dict(model.state_dict())
    model.config()


X = np.random.default_rng(0).standard_normal((8, 3, 2)).astype(np.float32)


def train(path, epochs):
    """A run with all that has a state: it leaves its checkpoint at `path`, or goes on with the one that is there."""
    model = el.Sequential([el.LSTM(2, 3, zoneout=0.1, seed=1), el.Dropout(0.1), el.Last(), el.Linear(3, 1, seed=2)])
    before = model.flat_params.copy()
    try:
        model.fit(
            X, X[:, 0, :1], loss="mse", optimizer=el.Adam(0.02), epochs=epochs, batch_size=4, metrics=["mae"],
            clip_norm=1.0, ema=0.9, validation_data=(X, X[:, 0, :1]), seed=7, resume=path, verbose=0,
            callbacks=[el.checkpoint(path), el.early_stopping(50), el.plateau(factor=0.5, patience=1)],
        )  # fmt: skip
    except el.FileError:
        assert np.array_equal(model.flat_params, before), "a refused checkpoint has changed the model"
        raise
    except el.NonFiniteLoss:  # the file's parameters may be anything
        pass


def play(path):
    """A player that loaded must play, whatever it sounds like."""
    amp = el.audio.load(path)
    with np.errstate(all="ignore"):
        assert amp.process(np.ones(8, amp.dtype)).shape[0] == 8


def amplifiers():
    """Files of each format of amplifiers."""
    rng = np.random.default_rng(0)
    makers = audio_case.nam, audio_case.guitarml, audio_case.rtneural, audio_case.aidax, audio_case.torch_state
    documents = [make(rng, **options) for make in makers for options in ({}, {"inputs": 2})]
    return [json.dumps(document).encode() for document in documents]


def read(path):
    """Every reader on the file; `FileError` is the right answer for most."""
    with contextlib.suppress(el.FileError):
        play(path)
    with contextlib.suppress(el.FileError):
        use(el.load(path, custom_layers=()))
    with contextlib.suppress(el.FileError):
        Forecaster.load(path)
    with contextlib.suppress(el.FileError), np.errstate(all="ignore"):
        train(path, epochs=3)


def too_long(*_):
    raise TimeoutError(f"a file of the fuzzer took more than {SECONDS} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None, help="default: the clock")
    given = parser.parse_args()
    seed = time.time_ns() if given.seed is None else given.seed
    rng, count, findings = random.Random(seed), 0, 0
    corpus = [*(path.read_bytes() for path in CORPUS), *amplifiers()]
    folder = Path(tempfile.mkdtemp())
    train(folder / "run", epochs=2)
    corpus += [(folder / "run").read_bytes()] * len(corpus)  # half of the examples: a checkpoint holds most
    signal.signal(signal.SIGALRM, too_long)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, -1))
    end = time.monotonic() + given.seconds
    while time.monotonic() < end:
        data = mutated(rng.choice(corpus), rng)
        path = folder / "file"
        path.write_bytes(data)
        count += 1
        signal.alarm(SECONDS)
        try:
            read(path)
        except Exception as error:  # noqa: BLE001
            findings += 1
            kept = folder / f"finding-{findings}"
            kept.write_bytes(data)
            print(f"{kept}: {type(error).__name__}: {str(error)[:300]}", flush=True)
        finally:
            signal.alarm(0)
    print(f"{count} files from seed {seed}: {findings} findings")
    sys.exit(bool(findings) or not count)


if __name__ == "__main__":
    main()
