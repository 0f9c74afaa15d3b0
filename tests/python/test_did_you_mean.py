"""Names that people bring along from PyTorch, Keras and scikit-learn are refused with what to write instead."""

import copy
import inspect
import pickle
import re

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm import did_you_mean

X, Y = np.zeros((4, 3, 2), np.float32), np.zeros((4, 1), np.float32)


def model():
    return el.Sequential([el.LSTM(2, 3, seed=0), el.Last(), el.Linear(3, 1, seed=1)])


def fit(**named):
    return model().fit(X, Y, **{"loss": "mse", "optimizer": "adam", "verbose": 0, **named})


KEYWORDS = [
    (
        lambda: el.LSTM(2, units=3),
        "LSTM: there is no argument 'units'; did you mean hidden_size; input_size comes first",
    ),
    (
        lambda: el.LSTM(2, 3, batch_first=True),
        "LSTM: .* did you mean time_major: x is .B, T, I. unless time_major=True",
    ),
    (lambda: el.LSTM(2, 3, return_sequences=True), r"LSTM: .* did you mean el\.Last\(\) after the layer"),
    (lambda: el.LSTM(2, 3, use_bias=False), r"LSTM: .* did you mean bias\?"),
    (lambda: el.LSTM(2, 3, recurent_dropout=0.1), r"LSTM: .* did you mean recurrent_dropout\?"),
    (lambda: el.Linear(2, units=3), "Linear: .* did you mean out_features"),
    (lambda: el.Linear(2, 3, activation="relu"), "Linear: .* did you mean a layer of its own"),
    (lambda: el.Embedding(5, output_dim=3), r"Embedding: .* did you mean embedding_dim\?"),
    (lambda: el.Dropout(rate=0.5), r"Dropout: .* did you mean p\?"),
    (lambda: el.Conv1D(3, filters=4, kernel_size=3), "Conv1D: .* did you mean out_channels; in_channels comes first"),
    (lambda: el.Conv1D(3, 4, 3, strides=2), r"Conv1D: .* did you mean el\.StackFrames\(count\)"),
    (lambda: el.Conv1D(3, 4, 3, dilation_rate=2), r"Conv1D: .* did you mean dilation\?"),
    (lambda: el.Attention(3, kdim=4), r"Attention: .* did you mean memory_size\?"),
    (lambda: el.Attention(3, num_heads=4), "Attention: .* did you mean several el.Attention layers"),
    (lambda: el.CRF(num_labels=4), r"CRF: .* did you mean num_tags\?"),
    (lambda: el.StackFrames(factor=2), r"StackFrames: .* did you mean count\?"),
    (lambda: el.Shift(start_token=1), r"Shift: .* did you mean start\?"),
    (lambda: el.TiedLinear(weight=None), r"TiedLinear: .* did you mean embedding"),
    (lambda: el.Adam(learning_rate=1e-3), r"Adam: there is no argument 'learning_rate'; did you mean lr\?"),
    (lambda: el.Adam(1e-3, epsilon=1e-3), r"Adam: .* did you mean eps\?"),
    (lambda: el.Adam(1e-3, beta_1=0.5), r"Adam: .* did you mean betas\?"),
    (lambda: el.losses.Huber(beta=0.5), "Huber: there is no argument 'beta'"),
    (lambda: fit(learning_rate=0.1), r"fit: .* did you mean optimizer=el\.Adam\(lr\)"),
    (lambda: fit(validation_split=0.1), "fit: .* did you mean validation_data="),
    (lambda: fit(n_epochs=3), r"fit: .* did you mean epochs\?"),
    (lambda: fit(class_weights={0: 1}), r"fit: .* did you mean class_weight\?"),
    (lambda: model().predict(X, batchsize=3), r"predict: .* did you mean batch_size\?"),
    (lambda: el.early_stopping(restore_best_weights=True), r"early_stopping: .* did you mean restore_best\?"),
    (lambda: el.forecasting.Forecaster(3, lr=0.1), r"Forecaster: .* did you mean learning_rate\?"),
]


@pytest.mark.parametrize("call, message", KEYWORDS)
def test_keywords(call, message):
    with pytest.raises(TypeError, match="^" + message):
        call()


def test_estimators_say_learning_rate():
    pytest.importorskip("sklearn")
    with pytest.raises(TypeError, match=r"^LSTMRegressor: there is no argument 'lr'; did you mean learning_rate\?"):
        el.sklearn.LSTMRegressor(lr=0.1)


NAMES = [
    (dict(loss="binary_crossentropy"), 'there is no loss .* did you mean "bce", which takes logits'),
    (dict(loss="MSE"), r'there is no loss .* did you mean "mse"\?'),
    (dict(loss="categorical_crossentropy"), 'there is no loss .* did you mean "cross_entropy"'),
    (dict(optimizer="Adam"), r"there is no optimizer 'Adam'; .* did you mean el\.Adam\(1e-3\)\?"),
    (dict(metrics=["acc"]), r'there is no metric .* did you mean "accuracy"\?'),
    (dict(metrics=["accurracy"]), r'there is no metric .* did you mean "accuracy"\?'),
]


