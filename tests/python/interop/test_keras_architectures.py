"""Architectures of Keras that are not a straight chain of the layers that can be read: refused by name, with the
reason.
"""

import json

import pytest
from keras2_case import I, T, first, forbid_building, functional, lstm_config, lstm_weights, named, write

import eigenlstm as el


@pytest.fixture(autouse=True)
def nothing_is_built(monkeypatch):
    forbid_building(monkeypatch)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of weights; what it holds doesn't matter to architectures that are refused before."""
    return write(tmp_path_factory.mktemp("w") / "w.h5", [("lstm_1", named("lstm_1", lstm_weights()))], group=None)


def sequential(*layers):
    return {"class_name": "Sequential", "config": {"name": "sequential_1", "layers": list(layers)}}


def layer(kind, **config):
    return {"class_name": kind, "config": {"name": f"{kind.lower()}_1", **config}}


def refused(weights, architecture, message):
    with pytest.raises(el.FileError, match=message):
        el.keras.load(weights, architecture=architecture)


LSTM = lstm_config()
LAMBDA = layer(
    "Lambda", function=["4wEAAAAAAAAAAAAAAAEAAAACAAAAQwAAAHMEAAAAfABTACkBTqkA", None, None], output_shape_type="raw"
)
GRU = layer("GRU", units=3)
LAYERS = {
    "code": (LAMBDA, r"lambda_1 \(Lambda\) cannot be read; layers that can: InputLayer, "),
    "another recurrence": (GRU, r"gru_1 \(GRU\) cannot be read"),
    "a convolution": (layer("Conv1D", filters=3), r"conv1d_1 \(Conv1D\) cannot be read"),
    "a model": (sequential(LSTM), r"sequential_1 \(Sequential\) cannot be read"),
    "states as outputs": (lstm_config(return_state=True), r"lstm_1 \(LSTM\): return_state=True is not supported, only False"),
    "time first": (lstm_config(time_major=True), "time_major=True is not supported"),
    "an activation of the author": (lstm_config(activation={"class_name": "function", "config": "mine"}), "activation is 'function', not the name of"),
    "an unknown activation": (lstm_config(activation="mine"), "activation='mine' cannot be computed in a cell; those that can: sigmoid, "),
    "an activation over units": (lstm_config(recurrent_activation="softmax"), "recurrent_activation='softmax' cannot be computed in a cell"),
    "an option of a later Keras": (lstm_config(twist=3), "the option twist=3 is not known here"),
    "a text for a size": (lstm_config(units="4"), "units has the unexpected value '4'"),
    "a truth for a size": (lstm_config(units=True), "units has the unexpected value True"),
    "nothing for a size": (lstm_config(units=0), "units must be an integer of at least 1, got 0"),
    "a number for a flag": (lstm_config(use_bias=2), "use_bias has the unexpected value 2"),
    "dropout of all": (lstm_config(dropout=1.0), "dropout must be at least 0 and below 1, got 1.0"),
    "a mask of noise": (layer("Dropout", rate=0.5, noise_shape=[None, 1, 3]), r"noise_shape=\[None, 1, 3\] is not supported, only None"),
    "another axis": (layer("LayerNormalization", axis=[1]), r"axis=\[1\] is not supported, only the last"),
    "no gain nor bias": (layer("LayerNormalization", axis=-1, scale=False, center=False), "with neither scale nor center cannot be read"),
    "channels first": (layer("GlobalMaxPooling1D", data_format="channels_first"), "data_format='channels_first' is not supported"),
    "axes kept": (layer("GlobalAveragePooling1D", keepdims=True), "keepdims=True is not supported"),
    "an unknown function": (layer("Activation", activation="mine"), "activation='mine' cannot be read; those that can: "),
    "another ceiling": (layer("ReLU", max_value=5.0), r"relu_1 \(ReLU\): max_value=5.0 with negative_slope=0.0 is not supported"),
    "a softmax over time": (layer("Softmax", axis=1), "axis=1 is not supported, only the last"),
    "steps of something else": (layer("TimeDistributed", layer=layer("Conv2D")), r"of conv2d_1 \(Conv2D\) cannot be read, only of Dense"),
    "nothing inside": (layer("TimeDistributed"), "layer has the unexpected value None"),
    "two directions of GRU": (layer("Bidirectional", merge_mode="sum", layer=GRU), r"of gru_1 \(GRU\) cannot be read, only of LSTM"),
    "an unknown merge": (layer("Bidirectional", merge_mode="max", layer=LSTM), "merge_mode='max' is not known"),
    "a pair in a chain": (layer("Bidirectional", merge_mode=None, layer=LSTM), "merge_mode=None can only be read where both its outputs"),
    "forwards backwards": (layer("Bidirectional", merge_mode="sum", layer=lstm_config(go_backwards=True)), "its forward layer has go_backwards"),
    "unlike directions": (
        layer("Bidirectional", merge_mode="sum", layer=LSTM, backward_layer=lstm_config(units=5, go_backwards=True)),
        "its two directions differ in more than their weights",
    ),
    "not even a layer": ({"class_name": "LSTM"}, "layer 1 has no class_name and config"),
    "a class of the author": ({**LSTM, "module": "mine.layers", "registered_name": "mine>LSTM"}, r"is a class of its author's own \(mine>LSTM\)"),
}  # fmt: skip


