"""Wrong calls of el.LSTM: each is refused with its function, argument, expectation and what came, and changes
nothing.
"""

import inspect

import numpy as np
import pytest
from lstm_case import Case, Run, assert_all_same_bits, assert_same_bits

import eigenlstm as el

B, T, I, H = 4, 5, 3, 6


@pytest.fixture
def run():
    return Run(Case(B, T, I, H, num_layers=2, state=True))


def f32(*shape):
    return np.zeros(shape, np.float32)


FORWARD = [  # (arguments, error, message after "LSTM.forward: ")
    (dict(x=f32(B, T, 4)), ValueError, r"x must have shape \(B, T, 3\), got \(4, 5, 4\)"),
    (dict(x=f32(T, I)), ValueError, r"x must have shape \(B, T, 3\), got \(5, 3\)"),
    (dict(x=f32(1, B, T, I)), ValueError, r"x must have shape \(B, T, 3\), got \(1, 4, 5, 3\)"),
    (dict(x=np.float32(1)), ValueError, r"x must have shape \(B, T, 3\), got \(\)"),
    (dict(x=[]), ValueError, r"x must have shape \(B, T, 3\), got \(0,\)"),
    (dict(x=np.zeros((B, T, I))), TypeError, r"x must have dtype float32, got float64"),
    (dict(x=np.zeros((B, T, I), np.int64)), TypeError, r"x must have dtype float32, got int64"),
    (dict(x=np.zeros((B, T, I), bool)), TypeError, r"x must have dtype float32, got bool"),
    (dict(x=np.zeros((B, T, I), np.float16)), TypeError, r"x must have dtype float32, got float16"),
    (dict(x=np.zeros((B, T, I), np.complex64)), TypeError, r"x must have dtype float32, got complex64"),
    (dict(x=np.zeros((B, T, I), ">f4")), TypeError, r"x must have dtype float32, got >f4"),
    (dict(x=np.zeros((B, T, I), object)), TypeError, r"x must have dtype float32, got object"),
    (dict(x="text"), TypeError, r"x .*float32"),
    (dict(x=None), TypeError, r"x .*float32"),
    (dict(x=[[[1.0, 2.0, 3.0], [1.0]]]), TypeError, r"x "),
    (dict(lengths=[1, 2, 3]), ValueError, r"lengths must have shape \(4,\), got \(3,\)"),
    (
        dict(lengths=[[1], [2, 3], [4], [5]]),
        ValueError,
        r"lengths must have shape \(4,\), got parts of different lengths",
    ),
    (dict(lengths=3), ValueError, r"lengths must have shape \(4,\), got \(\)"),
    (dict(lengths=[[1, 2, 3, 4]]), ValueError, r"lengths must have shape \(4,\), got \(1, 4\)"),
    (dict(lengths=[1, -1, 2, 3]), ValueError, r"lengths must .*0.*5.*got .*-1"),
    (dict(lengths=[1, 6, 2, 3]), ValueError, r"lengths must .*0.*5.*got .*6"),
    (dict(lengths=[1, 2**62, 2, 3]), ValueError, r"lengths must .*got .*4611686018427387904"),
    (dict(lengths=np.array([1, 2**64 - 1, 2, 3], np.uint64)), ValueError, r"lengths must .*got .*18446744073709551615"),
    (dict(lengths=[1, 2**70, 2, 3]), (TypeError, ValueError, OverflowError), r"lengths must "),
    (dict(lengths=[1.0, 2.0, 3.0, 4.0]), TypeError, r"lengths must be integers, got float64"),
    (dict(lengths=["1", "2", "3", "4"]), TypeError, r"lengths must be integers, got "),
    (dict(lengths=[True, True, False, True]), TypeError, r"lengths must be integers, got bool"),
    (dict(lengths=np.array([1, 2, 3, None])), TypeError, r"lengths must be integers, got object"),
    (dict(state=(f32(2, B, H), f32(2, B, 5))), ValueError, r".*c0? must have shape \(2, 4, 6\), got \(2, 4, 5\)"),
    (dict(state=(f32(2, B, 5), f32(2, B, H))), ValueError, r".*h0? must have shape \(2, 4, 6\), got \(2, 4, 5\)"),
    (dict(state=(f32(1, B, H), f32(2, B, H))), ValueError, r".*h0? must have shape \(2, 4, 6\), got \(1, 4, 6\)"),
    (dict(state=(f32(2, B, H), f32(B, H))), ValueError, r".*c0? must have shape \(2, 4, 6\), got \(4, 6\)"),
    (dict(state=(f32(2, 1, H), f32(2, B, H))), ValueError, r".*h0? must have shape \(2, 4, 6\), got \(2, 1, 6\)"),
    (dict(state=(np.zeros((2, B, H)), f32(2, B, H))), TypeError, r".*h0? must have dtype float32, got float64"),
    (dict(state=f32(2, B, H)), TypeError, r"state must be a pair \(h0, c0\), got ndarray"),
    (dict(state=(f32(2, B, H),)), ValueError, r"state must be a pair \(h0, c0\), got tuple of 1"),
    (dict(state=5), TypeError, r"state must be a pair \(h0, c0\), got int"),
]


