"""Conv1D against PyTorch and plain loops; causality, lengths, the same bits."""

import numpy as np
import pytest
from layer_checks import check_copies, check_gradients, check_rows_do_not_depend_on_the_batch, randomised, same_bits

import eigenlstm as el


def draw(*shape, dtype="float64", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


KINDS = [
    dict(kernel_size=k, padding=p, dilation=d) for k, d in ((1, 1), (2, 1), (3, 1), (4, 2)) for p in ("same", "causal")
]


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_convolution_of_torch(kind):
    torch = pytest.importorskip("torch", reason="the peer")
    layer = randomised(el.Conv1D(3, 5, dtype="float64", **kind))
    x = draw(2, 7, 3)
    theirs = torch.nn.Conv1d(3, 5, kind["kernel_size"], dilation=kind["dilation"], dtype=torch.float64)
    theirs.load_state_dict({name: torch.from_numpy(value) for name, value in layer.state_dict().items()})
    span = (kind["kernel_size"] - 1) * kind["dilation"]
    left = span if kind["padding"] == "causal" else span // 2
    given = torch.from_numpy(x).transpose(1, 2).requires_grad_()
    expected = theirs(torch.nn.functional.pad(given, (left, span - left))).transpose(1, 2)
    y, tape = layer.forward(x)
    np.testing.assert_allclose(y, expected.detach(), atol=1e-12)
    expected.square().sum().backward()
    np.testing.assert_allclose(layer.backward(tape, 2 * y), given.grad.transpose(1, 2), atol=1e-11)
    np.testing.assert_allclose(layer.grads["weight"], theirs.weight.grad, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lengths", [None, np.array([6, 3, 0])])
def test_gradients(kind, lengths):
    layer = randomised(el.Conv1D(2, 3, dtype="float64", **kind))
    check_gradients(layer, draw(3, 6, 2), lengths=lengths)


def test_causal_is_blind_to_what_comes_and_padding_to_what_lies_past_the_length():
    x = draw(2, 8, 3, dtype="float32")
    causal = randomised(el.Conv1D(3, 4, 3, padding="causal"))
    for t in range(1, 9):
        assert same_bits(causal(x[:, :t])[:, -1].copy(), causal(x)[:, t - 1].copy())
    same = randomised(el.Conv1D(3, 4, 3))
    y = same(x, lengths=[8, 5])
    other = x.copy()
    other[1, 5:] = 9
    assert same_bits(same(other, lengths=[8, 5]), y) and not y[1, 5:].any()
    assert same_bits(same(x[1:, :5])[0], y[1, :5])


def test_rows_and_threads_change_no_bit():
    layer = randomised(el.Conv1D(3, 4, 3))
    check_rows_do_not_depend_on_the_batch(layer, draw(4, 6, 3, dtype="float32"), np.array([6, 2, 4, 1]))
    results = []
    for threads in (1, 2):
        el.set_num_threads(threads)
        big = randomised(el.Conv1D(32, 64, 5))
        y, tape = big.forward(draw(40, 100, 32, dtype="float32"))
        results.append((y, big.backward(tape, y), big.flat_grads.copy()))
    el.set_num_threads(2)
    assert all(same_bits(a, b) for a, b in zip(*results))


def test_in_a_chain_and_copied(tmp_path):
    chain = el.Sequential([el.Conv1D(1, 8, 3, padding="causal", seed=0), el.Activation("relu"), el.LSTM(8, 6, seed=1)])
    assert chain.input_shape() == ("B", "T", 1)
    chain.save(tmp_path / "m")
    x = draw(2, 5, 1, dtype="float32")
    assert same_bits(el.load(tmp_path / "m")(x), chain(x))
    check_copies(el.Conv1D(2, 3, 4, dilation=2, bias=False, seed=1))


@pytest.mark.parametrize(
    "wrong, error, message",
    [
        (lambda: el.Conv1D(1, 1, 0), ValueError, "kernel_size must be at least 1"),
        (lambda: el.Conv1D(1, 1, 3, padding="valid"), ValueError, "padding must be one of 'same', 'causal'"),
        (
            lambda: el.Conv1D(2, 1, 3)(np.zeros((2, 3, 4), "f")),
            ValueError,
            r"must have shape \(B, T, 2\), got \(2, 3, 4\)",
        ),
        (lambda: el.Conv1D(2, 1, 3)(np.zeros((2, 3, 2))), TypeError, "dtype float32, got float64"),
        (lambda: el.Sequential([el.Conv1D(2, 1, 3), el.LSTM(2, 3)]), ValueError, "takes 2 features, got 1"),
    ],
)
def test_what_does_not_fit_is_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()
