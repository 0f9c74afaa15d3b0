"""Files and pickles that version 0.1.0 wrote load in this one, and give what they gave.

tests/cases/written_by_0_1_0/README.md says what the files hold and how they were made.
"""

import functools
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

import eigenlstm as el

FOLDER = Path(__file__).resolve().parents[2] / "cases/written_by_0_1_0"
EXPECTED = safetensors.numpy.load_file(FOLDER / "expected.safetensors")
CONFIGS = json.loads((FOLDER / "configs.json").read_text())


def unpickled(name):
    """The content of a pickle; NumPy 2 wrote the arrays in it."""
    pytest.importorskip("numpy._core")
    return pickle.loads((FOLDER / f"{name}.pickle").read_bytes())


def expected(name):
    """What begins with ``name.``, by the rest of its name."""
    found = {key.removeprefix(f"{name}."): value for key, value in EXPECTED.items() if key.startswith(f"{name}.")}
    assert found, f"nothing is expected of {name}"
    return found


def assert_close(value, known):
    """To rounding: the files may have been written by other instructions than these."""
    value = np.asarray(value)
    assert value.shape == known.shape
    tolerance = 1e-9 if value.dtype == np.float64 == known.dtype else 2e-5
    np.testing.assert_allclose(value, known, rtol=tolerance, atol=tolerance)


def from_file(name):
    return el.load(FOLDER / f"{name}.safetensors")


def from_pickle(name):
    return unpickled("layers")[name]


# -- layers and models ---------------------------------------------------------------------------


@pytest.mark.parametrize("read", [from_file, from_pickle])
def test_a_model(read):
    model, known = read("text"), expected("text")
    assert isinstance(model, el.Sequential) and isinstance(model[2], el.Sequential)
    assert_close(model(known["x"], lengths=known["lengths"]), known["y"])


@pytest.mark.parametrize("read", [from_file, from_pickle])
def test_a_layer(read):
    layer, known = read("sensor"), expected("sensor")
    y, (h, c) = layer(known["x"])
    for name, value in {"y": y, "h": h, "c": c}.items():
        assert_close(value, known[name])
    if read is from_pickle:  # which keeps the gradients, too
        assert_close(layer.flat_grads, known["grads"])
    layer.zero_grad()
    y, _, tape = layer.forward(known["x"], seed=9)
    assert_close(y, known["drawn"])
    assert_close(layer.backward(tape, np.ones_like(y))[0], known["dx"])
    assert_close(layer.flat_grads, known["grads"])


@pytest.mark.parametrize("read", [from_file, from_pickle])
def test_a_group(read):
    group, known = read("group"), expected("group")
    assert type(group) is el.Group
    assert_close(group[1](group[0](known["x"])[0]), known["y"])


@pytest.mark.parametrize("read", [from_file, from_pickle])
@pytest.mark.parametrize("name", CONFIGS)
def test_options(name, read):
    """Later versions may have more of them."""

    def assert_within(known, found):
        if isinstance(known, dict):
            for key, value in known.items():
                assert_within(value, found[key])
        elif isinstance(known, list) and len(known) == len(found):
            for value, other in zip(known, found):
                assert_within(value, other)
        else:
            assert found == known

    assert_within(CONFIGS[name], json.loads(json.dumps(read(name).config())))


def test_small_layers():
    known = expected("pools")
    pools = from_pickle("pools")
    assert [type(pool) for pool in pools] == [el.Last, el.Last, el.MaxPool, el.MeanPool]
    assert_close([pool(known["x"], lengths=[3, 2]) for pool in pools], known["y"])
    linear, norm, dropout, embedding = from_pickle("small")
    outputs = {
        "Linear": linear(known["x"]),
        "LayerNorm": norm(known["x"]),
        "Dropout": dropout.forward(known["x"], seed=5)[0],
        "Embedding": embedding(np.arange(4)),
    }
    for name, value in expected("small").items():
        assert_close(outputs[name], value)


def test_parameters():
    params, group = from_pickle("params"), from_file("group")
    assert list(params) == list(group.params)
    for name, value in params.items():
        assert np.array_equal(value, group.params[name])


