"""Weights of Keras copied into a model of ours: which layer of ours takes which of the file."""

import re

import numpy as np

from ..layers.base import Layer
from ..layers.embedding import Embedding
from ..layers.layer_norm import LayerNorm
from ..layers.linear import Linear
from ..layers.lstm import LSTM
from ..layers.parameters import blank_parameters
from ..safetensors_files import FileError
from ..sequential import Group
from .keras_config import LayerConfig, Refused
from .keras_files import NamedWeights, read_keras_file
from .keras_layers import part
from .keras_parts import Shape, matched


def load_weights(model, path):
    """Copy the weights in a file of Keras into `model`, a layer or `Sequential` of ours built like the Keras model.

    LSTM takes the weights of LSTM and CuDNNLSTM, or of Bidirectional (one of several layers those of as many of Keras),
    Linear those of Dense and TimeDistributed(Dense), Embedding and LayerNorm those of their namesakes, in the order of
    the model.

    Raises
    ------
    FileError
        Where the weights don't fit the model, with the tensor, the shape expected and the shape that came. Nothing is
        changed then.
    """
    if not isinstance(model, Layer):
        raise TypeError(f"load_weights: model must be a layer or model of eigenlstm, got {type(model).__name__}")
    file = read_keras_file(path)
    slots = [(layer, depth) for layer in _leaves(model) for depth in range(getattr(layer, "num_layers", 1))]
    try:
        configs = [_as_keras(layer, depth, number, file.weights) for number, (layer, depth) in enumerate(slots)]
        parts = [part(config, Shape(None, features), 3) for config, features in configs]
    except Refused as reason:
        raise FileError(f"{path}: {reason}") from None
    arrays = matched(parts, file.weights, path)
    states = {id(layer): {} for layer, _ in slots}
    with blank_parameters(limit=2 * sum(array.size for taken in arrays for array in taken)):
        for (layer, depth), one, taken in zip(slots, parts, arrays):
            state = one.make(taken, layer.dtype)[0][1]
            states[id(layer)].update({re.sub("_l0", f"_l{depth}", name): array for name, array in state.items()})
    for layer in _leaves(model):
        layer.load_state_dict({name: np.asarray(array, layer.dtype) for name, array in states[id(layer)].items()})


def _leaves(model):
    """The layers with parameters, in order."""
    for layer in model.layers if isinstance(model, Group) else [model]:
        if isinstance(layer, Group):
            yield from _leaves(layer)
        elif layer.num_params:
            yield layer


def _as_keras(layer, depth, number, weights):
    """``(config, features)`` of the Keras layer, `number` of its model, that layer `depth` of `layer` stands for."""
    features = None
    if type(layer) is LSTM:
        kind, config, features = _lstm_as_keras(layer, depth)
    elif type(layer) is Linear:
        kind, config, features = "Dense", {"units": layer.out_features, "use_bias": layer.bias}, layer.in_features
    elif type(layer) is Embedding:
        kind, config = "Embedding", {"input_dim": layer.num_embeddings, "output_dim": layer.embedding_dim}
    elif type(layer) is LayerNorm:
        kind, config, features = "LayerNormalization", {"epsilon": layer.eps}, layer.features
    else:
        raise Refused(f"{type(layer).__name__} has no counterpart among the layers of Keras")
    if isinstance(weights, NamedWeights):
        named = [name for name, tensors in weights.layers if tensors]
        return LayerConfig(kind, named[number] if number < len(named) else f"layer {number}", config), features
    if kind == "Dense" and any(name.startswith("time_distributed") for name in weights.groups()):
        if any(name.startswith("dense") for name in weights.groups()):
            raise Refused(
                "the file has both Dense and TimeDistributed and no order among them: use load with an architecture"
            )
        kind, config = "TimeDistributed", {"layer": {"class_name": "Dense", "config": config}}
    return LayerConfig(kind, f"layer {number}", config), features


def _lstm_as_keras(layer, depth):
    shapes = {name: view.shape for name, view in layer.params.items()}
    if any(name.startswith(("weight_hr", "peephole", "norm", "h0", "c0")) for name in shapes):
        raise Refused(
            "the model's LSTM has parameters that Keras's has not (projection, peepholes, normalisation, learned state)"
        )
    rows, features = shapes[f"weight_ih_l{depth}"]
    config = {
        "units": rows // 4,
        "use_bias": layer.bias,
        "return_sequences": True,
        "activation": "tanh",
        "recurrent_activation": "sigmoid",
    }  # neither matters to the weights
    if not layer.bidirectional:
        return "LSTM", config, features
    return "Bidirectional", {"layer": {"class_name": "LSTM", "config": config}, "merge_mode": "concat"}, features
