"""An LSTM with each option as a layer among layers: parameters, config, copies, files, models, streams."""

import copy
import inspect
import json
import pickle

import numpy as np
import pytest
from lstm_case import assert_same_bits
from variant_case import VARIANTS

import eigenlstm as el

OPTIONS = {
    **VARIANTS,
    "widths": dict(hidden_size=[6, 4]),
    "widths, dropout of each": dict(hidden_size=[6, 4, 5], dropout=[0.3, 0.1, 0.0]),
    "dropout": dict(num_layers=3, dropout=0.2),
    "residual": dict(num_layers=2, residual=True),
    "sum": dict(bidirectional=True, merge="sum"),
    "mean": dict(bidirectional=True, merge="mean", num_layers=2),
    "mul": dict(bidirectional=True, merge="mul", residual=True, num_layers=2),
    "parameters of activations": dict(
        activations=("hard_sigmoid_keras3", ("leaky_relu", 0.2), ("scaled_tanh", 0.7, 1.2))
    ),
    "one zoneout": dict(zoneout=0.25),
    "forget bias": dict(forget_bias=0.5, init="torch"),
    "no bias": dict(bias=False, peephole=True, layer_norm=True),
    "backwards": dict(reverse=True, num_layers=2),
    "activations of two directions": dict(
        bidirectional=True, activations=(("sigmoid", "tanh", "tanh"), ("hard_sigmoid", "tanh", ("elu", 0.5)))
    ),
    "everything": dict(
        hidden_size=[6, 7],
        proj_size=3,
        bidirectional=True,
        merge="mean",
        residual=True,
        dropout=0.1,
        peephole=True,
        coupled_input_forget=True,
        layer_norm=True,
        activations=("hard_sigmoid", "softsign", "elu"),
        gate_clip=3.0,
        cell_clip=2.0,
        learned_state=True,
        input_dropout=0.1,
        recurrent_dropout=0.2,
        zoneout=(0.1, 0.2),
        weight_drop=0.1,
        missing="mask",
    ),
}
I, H = 3, 6


def build(options, **more):
    return el.LSTM(**{"input_size": I, "hidden_size": H, "seed": 3, **options, **more})


def model_of(lstm):
    features = lstm.output_shape(("B", "T", I))[-1]
    return el.Sequential([lstm, el.MeanPool(), el.Linear(features, 1, dtype=lstm.dtype, seed=4)])


def inputs(dtype="float32"):
    return np.random.default_rng(0).standard_normal((8, 6, I)).astype(dtype)


@pytest.fixture(params=OPTIONS, ids=str)
def options(request):
    return OPTIONS[request.param]


def test_config_and_repr_make_the_same_layer(options):
    lstm = build(options)
    config = json.loads(json.dumps(lstm.config()))
    assert config == lstm.config()
    for again in (el.LSTM.from_config(config), eval(repr(lstm), {"LSTM": el.LSTM})):
        assert again.config() == config and repr(again) == repr(lstm)
        assert_same_bits(again.flat_params, lstm.flat_params)
        assert_same_bits(again.forward(inputs(), seed=5)[0], lstm.forward(inputs(), seed=5)[0])