# -- training ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_an_optimizer_goes_on(name):
    (model, optimizer), known = unpickled("optimizers")[name], expected("training")
    assert type(optimizer) is getattr(el, name) and optimizer.steps == 2
    y, tape = model.forward(known["x"], seed=3)
    model.zero_grad()
    model.backward(tape, el.losses.MSE()(y, known["target"])[1])
    optimizer.step(model)
    assert_close(model.flat_params, known[f"{name}.params"])


def train(epochs, path):
    """The run that the checkpoint is of; see README.md there."""
    model = el.Sequential(
        [el.LSTM(2, 4, 2, dropout=0.2, zoneout=0.1, seed=1), el.Dropout(0.1), el.Last(), el.Linear(4, 1, seed=2)]
    )
    known = expected("run")
    rows = {"x": known["x"], "y": known["y"], "lengths": known["lengths"]}
    callbacks = [el.checkpoint(path), el.early_stopping(50), el.plateau(factor=0.5, patience=1, min_delta=10.0)]
    history = model.fit(
        **rows,
        loss="mse",
        optimizer=el.Adam(0.02),
        epochs=epochs,
        batch_size=8,
        metrics=["mae"],
        clip_norm=1.0,
        ema=0.9,
        validation_data=rows,
        seed=7,
        resume=path,
        verbose=0,
        callbacks=callbacks,
    )
    return model, history


def test_a_run_goes_on(tmp_path):
    known, path = expected("run"), tmp_path / "run.safetensors"
    shutil.copy(FOLDER / "run.safetensors", path)
    assert_close(el.load(path).flat_params, known["at_2"])
    _, history = train(2, path)
    assert len(history) == 2  # nothing was left to do
    model, history = train(5, path)
    for name in ("loss", "val_mae", "lr"):
        assert_close([logs[name] for logs in history[:2]], known[name][:2])
        np.testing.assert_allclose([logs[name] for logs in history], known[name], rtol=1e-4)
    assert_close(model.flat_params, known["at_5"])


LOSSES = ["MSE", "MAE", "Huber", "BCE", "NSE", "Quantile", "GaussianNLL", "PoissonNLL", "CrossEntropy", "CTC"]


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss(name):
    loss, known = unpickled("losses")[name], expected(f"losses.{name}")
    assert type(loss) is getattr(el.losses, name)
    value, dy = loss(known["y_pred"], known["y_true"])
    np.testing.assert_allclose(value, known["value"], rtol=1e-5)
    assert_close(dy, known["dy"])


def test_options_of_losses():
    losses = unpickled("losses")
    assert list(losses) == LOSSES
    assert (
        losses["MAE"].reduction == "sum" and losses["Huber"].delta == 0.5 and losses["Quantile"].quantiles == (0.1, 0.9)
    )


def test_metrics_in_the_middle_of_an_epoch():
    metrics, known = unpickled("metrics"), expected("metrics")
    for metric, value in zip(metrics, known["results"], strict=True):
        metric.update(known["y_pred"][5:], known["y_true"][5:])
        assert_close(metric.result(), value)


def test_callbacks(tmp_path, monkeypatch):
    """Those of the pickle do what new ones do."""
    monkeypatch.chdir(tmp_path)
    new = [
        el.early_stopping(3, min_delta=1e-3),
        el.plateau(factor=0.5, patience=1),
        el.log("run.jsonl"),
        el.checkpoint("run.safetensors"),
        el.schedule(functools.partial(pow, 0.5), each="epoch"),
    ]
    known, runs = expected("run"), []
    for callbacks in (unpickled("callbacks"), new):
        model = el.Sequential([el.LSTM(2, 4, seed=1), el.Last(), el.Linear(4, 1, seed=2)])
        history = model.fit(
            known["x"], known["y"], loss="mse", optimizer=el.SGD(), epochs=6, seed=1, verbose=0, callbacks=callbacks
        )
        assert [logs["epoch"] for logs in map(json.loads, Path("run.jsonl").read_text().splitlines())] == [
            logs["epoch"] for logs in history
        ]
        assert el.load("run.safetensors").num_params == model.num_params
        assert history[0]["lr"] == 1 and history[2]["lr"] <= 0.25
        runs.append([{key: value for key, value in logs.items() if key != "seconds"} for logs in history])
        assert callbacks[0].best == pytest.approx(model.evaluate(known["x"], known["y"])["loss"], rel=1e-6)
        Path("run.jsonl").unlink()
        Path("run.safetensors").unlink()
    assert runs[0] == runs[1] and [type(callback) for callback in unpickled("callbacks")] == [
        type(callback) for callback in new
    ]


