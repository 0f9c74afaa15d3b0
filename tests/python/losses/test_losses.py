"""Losses: values against the oracle, gradients against central differences, both against PyTorch."""

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm import losses
from reference import losses as oracle
from reference.gradcheck import central_differences, relative_error

TYPES = (np.float32, np.float64)
QUANTILES = (0.1, 0.5, 0.95)
POS_WEIGHT = (0.5, 1.0, 4.0)


def _quantile(p, y):
    return oracle.quantile(p.reshape(*y.shape, 3), y[..., None], np.array(QUANTILES)).mean(axis=-1)


def _gaussian(p, y):
    pairs = p.reshape(*y.shape, 2)
    return oracle.gaussian_nll(pairs[..., 0], pairs[..., 1], y)


# name: (loss, the oracle's loss of each target, predictions of a target, targets from normal numbers)
CASES = {
    "mse": (losses.MSE(), oracle.mse, 1, None),
    "mae": (losses.MAE(), oracle.mae, 1, None),
    "huber": (losses.Huber(0.7), lambda p, y: oracle.huber(p, y, 0.7), 1, None),
    "bce": (losses.BCE(), oracle.bce, 1, lambda z: (z > 0).astype(z.dtype)),
    "bce_soft": (
        losses.BCE(POS_WEIGHT),
        lambda p, y: oracle.bce(p, y, np.array(POS_WEIGHT)),
        1,
        lambda z: (1 / (1 + np.exp(-z))).astype(z.dtype),
    ),
    "quantile": (losses.Quantile(QUANTILES), _quantile, 3, None),
    "gaussian_nll": (losses.GaussianNLL(), _gaussian, 2, None),
    "poisson_nll": (losses.PoissonNLL(), oracle.poisson_nll, 1, lambda z: np.floor(np.abs(3 * z))),
    "nse": (losses.NSE(std=2.0, eps=0.5), lambda p, y: ((p - y) / 2.5) ** 2, 1, None),
    "nse_by_output": (losses.NSE(std=[1.0, 2.0, 3.0]), lambda p, y: ((p - y) / (np.arange(1, 4) + 0.1)) ** 2, 1, None),
}


def make(name, shape, dtype, seed=0):
    """loss, oracle, y_pred, y_true."""
    loss, expected, each, targets = CASES[name]
    rng = np.random.default_rng(seed)
    y_pred = rng.standard_normal((*shape[:-1], shape[-1] * each)).astype(dtype)
    y_true = rng.standard_normal(shape).astype(dtype)
    return loss, expected, y_pred, y_true if targets is None else targets(y_true)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(1, 3), (5, 3), (4, 7, 3), (700, 3, 3)])
@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_match_the_oracle(name, shape, dtype):
    loss, expected, y_pred, y_true = make(name, shape, dtype)
    value, dy = loss(y_pred, y_true)
    exact = y_pred.astype(np.float64), y_true.astype(np.float64)
    assert dy.dtype == dtype and dy.shape == y_pred.shape and isinstance(value, float)
    assert value == pytest.approx(expected(*exact).mean(), rel=2e-6 if dtype == np.float32 else 1e-13)
    if np.prod(shape) < 100:
        slope = central_differences(lambda: expected(*exact).mean(), exact[0])
        assert relative_error(dy, slope) < (2e-6 if dtype == np.float32 else 2e-8)


@pytest.mark.parametrize("name", CASES)
def test_weights_lengths_and_sums(name):
    loss, expected, y_pred, y_true = make(name, (4, 7, 3), np.float64)
    rng = np.random.default_rng(1)
    lengths, valid = np.array([7, 0, 3, 5]), np.arange(7) < np.array([7, 0, 3, 5])[:, None]
    for weight in (None, rng.random(4), rng.random((4, 7)), rng.random((4, 7, 3))):
        full = (
            np.ones((4, 7, 3))
            if weight is None
            else np.broadcast_to(weight.reshape(*weight.shape, *[1] * (3 - weight.ndim)), (4, 7, 3))
        )
        full = full * valid[..., None]
        broken_pred, broken_true = y_pred.copy(), y_true.copy()
        broken_pred[~valid] = np.nan
        broken_true[~valid] = np.nan
        value, dy = loss(broken_pred, broken_true, weight, lengths)
        exact = y_pred.copy()
        assert value == pytest.approx(oracle.weighted_mean(expected(exact, y_true), full), rel=1e-13)
        slope = central_differences(lambda e=exact, w=full: oracle.weighted_mean(expected(e, y_true), w), exact)
        assert relative_error(dy, slope) < 2e-8
        assert not dy[~valid].any()
        summed = type(loss)(
            **{k: v for k, v in vars(loss).items() if not k.startswith("_") and k != "reduction"}, reduction="sum"
        )
        total, dsum = summed(broken_pred, broken_true, weight, lengths)
        each = CASES[name][2] if name == "quantile" else 1
        assert total == pytest.approx((full * expected(y_pred, y_true)).sum() * each, rel=1e-12)
        assert relative_error(dsum, dy * full.sum() * each) < 1e-12


