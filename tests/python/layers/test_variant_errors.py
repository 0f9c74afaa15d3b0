"""Options of el.LSTM that make no sense are refused with the reason."""

import inspect
import re

import numpy as np
import pytest

import eigenlstm as el

I, H = 3, 8


def build(**chosen):
    return el.LSTM(**{"input_size": I, "hidden_size": H, "seed": 0, **chosen})


def f32(*shape):
    return np.zeros(shape, np.float32)


OUT_OF_RANGE = [
    (
        dict(hidden_size=[4, 5], num_layers=3),
        ValueError,
        r"hidden_size must have one entry for each of the 3 layers, got 2",
    ),
    (dict(hidden_size=[]), ValueError, r"hidden_size must have one entry for each layer, got none"),
    (dict(hidden_size=[4, 0]), ValueError, r"hidden_size must be at least 1, got 0"),
    (dict(hidden_size=[4, 2.5]), TypeError, r"hidden_size must be an integer, got 2.5"),
    (dict(hidden_size=[[4], [5]]), TypeError, r"hidden_size must be an integer, got \[4\]"),
    (dict(proj_size=8), ValueError, r"proj_size must be smaller than hidden_size 8, got 8"),
    (dict(proj_size=3, hidden_size=[8, 3]), ValueError, r"proj_size must be smaller than hidden_size 3, got 3"),
    (dict(proj_size=-2), ValueError, r"proj_size must be 0, for none, or more, got -2"),
    (dict(proj_size=0.0), TypeError, r"proj_size must be an integer, got 0.0"),
    (dict(proj_size=False), TypeError, r"proj_size must be an integer, got False"),
    *(
        (dict(**{name: value}), ValueError, rf"{name} must be None or a positive number, got ")
        for name in ("gate_clip", "cell_clip")
        for value in (0, -1.0, float("inf"), float("nan"))
    ),
    (dict(gate_clip=True), TypeError, r"gate_clip must be a number, got True"),
    (dict(gate_clip=1e-300), ValueError, r"gate_clip must be greater than 0"),  # 0 in float32
    (dict(cell_clip=1e-300), ValueError, r"cell_clip must be greater than 0"),
    *(
        (dict(**{name: value}), ValueError, rf"{name} must be at least 0 and below 1, got ")
        for name in ("input_dropout", "recurrent_dropout", "weight_drop", "zoneout")
        for value in (1.0, -0.1, float("nan"))
    ),
    (dict(zoneout=(0.1, 1)), ValueError, r"zoneout of c must be at least 0 and below 1, got 1.0"),
    (dict(zoneout=(2, 0.1)), ValueError, r"zoneout of h must be at least 0 and below 1, got 2.0"),
    (dict(zoneout=(0.1,)), ValueError, r"zoneout must be one probability or a pair \(h, c\), got 1"),
    (dict(zoneout=(0.1, "x")), TypeError, r"zoneout of c must be a number, got 'x'"),
    (
        dict(merge="add", bidirectional=True),
        ValueError,
        r"merge must be one of 'concat', 'sum', 'mean', 'mul', got 'add'",
    ),
    (
        dict(missing="nan"),
        ValueError,
        r"missing must be one of 'propagate', 'error', 'forward_fill', 'mask', got 'nan'",
    ),
    (dict(missing=None), TypeError, r"missing must be a string, got None"),
    (dict(activations="tanh"), TypeError, r"activations must be three, \(gates, candidate, output\), .*got 'tanh'"),
    (dict(activations=["sigmoid", "tanh"]), ValueError, r"activations must be three"),
    (dict(activations=["sigmoid", "tanh", None]), TypeError, r"activations must be names, .*got None"),
    (dict(activations=["sigmoid", "tanh", ()]), TypeError, r"activations must be names, .*got \(\)"),
    (
        dict(activations=["sigmoid", "tanh", ("elu", "x")]),
        TypeError,
        r"activations: a parameter of elu must be a number, got 'x'",
    ),
    (dict(activations=["sigmoid", "tanh", ("elu", 1, 2)]), ValueError, r"activations: elu has 1 parameters, got 2"),
    (dict(activations=["sigmoid", "tanh", ("tanh", 1)]), ValueError, r"activations: tanh has 0 parameters, got 1"),
    (
        dict(activations=["sigmoid", "tanh", ("affine", 1, 2, 3)]),
        ValueError,
        r"activations: affine has 2 parameters, got 3",
    ),
    (
        dict(activations=["sigmoid", "tanh", ("elu", float("inf"))]),
        ValueError,
        r"activations: the parameters of elu must be finite",
    ),
    (dict(activations=["sigmoid", "tanh", ("elu", 1e300)]), ValueError, r".*must be finite"),  # infinite in float32
    (dict(forget_bias=float("nan")), ValueError, r"forget_bias must be finite, got nan"),
    *(
        (dict(**{name: "no"}), TypeError, rf"{name} must be True or False, got 'no'")
        for name in (
            "bias",
            "bidirectional",
            "reverse",
            "time_major",
            "peephole",
            "coupled_input_forget",
            "layer_norm",
            "residual",
            "learned_state",
        )
    ),
]

