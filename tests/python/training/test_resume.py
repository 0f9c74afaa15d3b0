"""A run that was killed goes on to the bits of the run that was not.

All 100 kills: ``EIGENLSTM_KILLS=100 pytest tests/python/training/test_resume.py``; 6 by default.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import resume_case
from layer_checks import same_bits
from resume_case import LENGTHS, X, Y, train

import eigenlstm as el
from eigenlstm import safetensors_files as files


def timeless(history):
    return [{name: value for name, value in logs.items() if name != "seconds"} for logs in history]


@pytest.mark.parametrize("options", [{}, {"ema": 0.9}, {"seed": None}], ids=str)
@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_a_run_in_pieces_is_the_run_in_one(tmp_path, options, optimizer):
    def build():
        return getattr(el, optimizer)(1e-2, **({"momentum": 0.9} if optimizer == "SGD" else {}))

    path = tmp_path / "run.safetensors"
    if options.get("seed", 0) is None:  # drawn from the system, and kept in the file
        train(path, 1, optimizer=build(), **options)
        options = {"seed": None}
        whole_path = tmp_path / "whole.safetensors"
        whole_path.write_bytes(path.read_bytes())
        whole, history = train(whole_path, 6, optimizer=build(), **options)
    else:
        whole, history = train(None, 6, optimizer=build(), **options)
    for epochs in (1, 3, 3, 6):
        model, pieces = train(path, epochs, optimizer=build(), **options)
    assert same_bits(model.flat_params, whole.flat_params)
    assert timeless(pieces) == timeless(history)


def test_a_run_that_was_stopped_early_stays_stopped(tmp_path):
    path = tmp_path / "run.safetensors"

    def enough(run):
        if run.epoch == 2:
            run.stop("enough")

    first, history = train(path, 5, callbacks=[enough])
    again, resumed = train(path, 5, callbacks=[enough])
    assert resumed.stopped == "enough" and timeless(resumed) == timeless(history)
    assert same_bits(first.flat_params, again.flat_params)


def test_the_log_of_a_resumed_run_has_each_epoch_once(tmp_path):
    path, log = tmp_path / "run.safetensors", tmp_path / "log.jsonl"
    train(path, 3, callbacks=[el.log(log)])
    with open(log, "a") as file:  # as if killed between the log and the checkpoint
        file.write('{"epoch": 4}\n{"ep')
    train(path, 5, callbacks=[el.log(log)])
    assert [json.loads(line)["epoch"] for line in log.read_text().splitlines()] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(seed=8), "seed was 7, is 8"),
        (dict(batch_size=8), "batch_size was 16, is 8"),
        (dict(ema=0.5), "ema was None, is 0.5"),
        (dict(clip_norm=None), "clip_norm was 1.0, is None"),
        (dict(callbacks=[el.log(os.devnull)]), "callbacks were|callbacks was"),
        (dict(optimizer=el.SGD(0.1)), "optimizer was 'Adam', is 'SGD'"),
    ],
)
def test_another_run_is_refused_and_nothing_changed(tmp_path, change, message):
    path = tmp_path / "run.safetensors"
    train(path, 1)
    before = path.read_bytes()
    with pytest.raises(el.FileError, match=message):
        train(path, 2, **change)
    assert path.read_bytes() == before


def test_another_architecture_and_plain_models_are_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    train(path, 1)
    other = el.Sequential([el.LSTM(2, 7), el.Last(), el.Linear(7, 1)])
    before = other.flat_params.copy()
    with pytest.raises(el.FileError, match="another architecture"):
        other.fit(X, Y, loss="mse", optimizer=el.Adam(), resume=path, verbose=0)
    assert same_bits(other.flat_params, before)
    other.save(path)
    with pytest.raises(el.FileError, match="no run to resume"):
        other.fit(X, Y, loss="mse", optimizer=el.Adam(), resume=path, verbose=0)
    train(tmp_path / "seeds", 1)
    train(tmp_path / "seeds", 2, model_seed=5)  # the seed of the initial weights does not matter any more


@pytest.mark.parametrize("path", [True, 1, 2**70])
def test_a_path_that_is_none_is_refused(path):
    """A number would be taken for an open file: 1 for what is printed to, and closed."""
    with pytest.raises(TypeError, match="fit: resume must be a path, got "):
        el.Sequential([el.Linear(2, 1)]).fit(X, Y, loss="mse", optimizer="adam", epochs=1, resume=path, verbose=0)


def test_a_broken_run_is_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    train(path, 1)
    tensors, metadata = files.read_tensors(path)
    about = json.loads(metadata["eigenlstm"])
    run = about["run"]["dict"]
    for broken in (
        3,
        [],
        {"dict": 3},
        {"tensor": "none"},
        {"a": 1, "b": 2},
        {"dict": {}},
        {"dict": {**run, "epoch": "x"}},
        {"dict": {**run, "optimizer": {"dict": {"class": "Adam"}}}},
        {"dict": {**run, "callbacks": []}},
        {"dict": {**run, "settings": None}},
    ):
        files.write_tensors(path, tensors, {"eigenlstm": json.dumps({**about, "run": broken})})
        with pytest.raises(el.FileError):
            train(path, 2)


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from resume_case import LENGTHS, X, Y, train
print("ready", flush=True)
model, _ = train({path!r}, {epochs})
model.save({out!r})
"""


