"""What Keras's own tests of LSTM and Bidirectional try, tried on loaded layers: states, carried on or given; masks;
gradients.
"""

import numpy as np
import pytest
from keras_case import VALID, B, H, I, L, T, floats, functional, keras, predicted, randomised, sequential, tokens

import eigenlstm as el

tf = pytest.importorskip("tensorflow")
RNG = np.random.default_rng(3)
STATE = [RNG.standard_normal((B, H)).astype("f") for _ in range(4)]  # h, c, and those of the way back
CONSTANT = {
    "kernel_initializer": keras.initializers.Constant(0.01),
    "recurrent_initializer": keras.initializers.Constant(0.02),
    "bias_initializer": keras.initializers.Constant(0.03),
}


def loaded(layer, tmp_path, *before):
    """A Keras layer that was built in a model, and the LSTM of ours that its file becomes."""
    model = randomised(keras.Sequential([L.Input((T, I)), *before, layer]))
    model.save(tmp_path / "m.keras")
    ours = el.keras.load(tmp_path / "m.keras")
    return next(part for part in ours.layers if isinstance(part, el.LSTM))


OPTIONS = [
    {},
    {"implementation": 1},
    {"unroll": True},
    {"go_backwards": True},
    {"go_backwards": True, "unroll": True},
    {"unit_forget_bias": False},
    {"use_bias": False},
    {"recurrent_activation": "hard_sigmoid", "activation": "softsign"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_all_weights_the_same(options, tmp_path):
    """Constant initialisers and counting numbers, as Keras has them in its tests: saturated gates, too."""
    x = np.arange(B * T * I, dtype="f").reshape(B, T, I) / 4
    for sequences in (False, True):
        model = keras.Sequential([L.Input((T, I)), L.LSTM(H, return_sequences=sequences, **CONSTANT, **options)])
        model.save(tmp_path / "m.h5")
        np.testing.assert_allclose(el.keras.load(tmp_path / "m.h5")(x), predicted(model, x), atol=1e-6)


@pytest.mark.parametrize("backwards", [False, True])
def test_states_given_and_returned(backwards, tmp_path):
    layer = L.LSTM(H, return_sequences=True, go_backwards=backwards)
    lstm, x = loaded(layer, tmp_path), floats()
    cell_outputs = L.LSTM(H, return_sequences=True, return_state=True, go_backwards=backwards)
    cell_outputs.build((B, T, I))
    cell_outputs.set_weights(layer.get_weights())
    y, h, c = map(np.asarray, cell_outputs(x, initial_state=STATE[:2]))
    ours, (our_h, our_c) = lstm(x, state=(STATE[0][None], STATE[1][None]))
    np.testing.assert_allclose(ours[:, ::-1] if backwards else ours, y, atol=1e-6)  # Keras's output is reversed, too
    np.testing.assert_allclose(our_h[0], h, atol=1e-6)
    np.testing.assert_allclose(our_c[0], c, atol=1e-6)


@pytest.mark.parametrize("merge", ["concat", "ave"])
def test_states_of_two_directions(merge, tmp_path):
    layer = L.Bidirectional(L.LSTM(H, return_sequences=True), merge_mode=merge)
    lstm, x = loaded(layer, tmp_path), floats()
    whole = L.Bidirectional(L.LSTM(H, return_sequences=True, return_state=True), merge_mode=merge)
    whole.build((B, T, I))
    whole.set_weights(layer.get_weights())
    y, *states = map(np.asarray, whole(x, initial_state=STATE))
    h, c = (np.stack(STATE[i::2]) for i in (0, 1))
    ours, (our_h, our_c) = lstm(x, state=(h, c))
    np.testing.assert_allclose(ours, y, atol=1e-6)
    np.testing.assert_allclose(our_h, np.stack(states[0::2]), atol=1e-6)
    np.testing.assert_allclose(our_c, np.stack(states[1::2]), atol=1e-6)


def test_a_stateful_layer_is_a_state_handed_on(tmp_path):
    theirs = randomised(keras.Sequential([L.Input(batch_shape=(B, T, I)), L.LSTM(H, stateful=True)]))
    theirs.save(tmp_path / "m.keras")
    lstm, state = el.keras.load(tmp_path / "m.keras")[0], None
    for repeat in range(3):
        y, state = lstm(floats() + repeat, state=state)
        np.testing.assert_allclose(y[:, -1], predicted(theirs, floats() + repeat), atol=1e-6)
    theirs.layers[0].reset_state()
    np.testing.assert_allclose(lstm(floats())[0][:, -1], predicted(theirs, floats()), atol=1e-6)


def test_step_by_step_through_a_stream(tmp_path):
    layer = L.LSTM(H, return_sequences=True)
    stream = loaded(layer, tmp_path).stream(B)
    steps = [stream.step(step).copy() for step in np.ascontiguousarray(floats().transpose(1, 0, 2))]
    np.testing.assert_allclose(np.stack(steps, axis=1), np.asarray(layer(floats())), atol=1e-6)


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("options", [{}, {"go_backwards": True}], ids=str)
def test_each_pattern_of_a_mask(options, unroll, tmp_path):
    """All 2^4 masks of 4 steps, with and without unrolling."""
    x = np.random.default_rng(5).standard_normal((16, 4, I)).astype("f")
    x[np.array([[row >> step & 1 for step in range(4)] for row in range(16)]) == 0] = 9
    for sequences in (True, False):
        lstm = L.LSTM(H, return_sequences=sequences, unroll=unroll, **options)
        model = randomised(keras.Sequential([L.Input((4, I)), L.Masking(9.0), lstm]))
        model.save(tmp_path / "m.h5")
        np.testing.assert_allclose(el.keras.load(tmp_path / "m.h5")(x), predicted(model, x), atol=1e-6)


GRADIENTS = {
    "stack": lambda: [L.LSTM(H, return_sequences=True), L.LSTM(H, go_backwards=True), L.Dense(2, activation="tanh")],
    "two directions": lambda: [L.Bidirectional(L.LSTM(H, return_sequences=True), merge_mode="mul"), L.LayerNormalization()],
    "last of two directions": lambda: [L.Bidirectional(L.LSTM(H), merge_mode="mul"), L.Dense(2, activation="softmax")],
    "mean": lambda: [L.LSTM(H, return_sequences=True, activation="elu"), L.GlobalAveragePooling1D(), L.Dense(1)],
}  # fmt: skip


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("chain", GRADIENTS)
def test_gradients(chain, masked, tmp_path):
    """Of a random weighing of the outputs, for x and all parameters, in float64, mapped by reading them as if they were
    weights.
    """
    rows = slice(0, 4)  # each has a valid step
    keras.config.set_dtype_policy("float64")
    try:
        model = sequential(*([L.Masking(9.0)] if masked else []), *GRADIENTS[chain](), dtype="float64")
    finally:
        keras.config.set_dtype_policy("float32")
    x = floats(9.0 if masked else None, dtype="float64")[rows]
    with tf.GradientTape() as recorded:
        watched = tf.constant(x)
        recorded.watch(watched)
        w = np.random.default_rng(1).standard_normal(predicted(model, x).shape)
        value = tf.reduce_sum(model(watched) * w)
    dx, *gradients = recorded.gradient(value, [watched, *[v.value for v in model.trainable_variables]])
    model.save(tmp_path / "m.keras")
    ours = el.keras.load(tmp_path / "m.keras")
    model.set_weights([np.asarray(g) for g in gradients])
    model.save(tmp_path / "gradients.keras")
    expected = el.keras.load(tmp_path / "gradients.keras").flat_params
    y, tape = ours.forward(x)
    our_dx = ours.backward(tape, w)
    np.testing.assert_allclose(ours.flat_grads, expected, atol=1e-12)
    valid = VALID[rows] if masked else slice(None)
    np.testing.assert_allclose(our_dx[valid], np.asarray(dx)[valid], atol=1e-12)


def test_gradients_of_an_embedding(tmp_path):
    layers = [L.Embedding(9, I, mask_zero=True), L.LSTM(H), L.Dense(1)]
    model = functional(*layers, shape=(None,), dtype="int32")
    with tf.GradientTape() as recorded:
        value = tf.reduce_sum(model(tokens()))
    gradients = recorded.gradient(value, [v.value for v in model.trainable_variables])
    model.save(tmp_path / "m.keras")
    ours = el.keras.load(tmp_path / "m.keras")
    model.set_weights([tf.convert_to_tensor(g).numpy() for g in gradients])
    model.save(tmp_path / "gradients.keras")
    y, tape = ours.forward(tokens())
    ours.backward(tape, np.ones_like(y))
    np.testing.assert_allclose(ours.flat_grads, el.keras.load(tmp_path / "gradients.keras").flat_params, atol=1e-5)
