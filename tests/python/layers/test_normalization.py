"""Normalization: the formula, what it takes from data, and that it is saved, streamed, exported and left by training."""

import numpy as np
import pytest
from layer_checks import assert_close, check_copies, check_rows_do_not_depend_on_the_batch, differences, same_bits

import eigenlstm as el

MEAN, STD = np.array([1e3, -2.0, 0.0, 5.0]), np.array([3.0, 0.01, 1.0, 40.0])


def data(*shape, dtype="float64"):
    return (MEAN + STD * np.random.default_rng(0).standard_normal((*shape, 4))).astype(dtype)


@pytest.mark.parametrize("dtype, bound", [("float32", 2e-4), ("float64", 1e-12)])
@pytest.mark.parametrize("shape", [(), (7,), (3, 5), (0, 5)])
def test_forward_is_the_formula(dtype, bound, shape):
    x = data(*shape, dtype=dtype)
    layer, back = el.Normalization(4, MEAN, STD, dtype=dtype), el.Normalization(4, MEAN, STD, invert=True, dtype=dtype)
    y = layer(x)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, (x.astype(float) - MEAN) / STD, atol=bound)
    np.testing.assert_allclose(back(y), x, rtol=bound)


def test_adapt_takes_the_moments_of_what_is_there():
    x = data(6, 9)
    x[0, 3, 1] = np.nan
    lengths = np.array([9, 2, 0, 5, 9, 1])
    layer = el.Normalization(4, dtype="float64")
    layer.adapt(x)
    np.testing.assert_allclose(layer.params["mean"], np.nanmean(x, axis=(0, 1)), rtol=1e-13)
    np.testing.assert_allclose(layer.params["std"], np.nanstd(x, axis=(0, 1)), rtol=1e-12)
    layer.adapt(np.where(np.arange(9)[None, :, None] < lengths[:, None, None], x, 1e9), lengths=lengths)
    rows = np.concatenate([row[:n] for row, n in zip(x, lengths)])
    np.testing.assert_allclose(layer.params["mean"], np.nanmean(rows, axis=0), rtol=1e-13)
    np.testing.assert_allclose(layer.params["std"], np.nanstd(rows, axis=0), rtol=1e-12)
    layer.adapt([row[:n] for row, n in zip(x, lengths)])  # rows as fit takes them
    np.testing.assert_allclose(layer.params["mean"], np.nanmean(rows, axis=0), rtol=1e-13)
    layer.adapt(np.ma.masked_array(x, mask=x > MEAN))
    np.testing.assert_allclose(layer.params["mean"], np.nanmean(np.where(x > MEAN, np.nan, x), axis=(0, 1)), rtol=1e-13)
    layer.adapt(np.arange(8).reshape(2, 4))
    assert layer.params["mean"].tolist() == [2, 3, 4, 5] and (layer.params["std"] == 2).all()
    layer.adapt(np.full((5, 4), 0.1))  # features that don't vary
    assert (layer.params["std"] == 1).all() and np.allclose(layer(np.full((5, 4), 0.1)), 0)


def test_dx_and_no_other_gradients():
    layer, x, w = el.Normalization(4, MEAN, STD, dtype="float64"), data(3, 2), data(3, 2)
    y, tape = layer.forward(x)
    dx = layer.backward(tape, w)
    assert_close(dx, differences(lambda: float((layer(x) * w).sum()), x, 1e-5), 1e-5)
    assert not layer.flat_grads.any() and not layer.trainable


def test_rows_do_not_depend_on_the_batch():
    check_rows_do_not_depend_on_the_batch(el.Normalization(4, MEAN, STD), data(9, 4, dtype="f"))


