"""Parity with torch.nn.LSTM, projections included: values, gradients, packed sequences, state dicts."""

import numpy as np
import pytest
from lstm_case import assert_same_bits

import eigenlstm as el
from reference.gradcheck import relative_error

torch = pytest.importorskip("torch", reason="PyTorch is the peer of these tests")

FORWARD = {"float32": 1e-5, "float64": 1e-10}
GRADIENT = {"float32": 1e-4, "float64": 1e-10}
OPTIONS = [
    dict(),
    dict(num_layers=2),
    dict(bidirectional=True),
    dict(num_layers=3, bidirectional=True),
    dict(proj_size=3),
    dict(proj_size=7, num_layers=2),
    dict(proj_size=2, num_layers=2, bidirectional=True, bias=False),
    dict(bias=False, num_layers=2),
    dict(time_major=True, bidirectional=True),
]


def pair(I, H, dtype, time_major=False, **kind):
    """torch.nn.LSTM with its own initial weights, and an el.LSTM that has loaded them."""
    torch.manual_seed(0)
    theirs = torch.nn.LSTM(I, H, batch_first=not time_major, dtype=getattr(torch, dtype), **kind)
    ours = el.LSTM(I, H, dtype=dtype, time_major=time_major, **kind)
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    return ours, theirs


def as_torch(*arrays):
    return [torch.from_numpy(a).requires_grad_() for a in arrays]


def their_bias(theirs, name):
    """Our one bias has the gradient of each of their two."""
    return getattr(theirs, name.replace("bias", "bias_ih")).grad.numpy()


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "packed"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", OPTIONS, ids=str)
def test_values_and_gradients(kind, dtype, ragged):
    B, T, I, H = 6, 9, 4, 11
    ours, theirs = pair(I, H, dtype, **kind)
    time_major = kind.get("time_major", False)
    D = 2 if kind.get("bidirectional") else 1
    P = kind.get("proj_size", H)
    hs, cs = ((kind.get("num_layers", 1) * D, B, size) for size in (P, H))
    rng = np.random.default_rng(1)
    lead = (T, B) if time_major else (B, T)
    x, dy, h0, c0, dh, dc = (
        rng.standard_normal(shape).astype(dtype) for shape in [(*lead, I), (*lead, D * P), hs, cs, hs, cs]
    )
    lengths = np.array([3, 9, 1, 5, 9, 2]) if ragged else None

    y, (h, c), tape = ours.forward(x, state=(h0, c0), lengths=lengths)
    dx, (dh0, dc0) = ours.backward(tape, dy, (dh, dc))

    tx, th0, tc0 = as_torch(x, h0, c0)
    if ragged:
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            tx, torch.from_numpy(lengths), batch_first=not time_major, enforce_sorted=False
        )
        ty, (th, tc) = theirs(packed, (th0, tc0))
        ty, _ = torch.nn.utils.rnn.pad_packed_sequence(ty, batch_first=not time_major, total_length=T)
    else:
        ty, (th, tc) = theirs(tx, (th0, tc0))
    torch.autograd.backward([ty, th, tc], [torch.from_numpy(a) for a in (dy, dh, dc)])

    for got, expected in [(y, ty), (h, th), (c, tc)]:
        assert relative_error(got, expected.detach().numpy()) < FORWARD[dtype]
    for got, expected in [(dx, tx.grad), (dh0, th0.grad), (dc0, tc0.grad)]:
        assert relative_error(got, expected.numpy()) < GRADIENT[dtype]
    for name, grad in ours.grads.items():
        expected = their_bias(theirs, name) if "bias" in name else getattr(theirs, name).grad.numpy()
        assert relative_error(grad, expected) < GRADIENT[dtype], name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", OPTIONS[:-1], ids=str)
def test_state_dict_round_trip(kind, dtype):
    ours, theirs = pair(3, 8, dtype, **kind)
    state = ours.state_dict()
    expected = theirs.state_dict()
    assert set(state) == set(expected)
    for name, value in expected.items():
        value = value.numpy()
        assert state[name].shape == value.shape and state[name].dtype == value.dtype
        if "bias_ih" in name:  # ours has the sum, and a zero bias_hh
            value = value + expected[name.replace("bias_ih", "bias_hh")].numpy()
        assert_same_bits(state[name], np.zeros_like(value) if "bias_hh" in name else value, name)

    theirs.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    x = np.random.default_rng(0).standard_normal((2, 4, 3)).astype(dtype)
    with torch.no_grad():
        assert relative_error(ours(x)[0], theirs(torch.from_numpy(x))[0].numpy()) < FORWARD[dtype]
    again = el.LSTM(3, 8, dtype=dtype, seed=5, **kind)
    again.load_state_dict(state)
    assert_same_bits(again.flat_params, ours.flat_params)


def test_tensors_are_taken_as_arrays():
    ours, _ = pair(3, 5, "float32")
    x = torch.randn(2, 4, 3)
    assert_same_bits(ours(x)[0], ours(x.numpy())[0])
    with pytest.raises(TypeError, match=r"LSTM\.forward: x must have dtype float32, got float64"):
        ours(x.double())


def test_torch_initialisation_is_theirs_in_range():
    H = 16
    lstm = el.LSTM(4, H, init="torch", seed=0)
    values = lstm.flat_params
    bound = 1 / np.sqrt(H)
    single = np.concatenate([v.ravel() for name, v in lstm.params.items() if "weight" in name])
    assert np.abs(single).max() <= bound and np.abs(single).max() > 0.95 * bound
    assert abs(single.std() - bound / np.sqrt(3)) < 0.05 * bound and np.isfinite(values).all()
