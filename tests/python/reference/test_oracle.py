"""The oracle itself: against the textbook equations, PyTorch in float64 and central differences."""

import numpy as np
import pytest
from oracle_checks import check_gradients

from reference import textbook
from reference.gradcheck import relative_error
from reference.lstm import lstm_backward, lstm_forward
from reference.random_params import random_params


def test_textbook_step_has_the_values_of_a_hand_calculation():
    # all weights 0, biases 0: every gate is 1/2, the candidate 0, so c halves and h = tanh(c) / 2
    weights = {**{f"W_{k}": np.zeros((1, 2)) for k in "ifgo"}, **{f"b_{k}": np.zeros(1) for k in "ifgo"}}
    h, c = textbook.step(np.array([3.0]), np.array([0.7]), np.array([2.0]), weights)
    assert c == 1.0 and h == np.tanh(1.0) / 2
    # a bias of 40 opens a gate wholly: input and output open, forget shut -> c = tanh(W x) with W = 1 on x only
    weights.update(b_i=np.array([40.0]), b_f=np.array([-40.0]), b_o=np.array([40.0]), W_g=np.array([[0.0, 1.0]]))
    h, c = textbook.step(np.array([3.0]), np.array([0.7]), np.array([2.0]), weights)
    assert np.allclose([c[0], h[0]], [np.tanh(3.0), np.tanh(np.tanh(3.0))], rtol=1e-15)


def test_oracle_computes_the_textbook_equations():
    rng = np.random.default_rng(0)
    params = random_params(rng, I=3, H=5)
    x = rng.standard_normal((4, 6, 3))
    y, (h, c), _ = lstm_forward(x, params)
    for b in range(4):
        expected_y, expected_c = textbook.run(x[b], textbook.from_stacked(params))
        np.testing.assert_allclose(y[b], expected_y, rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(c[0, b], expected_c, rtol=1e-13, atol=1e-14)
    assert np.array_equal(h[0], y[:, -1])


def test_textbook_layout_round_trip():
    params = random_params(np.random.default_rng(1), I=2, H=3)
    back = textbook.to_stacked(textbook.from_stacked(params))
    assert all(np.array_equal(back[name], params[name]) for name in params)


CASES = {
    "plain": dict(),
    "no bias": dict(bias=False),
    "two layers": dict(num_layers=2),
    "bidirectional": dict(bidirectional=True),
    "two layers, bidirectional": dict(num_layers=2, bidirectional=True),
    "projection": dict(P=2),
    "projection, two layers, bidirectional": dict(P=3, num_layers=2, bidirectional=True),
}


def torch_lstm(torch, params, I, H, num_layers=1, bidirectional=False, bias=True, P=0):
    lstm = torch.nn.LSTM(
        I, H, num_layers, bias=bias, bidirectional=bidirectional, proj_size=P, batch_first=True, dtype=torch.float64
    )
    with torch.no_grad():
        for name, parameter in lstm.named_parameters():
            if name.startswith("bias_hh"):
                parameter.zero_()
            else:
                parameter.copy_(torch.from_numpy(params[name.replace("bias_ih", "bias")]))
    return lstm


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize("case", CASES)
def test_oracle_agrees_with_torch(case, ragged):
    torch = pytest.importorskip("torch", reason="PyTorch is the peer of this test")
    kind, rng = CASES[case], np.random.default_rng(2)
    B, T, I, H = 4, 6, 3, 5
    params = random_params(rng, I, H, **kind)
    peer = torch_lstm(torch, params, I, H, **kind)
    D, L, out = 1 + kind.get("bidirectional", False), kind.get("num_layers", 1), kind.get("P", 0) or H
    lengths = np.array([4, 6, 1, 3]) if ragged else np.full(B, T)
    x, h0, c0, dy, dh, dc = (
        rng.standard_normal(s)
        for s in [(B, T, I), (L * D, B, out), (L * D, B, H), (B, T, D * out), (L * D, B, out), (L * D, B, H)]
    )

    y, (h, c), tape = lstm_forward(x, params, (h0, c0), lengths)
    dx, (dh0, dc0), grads = lstm_backward(tape, dy, (dh, dc))

    tx, th0, tc0 = (torch.from_numpy(a).requires_grad_() for a in (x, h0, c0))
    if ragged:
        packed = torch.nn.utils.rnn.pack_padded_sequence(tx, torch.from_numpy(lengths), True, enforce_sorted=False)
        ty, (th, tc) = peer(packed, (th0, tc0))
        ty, _ = torch.nn.utils.rnn.pad_packed_sequence(ty, batch_first=True, total_length=T)
    else:
        ty, (th, tc) = peer(tx, (th0, tc0))
    torch.autograd.backward([ty, th, tc], [torch.from_numpy(a) for a in (dy, dh, dc)])

    for got, expected in [(y, ty), (h, th), (c, tc), (dx, tx.grad), (dh0, th0.grad), (dc0, tc0.grad)]:
        assert relative_error(got, expected.detach().numpy()) < 1e-12
    for name, parameter in peer.named_parameters():
        if not name.startswith("bias_hh"):
            assert relative_error(grads[name.replace("bias_ih", "bias")], parameter.grad.numpy()) < 1e-12, name


@pytest.mark.parametrize("case", CASES)
def test_gradients_are_central_differences(case):
    rng = np.random.default_rng(4)
    params = random_params(rng, 2, 3, **CASES[case])
    check_gradients(params, rng.standard_normal((3, 3, 2)), [2, 3, 0])


def test_ragged_rows_are_the_rows_alone():
    rng = np.random.default_rng(5)
    params = random_params(rng, 3, 4, num_layers=2, bidirectional=True)
    lengths = [3, 0, 5, 1]
    x = rng.standard_normal((4, 5, 3))
    h0, c0 = rng.standard_normal((2, 4, 4, 4))
    padded = x.copy()
    for b, length in enumerate(lengths):
        padded[b, length:] = np.nan  # what lies in the padding must not matter
    y, (h, c), _ = lstm_forward(padded, params, (h0, c0), lengths)
    for b, length in enumerate(lengths):
        row = slice(b, b + 1)
        alone, (h_b, c_b), _ = lstm_forward(x[row, :length], params, (h0[:, row], c0[:, row]))
        np.testing.assert_allclose(y[row, :length], alone, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(h[:, row], h_b, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(c[:, row], c_b, rtol=1e-13, atol=1e-15)
        assert not y[b, length:].any()
    assert np.array_equal(h[:, 1], h0[:, 1]) and np.array_equal(c[:, 1], c0[:, 1])
