"""Files of RTNeural (.json) and AIDA-X (.aidax): ``in_shape`` and a list of ``layers`` with weights in Keras's layout.

AIDA-X adds a skip, two gains, a sample rate and a test: what the model gives for an input, from a state of zeros.
Source: github.com/jatinchowdhury18/RTNeural, github.com/AidaDSP.
"""

import numpy as np

from ...layers.activation import Activation
from ...layers.linear import Linear
from ...layers.lstm import LSTM
from . import amplifier
from .amplifier import Amplifier, input_size, with_weights

DENSE = ("dense", "time-distributed-dense")
ACTIVATIONS = ("tanh", "relu", "sigmoid", "softmax", "elu")  # of RTNeural's dense layers; "" is none
SAMPLE_RATE = 48_000  # of AIDA-X, where a file does not say it
TOLERANCE = 2e-4  # of the test, relative to the largest output or 1: float32 on amplifiers of high gain differs by 3e-5
_OF_AIDAX = ("in_skip", "in_gain", "out_gain", "input_batch", "output_batch", "metadata")


def fits(document):
    """Whether `document`, a dict, is such a file."""
    return "layers" in document or "in_shape" in document


def read(document, dtype):
    """The `Amplifier` of a `Field`; ``FileError`` before anything is built where something is wrong."""
    inputs = width = _last(document["in_shape"])
    plans = []
    for layer in document["layers"].items(1):
        plan, width = _plan(layer, width, dtype)
        plans += plan
    if not any(build is _lstm for build, _ in plans):
        document["layers"].fail("have no LSTM among them")
    aida = any(document.get(name) is not None for name in _OF_AIDAX)
    options = _options_of_aidax(document) if aida else {"format": "RTNeural", "sample_rate": _rate(document)}
    skip = document.get("in_skip")
    skip = skip is not None and bool(skip.integer(0, 1))
    if skip and width > inputs:
        document["in_skip"].must(f"0 for {inputs} inputs and {width} outputs")
    pair = document.get("input_batch"), document.get("output_batch")
    test = _test(document, width, dtype) if any(each is not None for each in pair) else None
    given = Amplifier([build(*arguments, dtype) for build, arguments in plans], skip, **options)
    if test is not None:
        _run_test(document, given, inputs, *test)
    return given


def _plan(layer, width, dtype):
    """``([(function, arguments), ...], outputs)`` of a layer that takes `width` values."""
    kind = layer["type"].text()
    if kind == "activation":
        return _activation(layer, dtype), width
    outputs = _last(layer["shape"])
    if kind in DENSE:
        weights = layer["weights"]
        if len(weights.items(1)) > 2:
            weights.fail(f"must be a kernel and perhaps a bias, got a list of {len(weights.value)}")
        kernel = weights[0].array((width, outputs), dtype)
        bias = weights[1].array((outputs,), dtype) if len(weights.value) == 2 else None
        return [(amplifier.linear, (kernel.T, bias)), *_activation(layer, dtype)], outputs
    if kind != "lstm":
        layer["type"].fail(
            f"is {kind!r}; of RTNeural's layers only lstm, dense, time-distributed-dense and activation can be read"
        )
    weights = layer["weights"]
    if len(weights.items()) != 3:
        weights.fail(f"must be a kernel, a recurrent kernel and a bias, got a list of {len(weights.value)}")
    params = {
        "weight_ih_l0": weights[0].array((width, 4 * outputs), dtype).T,
        "weight_hh_l0": weights[1].array((outputs, 4 * outputs), dtype).T,
        "bias_l0": weights[2].array((4 * outputs,), dtype),
    }
    return [(_lstm, ((width, outputs), params))], outputs


def _lstm(shape, params, dtype):
    return amplifier.lstm(shape, params, dtype)


def _activation(layer, dtype):
    """The activation of a layer, as a list of one plan or none."""
    field = layer.get("activation")
    name = "" if field is None else field.text()
    if name in ("", "linear"):
        return []
    if name not in ACTIVATIONS:
        field.fail(f"is {name!r}, known are {', '.join(ACTIVATIONS)}")
    return [(lambda dtype: Activation(name), ())]


def _last(shape):
    """The size of the last axis of a shape with nulls, as [null, null, 8]."""
    if not isinstance(shape.value, list) or not shape.value:
        shape.must("a list of sizes")
    return shape[len(shape.value) - 1].integer(1)


def _options_of_aidax(document):
    gains = {}
    for name in ("in_gain", "out_gain"):
        field = document.get(name)
        gains[name] = 0.0 if field is None else field.number(-120, 120)
    metadata = document.get("metadata")
    found = {} if metadata is None else metadata.object()
    rate = _rate(document) or (None if metadata is None else _rate(metadata)) or SAMPLE_RATE
    return {"format": "AIDA-X", "sample_rate": rate, "metadata": found, **gains}


