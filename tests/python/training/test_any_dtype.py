"""Models take real numbers of any dtype and convert them once; masked entries are NaN where that is handled, or
refused.
"""

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm import losses

RNG = np.random.default_rng(0)
X = RNG.integers(-3, 4, (20, 6, 2)).astype("f")
Y = RNG.integers(0, 5, (20, 1)).astype("f")
W = RNG.integers(0, 3, 20).astype("f")
REAL = [np.float64, np.float16, np.longdouble, np.int64, np.int8, np.float32]


def model(dtype="float32", **options):
    return el.Sequential(
        [el.LSTM(2, 4, seed=0, dtype=dtype, **options), el.Last(), el.Linear(4, 1, seed=1, dtype=dtype)]
    )


def fitted(x, y, w, dtype="float32", **options):
    trained = model(dtype, **options)
    data = {"x": x, "y": y, "sample_weight": w}
    history = trained.fit(
        **data, loss="mse", optimizer="adam", validation_data=data, metrics=["mae"], seed=0, verbose=0
    )
    got = trained.evaluate(**data)
    return [trained.flat_params.copy(), trained.predict(x), history[0]["loss"], *got.values()]


@pytest.mark.parametrize("dtype", REAL)
@pytest.mark.parametrize("of_model", ["float32", "float64"])
def test_any_real_dtype_gives_the_same_bits(dtype, of_model):
    expected = fitted(*(values.astype(of_model) for values in (X, Y, W)), of_model)
    for got in (fitted(*(values.astype(dtype) for values in (X, Y, W)), of_model),):
        for ours, theirs in zip(got, expected, strict=True):
            assert np.array_equal(ours, theirs)


def test_lists_big_endian_and_bools_and_generators():
    expected = fitted(X, Y, W)
    for x, y, w in ((X.tolist(), Y.tolist(), W.tolist()), (X.astype(">f8"), Y.astype(">i4"), W.astype("u1"))):
        for ours, theirs in zip(fitted(x, y, w), expected, strict=True):
            assert np.array_equal(ours, theirs)
    trained, again = model(), model()
    options = {"loss": "mse", "optimizer": "sgd", "verbose": 0, "shuffle": False}
    trained.fit(X, Y > 2, batch_size=10, **options)
    again.fit([(X[i : i + 10].astype(int), (Y > 2)[i : i + 10]) for i in (0, 10)], **options)
    assert np.array_equal(trained.flat_params, again.flat_params)


def test_classes_that_are_floats_and_indices_that_stay_integers():
    labels = RNG.integers(0, 3, 20)
    tagger = el.Sequential([el.LSTM(2, 4, seed=0), el.Last(), el.Linear(4, 3, seed=1)])
    expected = tagger.evaluate(X, labels, loss="cross_entropy")
    for given in (labels.astype(float), labels.astype("f"), labels.astype("u1"), labels.tolist()):
        assert tagger.evaluate(X.astype(int), given, loss="cross_entropy") == expected
    with pytest.raises(TypeError, match="CrossEntropy: y_true must be integers, got float32"):
        tagger.evaluate(X, labels + 0.5, loss="cross_entropy")
    reader = el.Sequential([el.Embedding(5, 2, seed=0), el.LSTM(2, 3, seed=1), el.Last()])
    assert reader.predict(RNG.integers(0, 5, (3, 4)).astype("u1")).shape == (3, 3)


def test_what_is_no_real_number_or_too_large_is_refused():
    for x, message in (
        (X.astype(complex), "predict: x must be an array of real numbers, got dtype complex64"),
        (X.astype(str), "predict: x must be an array of real numbers, got dtype <U"),
        ({"a": 1}, "predict: x must be an array of real numbers, got dict"),
    ):
        with pytest.raises(TypeError, match=message.replace("complex64", "complex128")):
            model().predict(x)
    with pytest.raises(ValueError, match=r"predict: x has values that are too large for float32, up to 1e\+300"):
        model().predict(np.full((1, 2, 2), 1e300))
    far = X.astype(float)
    far[0, 0, 0] = np.inf  # infinite it may be
    assert np.isfinite(model().predict(far)).all()


def test_layers_stay_strict():
    with pytest.raises(TypeError, match="LSTM.forward: x must have dtype float32, got float64"):
        el.LSTM(2, 4)(X.astype(float))
    with pytest.raises(TypeError, match="MSE: y_true must have dtype float32, got float64"):
        losses.MSE()(Y, Y.astype(float))


def test_masked_entries():
    masked = np.ma.masked_less(X, -2)
    for missing in ("forward_fill", "mask"):
        filled = fitted(masked.filled(np.nan), Y, W, missing=missing)
        for ours, theirs in zip(fitted(masked, Y, W, missing=missing), filled, strict=True):
            assert np.array_equal(ours, theirs)
        lstm = el.LSTM(2, 4, seed=0, missing=missing)
        assert np.array_equal(lstm(masked)[0], lstm(masked.filled(np.nan))[0])
        steps = lstm.stream(20).step(masked[:, 0]), lstm.stream(20).step(masked[:, 0].filled(np.nan))
        assert np.array_equal(*steps)
    count = int(masked.mask.sum())
    for call in (
        lambda: fitted(masked, Y, W),
        lambda: model().predict(masked),
        lambda: fitted(X, np.ma.masked_less(Y, 1), W),
        lambda: fitted(X, Y, np.ma.masked_less(W, 1)),
        lambda: el.LSTM(2, 4)(masked),
        lambda: el.Linear(2, 4)(masked),
        lambda: el.LSTM(2, 4).stream(20).step(masked[:, 0]),
        lambda: el.Linear(2, 1).load_state_dict({"weight": np.ma.masked_less(Y[:2].T, 9), "bias": Y[0]}),
        lambda: el.metrics.measure("mae", np.ma.masked_less(Y, 1), Y),
        lambda: losses.class_weights(np.ma.masked_less(Y.astype(int), 1)),
        lambda: el.Embedding(9, 4)(np.ma.masked_less(Y.astype(int), 1)),
        lambda: model().fit([X[0], *masked[1:]], Y, loss="mse", optimizer="sgd", verbose=0),
        lambda: losses.MSE()(Y, np.ma.masked_less(Y, 1)),
        lambda: losses.MSE()(Y, Y, np.ma.masked_less(W, 1)),
        lambda: losses.CrossEntropy()(X[:, 0], np.ma.masked_less(Y[:, 0].astype(int), 1)),
        lambda: model().fit([row for row in masked], Y, loss="mse", optimizer="sgd", verbose=0),
        lambda: el.LSTM(2, 4)(X, lengths=np.ma.masked_less(np.full(20, 3), 4)),
        lambda: el.forecasting.Forecaster(2).fit(np.ma.masked_less(np.arange(500.0), 3)),
    ):
        with pytest.raises(ValueError, match=r"masked entr"):
            call()
    assert count and np.array_equal(model().predict(np.ma.array(X)), model().predict(X))
