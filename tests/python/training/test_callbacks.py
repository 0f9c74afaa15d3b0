"""Callbacks: early stopping, checkpoints, schedules, plateaus, logs, and those of one's own."""

import json

import numpy as np
import pytest
from layer_checks import same_bits

import eigenlstm as el

RNG = np.random.default_rng(0)
X = RNG.standard_normal((32, 4)).astype("f")
Y = X @ np.array([[1], [-1], [0.5], [0]], "f")


def model():
    return el.Sequential([el.Linear(4, 1, seed=0)])


def fit(model, callbacks, **options):
    options = {
        "loss": "mse",
        "optimizer": el.SGD(0.05),
        "epochs": 5,
        "batch_size": 8,
        "seed": 0,
        "verbose": 0,
        **options,
    }
    return model.fit(X, Y, callbacks=callbacks, **options)


def scripted(values, name="val_loss"):
    """Put these values into the logs, epoch by epoch."""

    def callback(run):
        run.logs[name] = values[run.epoch - 1]

    return callback


def recorder(kept):
    return lambda run: kept.append(run.model.flat_params.copy())


def test_early_stopping_waits_and_restores_the_best():
    kept, stopping, trained = [], el.early_stopping(patience=3), model()
    history = fit(trained, [scripted([5, 3, 4, 2, 2, 3, 9, 0, 0, 0]), recorder(kept), stopping], epochs=10)
    assert len(history) == 7 and history.stopped == "no improvement for 3 epochs"
    assert stopping.best == 2 and stopping.best_epoch == 4
    assert same_bits(trained.flat_params, kept[3])


def test_early_stopping_restores_the_best_of_a_complete_run_too():
    kept, trained = [], model()
    history = fit(trained, [scripted([5, 1, 4]), recorder(kept), el.early_stopping(5)], epochs=3)
    assert history.stopped == "finished" and same_bits(trained.flat_params, kept[1])
    fit(
        trained := model(),
        [scripted([5, 1, 4]), recorder(kept := []), el.early_stopping(5, restore_best=False)],
        epochs=3,
    )
    assert same_bits(trained.flat_params, kept[2])


@pytest.mark.parametrize(
    "options, values, epochs",
    [
        (dict(patience=2), [1, 2, 3, 4, 5], 3),
        (dict(patience=2, mode="max"), [1, 2, 3, 4, 5], 5),
        (dict(patience=2, min_delta=0.5), [3, 2.8, 2.6, 0, 0], 3),
        (dict(patience=1), [1, float("nan"), 0, 0, 0], 2),
        (dict(patience=2), [float("nan")] * 5, 2),
    ],
)
def test_what_counts_as_an_improvement(options, values, epochs):
    assert len(fit(model(), [scripted(values), el.early_stopping(**options)])) == epochs


@pytest.mark.parametrize("name", ["val_accuracy", "val_r2", "f1", "nse"])
def test_scores_are_better_high(name):
    history = fit(model(), [scripted([1, 2, 3, 3, 3], name), el.early_stopping(2, monitor=name)])
    assert len(history) == 5


def test_early_stopping_without_validation_watches_the_loss():
    stopping, trained = el.early_stopping(5), model()
    history = fit(trained, [stopping])
    assert stopping.best <= min(logs["loss"] for logs in history)
    assert stopping.best == pytest.approx(trained.evaluate(X, Y)["loss"], rel=1e-6)


def test_a_callback_may_be_used_for_a_second_run():
    stopping = el.early_stopping(2)
    for _ in range(2):
        assert len(fit(model(), [scripted([1, 2, 3, 4, 5]), stopping])) == 3


def test_a_schedule_sets_the_rate_of_every_step():
    rates, optimizer = [], el.SGD(1.0)

    class Watch:
        def before_step(self, run):
            rates.append(run.optimizer.lr)

        def __call__(self, run):
            pass

    fit(model(), [el.schedule(lambda n: 0.01 / (1 + n)), Watch()], optimizer=optimizer, epochs=2)
    assert rates == [0.01 / (1 + n) for n in range(8)]
    rates.clear()
    history = fit(model(), [el.schedule(lambda n: 0.01 / (1 + n), each="epoch"), Watch()], epochs=2)
    assert rates == [0.01] * 4 + [0.005] * 4
    assert [logs["lr"] for logs in history] == [0.01, 0.005]