def test_functions_and_classes_by_name():
    assert unpickled("functions") == [
        el.early_stopping,
        el.checkpoint,
        el.schedule,
        el.plateau,
        el.log,
        el.schedules.cosine,
        el.schedules.warm_up,
        el.schedules.step_decay,
        el.schedules.one_cycle,
        el.losses.get,
        el.metrics.get,
        el.metrics.measure,
        el.optimisers.get,
        el.optimisers.clip_norm,
        el.optimisers.clip_value,
        el.ctc.greedy_decode,
        el.ctc.beam_search,
        el.share,
        el.load,
        el.save,
        el.NonFiniteLoss,
        el.FileError,
        el.LSTM,
        el.Adam,
        el.losses.MSE,
        el.forecasting.Forecaster,
    ]


# -- forecasts, estimators, results --------------------------------------------------------------


@pytest.mark.parametrize(
    "read",
    [
        lambda: el.forecasting.Forecaster.load(FOLDER / "forecaster.safetensors")[0],
        lambda: unpickled("results")["forecaster"],
    ],
    ids=["file", "pickle"],
)
def test_a_forecaster(read):
    forecaster, known = read(), expected("forecaster")
    assert (forecaster.horizon, forecaster.window, forecaster.season) == (3, 8, 6)
    series = known["series"], known["times"].astype("M8[h]"), known["covariate"]
    forecast = forecaster.predict(*series)
    for name in ("values", "lower", "upper"):
        np.testing.assert_allclose(getattr(forecast, name), known[name], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        forecaster.backtest(*series, start=130).errors["LSTM"], known["errors"], rtol=1e-4, atol=1e-4
    )


def test_notes_in_a_file_of_a_forecaster():
    assert el.forecasting.Forecaster.load(FOLDER / "forecaster.safetensors")[1] == {"unit": "MW", "column": "demand"}


def test_results():
    results, known, forecaster = unpickled("results"), expected("results"), expected("forecaster")
    forecast, backtest = results["forecast"], results["backtest"]
    assert np.array_equal(forecast.values, forecaster["values"]) and np.array_equal(
        forecast.quantiles(0.5), forecaster["median"]
    )
    assert np.array_equal(backtest.inside, forecaster["inside"])
    assert np.array_equal(backtest.mae("LSTM"), np.abs(forecaster["errors"]).mean(axis=0))
    assert [logs["loss"] for logs in results["history"]] == known["loss"].tolist() and results[
        "history"
    ].stopped == "finished"
    assert np.array_equal(results["trace"]["f_l0"], known["trace"]) and np.array_equal(
        results["trace"].row(1)["h"], known["row"]
    )
    series = results["series"]
    assert series.values.tolist() == [3, 4.5, 5] and series.future_times(1) == np.datetime64("2026-01-04")


def test_estimators():
    pytest.importorskip("sklearn")
    estimators, known = unpickled("estimators"), expected("estimators")
    regressor, classifier, forecaster = (estimators[name] for name in ("regressor", "classifier", "forecaster"))
    assert regressor.get_params()["dropout"] == 0.1 and classifier.get_params()["pooling"] == "max"
    np.testing.assert_allclose(regressor.predict(known["x"]), known["regressor"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(classifier.predict_proba(known["x"]), known["classifier"], rtol=1e-4)
    assert np.array_equal(classifier.predict(known["x"]) == "up", known["classes"])
    np.testing.assert_allclose(forecaster.predict(), known["forecaster"], rtol=1e-4, atol=1e-4)
    assert type(regressor) is el.sklearn.LSTMRegressor and type(forecaster.forecaster_) is el.forecasting.Forecaster
