"""el.keras.load against Keras: models of every layer that can be read, saved by Keras in each of its formats."""

import numpy as np
import pytest
from keras_case import H, I, L, T, floats, functional, keras, predicted, randomised, sequential, tokens

import eigenlstm as el

FORMATS = ("m.keras", "m.h5", "m.weights.h5")


def load(model, folder, name):
    """`model` through a file of the format that `name` says."""
    path = folder / name
    if name == "m.weights.h5":
        model.save_weights(path)
        return el.keras.load(path, architecture=model.to_json())
    model.save(path)
    return el.keras.load(path)


def check(model, x, folder, formats=FORMATS, bound=1e-5):
    expected = predicted(model, x)
    for name in formats:
        ours = load(model, folder, name)
        y = ours.predict(x)
        assert y.shape == expected.shape and y.dtype == expected.dtype
        assert np.abs(y - expected).max(initial=0) <= bound * max(1, np.abs(expected).max(initial=0)), name
    return ours


def rnn(units=H, **options):
    return L.LSTM(units, **options)


def both(merge="concat", sequences=True, **options):
    return L.Bidirectional(L.LSTM(H, return_sequences=sequences, **options), merge_mode=merge)


CHAINS = {
    "last": lambda: [rnn()],
    "sequences": lambda: [rnn(return_sequences=True)],
    "stack": lambda: [rnn(5, return_sequences=True), rnn(2)],
    "no bias": lambda: [rnn(use_bias=False), L.Dense(2, use_bias=False)],
    "dropout everywhere": lambda: [
        L.SpatialDropout1D(0.3), rnn(dropout=0.2, recurrent_dropout=0.1, return_sequences=True), L.Dropout(0.4), rnn(),
    ],
    "classifier": lambda: [
        both(), both(sequences=False), L.Dense(6, activation="relu"), L.Dense(3, activation="softmax"),
    ],
    "tagger": lambda: [both("sum"), L.TimeDistributed(L.Dense(5)), L.Activation("softmax")],
    "normalised": lambda: [
        L.LayerNormalization(), rnn(return_sequences=True), L.LayerNormalization(epsilon=0.1, axis=[-1]), rnn(),
    ],
    "norm without gain": lambda: [L.LayerNormalization(scale=False), rnn(), L.LayerNormalization(center=False)],
    "mean": lambda: [rnn(return_sequences=True), L.GlobalAveragePooling1D(), L.Dense(1)],
    "max": lambda: [both(), L.GlobalMaxPooling1D()],
    "dense first": lambda: [L.Dense(6, activation="tanh"), rnn()],
    "unrolled": lambda: [rnn(unroll=True, unit_forget_bias=False, kernel_regularizer="l2")],
    "backwards": lambda: [rnn(go_backwards=True)],
    "backwards, sequences": lambda: [rnn(go_backwards=True, return_sequences=True), rnn(return_sequences=True)],
}  # fmt: skip


@pytest.mark.parametrize("chain", CHAINS)
def test_sequential_models(chain, tmp_path):
    check(sequential(*CHAINS[chain]()), floats(), tmp_path)


@pytest.mark.parametrize("chain", ["stack", "classifier", "tagger", "normalised", "mean"])
def test_functional_models(chain, tmp_path):
    check(functional(*CHAINS[chain]()), floats(), tmp_path)


@pytest.mark.parametrize("merge", ["concat", "sum", "ave", "mul"])
@pytest.mark.parametrize("sequences", [True, False])
def test_bidirectional(merge, sequences, tmp_path):
    check(sequential(both(merge, sequences)), floats(), tmp_path)


@pytest.mark.parametrize("masked", [True, False])
def test_a_backward_layer_of_its_own(masked, tmp_path):
    layers = [L.Masking(7.0)] if masked else []
    pair = L.Bidirectional(
        L.LSTM(H, return_sequences=True), backward_layer=L.LSTM(H, return_sequences=True, go_backwards=True)
    )
    check(sequential(*layers, pair), floats(7.0 if masked else None), tmp_path)


@pytest.mark.parametrize("gates", ["sigmoid", "hard_sigmoid", "softsign"])
@pytest.mark.parametrize("inside", ["tanh", "linear", "relu", "softplus", "elu", "leaky_relu", None, "hard_silu"])
def test_activations_in_the_cell(gates, inside, tmp_path):
    check(sequential(rnn(activation=inside, recurrent_activation=gates)), floats(), tmp_path, FORMATS[:1])


