"""el.LSTM as Keras and TensorFlow define its variants: hard_sigmoid, merge modes, dropout masks; peepholes and the
clipped cell.
"""

import os

import numpy as np
import pytest
from lstm_case import set_params
from variant_case import INPUT, RECURRENT, SEED, keep_mask

import eigenlstm as el
from reference.gradcheck import relative_error

os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
tf = pytest.importorskip("tensorflow", reason="Keras on TensorFlow is the peer of these tests")
keras = pytest.importorskip("keras", reason="Keras on TensorFlow is the peer of these tests")
if keras.backend.backend() != "tensorflow":
    pytest.skip("Keras was imported with another backend", allow_module_level=True)

B, T, I, H = 5, 6, 3, 4
LENGTHS = np.array([6, 2, 4, 1, 5])
TOLERANCE = {"float32": (1e-5, 1e-4), "float64": (1e-12, 1e-11)}  # outputs, gradients
OURS = {"concat": "concat", "sum": "sum", "ave": "mean", "mul": "mul"}


def normal(dtype, *shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def their_layer(dtype, **options):
    """keras.layers.LSTM with random weights: its gate order is ours, its matrices are the transposed ones."""
    layer = keras.layers.LSTM(H, return_sequences=True, return_state=True, dtype=dtype, **options)
    layer.build((B, T, I))
    layer.set_weights([0.5 * normal(dtype, *w.shape) for w in layer.get_weights()])
    return layer


def as_ours(weights, suffix):
    kernel, recurrent, bias = (np.asarray(w) for w in weights)
    return {f"weight_ih_{suffix}": kernel.T, f"weight_hh_{suffix}": recurrent.T, f"bias_{suffix}": bias}


def their_outputs_and_gradients(layers, call, x, dy):
    """y, the states, dx and the gradients of the parameters under our names, of the `layers` in order of direction."""
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        y, *states = call(variable)
        scalar = tf.reduce_sum(y * dy)
    gradients = tape.gradient(scalar, [variable, *(w.value for layer in layers for w in layer.trainable_variables)])
    dx, *rest = (np.asarray(g) for g in gradients)
    named = {}
    for d, suffix in enumerate(["l0", "l0_reverse"][: len(layers)]):
        named |= as_ours(rest[3 * d : 3 * d + 3], suffix)
    return np.asarray(y), [np.asarray(s) for s in states], dx, named


def assert_same(ours, theirs, dtype, inputs=None, seed=None):
    """Values, states and gradients. `theirs` as `their_outputs_and_gradients` gives them."""
    x, dy, lengths = inputs
    y, (h, c), tape = ours.forward(x, lengths=lengths, seed=seed)
    dx, _ = ours.backward(tape, dy)
    their_y, states, their_dx, named = theirs
    outputs, gradients = TOLERANCE[dtype]
    for name, got, expected in [
        ("y", y, their_y),
        *(
            (f"state {k}", got, expected)
            for k, (got, expected) in enumerate(
                zip([part[d] for d in range(len(h)) for part in (h, c)], states, strict=True)
            )
        ),
    ]:
        assert relative_error(got, expected) < outputs, name
    assert relative_error(dx, their_dx) < gradients, "dx"
    assert set(named) == set(ours.grads)
    for name, expected in named.items():
        assert relative_error(ours.grads[name], expected) < gradients, name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "theirs, ours",
    [
        (dict(), ("sigmoid", "tanh", "tanh")),
        (dict(recurrent_activation="hard_sigmoid"), ("hard_sigmoid_keras3", "tanh", "tanh")),
        (dict(recurrent_activation="hard_sigmoid"), (("hard_sigmoid", 1 / 6, 0.5), "tanh", "tanh")),
        (dict(activation="softsign"), ("sigmoid", "softsign", "softsign")),
        (dict(activation="elu"), ("sigmoid", "elu", "elu")),
        (dict(activation="relu"), ("sigmoid", "relu", "relu")),
        (dict(activation="softplus"), ("sigmoid", "softplus", "softplus")),
        (
            dict(activation="hard_swish", recurrent_activation="hard_sigmoid"),
            ("hard_sigmoid_keras3", "hard_swish", "hard_swish"),
        ),
        (dict(activation="linear"), ("sigmoid", "linear", "linear")),
    ],
    ids=str,
)
def test_activations(theirs, ours, dtype):
    layer = their_layer(dtype, **theirs)
    # scaled so that hard_sigmoid is met at both of its ends
    x, dy = 3 * normal(dtype, B, T, I), normal(dtype, B, T, H)
    lstm = el.LSTM(I, H, dtype=dtype, activations=ours)
    set_params(lstm, as_ours(layer.get_weights(), "l0"))
    assert_same(lstm, their_outputs_and_gradients([layer], layer, x, dy), dtype, (x, dy, None))


def test_keras_2_has_another_hard_sigmoid():
    layer = their_layer("float64", recurrent_activation="hard_sigmoid")
    x = normal("float64", B, T, I)
    lstm = el.LSTM(I, H, dtype="float64", activations=("hard_sigmoid", "tanh", "tanh"))
    set_params(lstm, as_ours(layer.get_weights(), "l0"))
    assert relative_error(lstm(x)[0], np.asarray(layer(x)[0])) > 1e-2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("ragged", [False, True], ids=["full", "masked"])
