"""CTC: by its definition on tiny cases, PyTorch on large ones, hard ranges of probabilities; the decoders."""

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm import _core, ctc, losses
from reference import ctc as oracle
from reference.gradcheck import central_differences, relative_error

TINY = [  # frames, classes, labels
    (1, 3, [1]),
    (1, 3, []),
    (4, 3, []),
    (3, 3, [1, 2]),
    (4, 3, [1, 1]),
    (5, 3, [2, 1]),
    (6, 3, [1, 1, 2]),
    (5, 2, [1]),
    (6, 3, [2, 1, 2]),
    (3, 3, [1, 1]),
    (6, 4, [3, 3, 3]),
]


def make(B, T, C, S, dtype=np.float64, seed=0, spread=1.0):
    rng = np.random.default_rng(seed)
    logits = (spread * rng.standard_normal((B, T, C))).astype(dtype)
    return logits, rng.integers(1, C, (B, S)), rng.integers(T // 2, T + 1, B), rng.integers(0, S + 1, B)


@pytest.mark.parametrize("blank", [0, 1])
@pytest.mark.parametrize("T, C, labels", TINY)
def test_definition(T, C, labels, blank):
    logits = np.random.default_rng(T + C).standard_normal((1, T, C))
    target = np.array([[(c if blank == 0 else (c if c > blank else 0)) for c in labels]], np.int64).reshape(1, -1)
    loss = losses.CTC(blank=blank, reduction="sum")
    value, dy = loss(logits, target)
    assert value == pytest.approx(oracle.loss(logits[0], target[0], blank), rel=1e-13)
    slope = central_differences(lambda: oracle.loss(logits[0], target[0], blank), logits)
    assert relative_error(dy, slope) < 1e-7


def test_rows_that_cannot_be_spelt():
    logits = np.random.default_rng(0).standard_normal((3, 3, 4))
    targets = np.array([[1, 1, -1, -1], [2, 2, 2, -1], [1, 2, 3, 1]])  # needs 3, 5 and 4 frames
    value, dy = losses.CTC()(logits, targets)
    assert value == np.inf and not dy[1:].any() and dy[0].any()
    value, again = losses.CTC(zero_infinity=True)(logits, targets)
    assert value == pytest.approx(oracle.loss(logits[0], [1, 1]) / 2 / 3, rel=1e-13) and np.array_equal(again, dy)
    value, dy = losses.CTC(reduction="sum")(logits, np.zeros((3, 0), int), lengths=[0, 0, 3])  # no frames spell nothing
    assert value == pytest.approx(oracle.loss(logits[2], []), rel=1e-13) and not dy[:2].any()
    assert losses.CTC()(logits[:1], targets[:1, :2], lengths=[0])[0] == np.inf


def test_a_class_of_probability_zero():
    logits = np.zeros((1, 4, 3))
    logits[0, :, 2] = -np.inf
    assert losses.CTC()(logits, np.array([[2]]))[0] == np.inf
    value, dy = losses.CTC()(logits, np.array([[1]]))
    assert value == pytest.approx(-np.log(10 / 16)) and np.isfinite(dy).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "B, T, C, S, spread",
    [(32, 200, 40, 30, 1), (5, 77, 9, 13, 3), (3, 50, 300, 25, 0.1), (4, 400, 5, 150, 1), (1, 1, 2, 1, 1)],
)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_torch_agrees(B, T, C, S, spread, dtype, reduction):
    torch = pytest.importorskip("torch", reason="parity with PyTorch")
    logits, targets, frames, counts = make(B, T, C, S, dtype, spread=spread)
    t = torch.tensor(logits.astype(np.float64), requires_grad=True)
    expected = torch.nn.functional.ctc_loss(
        t.log_softmax(-1).transpose(0, 1),
        torch.tensor(targets),
        torch.tensor(frames),
        torch.tensor(counts),
        reduction=reduction,
        zero_infinity=True,
    )
    expected.backward()
    value, dy = losses.CTC(zero_infinity=True, reduction=reduction)(
        logits, targets, lengths=frames, target_lengths=counts
    )
    assert value == pytest.approx(expected.item(), rel=1e-6 if dtype == np.float32 else 1e-12)
    assert relative_error(dy, t.grad.numpy()) < (1e-5 if dtype == np.float32 else 1e-9)
    assert dy.dtype == dtype