@pytest.mark.parametrize("callback", [el.early_stopping(monitor="val_loss"), el.plateau(monitor="val_accuracy")])
def test_a_monitor_of_what_is_never_logged_is_refused_before_the_first_step(callback, tmp_path):
    log, trained = tmp_path / "log", model()
    before = trained.flat_params.copy()
    with pytest.raises(ValueError, match="there is no 'val_.*' in the logs, only epoch, loss, lr, seconds"):
        fit(trained, [el.log(log), callback])
    assert same_bits(trained.flat_params, before) and not log.exists()


def test_a_monitor_may_watch_validation_metrics_and_what_callbacks_log():
    data = X[:4], Y[:4]
    for options in (
        dict(validation_data=data, metrics=["mae"]),
        dict(validation_data={"x": data[0], "y": data[1], "metrics": ["mae"]}),
    ):
        assert "val_mae" in fit(model(), [el.early_stopping(monitor="val_mae")], **options)[-1]
    fit(model(), [scripted([1, 2], "custom"), el.early_stopping(monitor="custom")], epochs=2)


def test_a_plateau_lowers_the_rate_as_torch_does():
    values = [5, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 3]
    history = fit(model(), [scripted(values), el.plateau(factor=0.5, patience=2, min_rate=0.02)], epochs=12)
    ours = [logs["lr"] for logs in history]
    torch = pytest.importorskip("torch", reason="the peer")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.05)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=2, min_lr=0.02, threshold_mode="abs"
    )
    theirs = []
    for value in values:
        theirs.append(optimizer.param_groups[0]["lr"])
        scheduler.step(value)
    assert ours == pytest.approx(theirs)
    assert min(ours) == 0.02


def test_the_log_has_a_line_an_epoch(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("of an older run\n")
    history = fit(model(), [scripted([1, float("nan"), 3], "val_r2"), el.log(path)], epochs=3)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["loss"] for line in lines] == [logs["loss"] for logs in history]
    assert [line["val_r2"] for line in lines] == [1, None, 3]


def test_a_checkpoint_is_a_model_and_a_run(tmp_path):
    path, trained = tmp_path / "run.safetensors", model()
    fit(trained, [el.checkpoint(path, every=2)], epochs=5)
    assert same_bits(el.load(path).flat_params, trained.flat_params)
    fit(trained, [el.checkpoint(tmp_path / "late", every=9), lambda run: run.stop("enough")])
    assert (tmp_path / "late").exists(), "the last epoch is written, however the run ends"


def test_hooks_are_called_in_their_order():
    calls = []

    class All:
        def begin(self, run):
            calls.append(("begin", run.epoch, run.step))

        def before_step(self, run):
            calls.append(("step", run.epoch, run.step))

        def __call__(self, run):
            calls.append(("epoch", run.epoch, run.step))

        def end(self, run):
            calls.append(("end", run.epoch, run.step))

    fit(model(), [All()], epochs=2, batch_size=16)
    assert calls == [
        ("begin", 0, 0),
        ("step", 0, 0),
        ("step", 0, 1),
        ("epoch", 1, 2),
        ("step", 1, 2),
        ("step", 1, 3),
        ("epoch", 2, 4),
        ("end", 2, 4),
    ]


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: el.early_stopping(0), ValueError, "early_stopping: patience must be at least 1, got 0"),
        (
            lambda: el.early_stopping(mode="best"),
            ValueError,
            "early_stopping: mode must be one of 'min', 'max', got 'best'",
        ),
        (lambda: el.early_stopping(min_delta=-1), ValueError, "early_stopping: min_delta must be at least 0"),
        (lambda: el.checkpoint("x", every=0), ValueError, "checkpoint: every must be"),
        (lambda: el.schedule(0.1), TypeError, "schedule: rate must be a function"),
        (lambda: el.schedule(abs, each="day"), ValueError, "schedule: each must be one of 'step', 'epoch', got 'day'"),
        (lambda: el.plateau(factor=1), ValueError, "plateau: factor must lie between 0 and 1"),
        (
            lambda: fit(model(), [el.early_stopping(monitor="val_loss")]),
            ValueError,
            "early_stopping: there is no 'val_loss' in the logs, only epoch, loss, lr, seconds",
        ),
        (
            lambda: fit(model(), [print, 5]),
            TypeError,
            r"fit: callbacks must be a list of functions f\(run\), got one that is 5",
        ),
        (lambda: fit(model(), 5), TypeError, r"fit: callbacks must be a list of functions f\(run\), got 5"),
    ],
)
def test_wrong_calls(call, error, message):
    with pytest.raises(error, match=message):
        call()
