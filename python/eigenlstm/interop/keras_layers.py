"""What each layer of Keras becomes here: the table of all that can be read, and those that are no LSTM.

Keras multiplies row vectors, so its matrices are ours transposed.
"""

import numpy as np

from ..layers.activation import Activation
from ..layers.dropout import Dropout, SpatialDropout1D
from ..layers.embedding import Embedding
from ..layers.layer_norm import LayerNorm
from ..layers.linear import Linear
from ..layers.pooling import MaxPool, MeanPool
from .keras_config import Refused
from .keras_lstm import bidirectional_part, lstm_part
from .keras_parts import Part, Shape, activation, rate


def part(layer, x, version):
    """The `Part` of `layer` (a `LayerConfig`) on an input of `Shape` x; ``Refused`` where there is none."""
    if layer.kind not in _PARTS:
        raise Refused(f"{layer} cannot be read; layers that can: {', '.join(_PARTS)}")
    made = _PARTS[layer.kind](layer, x, version)
    layer.finish()
    return made


# -- without parameters -------------------------------------------------------------------------


def _input(layer, x, version):
    return Part(layer, input_shape(layer))


def input_shape(layer):
    """The `Shape` of the input that a first layer names."""
    sizes = layer.options.get("batch_shape") or layer.options.get("batch_input_shape")
    if not isinstance(sizes, list) or not sizes:
        return Shape()
    return Shape(len(sizes), sizes[-1] if len(sizes) > 1 and type(sizes[-1]) is int and sizes[-1] > 0 else None)


def _masking(layer, x, version):
    return Part(layer, x, mask=layer.number("mask_value", 0.0))


def _dropout(layer, x, version):
    layer.demand(noise_shape=None)
    return _plain(layer, x, Dropout(rate(layer, "rate")))


def _spatial_dropout(layer, x, version):
    return _plain(layer, x, SpatialDropout1D(rate(layer, "rate")))


def _activation(layer, x, version):
    made = activation(layer, version)
    return _plain(layer, x, *([made] if made else []))


def _relu(layer, x, version):
    layer.demand(threshold=0.0)
    slope, most = layer.number("negative_slope", 0.0), layer.get("max_value", (int, float, type(None)))
    if most not in (None, 6) or (most and slope):
        raise Refused(
            f"{layer}: max_value={most!r} with negative_slope={slope!r} is not supported, only 6 without a slope"
        )
    return _plain(
        layer, x, Activation("relu6") if most else Activation("leaky_relu", slope) if slope else Activation("relu")
    )


def _leaky_relu(layer, x, version):
    slope = "negative_slope" if version >= 3 else "alpha"
    return _plain(layer, x, Activation("leaky_relu", layer.number(slope, 0.3)))


def _elu(layer, x, version):
    return _plain(layer, x, Activation("elu", layer.number("alpha", 1.0)))


def _softmax(layer, x, version):
    if layer.get("axis", (int, list), -1) not in (-1, [-1]):
        raise Refused(f"{layer}: axis={layer.options['axis']!r} is not supported, only the last")
    return _plain(layer, x, Activation("softmax"))


def _average(layer, x, version):
    layer.demand(data_format="channels_last", keepdims=False)
    return _plain(layer, Shape(2, x.features), MeanPool())


def _maximum(layer, x, version):
    layer.demand(data_format="channels_last", keepdims=False)
    return _plain(layer, Shape(2, x.features), MaxPool())


def _plain(layer, gives, *ours):
    return Part(layer, gives, make=lambda arrays, dtype: [(one, {}) for one in ours])


# -- Dense, Embedding, LayerNormalization -------------------------------------------------------


def _dense(layer, x, version):
    units, bias, after = layer.size("units"), layer.flag("use_bias", True), activation(layer, version)

    def make(arrays, dtype):
        linear = Linear(len(arrays[0]), units, bias=bias, dtype=dtype)
        return [(linear, dict(zip(("weight", "bias"), (arrays[0].T, *arrays[1:])))), *([(after, {})] if after else [])]

    return Part(layer, Shape(x.rank, units), [("kernel", (x.features, units)), ("bias", (units,))][: 1 + bias], make)


def _embedding(layer, x, version):
    rows, units = layer.size("input_dim"), layer.size("output_dim")
    return Part(
        layer,
        Shape(x.rank and x.rank + 1, units),
        [("embeddings", (rows, units))],
        lambda arrays, dtype: [(Embedding(rows, units, dtype=dtype), {"weight": arrays[0]})],
        mask=0 if layer.flag("mask_zero") else None,
    )


def _layer_norm(layer, x, version):
    axis, epsilon = layer.get("axis", (int, list), -1), layer.number("epsilon", 1e-3)
    layer.demand(rms_scaling=False)
    if axis not in (-1, [-1]) and (x.rank is None or axis not in (x.rank - 1, [x.rank - 1])):
        raise Refused(f"{layer}: axis={axis!r} is not supported, only the last")
    names = [name for name, option in (("gamma", "scale"), ("beta", "center")) if layer.flag(option, True)]

    def make(arrays, dtype):
        given = dict(zip(names, arrays))
        norm = LayerNorm(len(arrays[0]), eps=epsilon, dtype=dtype)
        return [
            (
                norm,
                {
                    "weight": given.get("gamma", np.ones(norm.features)),
                    "bias": given.get("beta", np.zeros(norm.features)),
                },
            )
        ]

    if not names:
        raise Refused(f"{layer} with neither scale nor center cannot be read")
    notes = [
        f"{layer} has no {name}; here it is a parameter, which training would change"
        for name in ("gamma", "beta")
        if name not in names
    ]
    return Part(layer, x, [(name, (x.features,)) for name in names], make, notes=notes)


def _time_distributed(layer, x, version):
    inner = layer.inner()
    if inner.kind not in ("Dense", "Activation", "Dropout", "LayerNormalization"):
        raise Refused(f"{layer} of {inner} cannot be read, only of Dense, Activation, Dropout and LayerNormalization")
    made = part(inner, x, version)
    made.source = layer
    return made


_PARTS = {
    "InputLayer": _input,
    "Embedding": _embedding,
    "Masking": _masking,
    "LSTM": lstm_part,
    "CuDNNLSTM": lstm_part,
    "Bidirectional": bidirectional_part,
    "Dense": _dense,
    "TimeDistributed": _time_distributed,
    "Dropout": _dropout,
    "SpatialDropout1D": _spatial_dropout,
    "Activation": _activation,
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "ELU": _elu,
    "Softmax": _softmax,
    "LayerNormalization": _layer_norm,
    "GlobalAveragePooling1D": _average,
    "GlobalMaxPooling1D": _maximum,
}
