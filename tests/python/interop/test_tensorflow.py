"""from_tensorflow against the cells' equations in float64, and against TensorFlow's own operations."""

import numpy as np
import pytest

from eigenlstm.interop.tensorflow import from_tensorflow

T, B, I, H, P = 6, 3, 2, 4, 3
RNG = np.random.default_rng(0)
X = RNG.standard_normal((T, B, I))
KERNEL, BIAS = RNG.standard_normal((I + H, 4 * H)), RNG.standard_normal(4 * H)
PEEPHOLE = [RNG.standard_normal(H) for _ in range(3)]
ORDERS = {
    "BasicLSTMCell": "ijfo", "LSTMCell": "ijfo", "LSTMBlockCell": "icfo", "LSTMBlockFusedCell": "icfo", "BlockLSTM": "icfo",
    "BlockLSTMV2": "ifco",
}  # fmt: skip


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def tensorflow(x, kernel, bias, order, forget_bias, peephole=(0, 0, 0), clip=np.inf, projection=None):
    """All h (T, B, P) and the last c: [x, h] kernel + bias, cut in four by `order`; clipped c; o sees the new c."""
    wci, wcf, wco = peephole
    outputs = kernel.shape[1] // 4 if projection is None else projection.shape[1]
    h, c, ys = np.zeros((x.shape[1], outputs)), np.zeros((x.shape[1], kernel.shape[1] // 4)), []
    for x_t in x:
        z = np.concatenate([x_t, h], axis=1) @ kernel + bias
        gates = dict(zip(order, np.split(z, 4, axis=1)))
        i = sigmoid(gates["i"] + wci * c)
        f = sigmoid(gates["f"] + forget_bias + wcf * c)
        g = np.tanh(gates.get("j", gates.get("c")))
        c = np.clip(f * c + i * g, -clip, clip)
        h = sigmoid(gates["o"] + wco * c) * np.tanh(c)
        h = h if projection is None else h @ projection
        ys.append(h)
    return np.array(ys), c


def check(lstm, expected):
    assert lstm.dtype == np.float64
    y, (_, c) = lstm(X)
    np.testing.assert_allclose(y, expected[0], atol=1e-13)
    np.testing.assert_allclose(c[0], expected[1], atol=1e-13)


@pytest.mark.parametrize("cell", ORDERS)
def test_each_cell_with_the_forget_bias_of_its_run_time(cell):
    default = 0.0 if cell == "BlockLSTMV2" else 1.0
    expected = tensorflow(X, KERNEL, BIAS, ORDERS[cell], default)
    check(from_tensorflow(KERNEL, BIAS, cell=cell, time_major=True), expected)
    if default:
        expected = tensorflow(X, KERNEL, BIAS, ORDERS[cell], 0.25)
        check(from_tensorflow(KERNEL, BIAS, cell=cell, forget_bias=0.25, time_major=True), expected)


@pytest.mark.parametrize("cell", [cell for cell in ORDERS if cell != "BasicLSTMCell"])
def test_peepholes_and_clipping(cell):
    lstm = from_tensorflow(KERNEL, BIAS, cell=cell, peephole=PEEPHOLE, cell_clip=0.4, time_major=True)
    default = 0.0 if cell == "BlockLSTMV2" else 1.0
    check(lstm, tensorflow(X, KERNEL, BIAS, ORDERS[cell], default, PEEPHOLE, clip=0.4))


def test_projection():
    kernel, projection = RNG.standard_normal((I + P, 4 * H)), RNG.standard_normal((H, P))
    lstm = from_tensorflow(kernel, BIAS, cell="LSTMCell", projection=projection, time_major=True)
    check(lstm, tensorflow(X, kernel, BIAS, "ijfo", 1.0, projection=projection))


def test_the_bias_that_was_given_is_left_alone():
    bias = BIAS.copy()
    from_tensorflow(KERNEL, bias, cell="BlockLSTMV2")
    np.testing.assert_array_equal(bias, BIAS)


@pytest.mark.parametrize("operation", ["BlockLSTM", "BlockLSTMV2", "LSTMBlockCell"])
def test_against_tensorflow_itself(operation):
    tf = pytest.importorskip("tensorflow")
    zeros, f32 = np.zeros((B, H), np.float32), lambda a: np.asarray(a, np.float32)
    weights = {
        "w": f32(KERNEL),
        "b": f32(BIAS),
        "wci": f32(PEEPHOLE[0]),
        "wcf": f32(PEEPHOLE[1]),
        "wco": f32(PEEPHOLE[2]),
    }
    run = getattr(tf.raw_ops, operation)
    if operation == "LSTMBlockCell":
        h, c, ys = zeros, zeros, []
        for x in f32(X):
            _, c, _, _, _, _, h = run(x=x, cs_prev=c, h_prev=h, **weights, use_peephole=True)
            ys.append(h)
    else:
        ys = run(seq_len_max=T, x=f32(X), cs_prev=zeros, h_prev=zeros, **weights, use_peephole=True)[-1]
    clip = None if operation == "BlockLSTMV2" else 3.0  # the operations' own default
    lstm = from_tensorflow(
        f32(KERNEL), f32(BIAS), cell=operation, peephole=PEEPHOLE, dtype="float32", cell_clip=clip, time_major=True
    )
    np.testing.assert_allclose(lstm(f32(X))[0], np.array(ys), atol=2e-6)


@pytest.mark.parametrize("change, message", [
    ({"cell": "GRUCell"}, "from_tensorflow: cell must be one of BasicLSTMCell, .*, got 'GRUCell'"),
    ({"kernel": KERNEL[:, :15]}, r"kernel must have shape \(I \+ H, 4H\), got \(6, 15\)"),
    ({"kernel": KERNEL[:4]}, r"kernel must have more than 4 rows \(I \+ 4\), got \(4, 16\)"),
    ({"bias": BIAS[:8]}, r"bias must have shape \(16,\), got \(8,\)"),
    ({"peephole": PEEPHOLE, "cell": "BasicLSTMCell"}, "peephole wci was given, but BasicLSTMCell has none"),
    ({"peephole": PEEPHOLE[:2]}, r"peephole must be three arrays \(wci, wcf, wco\), got 2"),
    ({"peephole": [PEEPHOLE[0], PEEPHOLE[1][:3], PEEPHOLE[2]]}, r"peephole wcf must have shape \(4,\), got \(3,\)"),
    ({"projection": np.ones((3, 2)), "cell": "LSTMCell"}, r"projection must have shape \(4, P\), got \(3, 2\)"),
    ({"projection": np.ones((4, 2))}, "projection was given, but LSTMBlockCell has none"),
    ({"cell": "BlockLSTMV2", "forget_bias": 1.0}, "BlockLSTMV2 has no forget bias, got forget_bias=1.0"),
])  # fmt: skip
def test_what_does_not_fit_is_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        from_tensorflow(**{"kernel": KERNEL, "bias": BIAS, "cell": "LSTMBlockCell"} | change)
