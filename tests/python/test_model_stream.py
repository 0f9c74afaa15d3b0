"""Whole models as streams: the bits of `predict`, step by step and in blocks; states, forks, refusals."""

import copy
import tracemalloc

import numpy as np
import pytest

import eigenlstm as el

DTYPES = ["float32", "float64"]
ACTIVATIONS = [
    "linear", "sigmoid", "tanh", "relu", "softsign", "softplus", "hard_swish", "leaky_relu", "elu", "thresholded_relu",
    "affine", "scaled_tanh", "hard_sigmoid", "hard_sigmoid_keras3", "silu", "gelu_tanh", "selu", "relu6", "exponential",
    "softmax", "log_softmax",
]  # fmt: skip


def randomised(model, seed=0):
    rng = np.random.default_rng(seed)
    model.flat_params = (0.5 * rng.standard_normal(model.num_params)).astype(model.flat_params.dtype)
    return model


def data(B, T, F, dtype, seed=1):
    return np.random.default_rng(seed).standard_normal((B, T, F)).astype(dtype)


def skip_model(dtype="float32", H=16, I=1, seed=3):
    lstm, head = el.LSTM(I, H, dtype=dtype, seed=seed), el.Linear(H, I, dtype=dtype, seed=seed)
    return el.Model(lambda x: head(lstm(x)[0]) + x[..., :I], x=el.Input((None, I)))


