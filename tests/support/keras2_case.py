"""Files of Keras 2, written with h5py as its code writes them: small ones to read, and to break."""

import json

import numpy as np
import pytest

h5py = pytest.importorskip("h5py", reason="files of Keras are HDF5")

B, T, I, H = 4, 6, 3, 4
RNG = np.random.default_rng(0)


def draw(*shape):
    return (0.7 * RNG.standard_normal(shape)).astype(np.float32)


def lstm_weights(inputs=I, bias=4 * H):
    return {"kernel": draw(inputs, 4 * H), "recurrent_kernel": draw(H, 4 * H), "bias": draw(bias)}


def lstm_config(name="lstm_1", **changes):
    """What Keras 2.2 says of an LSTM."""
    config = {
        "name": name, "trainable": True, "return_sequences": True, "return_state": False, "go_backwards": False, "stateful": False,
        "unroll": False, "units": H, "activation": "tanh", "recurrent_activation": "hard_sigmoid", "use_bias": True,
        "kernel_initializer": {"class_name": "VarianceScaling", "config": {"scale": 1.0, "mode": "fan_avg", "seed": None}},
        "unit_forget_bias": True, "kernel_regularizer": None, "activity_regularizer": None, "bias_constraint": None,
        "dropout": 0.0, "recurrent_dropout": 0.0, "implementation": 1,
    }  # fmt: skip
    return {"class_name": "LSTM", "config": config | changes}


def first(layer):
    layer["config"]["batch_input_shape"] = [None, None, I]
    return layer


def write(path, layers, *, architecture=None, version="2.2.4", group="model_weights", chunk=None, text=np.bytes_):
    """An .h5 with `layers`, a list of (name, [(weight name, array)]), as hdf5_format.save_weights_to_hdf5_group writes
    it.
    """
    with h5py.File(path, "w") as file:
        if architecture is not None:
            file.attrs["model_config"] = text(json.dumps(architecture))
            file.attrs["keras_version"] = text(version)
            file.attrs["backend"] = text("tensorflow")
        holder = file.create_group(group) if group else file
        holder.attrs["keras_version"] = text(version)
        names = [np.bytes_(name) for name, _ in layers]
        if chunk is None:
            holder.attrs["layer_names"] = names
        else:  # as Keras cuts lists that are too long for a header
            for i in range(0, len(names), chunk):
                holder.attrs[f"layer_names{i // chunk}"] = names[i : i + chunk]
        for name, weights in layers:
            layer = holder.create_group(name)
            layer.attrs["weight_names"] = np.array([weight.encode() for weight, _ in weights], dtype="S")
            for weight, array in weights:
                layer.create_dataset(weight, data=array)
    return path


def named(prefix, weights):
    return [(f"{prefix}/{name}:0", array) for name, array in weights.items()]


def functional(*layers):
    """A functional model of Keras 2: each layer is called on the one before."""
    items = [
        {
            "class_name": "InputLayer",
            "name": "input_1",
            "inbound_nodes": [],
            # Fmt: skip
            "config": {"batch_input_shape": [None, T, I], "dtype": "float32", "sparse": False, "name": "input_1"},
        }
    ]
    for layer in layers:
        call = [[[items[-1]["name"], 0, 0, {}]]]
        items.append({**layer, "name": layer["config"]["name"], "inbound_nodes": call})
    ends = {"input_layers": [["input_1", 0, 0]], "output_layers": [[items[-1]["name"], 0, 0]]}
    return {"class_name": "Model", "config": {"name": "model_1", "layers": items, **ends}}


def forbid_building(monkeypatch):
    """Make every layer with parameters fail when it is built by the readers of Keras's files."""
    from eigenlstm.interop import keras_layers, keras_lstm

    def built(*_, **__):
        raise AssertionError("a layer was built")

    for module in (keras_layers, keras_lstm):
        for name in {"LSTM", "Linear", "Embedding", "LayerNorm"} & vars(module).keys():
            monkeypatch.setattr(module, name, built)