@pytest.mark.parametrize("call", ["forward", "infer"])
@pytest.mark.parametrize("arguments, error, message", FORWARD)
def test_forward(run, arguments, error, message, call):
    x = arguments.get("x", run.x)
    rest = {name: value for name, value in arguments.items() if name != "x"}
    with pytest.raises(error, match=r"^LSTM\.forward: " + message):
        run.lstm.forward(x, **rest) if call == "forward" else run.lstm(x, **rest)


def test_time_major_shapes_are_named_so():
    with pytest.raises(ValueError, match=r"LSTM\.forward: x must have shape \(T, B, 3\), got \(2, 5, 4\)"):
        el.LSTM(3, 4, time_major=True)(f32(2, 5, 4))


BACKWARD = [
    (lambda r: (r.dy[:, :4], None), ValueError, r"dy must have shape \(4, 5, 6\), got \(4, 4, 6\)"),
    (lambda r: (r.dy[0], None), ValueError, r"dy must have shape \(4, 5, 6\), got \(5, 6\)"),
    (lambda r: (r.dy.astype(np.float64), None), TypeError, r"dy must have dtype float32, got float64"),
    (
        lambda r: (r.dy, (r.dstate[0][:1], r.dstate[1])),
        ValueError,
        r".*dh must have shape \(2, 4, 6\), got \(1, 4, 6\)",
    ),
    (
        lambda r: (r.dy, (r.dstate[0], r.dstate[1][:, :3])),
        ValueError,
        r".*dc must have shape \(2, 4, 6\), got \(2, 3, 6\)",
    ),
    (lambda r: (r.dy, (r.dstate[0], np.zeros((2, B, H)))), TypeError, r".*dc must have dtype float32, got float64"),
    (lambda r: (r.dy, r.dstate[0]), (TypeError, ValueError), r"dstate must be .*\(dh, dc\)"),
]


@pytest.mark.parametrize("arguments, error, message", BACKWARD)
def test_backward_refuses_before_it_adds_anything(run, arguments, error, message):
    tape = run.forward()[3]
    run.lstm.flat_grads[:] = 2
    with pytest.raises(error, match=r"^LSTM\.backward: " + message):
        run.lstm.backward(tape, *arguments(run))
    assert np.all(run.lstm.flat_grads == 2)


@pytest.mark.parametrize("tape", [None, 3, "tape", object()])
def test_backward_without_a_tape(run, tape):
    with pytest.raises((TypeError, ValueError), match=r"^LSTM\.backward: tape "):
        run.lstm.backward(tape, run.dy)


