"""The oracle's variants: central differences for each, and known values where a peer defines the variant."""

import numpy as np
import pytest
from onnx_case import CASES, stored_case
from oracle_checks import check_gradients

from reference.activations import FUNCTIONS, activate, derivative
from reference.lstm import lstm_forward, options
from reference.onnx_lstm import onnx_lstm
from reference.random_params import random_params

VARIANTS = {  # (parameters, options)
    "peephole": (dict(peephole=True), dict()),
    "coupled": (dict(), dict(coupled_input_forget=True)),
    "coupled peephole": (dict(peephole=True), dict(coupled_input_forget=True)),
    "layer norm": (dict(layer_norm=True), dict()),
    "layer norm, no bias": (dict(layer_norm=True, bias=False), dict()),
    "cell clip": (dict(peephole=True), dict(cell_clip=0.3)),
    "gate clip": (dict(peephole=True), dict(gate_clip=0.5)),
    "zoneout": (dict(P=2), dict(zoneout=(0.2, 0.4))),
    "activations": (dict(), dict(activations=("hard_sigmoid", "softsign", "elu"))),
    "learned state": (dict(learned_state=True, num_layers=2, bidirectional=True), dict()),
    "residual": (dict(num_layers=3), dict(residual=True)),
    "sum": (dict(num_layers=2, bidirectional=True, merge="sum"), dict(merge="sum", residual=True)),
    "mean": (dict(num_layers=2, bidirectional=True, merge="mean"), dict(merge="mean")),
    "mul": (dict(num_layers=2, bidirectional=True, merge="mul"), dict(merge="mul")),
    "widths": (dict(H=[3, 2, 4], P=[0, 1, 2], bidirectional=True), dict()),
    "everything": (
        dict(num_layers=2, bidirectional=True, P=2, peephole=True, layer_norm=True),
        dict(cell_clip=1.0, gate_clip=1.5, zoneout=(0.1, 0.3), residual=True),
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_variant_gradients_are_central_differences(variant):
    kind, chosen = VARIANTS[variant]
    rng = np.random.default_rng(0)
    params = random_params(rng, 2, **{"H": 3, **kind})
    check_gradients(params, rng.standard_normal((3, 3, 2)), [3, 0, 2], state="h0_l0" not in params, **chosen)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_activation_derivatives(name):
    x = np.linspace(-4, 4, 41) + 0.0123  # clear of the kinks
    step = 1e-6
    numeric = (activate(name, x + step) - activate(name, x - step)) / (2 * step)
    np.testing.assert_allclose(derivative(name, x), numeric, rtol=1e-8, atol=1e-8)


def test_masks_gradients_are_central_differences():
    rng = np.random.default_rng(1)
    B, T, I, H, P = 3, 3, 2, 3, 2
    params = random_params(rng, I, H, num_layers=2, bidirectional=True, P=P)
    keep = lambda *shape: (rng.random(shape) < 0.7) / 0.7
    masks = {"input_l0": keep(B, 1, I), "input_l0_reverse": keep(B, 1, I), "input_l1": keep(B, T, 2 * P)}
    for suffix in ("l0", "l0_reverse", "l1", "l1_reverse"):
        masks[f"recurrent_{suffix}"] = keep(B, P)
        masks[f"weight_{suffix}"] = keep(4 * H, P)
        masks[f"zoneout_h_{suffix}"] = (rng.random((B, T, P)) < 0.3).astype(float)
        masks[f"zoneout_c_{suffix}"] = (rng.random((B, T, H)) < 0.3).astype(float)
    check_gradients(params, rng.standard_normal((B, T, I)), [2, 3, 0], masks=masks)


def test_zoneout_masks_of_ones_keep_the_state_and_of_zeros_change_nothing():
    rng = np.random.default_rng(2)
    params, x = random_params(rng, 2, 3), rng.standard_normal((2, 4, 2))
    h0, c0 = rng.standard_normal((2, 1, 2, 3))
    zone = lambda value: options(masks={f"zoneout_{s}_l0": np.full((2, 4, 3), value) for s in "hc"})
    plain_y, (plain_h, plain_c), _ = lstm_forward(x, params, (h0, c0))
    y, (h, c), _ = lstm_forward(x, params, (h0, c0), options=zone(0.0))
    assert np.array_equal(y, plain_y) and np.array_equal(h, plain_h) and np.array_equal(c, plain_c)
    y, (h, c), _ = lstm_forward(x, params, (h0, c0), options=zone(1.0))
    assert np.array_equal(h, h0) and np.array_equal(c, c0) and np.array_equal(y, np.repeat(h0[0][:, None], 4, axis=1))


@pytest.mark.parametrize("missing", ["forward_fill", "mask"])
def test_missing_inputs(missing):
    rng = np.random.default_rng(3)
    params = random_params(rng, 4 if missing == "mask" else 2, 3, bidirectional=True)
    x = rng.standard_normal((2, 5, 2))
    x[0, 0, 0] = x[0, 2:4, 1] = x[1, 4, 0] = np.nan
    seen = x.copy()
    if missing == "mask":
        seen = np.concatenate([np.nan_to_num(x), np.isnan(x)], axis=2)
    else:
        seen[0, 0, 0], seen[0, 2:4, 1], seen[1, 4, 0] = 0, x[0, 1, 1], x[1, 3, 0]
    y, _, _ = lstm_forward(x, params, options=options(missing=missing))
    assert np.array_equal(y, lstm_forward(seen, params)[0])
    check_gradients(params, x, [5, 3], missing=missing)


def test_layer_norm_ignores_shift_and_scale_of_the_weights_of_a_gate():
    # what is normalised is W x + R h of one gate: a common factor of its rows cannot matter (but for epsilon)
    rng = np.random.default_rng(4)
    params, x = random_params(rng, 4, 8, layer_norm=True, scale=2.0), rng.standard_normal((3, 5, 4))
    y = lstm_forward(x, params)[0]
    for name in ("weight_ih_l0", "weight_hh_l0"):
        params[name][8:16] *= 1000
    np.testing.assert_allclose(lstm_forward(x, params)[0], y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_onnx_runtimes_cases(case):
    arguments, expected = stored_case(case)
    got = dict(zip(("Y", "Y_h", "Y_c"), onnx_lstm(**arguments)))
    assert expected
    for name, values in expected.items():
        np.testing.assert_allclose(got[name], values, rtol=0, atol=1e-4, err_msg=name)