@pytest.mark.parametrize(
    "name",
    [
        "sigmoid",
        "tanh",
        "relu",
        "softplus",
        "softsign",
        "elu",
        "selu",
        "exponential",
        "hard_sigmoid",
        "leaky_relu",
        "relu6",
    ]
    + ["silu", "swish", "hard_silu", "softmax", "log_softmax", "linear"],
)
def test_activations_after_a_layer(name, tmp_path):
    check(sequential(L.Dense(4, activation=name), L.Activation(name)), floats(), tmp_path, FORMATS[:1])


def test_activations_as_layers(tmp_path):
    layers = [
        L.ReLU(),
        L.ReLU(max_value=6),
        L.ReLU(negative_slope=0.1),
        L.LeakyReLU(),
        L.LeakyReLU(0.2),
        L.ELU(0.5),
        L.Softmax(),
    ]
    for layer in layers:
        check(sequential(L.Dense(4), layer), 5 * floats(), tmp_path)


MASKED = {
    "last": lambda: [rnn()],
    "sequences": lambda: [rnn(return_sequences=True)],
    "stack": lambda: [rnn(return_sequences=True), L.Dropout(0.2), L.Dense(3, activation="tanh"), rnn()],
    "tagger": lambda: [rnn(return_sequences=True), L.TimeDistributed(L.Dense(3)), L.LayerNormalization()],
    "two directions": lambda: [both(), L.Dense(2)],
    "two directions, last": lambda: [both("mul", False), L.Dense(2)],
    "max": lambda: [rnn(return_sequences=True), L.GlobalMaxPooling1D()],
    "dense": lambda: [L.Dense(3)],
    "backwards": lambda: [rnn(go_backwards=True)],
    "backwards, sequences": lambda: [rnn(go_backwards=True, return_sequences=True)],
    "backwards, then forwards": lambda: [rnn(go_backwards=True, return_sequences=True), rnn(return_sequences=True)],
}


@pytest.mark.parametrize("chain", MASKED)
def test_masked_floats(chain, tmp_path):
    model = sequential(L.Masking(-1.25), *MASKED[chain]())
    ours = check(model, floats(-1.25), tmp_path)
    assert isinstance(ours, el.MaskedSequential) and ours.mask_value == -1.25


@pytest.mark.parametrize("chain", MASKED)
def test_masked_integers(chain, tmp_path):
    layers = [L.Embedding(9, I, mask_zero=True), *MASKED[chain]()]
    check(functional(*layers, shape=(None,), dtype="int32"), tokens(), tmp_path)


def test_the_mean_of_valid_steps(tmp_path):
    """Of a row without valid steps, Keras's mean is 0 / 0; ours is zero."""
    model = sequential(L.Dense(I), L.Masking(0.0), L.GlobalAveragePooling1D())
    check(model, floats(), tmp_path)
    x = floats(-1.0)[:4]
    check(sequential(L.Masking(-1.0), rnn(return_sequences=True), L.GlobalAveragePooling1D()), x, tmp_path)


def test_masks_in_functional_models_and_after_other_layers(tmp_path):
    check(functional(L.Masking(-1.0), *MASKED["tagger"]()), floats(-1.0), tmp_path)
    x = np.abs(floats(0.0))
    model = functional(L.Activation("relu"), L.Masking(0.0), rnn())
    ours = check(model, x, tmp_path)
    assert isinstance(ours, el.Sequential) and isinstance(ours[1], el.MaskedSequential)


def test_an_embedding_without_a_mask(tmp_path):
    model = keras.Sequential([L.Input((T,)), L.Embedding(9, I), rnn()])
    check(randomised(model), tokens(), tmp_path)


def test_stateful_models_start_from_zeros_and_the_report_says_so(tmp_path):
    from eigenlstm.interop.keras import read

    model = randomised(keras.Sequential([L.Input(batch_shape=(5, T, I)), rnn(stateful=True), L.Dense(1)]))
    expected = predicted(model, floats())
    model.save(tmp_path / "m.keras")
    ours, report = read(tmp_path / "m.keras")
    np.testing.assert_allclose(ours(floats()), expected, atol=1e-5)
    assert "is stateful; here the caller hands states on" in report.notes[0]