def test_copies():
    check_copies(el.Normalization(4, invert=True, dtype="float64"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_in_a_model_it_is_left_by_training_saved_and_streamed(dtype, tmp_path):
    x = data(8, 12, dtype=dtype)
    y = 100 + 7 * np.cumsum(x[..., :1] - x[..., :1].mean(), axis=1)
    scale, back = el.Normalization(4, dtype=dtype), el.Normalization(1, dtype=dtype, invert=True)
    scale.adapt(x)
    back.adapt(y)
    model = el.Sequential([scale, el.LSTM(4, 6, seed=0, dtype=dtype), el.Linear(6, 1, seed=1, dtype=dtype), back])
    before, linear = scale.flat_params.copy(), model[2].flat_params.copy()
    model.fit(x, y.astype(dtype), loss="mse", optimizer=el.AdamW(0.01, weight_decay=0.1), epochs=2, verbose=0)
    assert same_bits(scale.flat_params.copy(), before) and not np.array_equal(model[2].flat_params, linear)
    model.save(tmp_path / "model")
    again = el.load(tmp_path / "model")
    expected = model.predict(x)
    assert same_bits(again.predict(x), expected) and not again[0].trainable
    assert same_bits(again.stream(batch_size=8).process(x), expected)
    tiny = (np.finfo(dtype).tiny * np.linspace(0.1, 4, 32)).reshape(1, 8, 4).astype(dtype)  # denormals are flushed
    alone = el.Sequential([el.Normalization(4, 0.0, 3.0, dtype=dtype)])
    assert same_bits(alone.stream().process(tiny[0]), alone.predict(tiny)[0])


def test_onnx(tmp_path):
    ort = pytest.importorskip("onnxruntime", reason="the peer")
    pytest.importorskip("onnx")
    x = data(2, 5, dtype="float32")
    layers = [
        el.Normalization(4, MEAN, STD),
        el.LSTM(4, 3, seed=0),
        el.Normalization(3, [0.1, 0.2, 0.3], 2.0, invert=True),
    ]
    model = el.Sequential(layers)
    el.onnx.save(model, tmp_path / "m.onnx")
    session = ort.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    theirs = session.run(None, {session.get_inputs()[0].name: x})[0]
    np.testing.assert_allclose(theirs, model.predict(x), atol=1e-5)
    again = el.onnx.load(tmp_path / "m.onnx")
    np.testing.assert_allclose(again.predict(x), model.predict(x), atol=1e-5)


def test_wrong_calls():
    for arguments, error, match in (
        ((4, MEAN, 0.0), ValueError, "Normalization: std must be positive, at least 1.2e-38, and finite, got 0.0"),
        ((4, 0.0, 1e-40), ValueError, "Normalization: std must be positive"),
        ((4, np.nan), ValueError, "Normalization: mean must be finite, got nan"),
        ((4, [1, 2]), ValueError, r"Normalization: mean must have shape \(4,\), got \(2,\)"),
        ((4, "a"), TypeError, "Normalization: mean must be numbers"),
        ((0,), ValueError, "Normalization: features"),
    ):
        with pytest.raises(error, match=match):
            el.Normalization(*arguments)
    layer = el.Normalization(4, MEAN, STD)
    before = layer.flat_params.copy()
    for x, lengths, match in (
        (data(3)[:, :3], None, r"adapt: x must have shape \(..., 4\), got \(3, 3\)"),
        (np.full((3, 4), np.inf), None, "adapt: x has an infinite value"),
        (np.where([True, False, True, True], data(3), np.nan), None, "adapt: x has no value of feature 1"),
        ([data(3), data(2)[:, :3]], None, r"adapt: x\[1\] must have shape \(T, 4\), got \(2, 3\)"),
        (data(3) * 0 + np.array([[1e-50], [2e-50], [0]]), None, "adapt: std must be positive, at least 1.2e-38"),
        (data(3), [1, 2, 3], r"adapt: lengths are those of x \(B, T, features\)"),
    ):
        with pytest.raises(ValueError, match=match):
            layer.adapt(x, lengths=lengths)
    assert same_bits(layer.flat_params.copy(), before)
    with pytest.raises(ValueError, match=r"Normalization.forward: x must have shape \(..., 4\), got \(3, 3\)"):
        layer(np.zeros((3, 3), "f"))