def test_backward_with_the_tape_of_another_layer(run):
    for kind in (
        dict(),
        dict(num_layers=2, bias=False),
        dict(num_layers=2, dtype="float64"),
        dict(num_layers=3),
        dict(num_layers=2, I=I + 1),
        dict(num_layers=2, H=H + 1),
        dict(bidirectional=True),
    ):
        other = Run(Case(**{"B": B, "T": T, "I": I, "H": H, **kind}))
        with pytest.raises((TypeError, ValueError), match=r"^LSTM\.backward: tape "):
            run.lstm.backward(other.forward()[3], run.dy)


CONSTRUCTOR = [
    (dict(input_size=0), ValueError, r"input_size must be .*got 0"),
    (dict(input_size=-1), ValueError, r"input_size must be .*got -1"),
    (dict(input_size=1.5), TypeError, r"input_size must be an integer, got 1.5"),
    (dict(input_size="3"), TypeError, r"input_size must be an integer, got '3'"),
    (dict(input_size=True), TypeError, r"input_size must be an integer, got True"),
    (dict(input_size=None), TypeError, r"input_size must be an integer, got None"),
    (dict(hidden_size=0), ValueError, r"hidden_size must be .*got 0"),
    (dict(hidden_size=2.0), TypeError, r"hidden_size must be .*integer.*got 2.0"),
    (dict(num_layers=0), ValueError, r"num_layers must be .*got 0"),
    (dict(num_layers=-2), ValueError, r"num_layers must be .*got -2"),
    (dict(num_layers=1.0), TypeError, r"num_layers must be an integer, got 1.0"),
    (dict(dropout=-0.1), ValueError, r"dropout must .*got -0.1"),
    (dict(dropout=1.5, num_layers=2), ValueError, r"dropout must .*got 1.5"),
    (dict(dropout=float("nan"), num_layers=2), ValueError, r"dropout must .*got nan"),
    (dict(dropout="half", num_layers=2), TypeError, r"dropout must .*got 'half'"),
    (dict(proj_size=-1), ValueError, r"proj_size must .*got -1"),
    (dict(proj_size=4), ValueError, r"proj_size must .*got 4"),
    (dict(proj_size=1.5), TypeError, r"proj_size must .*got 1.5"),
    (dict(dtype="float16"), TypeError, r"dtype must be float32 or float64, got 'float16'"),
    (dict(dtype="int32"), TypeError, r"dtype must be float32 or float64, got 'int32'"),
    (dict(dtype="nonsense"), TypeError, r"dtype must be float32 or float64, got 'nonsense'"),
    (dict(dtype=">f4"), TypeError, r"dtype must be float32 or float64, got '>f4'"),
    (dict(seed=-1), ValueError, r"seed must .*got -1"),
    (dict(seed=1.5), (TypeError, ValueError), r"seed must .*got 1.5"),
    (dict(init="ones"), ValueError, r"init must be .*got 'ones'"),
    (dict(forget_bias="one"), TypeError, r"forget_bias must .*got 'one'"),
    (dict(forget_bias=0.5, bias=False), ValueError, r"forget_bias needs bias"),
]


@pytest.mark.parametrize("arguments, error, message", CONSTRUCTOR)
def test_constructor(arguments, error, message):
    if not set(arguments) <= set(inspect.signature(el.LSTM).parameters):
        pytest.skip(f"{', '.join(arguments)}: not an option yet")
    with pytest.raises(error, match=r"^LSTM: " + message):
        el.LSTM(**{"input_size": 3, "hidden_size": 4, **arguments})