class Process:
    """`train` in a process of its own, started when its imports are done."""

    def __init__(self, folder, name, epochs):
        self.path, self.out = folder / f"{name}.run", folder / f"{name}.out"
        script = SCRIPT.format(
            tests=os.path.dirname(resume_case.__file__), path=str(self.path), out=str(self.out), epochs=epochs
        )
        self._process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        assert self._process.stdout.readline() == b"ready\n"

    def killed_after(self, seconds):
        """Whether it had to be killed."""
        try:
            assert self._process.wait(seconds) == 0
            return False
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            return True


def test_a_run_that_is_killed_at_random_moments_gives_the_bits_of_one_that_is_not(tmp_path):
    kills, epochs = int(os.environ.get("EIGENLSTM_KILLS", "6")), 60
    whole, _ = train(None, epochs)
    started = time.perf_counter()
    assert not Process(tmp_path, "timing", epochs).killed_after(600)
    duration = time.perf_counter() - started
    moments, seen, attempt = random.Random(0), set(), 0
    while kills:
        process = Process(tmp_path, attempt, epochs)
        if process.killed_after(moments.uniform(0, 0.3) * duration):
            kills -= 1
            if process.path.exists():  # what the kill left is whole
                el.load(process.path)
                seen.add(json.loads(files.read_tensors(process.path)[1]["eigenlstm"])["run"]["dict"]["epoch"])
        else:
            assert same_bits(el.load(process.out).flat_params, whole.flat_params)
            attempt += 1
    process = Process(tmp_path, attempt, epochs)
    assert not process.killed_after(600)
    assert same_bits(el.load(process.out).flat_params, whole.flat_params)
    assert len(seen) > 1, "no kill came in the middle of a run"


WRONG = {
    "a best that is no number": lambda run: early(run)["monitor"]["dict"].update(best={"dict": {}}),
    "waited that is no number": lambda run: early(run)["monitor"]["dict"].update(waited="x"),
    "an epoch that is no number": lambda run: early(run).update(epoch=[1]),
    "parameters that are none": lambda run: early(run).update(params="x"),
    "a history of another length": lambda run: run.update(history=run["history"] + run["history"]),
    "a history of texts": lambda run: run.update(history=["x", "y"]),
    "a step that is a bool": lambda run: run.update(step=True),
    "a negative epoch": lambda run: run.update(epoch=-1),
    "an optimizer without its rate": lambda run: run["optimizer"]["dict"]["state"]["dict"].pop("lr"),
    "steps that are none": lambda run: run["optimizer"]["dict"]["state"]["dict"].update(steps="x"),
}


def early(run):
    """The state of early stopping in a checkpoint of `train`."""
    return next(part["dict"] for part in run["callbacks"] if part["dict"]["class"] == "EarlyStopping")["state"]["dict"]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_value_in_a_checkpoint_is_found_before_anything_is_changed(tmp_path, wrong):
    path = tmp_path / "run"
    train(path, 2)
    tensors, metadata = files.read_tensors(path)
    about = json.loads(metadata["eigenlstm"])
    WRONG[wrong](about["run"]["dict"])
    files.write_tensors(path, tensors, {"eigenlstm": json.dumps(about)})
    optimizer, stopping = el.Adam(1e-2), el.early_stopping(50)
    fresh, state = optimizer.state_dict(), stopping.state_dict()
    model = el.Sequential([el.LSTM(2, 6, seed=1), el.Dropout(0.3), el.Last(), el.Linear(6, 1, seed=2)])
    before = model.flat_params.copy()
    with pytest.raises(el.FileError, match="run"):
        model.fit(X, Y, loss="mse", optimizer=optimizer, epochs=3, batch_size=16, seed=7, lengths=LENGTHS,
                  validation_data={"x": X, "y": Y, "lengths": LENGTHS}, metrics=["mae"], clip_norm=1.0, resume=path,
                  verbose=0, callbacks=[el.checkpoint(path), stopping, el.plateau(patience=1)])  # fmt: skip
    assert np.array_equal(model.flat_params, before)
    assert optimizer.state_dict() == fresh and stopping.state_dict() == state