@pytest.mark.parametrize("name", CASES)
def test_no_weight_at_all_gives_zero(name):
    loss, _, y_pred, y_true = make(name, (4, 7, 3), np.float32)
    value, dy = loss(y_pred, y_true, lengths=np.zeros(4, int))
    assert value == 0 and not dy.any()
    empty = np.zeros((0, 3), np.float32)
    value, dy = loss(np.zeros((0, 3 * CASES[name][2]), np.float32), empty)
    assert value == 0 and dy.shape == (0, 3 * CASES[name][2])


@pytest.mark.parametrize("name", [*CASES, "cross_entropy"])
def test_same_bits_for_any_number_of_threads(name):
    if name == "cross_entropy":
        rng = np.random.default_rng(0)
        loss, y_pred, y_true = (
            losses.CrossEntropy(),
            rng.standard_normal((30_000, 37), np.float32),
            rng.integers(0, 37, 30_000),
        )
    else:
        loss, _, y_pred, y_true = make(name, (600, 601, 3), np.float32)
    answers = []
    for threads in (1, 2, 3, 5):
        el.set_num_threads(threads)
        answers.append(loss(y_pred, y_true))
    for value, dy in answers[1:]:
        assert value == answers[0][0] and np.array_equal(dy, answers[0][1])


def test_bce_is_exact_far_out():
    """At ±1e4 the textbook formula gives log(0); the right side costs |x|, the wrong side nothing."""
    for dtype in TYPES:
        x = np.array([1e4, 1e4, -1e4, -1e4, 30, 0], dtype)
        y = np.array([1, 0, 1, 0, 1, 1], dtype)
        each = [losses.BCE()(x[i : i + 1], y[i : i + 1]) for i in range(6)]
        assert [value for value, _ in each[:4]] == [0, 1e4, 1e4, 0]
        assert [dy[0] for _, dy in each[:4]] == [0, 1, -1, 0]
        assert each[4][0] == pytest.approx(np.log1p(np.exp(-30.0)), rel=1e-6)
        assert each[5][0] == pytest.approx(np.log(2), rel=1e-6)


def test_slopes_at_the_kink_are_zero():
    y = np.array([1.0, -2.0], np.float32)
    for loss in (losses.MAE(), losses.Quantile([0.9])):
        value, dy = loss(y, y)
        assert value == 0 and not dy.any()


def test_nse_of_a_call_is_one_minus_the_efficiency():
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.gamma(2, size=(30, 9)), rng.gamma(2, size=(30, 9))
    efficiency = 1 - ((y_pred - y_true) ** 2).sum() / ((y_true - y_true.mean()) ** 2).sum()
    assert losses.NSE(eps=0)(y_pred, y_true)[0] == pytest.approx(1 - efficiency, rel=1e-12)
    std = rng.random((30, 1)) + 1
    value, _ = losses.NSE(eps=0.1)(y_pred, y_true, std=std)
    assert value == pytest.approx((((y_pred - y_true) / (std + 0.1)) ** 2).mean(), rel=1e-12)


CE_CASES = [(3, 1, None, 0.0), (5, 7, None, 0.0), (6, 40, None, 0.1), (4, 17, "weights", 0.0), (9, 33, "weights", 0.3)]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("N, C, weight, smoothing", CE_CASES)
def test_cross_entropy_matches_the_oracle(N, C, weight, smoothing, dtype):
    rng = np.random.default_rng(C)
    x, labels = (3 * rng.standard_normal((N, C))).astype(dtype), rng.integers(0, C, N)
    class_weight = None if weight is None else rng.random(C)
    value, dx = losses.CrossEntropy(class_weight, smoothing)(x, labels)
    exact = x.astype(np.float64)

    def expected():
        loss, w = oracle.cross_entropy(exact, labels, class_weight, smoothing)
        return loss.sum() / w.sum()

    assert value == pytest.approx(
        expected(), rel=2e-6 if dtype == np.float32 else 1e-13, abs=1e-7 if dtype == np.float32 else 1e-15
    )
    assert np.abs(dx - central_differences(expected, exact)).max() < (1e-6 if dtype == np.float32 else 1e-8)


