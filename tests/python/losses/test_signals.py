"""ESR, DC and their sum: values from the formulas, gradients against central differences, sums over batches."""

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm import losses

B, T = 3, 40
LOSSES = {
    "esr": losses.ESR(),
    "esr with pre-emphasis": losses.ESR(pre_emphasis=0.95),
    "dc": losses.DC(),
    "combined": losses.Combined([(0.75, losses.ESR(0.85, eps=1e-3)), (0.25, losses.DC()), (2, "mae")]),
}
WEIGHTS = {
    "none": lambda rng: {},
    "rows": lambda rng: {"sample_weight": rng.random(B)},
    "burn-in": lambda rng: {"sample_weight": np.repeat(np.arange(T)[None] >= 7, B, 0) * 1.0},
    "steps and lengths": lambda rng: {"sample_weight": rng.integers(0, 3, (B, T)) * 0.5, "lengths": [40, 11, 0]},
}


def data(channels=1, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(B, T, channels)) + 0.3, rng.normal(size=(B, T, channels)), rng


def oracle(name, pred, true, weight):
    """The formulas of the docstrings, sample by sample. weight (B, T)."""
    if name == "combined":
        mae = (weight[:, :, None] * np.abs(pred - true)).sum() / (weight.sum() * pred.shape[2])
        parts = ratio(0.85, 1e-3, pred, true, weight), dc(pred, true, weight), mae
        return 0.75 * parts[0] + 0.25 * parts[1] + 2 * parts[2]
    return dc(pred, true, weight) if name == "dc" else ratio(0.95 if "pre" in name else 0.0, 1e-5, pred, true, weight)


def ratio(a, eps, pred, true, weight):
    above = below = 0.0
    for b in range(B):
        for k in range(pred.shape[2]):
            before = np.zeros(2)
            for t in range(T):
                now = np.array([pred[b, t, k] - true[b, t, k], true[b, t, k]]) * (weight[b, t] > 0)
                e, y = now - a * before
                above, below, before = above + weight[b, t] * e * e, below + weight[b, t] * (y * y + eps), now
    return above / below


def dc(pred, true, weight):
    above, below = 0.0, (weight[:, :, None] * (true**2 + 1e-5)).sum()
    for b in range(B):
        for k in range(pred.shape[2]):
            if weight[b].any():
                mean = (weight[b] * (pred - true)[b, :, k]).sum() / weight[b].sum()
                above += weight[b].sum() * mean**2
    return above / below


def full(options):
    """The weight of each step, (B, T)."""
    weight = np.asarray(options.get("sample_weight", 1.0)) * 1.0
    weight = np.broadcast_to(weight if weight.ndim == 2 else weight.reshape(-1, 1), (B, T))
    lengths = options.get("lengths")
    return weight if lengths is None else weight * (np.arange(T) < np.array(lengths)[:, None])


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("name", LOSSES)
def test_values_are_those_of_the_formula_and_gradients_those_of_central_differences(name, weights):
    for channels in (1, 2):
        pred, true, rng = data(channels)
        options, loss = WEIGHTS[weights](rng), LOSSES[name]
        value, dy = loss(pred, true, **options)
        assert value == pytest.approx(oracle(name, pred, true, full(options)), rel=1e-12)
        assert dy.shape == pred.shape and dy.dtype == pred.dtype
        for index in [(0, 0, 0), (0, 6, 0), (0, 7, channels - 1), (1, 10, 0), (1, 11, 0), (2, T - 1, 0), (0, T - 1, 0)]:
            h, slopes = 1e-5, []
            for step in (h, -h):
                moved = pred.copy()
                moved[index] += step
                slopes.append(loss(moved, true, **options)[0] / (2 * h))
            assert dy[index] == pytest.approx(slopes[0] - slopes[1], rel=1e-6, abs=1e-9), index


