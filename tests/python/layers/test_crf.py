"""CRF against all chains written out, pytorch-crf and central differences; Viterbi; masks; the same bits."""

import itertools

import numpy as np
import pytest
from layer_checks import assert_close, check_copies, differences, randomised, same_bits

import eigenlstm as el

LENGTHS = np.array([4, 1, 0, 3])


def build(K=3, dtype="float64"):
    return randomised(el.CRF(K, dtype=dtype))


def draw(B=4, T=4, K=3, dtype="float64"):
    rng = np.random.default_rng(0)
    return rng.standard_normal((B, T, K)).astype(dtype), rng.integers(0, K, (B, T))


def score(layer, x, tags):
    p = layer.params
    total = p["start_transitions"][tags[0]] + p["end_transitions"][tags[-1]] + sum(x[t, y] for t, y in enumerate(tags))
    return float(total + sum(p["transitions"][a, b] for a, b in itertools.pairwise(tags)))


def chains(layer, x):
    """Every chain of a row and its score."""
    return {tags: score(layer, x, tags) for tags in itertools.product(range(x.shape[1]), repeat=len(x))}


@pytest.mark.parametrize("dtype, bound", [("float32", 1e-5), ("float64", 1e-12)])
def test_loss_and_decoding_are_those_of_all_chains_written_out(dtype, bound):
    layer, (x, tags) = build(dtype=dtype), draw(dtype=dtype)
    losses, _ = layer.loss(x, tags, LENGTHS)
    best, scores = layer.decode(x, LENGTHS, scores=True)
    y = layer(x, lengths=LENGTHS)
    for b, length in enumerate(LENGTHS):
        if not length:
            assert losses[b] == 0 and best[b].size == 0 and not y[b].any()
            continue
        every = chains(layer, x[b, :length].astype(np.float64))
        partition = np.log(np.sum(np.exp(list(every.values()))))
        assert losses[b] == pytest.approx(partition - every[tuple(tags[b, :length])], abs=bound)
        top = max(every, key=every.get)
        assert tuple(best[b]) == top and scores[b] == pytest.approx(every[top], abs=bound)
        assert (y[b, :length].argmax(-1) == top).all() and (y[b].sum(-1) == (np.arange(4) < length)).all()


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_gradients(lengths):
    layer, (x, tags) = build(), draw()
    scale = np.array([1.0, 0.5, 2.0, 0.25])
    layer.flat_grads[:] = 0.5
    _, dx = layer.loss(x, tags, lengths, scale)

    def loss():
        return float((layer.loss(x, tags, lengths, scale, need_gradient=False)[0] * scale).sum())

    assert_close(layer.flat_grads - 0.5, differences(loss, layer.flat_params, 1e-6), 1e-6)
    assert_close(dx, differences(loss, x, 1e-6), 1e-6)


def test_it_is_pytorch_crf():
    torch = pytest.importorskip("torch", reason="the peer")
    torchcrf = pytest.importorskip("torchcrf", reason="the peer")
    theirs = torchcrf.CRF(5, batch_first=True)
    layer = el.CRF(5)
    layer.load_state_dict(theirs.state_dict())
    x, tags = draw(6, 7, 5, "float32")
    lengths = np.array([7, 3, 1, 5, 7, 2])
    mask = torch.from_numpy(np.arange(7) < lengths[:, None])
    emissions = torch.from_numpy(x).requires_grad_()
    value = -theirs(emissions, torch.from_numpy(tags), mask, reduction="none")
    value.sum().backward()
    losses, dx = layer.loss(x, tags, lengths)
    np.testing.assert_allclose(losses, value.detach(), rtol=1e-5)
    np.testing.assert_allclose(dx, emissions.grad, atol=1e-5)
    for name, parameter in theirs.named_parameters():
        np.testing.assert_allclose(layer.grads[name], parameter.grad, atol=1e-5)
    assert [list(row) for row in layer.decode(x, lengths)] == theirs.decode(torch.from_numpy(x), mask)


def test_forbidden_transitions_and_huge_scores_stay_finite():
    layer = el.CRF(3, seed=0)
    layer.params["transitions"][0, 1] = -1e4
    x, _ = draw(2, 6, 3, "float32")
    x[0] *= 1e4
    losses, dx = layer.loss(x, np.full((2, 6), 2), None)
    assert np.isfinite(losses).all() and np.isfinite(dx).all() and layer.grads["transitions"][0, 1] == 0
    assert all((0, 1) not in itertools.pairwise(row.tolist()) for row in layer.decode(x))


def test_a_row_has_the_bits_that_it_has_alone_and_threads_change_none():
    layer, (x, tags) = build(20, "float32"), draw(40, 50, 20, "float32")
    lengths = np.arange(40) + 5
    results = []
    for threads in (1, 2, 3):
        el.set_num_threads(threads)
        layer.zero_grad()
        losses, dx = layer.loss(x, tags, lengths)
        results.append((losses, dx, layer.flat_grads.copy(), layer(x, lengths=lengths)))
    el.set_num_threads(2)
    for other in results[1:]:
        assert all(same_bits(a, b) for a, b in zip(results[0], other))
    for b in (0, 7, 39):
        one, d = layer.loss(x[b : b + 1, : lengths[b]], tags[b : b + 1, : lengths[b]])
        assert one[0] == losses[b] and same_bits(d[0], dx[b, : lengths[b]])


def test_copies():
    check_copies(el.CRF(4, seed=1))


@pytest.mark.parametrize(
    "wrong, error, message",
    [
        (lambda: el.CRF(0), ValueError, "num_tags must be at least 1"),
        (lambda: el.CRF(3)(draw(K=4, dtype="f")[0]), ValueError, r"x must have shape \(B, T, 3\), got \(4, 4, 4\)"),
        (lambda: el.CRF(3).decode(draw()[0]), TypeError, "x must have dtype float32"),
        (lambda: build().loss(draw()[0], draw()[1] + 9), ValueError, "tags must lie in 0..2"),
        (lambda: build().loss(draw()[0], draw()[1][:, :2]), ValueError, r"tags must have shape \(4, 4\), got \(4, 2\)"),
        (lambda: build().backward((), draw()[0]), TypeError, "the best chain has no gradient"),
    ],
)
def test_what_does_not_fit_is_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()