def test_cross_entropy_of_sequences():
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((4, 6, 9)), rng.integers(0, 9, (4, 6))
    labels[0, 2] = -100
    lengths, weight = np.array([6, 2, 0, 5]), rng.random(4)
    keep = (np.arange(6) < lengths[:, None]) & (labels != -100)
    full = (weight[:, None] * keep)[keep]
    broken, wrong = x.copy(), labels.copy()
    broken[~keep], wrong[~keep & (labels != -100)] = np.nan, 77
    value, dx = losses.CrossEntropy()(broken, wrong, weight, lengths)
    loss, _ = oracle.cross_entropy(x[keep], labels[keep])
    assert value == pytest.approx(oracle.weighted_mean(loss, full), rel=1e-13)
    assert not dx[~keep].any() and dx.shape == x.shape
    total, dsum = losses.CrossEntropy(reduction="sum")(broken, wrong, weight, lengths)
    assert total == pytest.approx((loss * full).sum(), rel=1e-13) and relative_error(dsum, dx * full.sum()) < 1e-12
    assert losses.CrossEntropy()(x, np.full((4, 6), -100))[0] == 0


def test_cross_entropy_of_extreme_logits():
    x = np.array([[1e4, -1e4, 0], [-np.inf, 0, 1]], np.float32)
    value, dx = losses.CrossEntropy()(x, np.array([1, 2]))
    assert value == pytest.approx((2e4 + np.log1p(np.exp(-1.0))) / 2, rel=1e-6)
    assert np.isfinite(dx).all() and dx[1, 0] == 0


def test_nan_shows_in_the_value():
    for name in CASES:
        loss, _, y_pred, y_true = make(name, (5, 3), np.float32)
        y_pred[2, 1] = np.nan
        assert np.isnan(loss(y_pred, y_true)[0]), name
    x = np.zeros((3, 4), np.float32)
    x[1, 2] = np.nan
    assert np.isnan(losses.CrossEntropy()(x, np.zeros(3, int))[0])


def test_a_row_does_not_depend_on_the_others():
    for name in CASES:
        loss, _, y_pred, y_true = make(name, (37, 3), np.float32)
        summed = type(loss)(
            **{k: v for k, v in vars(loss).items() if not k.startswith("_") and k != "reduction"}, reduction="sum"
        )
        whole = summed(y_pred, y_true)[1]
        for r in (0, 17, 36):
            assert np.array_equal(summed(y_pred[r : r + 1], y_true[r : r + 1])[1][0], whole[r]), name


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_torch_agrees(smoothing):
    torch = pytest.importorskip("torch", reason="parity with PyTorch")
    rng = np.random.default_rng(0)
    p, y = rng.standard_normal((50, 6)), rng.standard_normal((50, 6))
    binary, counts, labels = (y > 0) * 1.0, np.floor(np.abs(3 * y)), rng.integers(0, 6, 50)
    labels[3] = -100
    w = rng.random(6)
    f = torch.nn.functional
    pairs = [
        (losses.MSE(), y, lambda t: f.mse_loss(t, torch.tensor(y))),
        (losses.MAE(), y, lambda t: f.l1_loss(t, torch.tensor(y))),
        (losses.Huber(0.3), y, lambda t: f.huber_loss(t, torch.tensor(y), delta=0.3)),
        (
            losses.BCE(w),
            binary,
            lambda t: f.binary_cross_entropy_with_logits(t, torch.tensor(binary), pos_weight=torch.tensor(w)),
        ),
        (losses.PoissonNLL(), counts, lambda t: f.poisson_nll_loss(t, torch.tensor(counts))),
        (
            losses.GaussianNLL(),
            y[:, :3],
            lambda t: f.gaussian_nll_loss(t[:, ::2], torch.tensor(y[:, :3]), t[:, 1::2].exp()),
        ),
        (
            losses.CrossEntropy(w, smoothing),
            labels,
            lambda t: f.cross_entropy(t, torch.tensor(labels), weight=torch.tensor(w), label_smoothing=smoothing),
        ),
    ]
    for loss, target, theirs in pairs:
        t = torch.tensor(p, requires_grad=True)
        expected = theirs(t)
        expected.backward()
        value, dy = loss(p, target)
        assert value == pytest.approx(expected.item(), rel=1e-12), loss
        assert relative_error(dy, t.grad.numpy()) < 1e-12, loss


