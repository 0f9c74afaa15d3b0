"""Files of Keras 2, written here with h5py as its code writes them, against the oracle in float64."""

import json

import numpy as np
import pytest
from keras2_case import RNG, B, H, I, T, draw, first, functional, lstm_config, lstm_weights, named, write

import eigenlstm as el
from reference.lstm import lstm_forward, options

X = RNG.standard_normal((B, T, I)).astype(np.float32)
HARD = options(activations=("hard_sigmoid", "tanh", "tanh"))


def ours(weights, suffix="l0"):
    """Keras's arrays as the oracle's parameters."""
    return {
        f"weight_ih_{suffix}": weights["kernel"].T,
        f"weight_hh_{suffix}": weights["recurrent_kernel"].T,
        f"bias_{suffix}": weights["bias"],
    }


def cudnn_weights():
    """Arrays of CuDNNLSTM, and what they stand for: for each gate a matrix (H, I), one (H, H) and two biases."""
    W, R, bW, bR = draw(4, H, I), draw(4, H, H), draw(4, H), draw(4, H)
    stored = {
        "kernel": np.concatenate([gate.reshape(I, H) for gate in W], axis=1),  # the memory is that of (H, I)
        "recurrent_kernel": np.concatenate(list(R), axis=1),
        "bias": np.concatenate([bW.reshape(-1), bR.reshape(-1)]),
    }
    meant = {
        "weight_ih_l0": W.reshape(4 * H, I),
        "weight_hh_l0": R.reshape(4 * H, H),
        "bias_l0": (bW.astype(float) + bR).reshape(-1),
    }
    return stored, meant


def check(model, expected, x=X):
    np.testing.assert_allclose(model(x), expected, atol=2e-6)


@pytest.mark.parametrize("text", [np.bytes_, str])
def test_a_list_of_layers_and_the_old_hard_sigmoid(text, tmp_path):
    """Before Keras 2.2.3 a Sequential's config is the list itself; there is no InputLayer."""
    weights, dense = lstm_weights(), {"kernel": draw(H, 2), "bias": draw(2)}
    architecture = {
        "class_name": "Sequential",
        "config": [
            first(lstm_config()),
            {"class_name": "Dropout", "config": {"name": "dropout_1", "rate": 0.5, "noise_shape": None, "seed": None}},
            {
                "class_name": "TimeDistributed",
                "config": {
                    "name": "time_distributed_1",
                    "layer": {
                        "class_name": "Dense",
                        "config": {"name": "dense_1", "units": 2, "activation": "linear", "use_bias": True},
                    },
                },
            },
            {"class_name": "Activation", "config": {"name": "activation_1", "activation": "hard_sigmoid"}},
        ],
    }
    layers = [
        ("lstm_1", named("lstm_1", weights)),
        ("dropout_1", []),
        ("time_distributed_1", named("time_distributed_1", dense)),
        ("activation_1", []),
    ]
    for chunk in (None, 3):
        path = write(tmp_path / "m.h5", layers, architecture=architecture, chunk=chunk, text=text)
        y = lstm_forward(X, ours(weights), options=HARD)[0]
        check(el.keras.load(path), np.clip(0.2 * (y @ dense["kernel"] + dense["bias"]) + 0.5, 0, 1))


def test_a_functional_model_of_two_directions(tmp_path):
    there, back = lstm_weights(), lstm_weights()
    config = {"name": "bidirectional_1", "merge_mode": "ave", "layer": lstm_config(recurrent_activation="sigmoid")}
    layers = [
        ("input_1", []),
        (
            "bidirectional_1",
            named("bidirectional_1/forward_lstm_1/lstm_cell_1", there)
            + named("bidirectional_1/backward_lstm_1/lstm_cell_2", back),
        ),
    ]
    path = write(tmp_path / "m.h5", layers, architecture=functional({"class_name": "Bidirectional", "config": config}))
    parameters = ours(there) | ours(back, "l0_reverse")
    check(el.keras.load(path), lstm_forward(X, parameters, options=options(merge="mean"))[0])


CUDNN_CONFIG = {"name": "cu_dnnlstm_1", "trainable": True, "return_sequences": True, "return_state": False,
                "go_backwards": False, "stateful": False, "units": H, "unit_forget_bias": True}  # fmt: skip


