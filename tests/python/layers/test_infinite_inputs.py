"""An infinite input saturates its gates and reaches no other number: not where H is less than a vector, either, whose
unused lanes multiply it by 0."""

import numpy as np
import pytest

import eigenlstm as el

VARIANTS = {
    "plain": {},
    "two layers": {"num_layers": 2},
    "bidirectional": {"bidirectional": True},
    "projected": {"proj_size": 1},
    "peephole": {"peephole": True},
    "coupled": {"coupled_input_forget": True},
    "zoneout": {"zoneout": (0.2, 0.1)},
    "recurrent dropout": {"recurrent_dropout": 0.3},
    "weight drop": {"weight_drop": 0.3},
    "clipped": {"cell_clip": 2.0},
    "hard": {"activations": ("hard_sigmoid", "tanh", "tanh")},
    "no bias": {"bias": False},
}


def gradients(lstm, x, state, lengths):
    y, _, tape = lstm.forward(x, state=state, lengths=lengths, training=True, seed=3)
    lstm.zero_grad()
    dx, (dh0, dc0) = lstm.backward(tape, np.ones_like(y))
    return {"y": y, "dx": dx, "dh0": dh0, "dc0": dc0, **{name: grad.copy() for name, grad in lstm.grads.items()}}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("H", [1, 2, 3, 5, 7, 9, 15, 17])
@pytest.mark.parametrize("variant", VARIANTS)
def test_infinite_x_gives_what_huge_x_gives(variant, H, dtype):
    lstm = el.LSTM(3, max(H, 2) if variant == "projected" else H, dtype=dtype, seed=1, **VARIANTS[variant])
    rng = np.random.default_rng(0)
    huge = rng.normal(size=(3, 6, 3)).astype(dtype)
    sizes = [(len(lstm.forward(huge)[1][i]), 3, lstm.forward(huge)[1][i].shape[2]) for i in (0, 1)]
    state = tuple(rng.normal(size=size).astype(dtype) for size in sizes)
    infinite = huge.copy()
    for sign, at in ((1, (1, 2, 0)), (-1, (2, 4, 1))):
        infinite[at], huge[at] = sign * np.inf, sign * dtype(1e25)
    for lengths in (None, np.array([6, 5, 3])):
        got, expected = (gradients(lstm, x, state, lengths) for x in (infinite, huge))
        for name in ("y", "dx", "dh0", "dc0"):
            assert np.isfinite(got[name]).all(), name
            np.testing.assert_array_equal(got[name], expected[name], name)
        for name, grad in got.items():
            # dW of what is infinite is 0 * inf, as in PyTorch; all else is as it is with huge x
            if not name.startswith("weight_ih_l0") and variant != "two layers":
                np.testing.assert_array_equal(grad, expected[name], name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("H", [1, 3, 6])
def test_torch_agrees(H, dtype):
    torch = pytest.importorskip("torch", reason="parity with PyTorch")
    lstm = el.LSTM(2, H, dtype=dtype, seed=0)
    theirs = torch.nn.LSTM(2, H, batch_first=True, dtype=getattr(torch, dtype))
    theirs.load_state_dict({name: torch.from_numpy(value) for name, value in lstm.state_dict().items()})
    x = np.random.default_rng(0).normal(size=(3, 5, 2)).astype(dtype)
    x[1, 2, 0] = np.inf
    got = gradients(lstm, x, None, None)
    tensor = torch.from_numpy(x).requires_grad_()
    theirs(tensor)[0].sum().backward()
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(got["dx"], tensor.grad.numpy(), tolerance, tolerance)
    np.testing.assert_allclose(got["weight_hh_l0"], theirs.weight_hh_l0.grad.numpy(), tolerance, tolerance)
    dw, expected = got["weight_ih_l0"], theirs.weight_ih_l0.grad.numpy()
    finite = np.isfinite(expected)  # of what is infinite: 0 * inf, or a rest of a saturated gate * inf
    assert np.array_equal(np.isfinite(dw), finite)
    np.testing.assert_allclose(dw[finite], expected[finite], tolerance, tolerance)