def test_float64_and_mixed_precision(tmp_path):
    model = sequential(rnn(dtype="float64"), L.Dense(2, dtype="float64"), dtype="float64")
    ours = check(model, floats(dtype="float64"), tmp_path, bound=1e-13)
    assert ours.dtype == np.float64
    half = sequential(rnn(dtype="mixed_float16"), L.Dense(2, dtype="float32"))
    half.save(tmp_path / "half.keras")
    ours = el.keras.load(tmp_path / "half.keras")
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours(floats()), predicted(half, floats()), atol=5e-3)
    assert el.keras.load(tmp_path / "half.keras", dtype="float64").dtype == np.float64


@pytest.mark.parametrize("sequences", [True, False])
def test_a_pair_of_outputs_lies_side_by_side(sequences, tmp_path):
    inputs = L.Input((T, I))
    model = randomised(keras.Model(inputs, both(None, sequences)(inputs)))
    for name in FORMATS:
        y = load(model, tmp_path, name)(floats())
        for ours, theirs in zip(np.split(y, 2, axis=-1), model(floats()), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_what_a_trained_model_adds_to_its_file_is_left(tmp_path):
    model = sequential(rnn(dropout=0.1), L.Dropout(0.2), L.Dense(1))
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(floats(), np.ones((5, 1)), verbose=0)
    check(model, floats(), tmp_path)


def test_the_architecture_from_a_file_beside_the_weights(tmp_path):
    model = sequential(*CHAINS["classifier"]())
    (tmp_path / "model.json").write_text(model.to_json())
    model.save_weights(tmp_path / "m.weights.h5")
    ours = el.keras.load(tmp_path / "m.weights.h5", architecture=tmp_path / "model.json")
    np.testing.assert_allclose(ours(floats()), predicted(model, floats()), atol=1e-5)


OURS = {
    "stack": lambda: [el.LSTM(I, [5, 2]), el.Last()],
    "classifier": lambda: [
        el.LSTM(I, H, 2, bidirectional=True), el.Last(bidirectional=True), el.Linear(2 * H, 6), el.Activation("relu"),
        el.Linear(6, 3), el.Activation("softmax"),
    ],
    "tagger": lambda: [el.LSTM(I, H, bidirectional=True, merge="sum"), el.Linear(H, 5), el.Activation("softmax")],
    "normalised": lambda: [
        el.LayerNorm(I, eps=1e-3), el.LSTM(I, H), el.LayerNorm(H, eps=0.1), el.LSTM(H, H), el.Last(),
    ],
}  # fmt: skip


@pytest.mark.parametrize("chain", OURS)
@pytest.mark.parametrize("name", FORMATS)
def test_weights_into_a_model_of_ours(chain, name, tmp_path):
    model, ours = sequential(*CHAINS[chain]()), el.Sequential(OURS[chain]())
    model.save_weights(tmp_path / name) if "weights" in name else model.save(tmp_path / name)
    el.keras.load_weights(ours, tmp_path / name)
    np.testing.assert_allclose(ours(floats()), predicted(model, floats()), atol=1e-5)


@pytest.mark.parametrize("name", FORMATS)
def test_frozen_layers_stay_as_they_are(name, tmp_path):
    frozen = [
        L.Embedding(9, I, mask_zero=True, trainable=False),
        both(sequences=False, name="two"),
        L.Dense(1, trainable=False),
    ]
    model = randomised(keras.Sequential([L.Input((T,)), *frozen]))
    ours = load(model, tmp_path, name)
    before = ours.state_dict()
    ours.fit(tokens(), np.ones((5, 1), "f"), loss="mse", optimizer=el.Adam(1e-2), epochs=2, verbose=0)
    changed = {
        key.partition(".")[0] for key, value in ours.state_dict().items() if not np.array_equal(value, before[key])
    }
    assert changed == {"1"}


def test_a_loaded_model_trains_and_is_saved(tmp_path):
    model = load(sequential(L.Masking(-1.0), both(sequences=False), L.Dense(1)), tmp_path, "m.keras")
    x = floats(-1.0)
    history = model.fit(x, np.ones((5, 1), "f"), loss="mse", optimizer=el.Adam(1e-2), epochs=20, verbose=0)
    assert history[-1]["loss"] < history[0]["loss"]
    model.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(el.load(tmp_path / "m.safetensors").predict(x), model.predict(x))