@pytest.mark.parametrize("gap", [20, 45, 80, 300])
def test_probabilities_far_beyond_the_range_of_float64(gap):
    """A network sure that every frame is a blank: the labels cost e^-gap each, all paths of 30 of them e^-9000.
    Rescaling at each frame would keep none; this is where logarithms take over."""
    torch = pytest.importorskip("torch", reason="parity with PyTorch")
    logits, targets, _, _ = make(2, 150, 6, 30, seed=1, spread=0.5)
    logits[..., 0] += gap
    t = torch.tensor(logits, requires_grad=True)
    expected = torch.nn.functional.ctc_loss(
        t.log_softmax(-1).transpose(0, 1),
        torch.tensor(targets),
        torch.tensor([150, 120]),
        torch.tensor([30, 25]),
        reduction="sum",
    )
    expected.backward()
    value, dy = losses.CTC(reduction="sum")(logits, targets, lengths=[150, 120], target_lengths=[30, 25])
    assert value == pytest.approx(expected.item(), rel=1e-12)
    assert np.abs(dy - t.grad.numpy()).max() < 1e-8


def test_both_kinds_of_numbers_agree_where_both_work():
    """Scaling one logit row by a constant changes nothing; pushing an unused class down only changes the path taken
    inside.
    """
    logits, targets, _, _ = make(1, 60, 6, 8, seed=3)
    logits[0, :, 5] = -3.0
    targets = np.where(targets == 5, 4, targets)
    a = losses.CTC()(logits, targets)
    b = losses.CTC()(logits + np.linspace(-50, 50, 60)[None, :, None], targets)
    assert a[0] == pytest.approx(b[0], rel=1e-12) and np.abs(a[1] - b[1]).max() < 1e-12


def test_a_row_is_the_same_bits_in_any_batch_and_for_any_number_of_threads():
    logits, targets, frames, counts = make(16, 600, 20, 12, np.float32)
    loss = losses.CTC(reduction="sum", zero_infinity=True)
    answers = []
    for threads in (1, 2, 3, 5):
        el.set_num_threads(threads)
        answers.append(loss(logits, targets, lengths=frames, target_lengths=counts))
    for value, dy in answers[1:]:
        assert value == answers[0][0] and np.array_equal(dy, answers[0][1])
    for b in range(16):
        alone = loss(logits[b : b + 1, : frames[b]], targets[b : b + 1, : counts[b]])
        assert np.array_equal(alone[1][0], answers[0][1][b, : frames[b]])
        assert not answers[0][1][b, frames[b] :].any()
    order = np.random.default_rng(0).permutation(16)
    assert np.array_equal(
        loss(logits[order], targets[order], lengths=frames[order], target_lengths=counts[order])[1],
        answers[0][1][order],
    )


def test_weights_and_padded_targets():
    logits, targets, frames, counts = make(5, 30, 7, 9)
    weight = np.array([1.0, 0, 2, 0.5, 3])
    padded = np.where(np.arange(9) < counts[:, None], targets, -1)
    loss = losses.CTC(zero_infinity=True)
    value, dy = loss(logits, padded, weight, frames)
    rows = [
        losses.CTC(zero_infinity=True)(
            logits[b : b + 1], targets[b : b + 1], lengths=frames[b : b + 1], target_lengths=counts[b : b + 1]
        )
        for b in range(5)
    ]
    assert value == pytest.approx(sum(w * v for w, (v, _) in zip(weight, rows)) / weight.sum(), rel=1e-13)
    for w, (_, alone), mine in zip(weight, rows, dy):
        assert np.allclose(mine, alone[0] * w / weight.sum(), rtol=1e-12, atol=1e-17)
    broken = logits.copy()
    broken[1] = np.nan
    assert loss(broken, padded, weight, frames)[0] == value
    broken[2, 3, 1] = np.nan
    assert np.isnan(loss(broken, padded, weight, frames)[0]) or frames[2] <= 3


def test_nan_shows_in_the_value():
    logits, targets, _, _ = make(2, 20, 5, 3)
    logits[1, 7, 2] = np.nan
    assert np.isnan(losses.CTC(zero_infinity=True)(logits, targets)[0])


