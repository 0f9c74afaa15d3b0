"""Amplifiers of every format, played by Python and by the C++ program: the same bits, and the same refusals.

python tests/install/audio_files.py PROGRAM [FUZZED_FILES] [SEED]

PROGRAM is use_amplifier of this folder. With FUZZED_FILES, it loads so many broken files, too: each must play, or be an
error that names the file, and in both languages the same of the two (C++ refuses entries that it doesn't know, too).
"""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import eigenlstm as el

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / folder) for folder in ("fuzz", "support")]
import audio_case  # noqa: E402


def documents(rng):
    """(name, document) of each format."""
    for make in (audio_case.nam, audio_case.guitarml, audio_case.rtneural, audio_case.aidax, audio_case.torch_state):
        for options in ({}, {"inputs": 3}):
            yield f"{make.__name__} {options}", make(rng, **options)
    yield "nam of two outputs", audio_case.nam(rng, outputs=2, layers=2, hidden=5)
    yield "guitarml without bias", audio_case.guitarml(rng, bias=False, layers=2, skip=0)
    kinds = ("relu", "elu", "softmax", "sigmoid", "tanh", "linear")
    yield (
        "rtneural",
        audio_case.rtneural(rng, 2, (*(("dense", 4, kind) for kind in kinds), ("lstm", 3, ""), ("dense", 1, ""))),
    )


def ours(folder, rng, dtype):
    """(name, path) of files that Python's `save` writes: with what a player has to know, and without."""
    lstm, head = el.LSTM(2, 6, 2, seed=1, dtype=dtype), el.Linear(6, 1, seed=2, dtype=dtype)
    model = el.Model(lambda x: head(lstm(x)[0]) + x[..., :1], x=el.Input((None, 2)))
    el.save(model, folder / "bare")
    yield "a model", folder / "bare"
    amp = el.audio.Player(
        model, sample_rate=44100, in_gain=-3, out_gain=2.5, prewarm=700, metadata={"name": "ä", "n": [1, 2.5]}
    )
    amp.save(folder / "player.safetensors")
    yield "a player", folder / "player.safetensors"


def compare(program, path, name, dtype, folder):
    """The C++ player must give Python's bits, and say the same of the file."""
    amp = el.audio.load(path, dtype=dtype)
    x = np.random.default_rng(0).uniform(-1, 1, 1500).astype(dtype)
    amp.knobs = knobs = np.linspace(0.25, 1, amp.inputs - 1)
    y = amp.process(x)
    x.tofile(folder / "x")
    command = [program, dtype, path, folder / "x", folder / "y", *map(repr, knobs.tolist())]
    run = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8")
    assert np.fromfile(folder / "y", dtype).tobytes() == y.tobytes(), f"{name}, {dtype}: C++ gives other bits"
    form, numbers, metadata = run.stdout.split("\n")[:3]
    said = (amp.format, amp.sample_rate or 0, amp.in_gain, amp.out_gain, amp.prewarm, amp.inputs - 1, amp.outputs)
    assert (form, *map(float, numbers.split())) == said, (name, run.stdout)
    assert (json.loads(metadata) if metadata else {}) == amp.metadata, (name, metadata)


def check(program, folder):
    """The bytes of the files."""
    rng, count = np.random.default_rng(0), 0
    for dtype in ("float32", "float64"):
        for name, document in documents(rng):
            (folder / "amp").write_text(json.dumps(document), encoding="utf-8")
            compare(program, folder / "amp", name, dtype, folder)
            yield (folder / "amp").read_bytes()
            count += 1
        for name, path in ours(folder, rng, dtype):
            compare(program, path, name, dtype, folder)
            yield path.read_bytes()
            count += 1
    print(f"{count} amplifiers have the bits of Python in C++")


def outcome(path):
    """What Python makes of a file."""
    try:
        amp = el.audio.load(path, dtype="float32")
        with np.errstate(all="ignore"):
            amp.process(np.ones(8, np.float32))
        return "loads", ""
    except el.FileError as error:
        return "FileError", str(error)
    except ValueError as error:
        return ("FileError" if "holds a model of float64" in str(error) else "invalid_argument"), str(error)


def fuzz(program, folder, corpus, count, seed):
    from fuzz_files import mutated

    rng, batch, outcomes, differences = random.Random(seed), 100, {}, 0
    for start in range(0, count, batch):
        paths = [folder / f"fuzzed-{start + i}" for i in range(min(batch, count - start))]
        for path in paths:
            path.write_bytes(mutated(rng.choice(corpus), rng))
        command = [program, "--load", *paths]
        run = subprocess.run(command, capture_output=True, text=True, timeout=300, errors="replace")
        lines = run.stdout.split("\n")[:-1]
        assert run.returncode == 0 and len(lines) == len(paths), (run.returncode, run.stderr[-2000:], folder, start)
        for path, line in zip(paths, lines):
            kind, (in_python, why) = line.partition(":")[0], outcome(path)
            assert kind != "FileError" or str(path) in line, line
            if kind not in (in_python, "bad_alloc") and "is no entry that belongs here" not in line:
                differences += 1
                print(f"{path}: C++: {line[:500]}\n  Python: {in_python} {why[:500]}")
                continue
            outcomes[kind] = outcomes.get(kind, 0) + 1
            path.unlink()
    print(f"{count} broken amplifiers in C++ and Python: {outcomes}, {differences} in one alone")
    return differences


if __name__ == "__main__":
    folder = Path(tempfile.mkdtemp())
    files = list(check(sys.argv[1], folder))
    if len(sys.argv) > 2:
        sys.exit(fuzz(sys.argv[1], folder, files, int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1) > 0)