@pytest.mark.parametrize("name", LOSSES)
def test_what_has_no_weight_may_be_nan(name):
    pred, true, rng = data()
    options = WEIGHTS["burn-in"](rng)
    expected, slope = LOSSES[name](pred, true, **options)
    pred[:, :7], true[:, :7] = np.nan, np.nan
    value, dy = LOSSES[name](pred, true, **options)
    assert value == expected and np.array_equal(dy, slope) and not dy[:, :7].any()
    value, dy = LOSSES[name](pred, true, sample_weight=np.zeros(B))
    assert value == 0 and not dy.any()


@pytest.mark.parametrize("name", LOSSES)
def test_sums_add_up_over_batches(name):
    pred, true, rng = data()
    options = WEIGHTS["burn-in"](rng)
    whole = LOSSES[name](pred, true, **options)[0]
    parts = [
        LOSSES[name].sums(pred[b : b + 1], true[b : b + 1], options["sample_weight"][b : b + 1])[0] for b in range(B)
    ]
    assert (parts[0] + parts[1] + parts[2]).value == pytest.approx(whole, rel=1e-12)
    assert (parts[0] + (parts[1] + parts[2])).total == pytest.approx(whole * parts[0].divisor * 3, rel=1e-12)


def test_shapes_dtypes_and_names():
    pred, true, _ = data()
    value, dy = losses.get("esr")(pred.astype(np.float32), true[:, :, 0].astype(np.float32))
    assert dy.dtype == np.float32 and value == pytest.approx(losses.ESR()(pred, true)[0], rel=1e-5)
    assert isinstance(losses.get("dc"), losses.DC)
    assert repr(LOSSES["combined"]).startswith("Combined(reduction='mean', terms=[(0.75, ESR(")
    assert losses.ESR()(true, true)[0] == 0
    assert losses.ESR()(0 * true, true)[0] == pytest.approx(1, rel=1e-4)  # silence is as far off as the signal is loud


@pytest.mark.parametrize(
    "call, error, match",
    [
        (lambda: losses.ESR(1.0), ValueError, "ESR: pre_emphasis must be at least 0 and below 1, got 1.0"),
        (lambda: losses.ESR(eps=0), ValueError, "ESR: eps must be a positive number"),
        (lambda: losses.DC(eps="x"), TypeError, "DC: eps must be a number"),
        (lambda: losses.ESR()(np.zeros(3), np.zeros(3)), ValueError, r"ESR: y_true must have the shape \(3,\)"),
        (lambda: losses.ESR()(np.zeros((3, 4)), np.zeros((3, 5))), ValueError, r"got \(3, 5\)"),
        (lambda: losses.ESR()(np.zeros((3, 4)), np.zeros((3, 4), "f4")), TypeError, "y_true must have dtype float64"),
        (lambda: losses.Combined([]), ValueError, "Combined: terms must be at least one pair"),
        (lambda: losses.Combined([1.0]), TypeError, "Combined: terms must be pairs"),
        (lambda: losses.Combined([(1.0, "ctc")]), TypeError, "takes losses of real targets"),
        (lambda: losses.Combined([(np.inf, "mse")]), ValueError, "Combined: a factor must be finite"),
    ],
)
def test_wrong_calls_are_told(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_evaluate_and_truncated_training_take_them():
    pred, true, rng = data()
    model = el.Sequential([el.LSTM(1, 4, dtype="float64", seed=0), el.Linear(4, 1, dtype="float64", seed=1)])
    weight = WEIGHTS["burn-in"](rng)["sample_weight"]
    loss = LOSSES["combined"]
    for size in (1, 2, 3):
        got = model.evaluate(pred, true, loss=loss, sample_weight=weight, batch_size=size)["loss"]
        assert got == pytest.approx(loss(model.predict(pred), true, weight)[0], rel=1e-12)
    history = model.fit(
        pred, true[:, :, 0], loss=loss, optimizer=el.Adam(0.02), sample_weight=weight, tbptt=10, epochs=8, seed=0, verbose=0
    )  # fmt: skip
    assert history[-1]["loss"] < history[0]["loss"]