def test_shapes_that_are_taken():
    y = np.zeros((4, 5), np.float32)
    assert losses.MSE()(np.ones((4, 5, 1), np.float32), y)[0] == 1
    assert losses.MSE()(np.ones((4, 1), np.float32), np.zeros(4, np.float32))[1].shape == (4, 1)
    assert losses.MSE()([[1.0, 2.0]], [[1.0, 1.0]])[0] == 0.5
    assert losses.MSE()(np.ones((5, 4), np.float32).T, y)[0] == 1
    assert losses.Quantile()(np.ones((4, 5, 3), np.float32), y)[1].shape == (4, 5, 3)
    assert losses.Quantile()(np.ones((4, 15), np.float32), y)[1].shape == (4, 15)
    assert losses.BCE()(np.zeros(4, np.float32), np.array([True, False, True, False]))[0] == pytest.approx(np.log(2))


F32 = np.zeros((4, 5), np.float32)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda: losses.MSE()(F32, F32.astype(np.float64)),
            TypeError,
            r"MSE: y_true must have dtype float32, got float64; convert",
        ),
        (
            lambda: losses.MSE()(F32.astype(int), F32),
            TypeError,
            "MSE: y_pred must have dtype float32 or float64, got int64",
        ),
        (
            lambda: losses.MSE()(F32[:, :1], F32[:, 0:2]),
            ValueError,
            r"MSE: y_true must have the shape \(4, 1\) of y_pred, got \(4, 2\)",
        ),
        (
            lambda: losses.MSE()(F32, F32, np.ones(5)),
            ValueError,
            r"MSE: sample_weight must have the shape \(4, 5\) of y_true or of its first axes, got \(5,\)",
        ),
        (lambda: losses.MSE()(F32, F32, -np.ones(4)), ValueError, "MSE: sample_weight must be finite and at least 0"),
        (lambda: losses.MSE()(F32, F32, lengths=[1, 2, 3, 6]), ValueError, r"MSE: lengths must lie in 0\.\.5"),
        (
            lambda: losses.MSE()(F32[0], F32[0], lengths=[1]),
            ValueError,
            r"MSE: lengths need y_true of shape \(B, T, ...\)",
        ),
        (
            lambda: losses.Quantile()(F32, F32),
            ValueError,
            r"Quantile: y_pred must have shape \(4, 5, 3\), 3 values for each of y_true, got \(4, 5\)",
        ),
        (lambda: losses.Quantile([0.5, 1.0]), ValueError, "Quantile: quantiles must lie between 0 and 1"),
        (lambda: losses.Huber(0), ValueError, "Huber: delta must be positive, got 0"),
        (lambda: losses.MSE(reduction="none"), ValueError, "MSE: reduction must be 'mean' or 'sum', got 'none'"),
        (
            lambda: losses.CrossEntropy()(F32, F32[:, 0]),
            TypeError,
            "CrossEntropy: y_true must be integers, got float32",
        ),
        (
            lambda: losses.CrossEntropy()(F32, np.zeros(5, int)),
            ValueError,
            r"CrossEntropy: y_true must have shape \(4,\) for y_pred \(4, 5\), got \(5,\)",
        ),
        (
            lambda: losses.CrossEntropy()(F32, np.full(4, 5)),
            ValueError,
            r"labels must lie in 0\.\.4 or be ignore_index \(-100\), got 5",
        ),
        (
            lambda: losses.CrossEntropy([1, 2])(F32, np.zeros(4, int)),
            ValueError,
            r"CrossEntropy: y_pred must have shape \(..., 2\)",
        ),
        (lambda: losses.NSE(eps=0)(F32, F32), ValueError, r"NSE: std \+ eps must be positive"),
        (
            lambda: losses.NSE(std=[1.0, 2.0])(F32, F32),
            ValueError,
            r"NSE: std must broadcast to the shape \(4, 5\) of y_true, got \(2,\)",
        ),
        (lambda: losses.get("rmse"), ValueError, "there is no loss 'rmse'; there are mse"),
        (lambda: losses.get(3), TypeError, "a loss must be a name, a loss or a function, got 3"),
    ],
)
def test_wrong_calls_are_told(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_get_takes_names_classes_instances_and_functions():
    assert isinstance(losses.get("mse"), losses.MSE) and isinstance(losses.get(losses.Huber), losses.Huber)
    mine = losses.Huber(2.0)
    assert losses.get(mine) is mine
    assert repr(mine) == "Huber(reduction='mean', delta=2.0)"

    def function(y_pred, y_true, sample_weight=None, lengths=None):
        return 0.0, y_pred

    assert losses.get(function) is function
