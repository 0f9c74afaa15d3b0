"""What the ranks of a run agree on before its first step."""

import json
import os
import tempfile
import warnings

import numpy as np

from .. import _core, saving
from ..layers.lstm import LSTM


def meet(run, epochs, seed, validate):
    """``ValueError`` in all ranks unless they run the same thing; all begin with the parameters of rank 0."""
    team = run.team
    if team.size == 1:
        return
    team.same(*_described(run, epochs, seed, validate))
    team.first(run._params)
    run.model.touch()
    if run._average is not None:
        np.copyto(run._average, run._params)


def _described(run, epochs, seed, validate):
    """What must be the same in all ranks, name -> text, and what an error says of it."""
    optimizer = run.optimizer
    state = [array for _, array in sorted(optimizer._state.items())]
    about = {
        "version of eigenlstm": _core.__version__,
        "model": json.dumps(saving._seedless(saving.architecture(run.model)["architecture"])),
        "trainable layers": list(run.model._trainable()),
        "optimizer": [repr(optimizer), optimizer.steps, *(f"{_core.fingerprint(array):x}" for array in state)],
        "epochs": epochs,
        "seed": seed,
        "metrics": [metric.name for metric in run.metrics],
        "callbacks": [type(callback).__name__ for callback in run._callbacks],
        "validation data": None if validate is None else validate.data(),
        **run._settings,
        "data": run._fingerprint(),
    }
    compared = {name: value if isinstance(value, str) else repr(value) for name, value in about.items()}
    shown = {**compared, "instruction set": _core.isa()}
    # two instruction sets that give the same bits may train together
    return {**compared, "instruction set": _probe(run._params.dtype)}, shown


def _probe(dtype):
    """A hash of what a step of training gives on this processor."""
    lstm = LSTM(5, 9, layer_norm=True, dtype=dtype, seed=0)
    x = np.linspace(-3, 3, 4 * 7 * 5, dtype=dtype).reshape(4, 7, 5)
    y, _, tape = lstm.forward(x)
    lstm.backward(tape, y)
    return f"{_core.fingerprint(lstm._flat_grads):x}"


def resume_together(run, path, seed, any_shards):
    """Let all ranks take up the run in the file `path` of rank 0, if there is one; see `Run.resume`."""
    team = run.team
    if team.size == 1:
        if os.path.exists(path):
            run.resume(path, seed, any_shards)
        return
    content = None
    if team.rank == 0 and os.path.exists(path):
        with open(path, "rb") as file:
            content = np.frombuffer(bytearray(file.read()), np.uint8)
    size = team.gather("looks for a run to resume", None if content is None else content.size)[0]
    if size is None:
        return
    content = np.empty(size, np.uint8) if content is None else content
    team.first(content)
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, os.path.basename(os.fsdecode(path)))
        with open(copy, "wb") as file:
            file.write(content)
        run.resume(path if team.rank == 0 else copy, seed, any_shards)
    if run._division.number == 1 and team.rank == 0:
        warnings.warn(
            f"fit: the run in {os.fsdecode(path)} has one shard, so {team.size - 1} of {team.size} ranks have nothing "
            "to do",
            stacklevel=4,
        )