def test_sizes_beyond_all_bounds_are_refused_at_once():
    for arguments, message in [
        (dict(num_layers=10**9), r"num_layers must be at most 4096, got 1000000000"),
        (dict(num_layers=2**70), r"num_layers must be at least 1 and below 2\*\*48, got 1180591620717411303424"),
        (dict(input_size=2**70), r"input_size must be at least 1 and below 2\*\*48, got"),
        (dict(proj_size=2**70), r"proj_size must be .*below 2\*\*48, got"),
        (
            dict(hidden_size=2**40),
            r"input_size 3 and hidden_size 1099511627776 make more parameters than fit in any memory",
        ),
        (
            dict(hidden_size=[4, 2**31, 4], input_size=2**31),
            r"input_size 2147483648 and hidden_size 2147483648 make more",
        ),
        (dict(hidden_size=2**47, input_size=2**47), r"input_size .* make more parameters"),
    ]:
        with pytest.raises(ValueError, match=rf"^LSTM: {message}"):
            el.LSTM(**{"input_size": 3, "hidden_size": 4, **arguments})
    with pytest.raises(ValueError, match=r"batch_size must be at least 1 and below 2\*\*48"):
        el.LSTM(3, 4).stream(2**60)
    assert el.LSTM(1, 1, 4096).num_params == 4096 * 12


def test_a_batch_whose_states_fit_in_no_memory():
    x = np.empty((2**59, 0, 3), np.float32)  # nothing in it
    with pytest.raises(MemoryError):
        el.LSTM(3, 1, 32)(x)


@pytest.mark.parametrize("seed", [-1, 2**64, 2**70, 1.5, "1", True, [1]])
def test_seeds_of_calls(run, seed):
    dropout = el.Dropout(0.5)
    model = el.Sequential([el.LSTM(I, H), el.Dropout(0.5)])
    for layer, name in [(run.lstm, "LSTM"), (dropout, "Dropout"), (model, "Sequential")]:
        error = ValueError if type(seed) is int else TypeError
        with pytest.raises(error, match=rf"^{name}\.forward: seed must be an integer( in 0\.\.2\*\*64-1)?, got "):
            layer.forward(run.x, seed=seed)


@pytest.mark.parametrize(
    "activation, message",
    [
        (("sigmoid", 0.5), "sigmoid has 0 parameters, got 1"),
        (("relu", 0.5), "relu has 0 parameters, got 1"),
        (("leaky_relu", 0.1, 0.2), "leaky_relu has 1 parameters, got 2"),
        (("affine", 1.0, float("nan")), "the parameters of affine must be finite"),
    ],
)
def test_parameters_that_an_activation_does_not_have(activation, message):
    with pytest.raises(ValueError, match=f"^LSTM: activations: {message}"):
        el.LSTM(3, 4, activations=("sigmoid", activation, "tanh"))


def test_unknown_options_and_positional_flags_are_refused():
    with pytest.raises(TypeError):
        el.LSTM(3, 4, biass=True)
    with pytest.raises(TypeError):
        el.LSTM(3, 4, 1, True)


def test_a_layer_too_large_for_memory_is_an_error_not_a_crash():
    with pytest.raises((MemoryError, ValueError, OverflowError)):
        el.LSTM(1, 2**40)
    with pytest.raises((MemoryError, ValueError, OverflowError)):
        el.LSTM(2**62, 2**62)


def test_load_state_dict_names_all_that_does_not_fit_and_loads_nothing():
    lstm = el.LSTM(3, 4)
    before = lstm.flat_params.copy()
    state = lstm.state_dict()
    bad = {**{name: value + 1 for name, value in state.items()}, "weight_hh_l0": np.zeros((16, 5), np.float32)}
    bad["extra"] = bad.pop("weight_ih_l0")
    with pytest.raises(ValueError) as error:
        lstm.load_state_dict(bad)
    for part in ("LSTM.load_state_dict", "weight_ih_l0", "extra", "weight_hh_l0", "(16, 4)", "(16, 5)"):
        assert part in str(error.value)
    with pytest.raises(TypeError, match="float64"):
        lstm.load_state_dict({name: value.astype(np.float64) for name, value in state.items()})
    for other in (5, None, [1]):
        with pytest.raises(TypeError, match=r"LSTM\.load_state_dict: state must be a dict of arrays, got "):
            lstm.load_state_dict(other)
    assert_same_bits(lstm.flat_params, before)