def _rate(field):
    """``samplerate`` of an object, a number or a text of one; None where there is none."""
    rate = field.get("samplerate")
    if rate is None or rate.value == "":
        return None
    if isinstance(rate.value, str):
        try:
            rate.value = float(rate.value)
        except ValueError:
            rate.must("a sample rate in Hz")
    return round(rate.number(1000, 1e6))


# -- the test that AIDA-X's files hold ----------------------------------------------------------------


def _test(document, outputs, dtype):
    """The first input (n,) and the output (n, outputs) of the test."""
    if outputs != 1:
        document["output_batch"].fail(f"is a test of one output, this model has {outputs}")
    given, expected = (_flat(document[name], dtype) for name in ("input_batch", "output_batch"))
    if len(given) != len(expected):
        document["output_batch"].fail(f"must have the {len(given)} numbers of input_batch, got {len(expected)}")
    return given, expected


def _flat(field, dtype):
    """A list of numbers, or of lists of one number."""
    values = field.items(1)
    if isinstance(values[0].value, list):
        return field.array((len(values), 1), dtype)[:, 0]
    return field.array((len(values),), dtype)


def _run_test(document, given, inputs, x, expected):
    """``FileError`` where the model does not give what the file says it does."""
    channels = np.zeros((1, len(x), inputs), x.dtype)
    channels[0, :, 0] = x
    y = given.run(channels)[0, :, 0]
    off = np.abs(y.astype(np.float64) - expected)
    worst = int(np.argmax(off))
    limit = TOLERANCE * max(1.0, float(np.abs(expected).max()))
    if not off[worst] <= limit:
        document["output_batch"].fail(
            f"fails as a test of the model: sample {worst} is {y[worst]:.6g}, must be {expected[worst]:.6g} within "
            f"{limit:.2g}"
        )


# -- writing ----------------------------------------------------------------------------------------


def written(given, metadata):
    """RTNeural's document of an `Amplifier`; ``ValueError`` where the format can't hold it."""
    if given.skip or given.in_gain or given.out_gain:
        raise ValueError('RTNeural has neither a skip nor gains in its files; "AIDA-X" has')
    document = {"in_shape": [None, None, input_size(given.layers)], "layers": _layers(given.layers)}
    return {**document, **({} if given.sample_rate is None else {"samplerate": given.sample_rate})}


def written_for_aidax(given, metadata):
    """AIDA-X's document of an `Amplifier`, with a test of 2,048 samples; ``ValueError`` where it can't hold it."""
    inputs, document = input_size(given.layers), {"layers": _layers(given.layers)}
    if document["layers"][-1]["shape"][-1] != 1:
        raise ValueError("AIDA-X has one output")
    rate = SAMPLE_RATE if given.sample_rate is None else given.sample_rate
    x = np.random.default_rng(0).uniform(-0.5, 0.5, 2048).astype(np.float32)
    channels = np.zeros((1, len(x), inputs), with_weights(given.layers).dtype)
    channels[0, :, 0] = x
    y = given.run(channels)[0, :, 0]
    return {
        "in_shape": [None, None, inputs],
        "in_skip": int(given.skip),
        "in_gain": given.in_gain,
        "out_gain": given.out_gain,
        "metadata": {**metadata, "samplerate": rate},
        **document,
        "input_batch": amplifier.numbers(x),
        "output_batch": amplifier.numbers(y),
    }


def _layers(layers):
    result = []
    for layer in layers:
        if isinstance(layer, LSTM):
            result += _lstm_layers(layer)
        elif isinstance(layer, Linear):
            bias = layer.params["bias"] if layer.bias else np.zeros(layer.out_features, layer.dtype)
            weights = [amplifier.numbers(layer.params["weight"].T), amplifier.numbers(bias)]
            result.append(_layer("dense", "", layer.out_features, weights))
        elif layer.name != "linear":
            if layer.name not in ACTIVATIONS or layer.parameters not in ((), (1.0,)):
                raise ValueError(f"RTNeural has no {layer.name}{layer.parameters or ''}")
            if result and result[-1]["type"] == "dense" and not result[-1]["activation"]:
                result[-1]["activation"] = layer.name
            else:
                width = result[-1]["shape"][-1] if result else input_size(layers)
                result.append(_layer("activation", layer.name, width, []))
    return result


def _lstm_layers(lstm):
    """An LSTM of several layers is several of RTNeural's."""
    if lstm.learned_state and any(lstm.params[f"{s}0_l{k}"].any() for k in range(lstm.num_layers) for s in "hc"):
        raise ValueError("RTNeural's LSTM starts at zero, this one from a state of its own")
    result = []
    for k in range(lstm.num_layers):
        weights = [lstm.params[f"{name}_l{k}"].T for name in ("weight_ih", "weight_hh")]
        bias = lstm.params[f"bias_l{k}"] if lstm.bias else np.zeros(4 * lstm.hidden_size, lstm.dtype)
        result.append(_layer("lstm", "tanh", lstm.hidden_size, [amplifier.numbers(each) for each in (*weights, bias)]))
    return result


def _layer(kind, activation, size, weights):
    return {"type": kind, "activation": activation, "shape": [None, None, size], "weights": weights}