@pytest.mark.parametrize("named, message", NAMES, ids=str)
def test_names_of_losses_optimizers_and_metrics(named, message):
    with pytest.raises(ValueError, match=message):
        fit(**named)


def test_a_class_in_place_of_an_optimizer():
    with pytest.raises(TypeError, match=r"an optimizer must be a name or an instance .*; write el\.Adam\(lr\)"):
        fit(optimizer=el.Adam)


@pytest.mark.parametrize(
    "name, instead",
    [
        ("Dense", r"el\.Linear\(in_features, out_features\)"),
        ("Bidirectional", r"el\.LSTM\(\.\.\., bidirectional=True\)"),
        ("EarlyStopping", r"el\.early_stopping"),
        ("LayerNormalization", r"el\.LayerNorm"),
        ("Lstm", r"el\.LSTM"),
        ("Sequental", r"el\.Sequential"),
        ("optim", r"el\.optimizers"),
    ],
)
def test_names_of_the_package(name, instead):
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'; did you mean {instead}"):
        getattr(el, name)


@pytest.mark.parametrize(
    "module, name, instead",
    [
        (el.losses, "MSELoss", r"did you mean el\.losses\.MSE\(\)\?"),
        (el.losses, "Hubber", r"did you mean el\.losses\.Huber\?"),
        (el.metrics, "RMSE", r"did you mean el\.metrics\.RootMeanSquaredError"),
        (el.optimizers, "RMSProp", r"did you mean el\.optimizers\.RMSprop\?"),
        (el.callbacks, "ModelCheckpoint", r"did you mean el\.checkpoint\(path\)\?"),
        (el.schedules, "OneCycleLR", r"did you mean el\.schedule\(el\.schedules\.one_cycle"),
        (el.schedules, "cosin", r"did you mean el\.schedules\.cosine\?"),
        (el.losses, "_private", "'_private'$"),
    ],
)
def test_names_of_modules(module, name, instead):
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'") as raised:
        getattr(module, name)
    assert re.search(instead, str(raised.value))


@pytest.mark.parametrize(
    "name, instead",
    [
        ("compile", r"; did you mean fit\(x, y, loss="),
        ("eval", "; did you mean a call, or predict"),
        ("cuda", "; it is not needed: everything runs on the CPU$"),
        ("weight_hh_l1_reverse", r"; did you mean params\['weight_hh_l1_reverse'\]\?"),
        ("bias_ih_l0", r"; did you mean params\['bias_l0'\]\?"),
        ("qwertyuiop", "'qwertyuiop'$"),
        ("_private", "'_private'$"),
    ],
)
@pytest.mark.parametrize("made", [model(), el.LSTM(2, 3, seed=0)], ids=["model", "layer"])
def test_attributes_of_layers_and_models(made, name, instead):
    with pytest.raises(AttributeError, match=f"'{type(made).__name__}' object has no attribute '{name}'") as raised:
        getattr(made, name)
    assert re.search(instead, str(raised.value))


def test_copies_and_pickles_of_layers_ask_for_nothing_that_is_not_there():
    for made in (model(), el.LSTM(2, 3, seed=0)):
        for again in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
            assert np.array_equal(again.flat_params, made.flat_params)


def test_layers_without_a_list():
    with pytest.raises(
        TypeError, match=r"^Sequential: takes one list, as in el\.Sequential\(\[\.\.\.\]\), got 2 arguments"
    ):
        el.Sequential(el.LSTM(2, 3), el.Last())


def test_a_name_like_no_other_gets_no_suggestion():
    for name in ("qwertyuiop", "__wrapped__", "_private"):
        with pytest.raises(AttributeError, match=f"has no attribute '{name}'$"):
            getattr(el, name)
    with pytest.raises(TypeError, match="^LSTM: there is no argument 'qwertyuiop'$"):
        el.LSTM(2, 3, qwertyuiop=1)


def test_what_is_suggested_exists():
    tables = (did_you_mean._NAMES, did_you_mean._SENTENCES, did_you_mean._OPTIMIZERS, did_you_mean._MEMBERS)
    for text in [text for table in tables for text in table.values()]:
        for name in re.findall(r"\bel\.(\w+)(?:\.\w+)?", text):
            # A door whose extra is not installed is there all the same.
            assert name in dir(el), text
    for table, known in ((did_you_mean._LOSSES, el.losses.get), (did_you_mean._METRICS, el.metrics.get)):
        for text in table.values():
            for name in re.findall(r'^"(\w+)"', text):
                known(name)


def test_a_wrapped_function_keeps_its_signature():
    assert "validation_data" in inspect.signature(el.Sequential.fit).parameters
    assert "patience" in inspect.signature(el.early_stopping).parameters
