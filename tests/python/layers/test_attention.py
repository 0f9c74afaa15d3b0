"""Attention against plain loops, PyTorch and central differences; masks, and the same bits."""

import numpy as np
import pytest
from joint_checks import check_joint_gradients
from layer_checks import check_copies, randomised, same_bits

import eigenlstm as el

KINDS = [
    dict(query_size=3, score="dot"),
    dict(query_size=4, score="dot", scale=True),
    dict(query_size=3, memory_size=5, score="general"),
    dict(query_size=3, memory_size=5, score="general", scale=True),
    dict(query_size=3, memory_size=5, score="additive"),
    dict(query_size=3, memory_size=5, score="additive", hidden_size=7),
]


def build(kind, dtype="float64"):
    return randomised(el.Attention(**kind, dtype=dtype))


def draw(layer, B, T, S, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in ((B, T, layer.query_size), (B, S, layer.memory_size))]


def oracle(layer, query, memory, lengths):
    p = {name: view.astype(np.float64) for name, view in layer.params.items()}
    y, w = np.zeros((*query.shape[:2], memory.shape[2])), np.zeros((*query.shape[:2], memory.shape[1]))
    for b in range(len(query)):
        for t in range(lengths[0][b]):
            S = lengths[1][b]
            if not S:
                continue
            q, m = query[b, t].astype(np.float64), memory[b, :S].astype(np.float64)
            if layer.score == "additive":
                z = np.tanh(p["query_weight"] @ q + p["bias"] + m @ p["memory_weight"].T) @ p["v"]
            else:
                z = (m @ p["weight"].T if layer.score == "general" else m) @ q
                z = z / np.sqrt(len(q)) if layer.scale else z
            e = np.exp(z - z.max())
            w[b, t, :S] = e / e.sum()
            y[b, t] = w[b, t, :S] @ m
    return y, w


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype, bound", [("float32", 2e-5), ("float64", 1e-12)])
@pytest.mark.parametrize("B, T, S", [(3, 4, 5), (1, 1, 1), (2, 70, 33)])
def test_it_is_what_plain_loops_give(kind, dtype, bound, B, T, S):
    layer = build(kind, dtype)
    query, memory = draw(layer, B, T, S, dtype)
    rng = np.random.default_rng(3)
    for lengths in (None, (rng.integers(0, T + 1, B), rng.integers(0, S + 1, B)), (None, rng.integers(0, S + 1, B))):
        whole = [np.full(B, T), np.full(B, S)]
        known = whole if lengths is None else [a if a is not None else b for a, b in zip(lengths, whole)]
        y, w = oracle(layer, query, memory, known)
        np.testing.assert_allclose(layer(query, memory, lengths=lengths), y, atol=bound)
        np.testing.assert_allclose(layer.weights(query, memory, lengths=lengths), w, atol=bound)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lengths", [None, ([4, 2, 0], [5, 3, 0])])
def test_gradients(kind, lengths):
    layer = build(kind)
    check_joint_gradients(layer, draw(layer, 3, 4, 5), lengths=lengths)


def test_scaled_dot_products_are_those_of_torch():
    torch = pytest.importorskip("torch", reason="the peer")
    layer = el.Attention(8, score="dot", scale=True, dtype="float64")
    query, memory = draw(layer, 2, 5, 6)
    q, m = (torch.from_numpy(x).requires_grad_() for x in (query, memory))
    expected = torch.nn.functional.scaled_dot_product_attention(q, m, m)
    y, tape = layer.forward(query, memory)
    np.testing.assert_allclose(y, expected.detach(), atol=1e-12)
    expected.square().sum().backward()
    for ours, theirs in zip(layer.backward(tape, 2 * y), (q.grad, m.grad)):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_has_the_bits_that_it_has_alone_and_without_padding(kind):
    layer = build(kind, "float32")
    query, memory = draw(layer, 5, 9, 20, "float32")
    lengths = [np.array([9, 3, 1, 0, 8]), np.array([20, 7, 16, 4, 1])]
    y, tape = layer.forward(query, memory, lengths=lengths)
    w = draw(layer, 5, 9, 9, "float32", seed=5)[1]
    dq, dm = layer.backward(tape, w)
    for b in range(5):
        T, S = lengths[0][b], lengths[1][b]
        one, kept = layer.forward(query[b : b + 1, :T], memory[b : b + 1, :S])
        assert same_bits(one[0], y[b, :T]) and not y[b, T:].any()
        dq1, dm1 = layer.backward(kept, w[b : b + 1, :T])
        assert same_bits(dq1[0], dq[b, :T]) and same_bits(dm1[0], dm[b, :S])
    for t in range(9):  # step by step, as a decoder asks
        assert same_bits(layer(query[:1, t : t + 1], memory[:1])[0, 0], y[0, t])


@pytest.mark.parametrize("kind", KINDS[1::2])
def test_threads_change_no_bit(kind):
    results = []
    for threads in (1, 2, 5):
        el.set_num_threads(threads)
        layer = build(kind, "float32")
        query, memory = draw(layer, 200, 60, 60, "float32")
        y, tape = layer.forward(query, memory)
        results.append([y, *layer.backward(tape, y), layer.flat_grads.copy()])
    el.set_num_threads(2)
    for others in results[1:]:
        assert all(same_bits(a, b) for a, b in zip(results[0], others))


@pytest.mark.parametrize("kind", KINDS)
def test_copies(kind):
    check_copies(el.Attention(**kind, seed=1))


@pytest.mark.parametrize(
    "wrong, error, message",
    [
        (lambda: el.Attention(3, score="cosine"), ValueError, "score must be one of 'dot', 'general', 'additive'"),
        (lambda: el.Attention(3, 4), ValueError, "must have one size, got 3 and 4"),
        (lambda: el.Attention(3, hidden_size=4), ValueError, "hidden_size is of additive scores"),
        (lambda: el.Attention(3, score="additive", scale=True), ValueError, "scale is of dot and general"),
        (lambda: el.Attention(0), ValueError, "query_size must be at least 1"),
        (lambda: el.Attention(3)(*draw(el.Attention(4), 2, 2, 2, "f")), ValueError,
         r"query must have shape \(B, steps, 3\), got \(2, 2, 4\)"),
        (lambda: el.Attention(3)(np.zeros((2, 2, 3), "f"), np.zeros((3, 2, 3), "f")), ValueError,
         r"memory must have shape \(2, steps, 3\), got \(3, 2, 3\)"),
        (lambda: el.Attention(3)(*draw(el.Attention(3), 2, 2, 2)), TypeError, "query must have dtype float32"),
        (lambda: el.Attention(3)(*draw(el.Attention(3), 2, 2, 2, "f"), lengths=[1, 1, 1]), TypeError, "must be a pair"),
        (lambda: el.Attention(3)(*draw(el.Attention(3), 2, 2, 2, "f"), lengths=(None, [1, 9])), ValueError,
         "memory: lengths must lie in 0..2, got 1..9"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()