@pytest.mark.parametrize("case", LAYERS)
def test_layers(case, weights):
    made, message = LAYERS[case]
    refused(weights, sequential(layer("InputLayer", batch_input_shape=[None, T, I]), made), message)


def test_masks(weights):
    masking = layer("Masking", mask_value=0.0)
    other = {**masking, "config": {"name": "masking_2", "mask_value": 1.0}}
    refused(weights, sequential(masking, other), r"masking_2 \(Masking\) makes a mask where there is one already")
    zeros = lstm_config(zero_output_for_mask=True)
    refused(
        weights, sequential(masking, zeros), r"lstm_1 \(LSTM\): zero_output_for_mask=True with a mask is not supported"
    )


def test_a_sequence_is_needed(weights):
    dense = layer("Dense", units=3)
    flat = sequential(layer("InputLayer", batch_input_shape=[None, I]), dense, LSTM)
    refused(weights, flat, r"lstm_1 \(LSTM\) takes sequences, an input with 3 axes, got one with 2")


def changed(**changes):
    """A functional model of Keras 2 with some of its config changed by functions."""
    architecture = functional(layer("Dense", units=3), LSTM)
    for name, change in changes.items():
        architecture["config"][name] = change(architecture["config"][name])
    return architecture


def appended(*items):
    return lambda layers: [*layers, *items]


def called(*calls):
    """The layers with the last one called so."""
    return lambda layers: [*layers[:-1], {**layers[-1], "inbound_nodes": list(calls)}]


BESIDE = {**layer("Dense", units=3), "name": "dense_2", "inbound_nodes": [[["input_1", 0, 0, {}]]]}
TENSOR = {"class_name": "__keras_tensor__", "config": {"keras_history": ["dense_1", 0, 0]}}
WIRINGS = {
    "two inputs": (changed(input_layers=lambda ends: ends + ends), "the model has 2 inputs; only models with one can be read"),
    "two outputs": (changed(output_layers=appended(["dense_1", 0, 0])), "the model has 2 outputs; only models with one"),
    "named outputs": (changed(output_layers=lambda ends: {"a": ends[0]}), "the model has 1 outputs; only models with one"),
    "another output": (changed(output_layers=lambda ends: [["lstm_1", 0, 1]]), "only the first output of a layer that is called once"),
    "a branch": (changed(layers=appended(BESIDE)), r"dense_1 \(Dense\) lies beside the way from input to output"),
    "a sum": (changed(layers=called([["dense_1", 0, 0, {}], ["input_1", 0, 0, {}]])), r"lstm_1 \(LSTM\) has 2 inputs; only a straight chain"),
    "no input": (changed(layers=called()), r"lstm_1 \(LSTM\) has 0 inputs"),
    "a shared layer": (changed(layers=called([["dense_1", 0, 0, {}]], [["input_1", 0, 0, {}]])), "is called 2 times; shared layers cannot be read"),
    "a circle": (changed(layers=called([["lstm_1", 0, 0, {}]])), "the layer 'lstm_1' is in a circle"),
    "a layer that is not there": (changed(layers=called([["dense_9", 0, 0, {}]])), "the layer 'dense_9' is named but not there"),
    "a second output": (changed(layers=called([["dense_1", 0, 1, {}]])), r"lstm_1 \(LSTM\) reads output 1 of call 0 of dense_1"),
    "dropout that never stops": (changed(layers=called([["dense_1", 0, 0, {"training": True}]])), "is called with training=True"),
    "a state": (changed(layers=called({"args": [TENSOR], "kwargs": {"initial_state": TENSOR}})), "is called with initial_state=a tensor"),
    "a mask of its own": (changed(layers=called({"args": [TENSOR], "kwargs": {"mask": TENSOR}})), "is given a mask that is not the one of"),
    "no nodes": (changed(layers=called(3)), "its inbound_nodes cannot be read"),
    "no history": (changed(layers=called({"args": [{"class_name": "__keras_tensor__", "config": 1}]})), "one of its inputs cannot be read"),
    "twice the same name": (changed(layers=lambda layers: layers + layers[-1:]), "its name 'lstm_1' is no text or occurs twice"),
    "no layers": (sequential(), "the model has no layers"),
    "a class of the author": ({"class_name": "MyModel", "config": {}}, "a model of class 'MyModel' cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("case", WIRINGS)
def test_wirings(case, weights):
    refused(weights, *WIRINGS[case])


def test_text_that_is_no_architecture(weights, tmp_path):
    refused(weights, "{" * 100, "not valid JSON: nested deeper than 64")
    refused(weights, '{"class_name": "Sequential", "class_name": "Model"}', "a key occurs twice")
    refused(weights, [first(LSTM)], "must be an object of JSON as model.to_json\\(\\) gives it, got list")
    (tmp_path / "m.json").write_text(json.dumps([1, 2]))
    refused(weights, tmp_path / "m.json", "must be an object of JSON")
    with pytest.raises(FileNotFoundError):
        el.keras.load(weights, architecture=tmp_path / "none.json")
