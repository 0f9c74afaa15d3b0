"""Every variant of el.LSTM, alone and combined, against the oracle: forward, backward, state, light tapes."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from variant_case import VARIANTS, VariantCase, check_against_oracle

from reference.activations import FUNCTIONS

STACKS = {
    "one layer": dict(),
    "two layers": dict(num_layers=2),
    "two directions": dict(bidirectional=True, ragged=True),
    "both": dict(num_layers=2, bidirectional=True, ragged=True, state=True, time_major=True),
    "no bias": dict(bias=False, state=True, ragged=True),
    "wide": dict(H=37, B=19, I=21, ragged=True),
    "one row": dict(H=70, B=1, T=9),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_variant(variant, stack, dtype):
    chosen = VARIANTS[variant]
    check_against_oracle(
        VariantCase(
            dtype=dtype, options=chosen, nans=chosen.get("missing") in ("forward_fill", "mask"), **STACKS[stack]
        ),
        outputs=1e-4 if dtype == "float32" else None,
        gradients=2e-3 if dtype == "float32" else None,
    )


@pytest.mark.parametrize(
    "options, stack",
    [
        (dict(merge="sum"), dict(num_layers=2)),
        (dict(merge="mean"), dict(num_layers=2)),
        (dict(merge="mul"), dict(num_layers=2)),
        (dict(merge="mul", residual=True), dict(num_layers=3)),
        (dict(merge="concat", residual=True), dict(num_layers=2)),
        (dict(merge="mul"), dict(H=[5, 3])),
        (dict(), dict(H=[4, 7, 2])),
    ],
)
@pytest.mark.parametrize("ragged", [False, True])
def test_two_directions_become_one(options, stack, ragged):
    check_against_oracle(VariantCase(bidirectional=True, ragged=ragged, options=options, state=True, **stack))


@pytest.mark.parametrize(
    "options, stack",
    [
        (dict(residual=True), dict(num_layers=3)),
        (dict(residual=True, dropout=0.4), dict(num_layers=2)),
        (dict(proj_size=2, residual=True), dict(H=[5, 7])),
        (dict(dropout=[0.3, 0.0, 0.0], input_dropout=0.2), dict(H=[4, 7, 2])),
    ],
)
def test_stacks(options, stack):
    check_against_oracle(VariantCase(options=options, ragged=True, state=True, **stack))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("stack", ["one layer", "no bias", "wide", "one row"])
@pytest.mark.parametrize("variant", [None, *VARIANTS])
def test_a_lone_direction_that_runs_backwards(variant, stack, dtype):
    chosen = VARIANTS.get(variant, {})
    nans = chosen.get("missing") in ("forward_fill", "mask")
    check_against_oracle(
        VariantCase(dtype=dtype, options={**chosen, "reverse": True}, nans=nans, **STACKS[stack]),
        outputs=1e-4 if dtype == "float32" else None,
        gradients=2e-3 if dtype == "float32" else None,
    )


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize(
    "options, stack",
    [
        (dict(), dict(num_layers=3)),
        (dict(residual=True, dropout=0.4), dict(num_layers=3)),
        (dict(proj_size=2, residual=True, learned_state=True), dict(H=[5, 7])),
        (dict(missing="forward_fill"), dict(num_layers=2, nans=True, T=9)),
        (dict(residual=True), dict(num_layers=2, B=3, T=600, H=3)),  # several segments of a limited tape
        (dict(), dict(num_layers=2, B=1, T=1200, H=3, I=2)),
    ],
    ids=str,
)
def test_stacks_that_run_backwards(options, stack, ragged):
    chosen = {**options, "reverse": True}
    check_against_oracle(VariantCase(options=chosen, ragged=ragged, state="learned_state" not in options, **stack))


TWO_TRIPLES = [
    (("sigmoid", "tanh", "tanh"), ("hard_sigmoid", "softsign", ("elu", 0.5))),
    (("hard_sigmoid", ("scaled_tanh", 0.7, 1.4), "softsign"), ("sigmoid", "tanh", "tanh")),
    (("sigmoid", "hard_swish", "tanh"), ("sigmoid", "tanh", "relu")),  # only one direction's slopes need z
]


@pytest.mark.parametrize("stack", ["two directions", "both"])
@pytest.mark.parametrize("more", [dict(), dict(peephole=True, proj_size=2), dict(layer_norm=True)], ids=str)
@pytest.mark.parametrize("activations", TWO_TRIPLES, ids=str)
def test_activations_of_each_direction(activations, more, stack):
    check_against_oracle(VariantCase(options={"activations": activations, **more}, **STACKS[stack]))


ACTIVATIONS = [
    *FUNCTIONS,
    "hard_sigmoid_keras3",
    ("leaky_relu", -0.3),
    ("leaky_relu", 0.2),
    ("elu", -0.5),
    ("affine", -0.7, 0.2),
    ("thresholded_relu", -0.2),
    ("thresholded_relu", 0.3),
    ("scaled_tanh", 0.7, 1.4),
    ("scaled_tanh", 0.0, 1.0),
    ("hard_sigmoid", -0.3, 0.4),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("clip", [None, 0.4])
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_activation_in_each_place(activation, clip, dtype):
    for place in range(3):
        chosen = ["sigmoid", "tanh", "tanh"]
        chosen[place] = activation
        check_against_oracle(
            VariantCase(
                dtype=dtype, options=dict(activations=tuple(chosen), gate_clip=clip), scale=0.9, H=9, seed=place
            )
        )


@st.composite
def combinations(draw):
    num_layers, bidirectional = draw(st.integers(1, 3)), draw(st.booleans())
    widths = draw(st.one_of(st.integers(1, 40), st.lists(st.integers(1, 20), min_size=num_layers, max_size=num_layers)))
    least = min(widths) if isinstance(widths, list) else widths
    rate = st.sampled_from([0.0, 0.0, 0.0, 0.25, 0.6])
    bounded = st.sampled_from(["sigmoid", "tanh", "softsign", "hard_sigmoid", "hard_sigmoid_keras3"])
    others = st.sampled_from(
        [
            "tanh",
            "elu",
            "softplus",
            "softsign",
            "hard_swish",
            "leaky_relu",
            ("affine", 0.6, 0.1),
            ("scaled_tanh", 0.8, 1.2),
        ]
    )
    options = {
        "peephole": draw(st.booleans()),
        "coupled_input_forget": draw(st.booleans()),
        "layer_norm": least > 1 and draw(st.integers(0, 3)) == 0,
        "gate_clip": draw(st.sampled_from([None, None, 0.7])),
        "cell_clip": draw(st.sampled_from([None, None, 0.4])),
        "zoneout": (draw(rate), draw(rate)),
        "recurrent_dropout": draw(rate),
        "input_dropout": draw(rate),
        "weight_drop": draw(rate),
        "learned_state": draw(st.booleans()),
        "missing": draw(st.sampled_from(["propagate", "error", "forward_fill", "mask"])),
    }
    if draw(st.booleans()):
        options["activations"] = (draw(bounded), draw(others), draw(others))
    if least > 1 and draw(st.booleans()):
        options["proj_size"] = draw(st.integers(1, least - 1))
    if bidirectional:
        options["merge"] = draw(st.sampled_from(["concat", "sum", "mean", "mul"]))
    if num_layers > 1 and (options.get("proj_size") or not isinstance(widths, list)):
        options["residual"] = draw(st.booleans())
    if num_layers > 1:
        options["dropout"] = draw(rate)
    return VariantCase(
        B=draw(st.integers(0, 9)),
        T=draw(st.integers(0, 7)),
        I=draw(st.integers(1, 20)),
        H=widths,
        num_layers=num_layers,
        bidirectional=bidirectional,
        bias=draw(st.booleans()),
        time_major=draw(st.booleans()),
        state=draw(st.booleans()),
        ragged=draw(st.booleans()),
        dstate=draw(st.booleans()),
        nans=options["missing"] in ("forward_fill", "mask"),
        seed=draw(st.integers(0, 2**32)),
        options=options,
    )


@settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
)
@given(combinations())
def test_random_combinations(case):
    check_against_oracle(case, outputs=1e-9, gradients=1e-7)