def test_cudnn_layout_in_its_own_layer_and_in_an_lstm(tmp_path):
    stored, meant = cudnn_weights()
    expected = lstm_forward(X, meant)[0]
    own = {"class_name": "CuDNNLSTM", "config": CUDNN_CONFIG}
    plain = lstm_config("cu_dnnlstm_1", recurrent_activation="sigmoid")
    for layer in (own, plain):
        architecture = {"class_name": "Sequential", "config": {"name": "sequential_1", "layers": [first(layer)]}}
        path = write(tmp_path / "m.h5", [("cu_dnnlstm_1", named("cu_dnnlstm_1", stored))], architecture=architecture)
        check(el.keras.load(path), expected)
    into = el.Sequential([el.LSTM(I, H)])
    el.keras.load_weights(into, path)
    check(into, expected)


def test_cudnn_layout_in_two_directions(tmp_path):
    (there, meant), (back, meant_back) = cudnn_weights(), cudnn_weights()
    layer = {
        "name": "bidirectional_1",
        "merge_mode": "concat",
        "layer": {"class_name": "CuDNNLSTM", "config": CUDNN_CONFIG},
    }
    weights = named("bidirectional_1/forward", there) + named("bidirectional_1/backward", back)
    path = write(
        tmp_path / "m.h5",
        [("input_1", []), ("bidirectional_1", weights)],
        architecture=functional({"class_name": "Bidirectional", "config": layer}),
    )
    parameters = meant | {name.replace("_l0", "_l0_reverse"): value for name, value in meant_back.items()}
    check(el.keras.load(path), lstm_forward(X, parameters)[0])


def test_weights_alone_with_the_architecture_of_to_json(tmp_path):
    weights = lstm_weights()
    path = write(tmp_path / "w.h5", [("lstm_1", named("lstm_1", weights))], group=None)
    architecture = {
        "class_name": "Sequential",
        "config": {"name": "sequential_1", "layers": [first(lstm_config())]},
        "keras_version": "2.2.4",
        "backend": "tensorflow",
    }
    expected = lstm_forward(X, ours(weights), options=HARD)[0]
    check(el.keras.load(path, architecture=architecture), expected)
    check(el.keras.load(path, architecture=json.dumps(architecture)), expected)
    (tmp_path / "m.json").write_text(json.dumps(architecture))
    check(el.keras.load(path, architecture=tmp_path / "m.json"), expected)
    into = el.Sequential([el.LSTM(I, H, activations=("hard_sigmoid", "tanh", "tanh"))])
    el.keras.load_weights(into, path)
    check(into, expected)


def test_a_mask_of_an_embedding_padded_in_front(tmp_path):
    table, weights = draw(9, I), lstm_weights()
    embedding = {
        "class_name": "Embedding",
        "config": {"name": "embedding_1", "batch_input_shape": [None, T], "input_dim": 9, "output_dim": I,
                   "mask_zero": True, "input_length": T, "dtype": "float32"},
    }  # fmt: skip
    layers = [embedding, lstm_config(return_sequences=False)]
    path = write(
        tmp_path / "m.h5",
        [("embedding_1", [("embedding_1/embeddings:0", table)]), ("lstm_1", named("lstm_1", weights))],
        architecture={"class_name": "Sequential", "config": {"name": "sequential_1", "layers": layers}},
    )
    tokens = np.array([[0, 0, 3, 5, 1, 2], [4, 1, 0, 0, 0, 0], [0, 7, 0, 8, 8, 0]])
    model = el.keras.load(path)
    for row in tokens:
        x = table[row[row > 0]][None]
        check(model, lstm_forward(x, ours(weights), options=HARD)[0][:, -1], row[None])


def test_half_precision_and_double(tmp_path):
    weights = lstm_weights()
    architecture = {"class_name": "Sequential", "config": [first(lstm_config())]}
    for dtype, ours_dtype in ((np.float16, np.float32), (np.float64, np.float64)):
        stored = {name: array.astype(dtype) for name, array in weights.items()}
        path = write(tmp_path / "m.h5", [("lstm_1", named("lstm_1", stored))], architecture=architecture)
        model = el.keras.load(path)
        assert model.dtype == ours_dtype
        check(model, lstm_forward(X, ours(stored), options=HARD)[0], X.astype(ours_dtype))
