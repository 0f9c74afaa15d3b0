"""Files of Neural Amp Modeler (.nam): one JSON object with ``architecture``, ``config`` and flat ``weights``.

Of an LSTM, ``weights`` are, for each layer, a matrix (4H, I + H) whose columns are those of the input and then those of
h, rows i f g o; one bias (4H); h0 (H); c0 (H); and then the head's weight (O, H) and bias (O).
Source: github.com/sdatkinson/NeuralAmpModelerCore.
"""

import numpy as np

from ...layers.linear import Linear
from ...layers.lstm import LSTM
from . import amplifier
from .amplifier import Amplifier
from .fields import MOST_UNITS

VERSION = "0.5.4"  # of the format that is written
SILENCE = 48_000  # samples of silence after which a trainer writes down the state


def fits(document):
    """Whether `document`, a dict, is such a file."""
    return "architecture" in document or {"config", "weights"} <= document.keys()


def read(document, dtype):
    """The `Amplifier` of a `Field`; ``FileError`` before anything is built where something is wrong."""
    architecture = document["architecture"].text()
    if architecture != "LSTM":
        document["architecture"].fail(f'is {architecture!r}; of NAM\'s architectures only "LSTM" can be read')
    config = document["config"]
    inputs = config["input_size"].integer(1)
    hidden = config["hidden_size"].integer(1)
    count = config["num_layers"].integer(1, amplifier.MOST_LAYERS)
    channels = config.get("in_channels")
    if channels is not None and channels.integer(1) != inputs:
        channels.must(f"input_size, {inputs}")
    outputs = config.get("out_channels")
    outputs = 1 if outputs is None else outputs.integer(1)
    weights = document["weights"]
    needed = [4 * hidden * ((inputs if k == 0 else hidden) + hidden) + 6 * hidden for k in range(count)]
    total = sum(needed) + outputs * (hidden + 1)
    if len(weights.items()) != total:
        weights.fail(
            f"must have {total} numbers for {inputs} inputs, {count} layers of {hidden} units and {outputs} outputs, "
            f"got {len(weights.value)}"
        )
    rate = document.get("sample_rate")
    rate = SILENCE if rate is None else round(rate.number(1000, 1e6))
    metadata = document.get("metadata")
    metadata = {} if metadata is None else metadata.object()
    flat, params, at = weights.array((total,), dtype), {}, 0
    for k in range(count):
        width = inputs if k == 0 else hidden
        matrix, bias, h0, c0 = np.split(
            flat[at : at + needed[k]], np.cumsum([4 * hidden * (width + hidden), 4 * hidden, hidden])
        )
        matrix = matrix.reshape(4 * hidden, width + hidden)
        params |= {f"weight_ih_l{k}": matrix[:, :width], f"weight_hh_l{k}": matrix[:, width:]}
        params |= {f"bias_l{k}": bias, f"h0_l{k}": h0, f"c0_l{k}": c0}
        at += needed[k]
    head = flat[at : at + outputs * hidden].reshape(outputs, hidden)
    layers = [
        amplifier.lstm((inputs, hidden, count), params, dtype, learned_state=True),
        amplifier.linear(head, flat[at + outputs * hidden :], dtype),
    ]
    return Amplifier(layers, False, "NAM", rate, prewarm=rate // 2, metadata=metadata)


def written(given, metadata):
    """The document of an `Amplifier`; ``ValueError`` where the format can't hold it."""
    layers = given.layers
    if given.skip:
        raise ValueError("NAM's LSTM has no skip")
    if len(layers) != 2 or not isinstance(layers[0], LSTM) or not isinstance(layers[1], Linear):
        raise ValueError("NAM's LSTM is one LSTM with a Linear behind it")
    if given.in_gain or given.out_gain:
        raise ValueError("NAM has no gains in its files")
    lstm, head = layers
    if max(lstm.hidden_size, head.out_features) > MOST_UNITS:
        raise ValueError(f"more than {MOST_UNITS} units")
    weights, (h, c) = [], _state(lstm)
    for k in range(lstm.num_layers):
        params = {name: lstm.params[f"{name}_l{k}"] for name in ("weight_ih", "weight_hh")}
        bias = lstm.params[f"bias_l{k}"] if lstm.bias else np.zeros(4 * lstm.hidden_size, lstm.dtype)
        weights += [np.concatenate([params["weight_ih"], params["weight_hh"]], axis=1), bias, h[k], c[k]]
    weights += [head.params["weight"], head.params["bias"] if head.bias else np.zeros(head.out_features, head.dtype)]
    config = {"input_size": lstm.input_size, "hidden_size": lstm.hidden_size, "num_layers": lstm.num_layers}
    config |= {"in_channels": lstm.input_size} if lstm.input_size > 1 else {}
    config |= {"out_channels": head.out_features} if head.out_features > 1 else {}
    flat = np.concatenate([weight.ravel() for weight in weights])
    document = {"version": VERSION, "metadata": metadata, "architecture": "LSTM", "config": config}
    rate = {} if given.sample_rate is None else {"sample_rate": given.sample_rate}
    return {**document, "weights": amplifier.numbers(flat), **rate}


def _state(lstm):
    """What a player starts from: the learned state, or the state after a second of silence, as NAM's trainer has it."""
    if lstm.learned_state:
        params, count = lstm.params, range(lstm.num_layers)
        return [params[f"h0_l{k}"] for k in count], [params[f"c0_l{k}"] for k in count]
    _, (h, c) = lstm(np.zeros((1, SILENCE, lstm.input_size), lstm.dtype))
    return h[:, 0], c[:, 0]