def check_bits(model, x):
    """Steps, steps of single rows and blocks against `predict`."""
    expected = model.predict(x)
    B, T = x.shape[:2]
    stream = model.stream(B)
    steps = np.stack([stream.step(x[:, t]) for t in range(T)], axis=1)
    assert steps.dtype == expected.dtype and steps.shape == expected.shape
    assert steps.tobytes() == expected.tobytes()
    stream.reset()
    cut = T // 3
    blocks = np.concatenate([stream.process(x[:, :cut]), stream.process(x[:, cut:])], axis=1)
    assert blocks.tobytes() == expected.tobytes()
    one = model.stream()
    assert one.process(x[0]).tobytes() == expected[0].tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_activation(name, dtype):
    layers = [el.LSTM(3, 21, dtype=dtype, seed=0), el.Activation(name), el.Linear(21, 2, dtype=dtype, seed=1)]
    check_bits(randomised(el.Sequential(layers)), 2 * data(3, 7, 3, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("outputs", [1, 3, 8, 16, 31, 64, 65, 100, 130, 200])
def test_each_number_of_outputs(outputs, dtype):
    for B in (1, 2, 5, 17):
        model = randomised(el.Sequential([el.LSTM(2, 9, dtype=dtype), el.Linear(9, outputs, bias=B > 1, dtype=dtype)]))
        check_bits(model, data(B, 5, 2, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kernel_size, dilation", [(1, 1), (2, 1), (3, 1), (3, 4), (5, 2)])
def test_causal_convolutions(kernel_size, dilation, dtype):
    convolution = el.Conv1D(3, 5, kernel_size, padding="causal", dilation=dilation, dtype=dtype)
    model = randomised(el.Sequential([convolution, el.LSTM(5, 6, dtype=dtype)]))
    check_bits(model, data(3, 25, 3, dtype))
    stream = model.stream(3)
    stream.process(data(3, 11, 3, dtype, 5))
    other = model.stream(3)
    other.state = stream.state
    x = data(3, 25, 3, dtype, 6)
    assert other.process(x).tobytes() == stream.process(x).tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_random_chains(dtype):
    rng = np.random.default_rng(7)
    for trial in range(25):
        F = features = int(rng.integers(1, 40))
        layers = []
        for _ in range(int(rng.integers(1, 6))):
            kind, size = rng.integers(0, 7), int(rng.integers(1, 70))
            if kind == 0:
                layers.append(el.Linear(F, size, dtype=dtype))
            elif kind == 1:
                layers.append(el.LSTM(F, size, int(rng.integers(1, 3)), dtype=dtype))
            elif kind == 2:
                layers.append(el.LayerNorm(F, dtype=dtype))
            elif kind == 3:
                layers.append(el.Activation(ACTIVATIONS[rng.integers(len(ACTIVATIONS) - 3)]))
            elif kind == 4:
                layers.append(el.Conv1D(F, size, 3, padding="causal", dilation=2, dtype=dtype))
            elif kind == 5:
                layers.append(el.Sequential([el.Dropout(0.3), el.Linear(F, size, dtype=dtype), el.Dropout(0.5)]))
            else:
                layers.append(el.SpatialDropout1D(0.5))
            F = size if kind in (0, 1, 4, 5) else F
        model = el.Sequential([el.LSTM(features, features, dtype=dtype), *layers])
        check_bits(randomised(model, trial), data(int(rng.integers(1, 20)), 9, features, dtype, trial))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "options",
    [
        {"peephole": True, "coupled_input_forget": True},
        {"layer_norm": True, "num_layers": 2, "residual": True},
        {"proj_size": 5, "num_layers": 2, "learned_state": True},
        {"hidden_size": [12, 7], "cell_clip": 0.5},
        {"activations": ("hard_sigmoid", "softsign", "relu"), "zoneout": (0.1, 0.2)},
        {"missing": "mask"},
        {"missing": "forward_fill", "num_layers": 2},
    ],
)
def test_options_of_the_lstm(options, dtype):
    lstm = el.LSTM(3, **{"hidden_size": 12, **options}, dtype=dtype)
    width = lstm.output_shape(("B", "T", 3))[2]
    model = randomised(el.Sequential([lstm, el.Linear(width, 4, dtype=dtype)]))
    x = data(4, 12, 3, dtype)
    if "missing" in options:
        x[np.random.default_rng(0).random(x.shape) < 0.3] = np.nan
    check_bits(model, x)
    stream = model.stream(4)
    stream.process(x)
    other = model.stream(4)
    other.state = stream.state
    assert other.process(x).tobytes() == stream.process(x).tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_models_with_skips_and_branches(dtype):
    check_bits(skip_model(dtype), data(3, 10, 1, dtype))
    a, b = el.LSTM(4, 8, dtype=dtype, seed=0), el.LSTM(8, 8, dtype=dtype, seed=1)
    head, gate, shift = el.Linear(16, 4, dtype=dtype, seed=2), el.Linear(4, 4, dtype=dtype, seed=3), el.Shift(0.5)

    def wired(x):
        h, _ = a(x)
        g, _ = b(h * h - 2.0)
        y = head(el.Concat()(h, g))
        return el.Concat()(y * gate(x) + shift(x), 1.0 - x[..., 1:3] * 0.5)

    check_bits(el.Model(wired, x=el.Input((None, 4))), data(3, 10, 4, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_integers(dtype):
    embedding = el.Embedding(11, 5, dtype=dtype, seed=0)
    model = el.Sequential([embedding, el.LSTM(5, 8, dtype=dtype, seed=1), el.Linear(8, 11, dtype=dtype, seed=2)])
    x = np.random.default_rng(0).integers(0, 11, (3, 9))
    check_bits(model, x)
    one, expected = model.stream(), model.predict(x[:1])[0]
    assert np.array_equal([one.step(int(value)) for value in x[0]], expected)
    assert one.fork().process(x[0].astype(np.uint8)).shape == (9, 11)
    before = one.state
    with pytest.raises(ValueError, match=r"ModelStream\.step: x must lie in 0\.\.10, got 11"):
        one.step(11)
    state = one.state
    with pytest.raises(ValueError, match=r"ModelStream\.process: x must lie in 0\.\.10, got 11"):
        one.process(np.r_[np.zeros(90, int), 11])
    assert np.array_equal(one.state, state)  # none of the steps before it was taken
    with pytest.raises(TypeError, match=r"ModelStream\.step: x must be of integers, got float64"):
        one.step([1.0])
    with pytest.raises(ValueError, match=r"ModelStream\.step: x must have shape \(1,\), got \(2,\)"):
        one.step([1, 2])
    assert np.array_equal(one.state, before)


def test_denormals_are_treated_as_predict_does():
    tiny = np.float32(1e-40)
    model = el.Model(lambda x: x + x * 0.5 + x, x=el.Input((None, 1)))
    linear = el.Sequential([el.Linear(1, 1, bias=False)])
    linear.flat_params[:] = 1
    for each in (model, linear):
        x = np.full((1, 3, 1), tiny)
        assert each.stream().process(x[0]).tobytes() == each.predict(x).tobytes()


def test_out_and_blocks_in_place():
    model, x = skip_model(), data(2, 20, 1, "float32")
    expected = model.predict(x)
    stream, out = model.stream(2), np.empty((2, 1), np.float32)
    assert stream.step(x[:, 0], out=out) is out
    assert np.array_equal(out, expected[:, 0])
    stream.reset()
    block = x.copy()
    assert stream.process(block, out=block) is block
    assert np.array_equal(block, expected)
    one, block = model.stream(), x[0].copy()
    assert np.array_equal(one.process(block, block), expected[0])
    assert one.process(x[0, :0]).shape == (0, 1)


def test_a_signal_has_one_axis():
    model = el.Sequential([el.LSTM(1, 7, seed=0), el.Linear(7, 1, seed=1)])
    x = np.random.default_rng(0).standard_normal(50).astype(np.float32)
    expected, stream, out = model.predict(x[None, :, None])[0, :, 0], model.stream(), np.empty(50, np.float32)
    assert stream.process(x, out) is out and np.array_equal(out, expected)
    stream.reset()
    assert np.array_equal(np.concatenate([stream.process(x[:1]), stream.process(x[1:])]), expected)
    with pytest.raises(ValueError, match=r"process: out must have shape \(50,\), got \(50, 1\)"):
        stream.process(x, np.empty((50, 1), np.float32))
    for other in (model.stream(2), el.Sequential([el.LSTM(1, 2)]).stream()):
        with pytest.raises(ValueError, match=r"process: x must have shape"):
            other.process(x)


def test_states_forks_and_resets():
    model, x = skip_model(H=8), data(3, 20, 1, "float32")
    expected = model.predict(x)
    stream = model.stream(3)
    assert stream.batch_size == 3 and stream.state.shape == (3, 16) and not stream.state.any()
    stream.process(x[:, :8])
    kept, fork = stream.state, stream.fork()
    assert np.array_equal(fork.process(x[:, 8:]), expected[:, 8:])
    assert np.array_equal(stream.state, kept)
    row = model.stream()
    row.state = kept[1:2].tolist()
    assert np.array_equal(row.process(x[1, 8:]), expected[1, 8:])
    stream.reset()
    assert np.array_equal(stream.process(x), expected)


def test_a_session_keeps_the_weights_of_its_start_and_outlives_the_model():
    model, x = skip_model(), data(1, 6, 1, "float32")
    expected = model.predict(x)[0]
    stream = model.stream()
    model.flat_params[:] = 0.25
    del model
    assert np.array_equal(stream.process(x[0]), expected)


def test_nothing_is_allocated_in_a_million_steps():
    stream, x, out = skip_model().stream(), np.zeros(1, np.float32), np.empty(1, np.float32)
    block = np.zeros((1000, 1), np.float32)
    step, process = stream.step, stream.process
    for _ in range(10):
        step(x, out), process(block, block)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(2000):
        step(x, out)
    for _ in range(1000):
        process(block, block)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 500 and peak - before < 1000  # bytes


@pytest.mark.parametrize(
    "layers, reason",
    [
        ([el.LSTM(3, 4, bidirectional=True)], "LSTM.stream: a bidirectional LSTM needs the end of the sequence"),
        ([el.LSTM(3, 4, reverse=True)], "LSTM.stream: an LSTM with reverse=True reads a sequence from its end"),
        ([el.LSTM(3, 4), el.Last()], r"Sequential.stream: 1 \(Last\) can't stream: it gives one vector for a whole"),
        ([el.LSTM(3, 4), el.MeanPool()], r"1 \(MeanPool\) can't stream: it gives one vector"),
        ([el.LSTM(3, 4), el.Sequential([el.MaxPool()])], r"layer 0 of a Sequential \(MaxPool\) can't stream"),
        ([el.Conv1D(3, 4, 3)], r'0 \(Conv1D\) can\'t stream: with padding="same" it sees later steps'),
        ([el.LSTM(3, 4), el.Reverse()], r"1 \(Reverse\) can't stream: it begins with the last step"),
        ([el.LSTM(3, 4), el.StackFrames(2)], r"1 \(StackFrames\) can't stream: it makes one step of several"),
        ([el.Activation("tanh")], "no layer of the chain knows the shape"),
    ],
)
def test_what_cannot_stream_says_why(layers, reason):
    with pytest.raises(ValueError, match=reason):
        el.Sequential(copy.deepcopy(layers)).stream()


def test_models_that_cannot_stream_say_why():
    encoder, decoder, head = el.LSTM(2, 4), el.LSTM(2, 4), el.Linear(4, 2)
    two = el.Model(lambda a, b: head(encoder(a)[0]) + b, a=el.Input(("a", 2)), b=el.Input(("a", 2)))
    with pytest.raises(ValueError, match=r"Model\.stream: needs a model of one input and one output, this has 2 and 1"):
        two.stream()
    encoder, decoder = el.LSTM(2, 4), el.LSTM(2, 4)
    handed = el.Model(lambda x: decoder(x, encoder(x)[1])[0], x=el.Input((None, 2)))
    with pytest.raises(ValueError, match=r"decoder \(LSTM\) starts from the state after a whole sequence"):
        handed.stream()
    with pytest.raises(ValueError, match=r"MaskedSequential\.stream can't stream: its layers see a mask"):
        el.MaskedSequential([el.LSTM(3, 4)]).stream()
    with pytest.raises(ValueError, match=r"Sequential\.stream: batch_size must be at least 1, got 0"):
        el.Sequential([el.LSTM(3, 4)]).stream(0)


def test_layers_of_ones_own_are_refused_and_may_have_a_step():
    class Twice(el.Linear):
        def forward(self, x, **options):
            y, tape = super().forward(x, **options)
            return y * 2, tape

    with pytest.raises(ValueError, match=r"0 \(Twice\) can't stream: its forward has no step beside it"):
        el.Sequential([Twice(2, 2)]).stream()


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda s, x: s.step(x[:1]), ValueError, r"step: x must have shape \(2, 3\), got \(1, 3\)"),
        (lambda s, x: s.step(x.astype(np.float64)), TypeError, r"step: x must have dtype float32, got float64"),
        (
            lambda s, x: s.step(x, np.empty((2, 5), "f")),
            ValueError,
            r"step: out must have shape \(2, 4\), got \(2, 5\)",
        ),
        (lambda s, x: s.process(x), ValueError, r"process: x must have shape \(2, T, 3\), got \(2, 3\)"),
        (lambda s, x: s.process(x[:, None], np.empty((2, 4), "f")), ValueError, r"out must have shape \(2, 1, 4\)"),
        (lambda s, x: s.step([["a", "b", "c"]] * 2), TypeError, r"step: x must have dtype float32, got <U1"),
        (lambda s, x: s.step([[1.0, 2, 3], [4]]), TypeError, r"step: x cannot be read as an array of float32"),
        (lambda s, x: s.step(np.ma.masked_less(x, 9)), ValueError, r"step: x has 6 masked entries"),
        (lambda s, x: setattr(s, "state", x), ValueError, r"ModelStream\.state: state must have shape \(2, 12\)"),
        (lambda s, x: type(s)(), TypeError, r"instances are made by Sequential\.stream"),
    ],
)
def test_wrong_calls_name_what_is_wrong_and_change_nothing(call, error, message):
    stream, x = el.Sequential([el.LSTM(3, 6, seed=0), el.Linear(6, 4)]).stream(2), data(2, 1, 3, "float32")[:, 0]
    stream.step(x)
    before = stream.state
    with pytest.raises(error, match=message):
        call(stream, x)
    assert np.array_equal(stream.state, before)


def test_nan_where_it_is_an_error():
    stream = el.Sequential([el.LSTM(3, 6, missing="error", seed=0), el.Linear(6, 4)]).stream(2)
    with pytest.raises(ValueError, match="x must not have NaN"):
        stream.step(np.full((2, 3), np.nan, np.float32))
    assert not stream.state.any()
