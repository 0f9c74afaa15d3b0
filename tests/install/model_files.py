"""Models of every layer that streams, saved by Python and run by the C++ program: the bits of `predict`.

python tests/install/model_files.py PROGRAM [FUZZED_FILES]

PROGRAM is use_model of this folder. With FUZZED_FILES, it loads so many broken files, too: each must be a model that
steps, or an error that names the file.
"""

import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import eigenlstm as el

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fuzz"))

VALUES = ["linear", "sigmoid", "tanh", "relu", "softsign", "softplus", "hard_swish", "leaky_relu", "elu", "affine",
          "thresholded_relu", "scaled_tanh", "hard_sigmoid", "hard_sigmoid_keras3", "silu", "gelu_tanh", "selu", "relu6",
          "exponential", "softmax", "log_softmax"]  # fmt: skip
OPTIONS = [
    {},
    {"num_layers": 3, "bias": False, "dropout": 0.1, "seed": 5},
    {"hidden_size": [7, 5], "dropout": [0.2, 0.0]},
    {"proj_size": 3, "learned_state": True, "num_layers": 2},
    {"peephole": True, "coupled_input_forget": True},
    {"layer_norm": True, "residual": True, "num_layers": 2},
    {"activations": (("hard_sigmoid", 0.3, 0.4), "softsign", ("leaky_relu", 0.2)), "gate_clip": 2.0, "cell_clip": 0.7},
    {"zoneout": (0.1, 0.3), "weight_drop": 0.2, "input_dropout": 0.1, "recurrent_dropout": 0.3, "init": "torch"},
    {"missing": "mask"},
    {"missing": "forward_fill"},
    {"missing": "error", "forget_bias": 0.5},
]


def models(dtype):
    """(name, model) of everything that streams."""
    kind = {"dtype": dtype}
    for i, options in enumerate(OPTIONS):
        lstm = el.LSTM(3, **{"hidden_size": 9, **options}, **kind)
        yield f"LSTM with {options}", lstm if i % 2 else el.Sequential([lstm])
    for name in VALUES:
        yield name, el.Sequential([el.LSTM(3, 5, **kind), el.Activation(name), el.Linear(5, 20, bias=False, **kind)])
    yield "a chain", el.Sequential([
        el.Linear(3, 70, **kind), el.Dropout(0.2), el.LayerNorm(70, eps=1e-3, **kind), el.LSTM(70, 6, **kind),
        el.Sequential([el.Conv1D(6, 4, 3, padding="causal", dilation=2, **kind), el.SpatialDropout1D(0.1, seed=3)]),
        el.Conv1D(4, 2, 1, bias=False, **kind), el.Shift(0.25),
    ])  # fmt: skip
    yield "standardised features", el.Sequential([
        el.Normalization(3, [5.0, -2.0, 0.1], [0.3, 7.0, 1.0], **kind), el.LSTM(3, 5, **kind), el.Linear(5, 2, **kind),
        el.Normalization(2, -3.0, 4.0, invert=True, **kind),
    ])  # fmt: skip
    embedding = el.Embedding(11, 4, padding_idx=-1, init_scale=0.5, **kind)
    yield "tied words", el.Sequential([embedding, el.LSTM(4, 4, **kind), el.TiedLinear(embedding)])
    lstm, head, gate = el.LSTM(3, 5, **kind), el.Linear(5, 2, **kind), el.Linear(3, 2, **kind)
    wired = lambda x: el.Concat()(head(lstm(x)[0]) * gate(x) + x[..., :2], 1.0 - x[..., -1:], gate(x))  # noqa: E731
    yield "a graph", el.Model(wired, x=el.Input((None, 3)))


def check(program, folder):
    rng, count = np.random.default_rng(0), 0
    for dtype in ("float32", "float64"):
        for name, model in models(dtype):
            model.flat_params = (0.5 * rng.standard_normal(model.num_params)).astype(dtype)
            B, T = int(rng.integers(1, 6)), int(rng.integers(1, 12))
            if name == "tied words":
                x = rng.integers(0, 11, (B, T))
            else:
                x = rng.standard_normal((B, T, 3)).astype(dtype)
                if "'missing'" in name and "error" not in name:
                    x[rng.random(x.shape) < 0.3] = np.nan
            expected = model(x)[0] if isinstance(model, el.LSTM) else model.predict(x)
            el.save(model, folder / "model")
            x.tofile(folder / "x")
            subprocess.run([program, folder / "model", folder / "x", folder / "y", str(B), str(T)], check=True)
            y = np.fromfile(folder / "y", dtype)
            assert y.tobytes() == expected.tobytes(), f"{name}, {dtype}: C++ gives other bits than Python"
            yield (folder / "model").read_bytes()
            count += 1
    print(f"{count} models have the bits of Python in C++")


def fuzz(program, folder, corpus, count, seed=1):
    """Broken files: whatever the program prints for them, it must print one line of outcome for each and end well."""
    from fuzz_files import mutated

    rng, batch, outcomes = random.Random(seed), 100, {}
    for start in range(0, count, batch):
        paths = [folder / f"fuzzed-{start + i}" for i in range(min(batch, count - start))]
        for path in paths:
            path.write_bytes(mutated(rng.choice(corpus), rng))
        run = subprocess.run([program, "--load", *paths], capture_output=True, text=True, timeout=300, errors="replace")
        lines = [
            line for line in run.stdout.split("\n") if line.startswith(("loads", "FileError: ", "bad_alloc", "inv"))
        ]
        assert run.returncode == 0 and len(lines) == len(paths), (run.returncode, run.stderr[-2000:], folder, start)
        for path, line in zip(paths, lines):
            kind = line.partition(":")[0]
            assert kind != "FileError" or str(path) in line, line
            outcomes[kind] = outcomes.get(kind, 0) + 1
            path.unlink()
    print(f"{count} broken files in C++: {outcomes}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        saved = list(check(sys.argv[1], Path(name)))
        if len(sys.argv) > 2:
            fuzz(sys.argv[1], Path(name), saved, int(sys.argv[2]))