@pytest.mark.parametrize("mode", OURS)
def test_merge_modes(mode, ragged, dtype):
    layer = keras.layers.Bidirectional(their_layer(dtype), merge_mode=mode, dtype=dtype)
    layer.build((B, T, I))
    ways = [layer.forward_layer, layer.backward_layer]
    for seed, way in enumerate(ways):
        way.set_weights([0.5 * normal(dtype, *w.shape, seed=seed) for w in way.get_weights()])
    x, dy = normal(dtype, B, T, I), normal(dtype, B, T, 2 * H if mode == "concat" else H)
    lengths = LENGTHS if ragged else None
    mask = np.arange(T) < LENGTHS[:, None] if ragged else None
    lstm = el.LSTM(I, H, bidirectional=True, dtype=dtype, merge=OURS[mode])
    set_params(lstm, {**as_ours(ways[0].get_weights(), "l0"), **as_ours(ways[1].get_weights(), "l0_reverse")})
    assert_same(lstm, their_outputs_and_gradients(ways, lambda v: layer(v, mask=mask), x, dy), dtype, (x, dy, lengths))


RATES = dict(dropout=0.3, recurrent_dropout=0.45)


def test_their_dropout_masks_have_the_shape_and_scale_of_ours():
    layer = their_layer("float64", **RATES)
    cell = layer.cell
    seen = {
        "dropout": (cell.get_dropout_mask(tf.ones((B, I), "float64")), I, INPUT),
        "recurrent_dropout": (cell.get_recurrent_dropout_mask(tf.ones((B, H), "float64")), H, RECURRENT),
    }
    for name, (masks, features, kind) in seen.items():
        p = RATES[name]
        ours = keep_mask(kind, 0, B, 1, features, p, "float64")[:, 0]
        for mask in (*masks, ours):  # theirs: one for each gate; one for all steps
            mask = np.asarray(mask)
            assert mask.shape == (B, features)
            np.testing.assert_allclose(mask[mask != 0], 1 / (1 - p), rtol=1e-12)
            assert 0 < np.count_nonzero(mask) < mask.size


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [("dropout",), ("recurrent_dropout",), ("dropout", "recurrent_dropout")], ids="+".join)
def test_dropout_masks_act_where_theirs_do(kind, dtype, monkeypatch):
    """Given the masks that our seed draws, Keras computes the same: one mask a row for all steps and gates."""
    rates = {name: RATES[name] for name in kind}
    layer = their_layer(dtype, implementation=1, **rates)
    masks = {
        "dropout": keep_mask(INPUT, 0, B, 1, I, RATES["dropout"], dtype),
        "recurrent_dropout": keep_mask(RECURRENT, 0, B, 1, H, RATES["recurrent_dropout"], dtype),
    }
    for name in kind:
        mask = tf.constant(masks[name][:, 0].astype(dtype))
        method = "get_dropout_mask" if name == "dropout" else "get_recurrent_dropout_mask"
        monkeypatch.setattr(layer.cell, method, lambda _, mask=mask: [mask] * 4)
    x, dy = normal(dtype, B, T, I), normal(dtype, B, T, H)
    layer.use_cudnn = False  # which would ask for one mask, not four
    ours = {"input_dropout" if name == "dropout" else name: p for name, p in rates.items()}
    lstm = el.LSTM(I, H, dtype=dtype, **ours)
    set_params(lstm, as_ours(layer.get_weights(), "l0"))
    theirs = their_outputs_and_gradients([layer], lambda v: layer(v, training=True), x, dy)
    assert_same(lstm, theirs, dtype, (x, dy, None), SEED)
    assert relative_error(lstm(x)[0], theirs[0]) > 1e-2  # no mask in inference


@pytest.mark.parametrize("peephole", [False, True])
@pytest.mark.parametrize("clip", [None, 0.3])
def test_tensorflows_block_lstm(clip, peephole):
    """Peepholes (wci, wcf see c_prev; wco c) and cell_clip, which bounds the state."""
    rng = np.random.default_rng(0)
    draw = lambda *shape: 0.6 * rng.standard_normal(shape).astype("float32")
    x, h0, c0, kernel, bias, wi, wf, wo = (
        draw(*shape) for shape in [(T, B, I), (B, H), (B, H), (I + H, 4 * H), (4 * H,), (H,), (H,), (H,)]
    )
    _, cs, _, _, _, _, h = tf.raw_ops.BlockLSTM(
        seq_len_max=T,
        x=x,
        cs_prev=c0,
        h_prev=h0,
        w=kernel,
        wci=wi,
        wcf=wf,
        wco=wo,
        b=bias,
        forget_bias=1.0,
        cell_clip=clip or -1.0,
        use_peephole=peephole,
    )
    i, c, f, o = np.split(np.vstack([kernel, bias]), 4, axis=1)  # TensorFlow's order of the gates
    stacked = np.hstack([i, f, c, o])
    lstm = el.LSTM(I, H, time_major=True, peephole=peephole, cell_clip=clip)
    bias = stacked[-1].copy()
    bias[H : 2 * H] += 1  # forget_bias, which it adds at run time
    set_params(
        lstm,
        {
            "weight_ih_l0": stacked[:I].T,
            "weight_hh_l0": stacked[I:-1].T,
            "bias_l0": bias,
            **({"peephole_l0": np.concatenate([wi, wf, wo])} if peephole else {}),
        },
    )
    y, (_, last) = lstm(x, state=(h0[None], c0[None]))
    np.testing.assert_allclose(y, h, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(last[0], cs[-1], rtol=1e-5, atol=1e-6)
    if clip:
        assert np.abs(last).max() == np.float32(clip)
