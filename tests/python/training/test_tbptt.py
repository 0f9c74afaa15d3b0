"""Truncated backpropagation through time: chunks with carried state, against the oracle and PyTorch."""

import numpy as np
import pytest
from lstm_case import TOLERANCE, Case, Run, assert_same_bits

from reference.gradcheck import relative_error
from reference.lstm import lstm_backward, lstm_forward

CASES = [
    Case(3, 23, 4, 9, dtype="float64"),
    Case(2, 23, 3, 17, 2, dtype="float32", state=True),
    Case(1, 23, 1, 5, time_major=True),
]


def chunks(T, k):
    return [slice(start, min(start + k, T)) for start in range(0, T, k)]


def truncated(run, k):
    """Gradients of forward in chunks of k steps with the state handed on, backward within each chunk, and all y."""
    run.lstm.zero_grad()
    state, ys, dxs = run.state, [], []
    for part in chunks(run.case.T, k):
        y, state, tape = run.lstm.forward(run.layout(run.x[:, part]), state=state)
        dx, _ = run.lstm.backward(tape, run.layout(run.dy[:, part]))  # no dstate: the chunk before gets no gradient
        ys.append(run.layout(y)), dxs.append(run.layout(dx))
    return (
        np.concatenate(ys, 1),
        np.concatenate(dxs, 1),
        {name: grad.copy() for name, grad in run.lstm.grads.items()},
        state,
    )


@pytest.mark.parametrize("k", [1, 5, 23])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_chunks_of_k_steps_against_the_oracle(case, k):
    run = Run(case)
    y, dx, grads, state = truncated(run, k)
    whole, h, c = run.infer()
    for got, expected in zip((y, *state), (whole, h, c)):
        assert_same_bits(got, expected)
    carried, expected = run.state, {name: 0 for name in grads}
    for part in chunks(case.T, k):
        _, carried, tape = lstm_forward(run.x[:, part], run.params, carried)
        dx_part, _, part_grads = lstm_backward(tape, run.dy[:, part])
        assert relative_error(dx[:, part], dx_part) < TOLERANCE[case.dtype][1]
        expected = {name: expected[name] + grad for name, grad in part_grads.items()}
    for name, value in expected.items():
        assert relative_error(grads[name], value) < TOLERANCE[case.dtype][1], name


@pytest.mark.parametrize("case", CASES, ids=str)
def test_with_dstate_handed_back_nothing_is_truncated(case):
    run = Run(case)
    *_, tape = run.forward()
    whole = run.backward(tape)
    run.lstm.zero_grad()
    state, tapes = run.state, []
    for part in chunks(case.T, 7):
        _, state, tape = run.lstm.forward(run.layout(run.x[:, part]), state=state)
        tapes.append((part, tape))
    dstate, dxs = run.dstate, []
    for part, tape in reversed(tapes):
        dx, dstate = run.lstm.backward(tape, run.layout(run.dy[:, part]), dstate)
        dxs.insert(0, run.layout(dx))
    assert_same_bits(np.concatenate(dxs, 1), whole["dx"])
    for got, name in zip(dstate, ("dh0", "dc0")):
        assert_same_bits(got, whole[name])
    for name, grad in run.lstm.grads.items():
        assert relative_error(grad, whole[name].astype(np.float64)) < TOLERANCE[case.dtype][1], name


def test_against_detach_of_pytorch():
    torch = pytest.importorskip("torch", reason="the peer")
    run = Run(CASES[0])
    peer = torch.nn.LSTM(run.case.I, run.case.H, batch_first=True, dtype=torch.float64)
    peer.load_state_dict({name: torch.from_numpy(value) for name, value in run.lstm.state_dict().items()})
    state = None
    for part in chunks(run.case.T, 6):
        y, state = peer(torch.from_numpy(run.x[:, part]), state)
        y.backward(torch.from_numpy(run.dy[:, part]))
        state = tuple(a.detach() for a in state)
    _, _, grads, _ = truncated(run, 6)
    for name, got in [
        ("weight_ih_l0", peer.weight_ih_l0),
        ("weight_hh_l0", peer.weight_hh_l0),
        ("bias_l0", peer.bias_ih_l0),
    ]:
        assert relative_error(grads[name], got.grad.numpy()) < 1e-12, name
