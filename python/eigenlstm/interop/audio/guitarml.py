"""Files of GuitarML (NeuralPi, Proteus) and CoreAudioML: ``model_data`` and a ``state_dict`` of PyTorch in JSON.

y = lin(h) + the first ``skip`` inputs; further inputs are knobs. The state starts at zero.
Source: github.com/Alec-Wright/CoreAudioML, github.com/GuitarML.
"""

from ...layers.linear import Linear
from ...layers.lstm import LSTM
from . import amplifier
from .amplifier import Amplifier

SAMPLE_RATE = 44_100  # by convention: these files don't say it


def fits(document):
    """Whether `document`, a dict, is such a file."""
    return "model_data" in document


def read(document, dtype):
    """The `Amplifier` of a `Field`; ``FileError`` before anything is built where something is wrong."""
    data = document["model_data"]
    unit = data["unit_type"].text()
    if unit != "LSTM":
        data["unit_type"].fail(f'is {unit!r}; only "LSTM" can be read')
    inputs, hidden = data["input_size"].integer(1), data["hidden_size"].integer(1)
    outputs, count = data["output_size"].integer(1), 1
    if data.get("num_layers") is not None:
        count = data["num_layers"].integer(1, amplifier.MOST_LAYERS)
    skip = data.get("skip")
    skip = 0 if skip is None else skip.integer(0)
    if skip not in (0, outputs) or skip > inputs:
        data["skip"].must(f"0 or the {outputs} of output_size, and at most the {inputs} of input_size")
    state, params = document["state_dict"], {}
    for k in range(count):
        for name, width in (("weight_ih", inputs if k == 0 else hidden), ("weight_hh", hidden)):
            params[f"{name}_l{k}"] = state[f"rec.{name}_l{k}"].array((4 * hidden, width), dtype)
        biases = [state[f"rec.{name}_l{k}"].array((4 * hidden,), dtype) for name in ("bias_ih", "bias_hh")]
        params[f"bias_l{k}"] = biases[0] + biases[1]
    weight = state["lin.weight"].array((outputs, hidden), dtype)
    biased = data.get("bias_fl")
    biased = True if biased is None else biased.flag()
    bias = state["lin.bias"].array((outputs,), dtype) if biased else None
    expected = 2 + 4 * count - (not biased)
    if len(state.object()) != expected:
        further = [name for name in state.object() if not name.startswith(("rec.", "lin."))] or list(state.object())
        state.fail(f"must have {expected} tensors, got {len(state.object())}: {', '.join(further[:4])[:120]}")
    metadata = document.get("metadata")
    layers = [amplifier.lstm((inputs, hidden, count), params, dtype), amplifier.linear(weight, bias, dtype)]
    found = {} if metadata is None else metadata.object()
    return Amplifier(layers, bool(skip), "GuitarML", SAMPLE_RATE, metadata=found)


def written(given, metadata):
    """The document of an `Amplifier`; ``ValueError`` where the format can't hold it."""
    layers = given.layers
    if len(layers) != 2 or not isinstance(layers[0], LSTM) or not isinstance(layers[1], Linear):
        raise ValueError("GuitarML's SimpleRNN is one LSTM with a Linear behind it")
    if given.in_gain or given.out_gain:
        raise ValueError("GuitarML has no gains in its files")
    if given.sample_rate not in (None, SAMPLE_RATE):
        raise ValueError(f"GuitarML's files are played at {SAMPLE_RATE} Hz, this is one of {given.sample_rate} Hz")
    lstm, head = layers
    data = {"model": "SimpleRNN", "unit_type": "LSTM", "input_size": lstm.input_size, "skip": 0}
    data |= {"output_size": head.out_features, "hidden_size": lstm.hidden_size, "num_layers": lstm.num_layers}
    data |= {"bias_fl": head.bias, "skip": head.out_features * given.skip}
    state = {f"rec.{name}": amplifier.numbers(value) for name, value in lstm.state_dict().items()}
    if not lstm.bias:
        zeros = [0.0] * (4 * lstm.hidden_size)
        state |= {f"rec.{name}_l{k}": zeros for k in range(lstm.num_layers) for name in ("bias_ih", "bias_hh")}
    state |= {f"lin.{name}": amplifier.numbers(value) for name, value in head.params.items()}
    return {"model_data": data, "state_dict": state, **({"metadata": metadata} if metadata else {})}