def test_load_state_dict_tells_of_torchs_biases_by_their_names():
    model = el.Sequential([el.LSTM(3, 4, bidirectional=True)])
    state = {name: value + 1 for name, value in model.state_dict().items()}
    before = model.flat_params.copy()
    for change, error, lines in [
        ({"0.bias_ih_l0": np.zeros(12, "f4")}, ValueError, ["0.bias_ih_l0: expected shape (16,), got (12,)"]),
        (
            {"0.bias_ih_l0": np.zeros(12, "f4"), "0.bias_hh_l0": np.zeros(3, "f4")},
            ValueError,
            ["0.bias_ih_l0: expected shape (16,), got (12,)", "0.bias_hh_l0: expected shape (16,), got (3,)"],
        ),
        (
            {"0.bias_hh_l0_reverse": np.zeros(16)},
            TypeError,
            ["0.bias_hh_l0_reverse: expected dtype float32, got float64"],
        ),
        ({"0.bias_ih_l0": np.zeros(16, int)}, TypeError, ["0.bias_ih_l0: expected dtype float32, got int64"]),
        ({"0.bias_hh_l0": None}, ValueError, ["missing     0.bias_hh_l0 (16,)"]),
    ]:
        bad = {name: value for name, value in {**state, **change}.items() if value is not None}
        with pytest.raises(error) as raised:
            model.load_state_dict(bad)
        assert [line.strip() for line in str(raised.value).splitlines()[1:]] == lines
        assert_same_bits(model.flat_params, before)
    model.load_state_dict(state)
    assert np.all(model.params["0.bias_l0"][:4] == 2)


# -- arrays that are unusual and right ----------------------------------------------------------------------------


def misaligned(a):
    """A copy of `a` one byte off the alignment of its type."""
    raw = np.zeros(a.nbytes + 1, np.uint8)
    view = raw[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    assert not view.flags.aligned
    return view


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def every_second(a):
    wide = np.full((*a.shape[:-1], 2 * a.shape[-1]), np.nan, a.dtype)
    wide[..., ::2] = a
    return wide[..., ::2]


def backwards(a):
    return a[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1]


@pytest.mark.parametrize(
    "change",
    [misaligned, read_only, every_second, backwards, np.asfortranarray, np.ndarray.tolist],
    ids=lambda change: change.__name__,
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_of_any_layout_give_the_same_bits(change, dtype):
    run = Run(Case(B, T, I, H, num_layers=2, state=True, dtype=dtype))
    expected = run.everything()
    run.layout = lambda a: a  # lists have no transpose
    run.x, run.dy = change(run.x), change(run.dy)
    run.state, run.dstate = tuple(map(change, run.state)), tuple(map(change, run.dstate))
    assert_all_same_bits(run.everything(), expected)


def test_broadcast_inputs():
    lstm = el.LSTM(I, H, seed=0)
    row = np.random.default_rng(0).standard_normal((1, T, I)).astype(np.float32)
    assert_same_bits(lstm(np.broadcast_to(row, (B, T, I)))[0], lstm(np.repeat(row, B, axis=0))[0])


@pytest.mark.parametrize("hidden", [1, 6, 33])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_in_one_row_stays_in_that_row_and_after_its_time(hidden, dtype):
    run = Run(Case(9, T, I, hidden, dtype=dtype))
    expected = run.everything()
    run.x[3, 2, 1] = np.nan
    got = run.everything()
    others = np.arange(9) != 3
    for name in ("y", "dx"):
        assert_same_bits(got[name][others], expected[name][others], name)
    assert_same_bits(got["y"][3, :2], expected["y"][3, :2])
    assert np.isnan(got["y"][3, 2:]).all() and np.isnan(got["c"][0, 3]).all()
    assert np.isnan(got["dx"][3]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # of the oracle's gradients, unused here
def test_infinite_inputs_saturate(sign, dtype):
    run = Run(Case(5, T, 1, 9, dtype=dtype))
    run.x[2] = sign * np.inf
    got, expected = run.forward()[:3], run.oracle()
    for value, name in zip(got, "yhc"):
        np.testing.assert_allclose(value, expected[name], rtol=1e-5, atol=1e-6)