def test_the_config_shows_what_was_chosen_and_no_other_option(options):
    plain, config = el.LSTM(I, H, seed=3).config(), build(options).config()
    asked = {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}
    for name in asked:
        assert name in config
    assert set(config) - set(plain) <= set(asked)
    if "dropout" in asked:
        assert config["dropout"] == asked["dropout"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_copies_and_files_give_the_same_bits(options, dtype, tmp_path):
    lstm = build(options, dtype=dtype)
    lstm.flat_params = np.random.default_rng(1).uniform(-0.5, 0.5, lstm.num_params).astype(dtype)
    model, x = model_of(lstm), inputs(dtype)
    el.save(lstm, tmp_path / "lstm.safetensors")
    model.save(tmp_path / "model.safetensors")
    for again in (
        copy.deepcopy(lstm),
        pickle.loads(pickle.dumps(lstm)),
        el.load(tmp_path / "lstm.safetensors"),
        el.load(tmp_path / "model.safetensors")[0],
    ):
        assert repr(again) == repr(lstm)
        assert_same_bits(again.flat_params, lstm.flat_params)
        assert_same_bits(again(x)[0], lstm(x)[0])
    assert_same_bits(el.load(tmp_path / "model.safetensors")(x), model(x))
    other = build(options, dtype=dtype, seed=9)
    other.load_state_dict(lstm.state_dict())
    assert_same_bits(other.flat_params, lstm.flat_params)


def test_a_model_learns_with_it(options):
    model, x = model_of(build(options)), inputs()
    before = {name: values.copy() for name, values in model.params.items()}
    target = x[:, :, :1].mean(1)
    if options.get("missing") in ("forward_fill", "mask"):
        x[::2, 1:3, 1] = np.nan
    history = model.fit(x, target, loss="mse", optimizer=el.Adam(0.02), epochs=30, batch_size=4, seed=0, verbose=0)
    assert history[-1]["loss"] < history[0]["loss"]
    still = [name for name, values in model.params.items() if np.array_equal(values, before[name])]
    assert not still, f"never moved: {still}"
    assert model.predict(x).shape == (8, 1)


@pytest.mark.parametrize(
    "options",
    [
        dict(hidden_size=[6, 4]),
        dict(proj_size=2, num_layers=2),
        dict(learned_state=True),
        dict(hidden_size=[6, 4], proj_size=3, learned_state=True, zoneout=0.1),
    ],
    ids=str,
)
@pytest.mark.parametrize("how", [dict(tbptt=2), dict(stateful=True)], ids=str)
def test_training_that_carries_the_state_on(options, how):
    x = inputs()
    lstm = build(options)
    model = el.Sequential([lstm, el.Linear(lstm.output_shape(x.shape)[-1], 1, seed=4)])
    history = model.fit(
        x, x[:, :, :1].cumsum(1), loss="mse", optimizer=el.Adam(0.02), epochs=20, batch_size=4, seed=0, verbose=0, **how
    )
    assert history[-1]["loss"] < 0.9 * history[0]["loss"]


SHAPES = [  # I 3, H 6
    (dict(peephole=True), {"peephole_l0": (18,)}),
    (dict(layer_norm=True), {"norm_weight_l0": (24,), "norm_cell_weight_l0": (6,), "norm_cell_bias_l0": (6,)}),
    (dict(proj_size=2), {"weight_hr_l0": (2, 6), "weight_hh_l0": (24, 2)}),
    (
        dict(learned_state=True, proj_size=2),
        {"h0_l0": (2,), "c0_l0": (6,), "weight_hr_l0": (2, 6), "weight_hh_l0": (24, 2)},
    ),
    (dict(missing="mask"), {"weight_ih_l0": (24, 6)}),
    (dict(missing="forward_fill"), {}),
    (dict(coupled_input_forget=True), {}),
    (dict(bias=False), {"bias_l0": None}),
    (dict(hidden_size=[6, 4]), {"weight_ih_l1": (16, 6), "weight_hh_l1": (16, 4), "bias_l1": (16,)}),
    (
        dict(bidirectional=True, merge="sum", num_layers=2),
        {
            "weight_ih_l0_reverse": (24, 3),
            "weight_hh_l0_reverse": (24, 6),
            "bias_l0_reverse": (24,),
            **{
                f"{name}_l1{way}": shape
                for way in ("", "_reverse")
                for name, shape in {"weight_ih": (24, 6), "weight_hh": (24, 6), "bias": (24,)}.items()
            },
        },
    ),
    (
        dict(bidirectional=True, proj_size=2, num_layers=2),
        {
            f"{name}_l{layer}{way}": shape
            for way in ("", "_reverse")
            for layer in (0, 1)
            for name, shape in {
                "weight_ih": (24, (3, 4)[layer]),
                "weight_hh": (24, 2),
                "bias": (24,),
                "weight_hr": (2, 6),
            }.items()
        },
    ),
]


@pytest.mark.parametrize("options, expected", SHAPES, ids=str)
def test_parameters_have_these_names_and_shapes(options, expected):
    plain = {"weight_ih_l0": (24, 3), "weight_hh_l0": (24, 6), "bias_l0": (24,)}
    shapes = {name: values.shape for name, values in build(options).params.items()}
    assert shapes == {name: shape for name, shape in {**plain, **expected}.items() if shape}


@pytest.mark.parametrize("init", ["default", "torch"])
@pytest.mark.parametrize(
    "options",
    [
        dict(peephole=True),
        dict(learned_state=True),
        dict(bidirectional=True, merge="concat"),
        dict(recurrent_dropout=0.5, zoneout=0.0),
        dict(gate_clip=1e3),
        dict(cell_clip=1e3),
    ],
    ids=str,
)
def test_a_variant_starts_as_if_it_were_not_there(options, init):
    plain = {name: value for name, value in options.items() if name == "bidirectional"}
    x = inputs("float64")
    np.testing.assert_allclose(
        build(options, init=init, dtype="float64")(x)[0],
        build(plain, init=init, dtype="float64")(x)[0],
        rtol=1e-12,
        atol=1e-13,
    )


def test_gains_start_at_one():
    lstm = build(dict(layer_norm=True, init="torch"))
    assert np.all(lstm.params["norm_weight_l0"] == 1) and np.all(lstm.params["norm_cell_weight_l0"] == 1)
    assert np.all(lstm.params["norm_cell_bias_l0"] == 0)


STATES = [  # options, h, c of B = 2
    (dict(proj_size=2), [(1, 2, 2)], [(1, 2, 6)]),
    (dict(proj_size=2, num_layers=2, bidirectional=True), [(4, 2, 2)], [(4, 2, 6)]),
    (dict(hidden_size=[6, 4]), [(2, 6), (2, 4)], [(2, 6), (2, 4)]),
    (dict(hidden_size=[6, 4], proj_size=2), [(2, 2), (2, 2)], [(2, 6), (2, 4)]),
    (dict(hidden_size=[6, 4], bidirectional=True), [(2, 6), (2, 6), (2, 4), (2, 4)], [(2, 6), (2, 6), (2, 4), (2, 4)]),
    (dict(hidden_size=[6, 6]), [(2, 2, 6)], [(2, 2, 6)]),
]


def shapes(part):
    return [a.shape for a in part] if isinstance(part, list) else [part.shape]


@pytest.mark.parametrize("options, h, c", STATES, ids=str)
def test_states_go_in_as_they_come_out(options, h, c):
    lstm, x = build(options), inputs()[:2]
    y, state, tape = lstm.forward(x)
    assert [shapes(part) for part in state] == [h, c]
    _, dstate = lstm.backward(tape, y, state)
    assert [shapes(part) for part in dstate] == [h, c]
    if not lstm.bidirectional:
        first, carried = lstm(x[:, :2])
        assert_same_bits(lstm(x[:, 2:], state=carried)[0], y[:, 2:])
        stream = lstm.stream(2)
        assert [shapes(part) for part in stream.state] == [h, c]
        stream.state = carried
        assert_same_bits(stream.step(np.ascontiguousarray(x[:, 2])), y[:, 2])
        assert stream.step(x[:, 0]).shape == y[:, 0].shape


def test_a_learned_state_is_used_where_none_is_given():
    lstm, x = build(dict(learned_state=True, dtype="float64")), inputs("float64")
    rng = np.random.default_rng(2)
    for name in ("h0_l0", "c0_l0"):
        lstm.params[name][...] = rng.standard_normal(H)
    h, c = (np.tile(lstm.params[name], (1, len(x), 1)) for name in ("h0_l0", "c0_l0"))
    zero = np.zeros_like(h)
    assert_same_bits(lstm(x)[0], lstm(x, state=(h, c))[0])
    assert_same_bits(lstm(x, state=(None, c))[0], lstm(x)[0])
    assert_same_bits(lstm(x, state=(zero, None))[0], lstm(x, state=(zero, c))[0])
    assert not np.allclose(lstm(x)[0], lstm(x, state=(zero, zero))[0])
    stream = lstm.stream(len(x))
    first = stream.step(np.ascontiguousarray(x[:, 0]))
    assert_same_bits(first, lstm(x)[0][:, 0])
    stream.reset()
    assert_same_bits(stream.step(np.ascontiguousarray(x[:, 0])), first)
    # its gradient is that of the initial state, summed over the rows; of a given state it has none
    y, _, tape = lstm.forward(x)
    _, (dh0, dc0) = lstm.backward(tape, np.ones_like(y))
    np.testing.assert_allclose(lstm.grads["h0_l0"], dh0[0].sum(0), rtol=1e-12)
    np.testing.assert_allclose(lstm.grads["c0_l0"], dc0[0].sum(0), rtol=1e-12)
    lstm.zero_grad()
    _, _, tape = lstm.forward(x, state=(h, None))
    _, (dh0, dc0) = lstm.backward(tape, np.ones_like(y))
    assert np.all(lstm.grads["h0_l0"] == 0) and np.any(dh0 != 0)
    np.testing.assert_allclose(lstm.grads["c0_l0"], dc0[0].sum(0), rtol=1e-12)


def test_masks_are_of_training_only_and_of_the_seed():
    for name in ("input_dropout", "recurrent_dropout", "zoneout", "weight_drop"):
        lstm, x = build({name: 0.5}), inputs()
        assert lstm.stochastic
        assert_same_bits(lstm(x)[0], lstm(x)[0])
        first, second = lstm.forward(x)[0], lstm.forward(x)[0]
        assert not np.array_equal(first, second)  # a fresh mask each time
        assert_same_bits(build({name: 0.5}).forward(x)[0], first)  # in the order that the layer's seed decides
        assert_same_bits(lstm.forward(x, seed=7)[0], lstm.forward(x, seed=7)[0])
        assert_same_bits(lstm.forward(x, training=False)[0], lstm(x)[0])


def test_the_docstring_names_every_option_and_every_parameter():
    for name in inspect.signature(el.LSTM).parameters:
        assert name in el.LSTM.__doc__, name
    for name in build(OPTIONS["everything"]).params:
        kind = name.split("_l")[0] + "_l"
        assert kind in el.LSTM.__doc__, kind