TOGETHER = [
    (dict(merge="sum"), r"merge joins two directions; it needs bidirectional=True"),
    (dict(residual=True), r"residual .* needs num_layers > 1"),
    (dict(residual=True, hidden_size=[4, 5]), r"residual needs .* layer 1 takes 4 and gives 5"),
    (dict(residual=True, hidden_size=[4, 8], bidirectional=True), r"residual needs .* layer 1 takes 8 and gives 16"),
    (
        dict(residual=True, hidden_size=[4, 8], bidirectional=True, merge="mul"),
        r"residual needs .* layer 1 takes 4 and gives 8",
    ),
    (dict(coupled_input_forget=True, forget_bias=1.0), r"forget_bias .* coupled_input_forget=True replaces by 1 - i"),
    (dict(bias=False, forget_bias=1.0), r"forget_bias needs bias=True"),
    (dict(dropout=0.5), r"dropout lies between layers and needs num_layers > 1"),
    (dict(dropout=[0.5, 0.0]), r"dropout must have one probability for each of the 1 layers, got 2"),
    (dict(dropout=[0.5, 0.1], num_layers=2), r"dropout lies between layers; that of the last layer must be 0, got 0.1"),
    (
        dict(layer_norm=True, hidden_size=[8, 1]),
        r"layer_norm normalises over the units of a layer; it needs hidden_size > 1",
    ),
]


@pytest.mark.parametrize("chosen, error, message", OUT_OF_RANGE, ids=str)
def test_an_option_out_of_range(chosen, error, message):
    with pytest.raises(error, match="^LSTM: " + message):
        build(**chosen)


@pytest.mark.parametrize("chosen, message", TOGETHER, ids=str)
def test_options_that_make_no_sense_together(chosen, message):
    with pytest.raises(ValueError, match="^LSTM: " + message):
        build(**chosen)


@pytest.mark.parametrize(
    "chosen",
    [
        dict(proj_size=0),
        dict(proj_size=np.int64(0)),
        dict(proj_size=7),
        dict(hidden_size=(4, 5)),
        dict(hidden_size=np.array([4, 5])),
        dict(hidden_size=[4, 5], num_layers=2),
        dict(hidden_size=[4, 8], bidirectional=True, merge="mul"),
        dict(peephole=np.bool_(True)),
        dict(residual=True, hidden_size=[4, 8], proj_size=3),
        dict(residual=True, hidden_size=[4, 4]),
        dict(merge="concat"),
        dict(coupled_input_forget=True, peephole=True),
        dict(zoneout=[0.1, 0]),
        dict(zoneout=np.array([0.1, 0.2])),
        dict(zoneout=0),
        dict(activations=("sigmoid", ("tanh",), ("elu", 1))),
        dict(cell_clip=1e300, dtype="float64"),
        dict(gate_clip=np.float32(1)),
        dict(hidden_size=1, proj_size=0),
        dict(layer_norm=True, bias=False),
    ],
    ids=str,
)
def test_what_makes_sense_is_not_refused(chosen):
    lstm = build(**chosen)
    assert np.isfinite(lstm(np.zeros((2, 3, I), lstm.dtype))[0]).all()


JUNK = [
    None,
    "text",
    b"tanh",
    -1,
    2**70,
    1.5,
    float("nan"),
    [],
    [None],
    (1, 2, 3),
    {"h": 1},
    {1},
    object(),
    np.zeros(3),
    np.zeros((2, 2)),
    np.array(0.5),
    np.array(3),
    len,
    np.float64("inf"),
    True,
]


@pytest.mark.parametrize("name", [name for name in inspect.signature(el.LSTM).parameters])
def test_no_junk_reaches_the_core(name):
    refused = 0
    for value in JUNK:
        try:
            build(**{name: value})
        except (TypeError, ValueError, MemoryError) as error:
            assert re.match(r"LSTM: .*" + name, str(error)) or isinstance(error, MemoryError), f"{value!r}: {error}"
            assert "incompatible" not in str(error)
            refused += 1
    assert refused > len(JUNK) // 2


def test_the_names_of_activations_are_told_and_documented():
    for wrong in ("tan", "Sigmoid", ("tan", 1.0)):
        with pytest.raises(
            ValueError, match=r"^LSTM: activations must be of sigmoid, tanh, .*; got (tan|Sigmoid)$"
        ) as error:
            build(activations=["sigmoid", wrong, "tanh"])
    names = re.search(r"of (.*);", str(error.value))[1].split(", ")
    assert len(names) == 14
    for name in names:
        assert re.search(rf"\b{name}\b", el.LSTM.__doc__), name
        assert np.isfinite(build(activations=[name] * 3)(f32(2, 5, I))[0]).all()