def test_greedy_decode():
    paths = np.array([[0, 1, 1, 0, 1, 2, 2, 0], [3, 3, 0, 0, 3, 0, 1, 1]])
    logits = np.eye(4, dtype=np.float32)[paths]
    assert [list(r) for r in ctc.greedy_decode(logits)] == [[1, 1, 2], [3, 3, 1]]
    assert [list(r) for r in ctc.greedy_decode(logits, lengths=[4, 0])] == [[1], []]
    assert [list(r) for r in ctc.greedy_decode(logits, blank=3)] == [list(oracle.spell(p, 3)) for p in paths]
    assert [list(r) for r in ctc.greedy_decode(np.zeros((2, 0, 4), np.float32))] == [[], []]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_wide_beam_finds_every_labelling(seed, dtype):
    logits = (2 * np.random.default_rng(seed).standard_normal((1, 5, 3))).astype(dtype)
    blank = seed % 3
    exact = sorted(oracle.labellings(logits[0].astype(np.float64), blank).items(), key=lambda item: -item[1])
    found = ctc.beam_search(logits, blank=blank, beam_width=1000, num_results=1000)[0]
    assert [tuple(labels) for labels, _ in found] == [labels for labels, _ in exact]
    assert np.allclose([score for _, score in found], np.log([p for _, p in exact]), rtol=1e-12)


def test_a_narrow_beam_finds_what_greedy_misses():
    """Two frames, p(blank) 0.4 and p(a) 0.35, p(b) 0.25: the likeliest path is blank, the likeliest labels are "a"."""
    logits = np.log(np.array([[[0.4, 0.35, 0.25]] * 2]))
    assert list(ctc.greedy_decode(logits)[0]) == []
    ((labels, score),) = ctc.beam_search(logits, beam_width=3)[0]
    assert list(labels) == [1] and score == pytest.approx(np.log(0.35 * 0.35 + 2 * 0.35 * 0.4))


def test_beam_search_scores_are_lower_bounds_of_the_loss():
    logits, _, frames, _ = make(4, 40, 8, 1, seed=5, spread=2)
    for row, length, results in zip(logits, frames, ctc.beam_search(logits, frames, beam_width=50, num_results=5)):
        scores = [score for _, score in results]
        assert (
            len(results) == 5
            and scores == sorted(scores, reverse=True)
            and len({tuple(labels) for labels, _ in results}) == 5
        )
        for labels, score in results:
            exact = -losses.CTC(reduction="sum")(row[None, :length], labels[None])[0]
            assert exact - 1.5 < score <= exact + 1e-9
    assert [len(labels) for ((labels, score),) in ctc.beam_search(logits, lengths=[0, 0, 0, 0])] == [0] * 4


X = np.zeros((2, 5, 4), np.float32)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: losses.CTC()(X[0], [[1], [2]]), ValueError, r"CTC: y_pred must have shape \(B, T, C\), got \(5, 4\)"),
        (lambda: losses.CTC()(X, [[1]]), ValueError, r"CTC: y_true must have shape \(2, S\), got \(1, 1\)"),
        (lambda: losses.CTC()(X, [[1.0], [2.0]]), TypeError, "CTC: y_true must be integers, got float64"),
        (
            lambda: losses.CTC()(X, [[1], [4]]),
            ValueError,
            r"targets must lie in 0\.\.3 and not be the blank \(0\), got 4",
        ),
        (
            lambda: losses.CTC()(X, [[1], [0]]),
            ValueError,
            r"targets must lie in 0\.\.3 and not be the blank \(0\), got 0",
        ),
        (lambda: losses.CTC(blank=4)(X, [[1], [2]]), ValueError, r"blank must lie in 0\.\.3, got 4"),
        (lambda: losses.CTC()(X, [[1], [2]], lengths=[5, 6]), ValueError, r"CTC: lengths must lie in 0\.\.5"),
        (
            lambda: losses.CTC()(X, [[1], [2]], target_lengths=[1, 2]),
            ValueError,
            r"CTC: target_lengths: lengths must lie in 0\.\.1",
        ),
        (
            lambda: ctc.greedy_decode(X[0]),
            ValueError,
            r"greedy_decode: logits must have shape \(B, T, C\), got \(5, 4\)",
        ),
        (lambda: ctc.beam_search(X, beam_width=0), ValueError, "beam_search: beam_width must be at least 1, got 0"),
        (lambda: ctc.beam_search(X * np.nan), ValueError, r"logits must not be NaN or \+inf"),
        (
            lambda: ctc.beam_search(np.where(np.arange(5)[:, None] == 3, -np.inf, X).astype("f4")),
            ValueError,
            "some class possible in each frame, all of frame 3 are -inf",
        ),
        (lambda: ctc.beam_search(X, blank=-1), ValueError, r"beam_search: blank must lie in 0\.\.3, got -1"),
        (
            lambda: _core.ctc(X, np.ones((2, 1), np.int64), np.array([5, 9]), np.array([1, 1]), 0, np.ones(2)),
            ValueError,
            r"ctc: input_lengths must lie in 0\.\.5, got 9",
        ),
    ],
)
def test_wrong_calls_are_told(call, error, message):
    with pytest.raises(error, match=message):
        call()
