"""fit, evaluate and predict: what they compute, what they keep, and what they refuse."""

import signal
import threading

import numpy as np
import pytest
from fit_case import LENGTHS, STEPS, X, Y, each, fit, fitted, last
from layer_checks import same_bits

import eigenlstm as el
from eigenlstm.training.batches import epoch_key

# -- the loop ---------------------------------------------------------------------------------------


def test_it_is_the_loop_that_one_would_write():
    model, by_hand, optimizer = last(), last(), el.Adam(1e-2)
    history = fit(model, epochs=3, clip_norm=0.5)
    for epoch in range(3):
        order = np.random.Generator(np.random.PCG64(epoch_key(0, epoch))).permutation(50)
        total = 0.0
        for i in range(0, 50, 16):
            rows = order[i : i + 16]
            predicted, tape = by_hand.forward(X[rows])
            value, dy = el.losses.MSE()(predicted, Y[rows])
            total += value * len(rows)
            by_hand.zero_grad()
            by_hand.backward(tape, dy)
            el.optimisers.clip_norm(by_hand, 0.5)
            optimizer.step(by_hand)
        assert history[epoch]["loss"] == pytest.approx(total / 50, rel=1e-12)
    assert same_bits(model.flat_params, by_hand.flat_params)


def test_it_learns():
    model = last()
    history = fit(model, epochs=60, validation_data=(X, Y), metrics=["r2"])
    assert history[-1]["val_loss"] < 0.05 * history[0]["val_loss"] and history[-1]["val_r2"] > 0.9
    assert history.stopped == "finished" and [logs["epoch"] for logs in history] == list(range(1, 61))


def test_history_is_a_table():
    pd = pytest.importorskip("pandas", reason="the table")
    frame = pd.DataFrame(fit(last(), validation_data=(X, Y), metrics=["mae"]))
    assert list(frame) == ["epoch", "loss", "mae", "val_loss", "val_mae", "lr", "seconds"] and len(frame) == 2


def test_a_seed_is_a_run():
    first, again, other = (fitted(last(0.5), seed=seed) for seed in (3, 3, 4))
    assert same_bits(first, again) and not same_bits(first, other)


def test_every_step_has_a_dropout_mask_of_its_own(monkeypatch):
    seeds = []
    forward = el.Dropout.forward
    monkeypatch.setattr(
        el.Dropout,
        "forward",
        lambda self, x, **options: (seeds.append(options["seed"]), forward(self, x, **options))[1],
    )
    fit(last(0.5), epochs=3)
    assert len(set(seeds)) == len(seeds) == 12 and all(0 <= seed < 2**64 for seed in seeds)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_run_does_not_depend_on_the_number_of_threads(threads):
    el.set_num_threads(threads)
    params = fitted(last(0.3))
    el.set_num_threads(1)
    assert same_bits(params, fitted(last(0.3)))


def test_lists_and_float64_are_taken():
    assert np.isfinite(fitted(last(dtype="float64"), X.astype(float), Y.astype(float))).all()
    listed = fitted(last(), X.tolist(), Y.tolist())
    assert same_bits(listed, fitted(last()))


# -- ragged -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("build, y", [(last, Y), (each, STEPS)])
def test_a_list_of_arrays_and_an_array_with_lengths_are_the_same_run(build, y):
    rows = [x[:n] for x, n in zip(X, LENGTHS)]
    targets = [t[:n] for t, n in zip(y, LENGTHS)] if build is each else y
    listed, padded, noisy = build(), build(), X.copy()
    for x, n in zip(noisy, LENGTHS):
        x[n:] = 1e9
    histories = [fit(listed, rows, targets, metrics=["mae"]), fit(padded, noisy, y, lengths=LENGTHS, metrics=["mae"])]
    assert same_bits(listed.flat_params, padded.flat_params)
    for ours, theirs in zip(*histories):
        assert ours["loss"] == theirs["loss"] and ours["mae"] == theirs["mae"]
    assert listed.evaluate(rows, targets) == padded.evaluate(noisy, y, lengths=LENGTHS)


def test_predictions_come_in_the_order_of_the_rows():
    rows = [x[:n] for x, n in zip(X, LENGTHS)]
    model = last()
    expected = np.concatenate([model(row[None]) for row in rows])
    assert same_bits(model.predict(rows, batch_size=7), expected)
    assert same_bits(model.predict(X, lengths=LENGTHS, batch_size=3), expected)
    assert same_bits(model.predict(X), model(X))
    steps = each()
    listed = steps.predict(rows, batch_size=7)
    padded = steps.predict(X, lengths=LENGTHS, batch_size=7)
    assert padded.shape == (50, 8, 1)
    for i, (row, n) in enumerate(zip(rows, LENGTHS)):
        assert same_bits(listed[i], steps(row[None])[0]) and same_bits(padded[i, :n], listed[i])
        assert not padded[i, n:].any()
    assert model.predict(X[:0]).shape == (0, 1)


def test_the_loss_of_ragged_data_is_the_mean_over_its_steps():
    model = each()
    y = model(X)
    valid = np.arange(8) < LENGTHS[:, None]
    expected = np.mean((y[valid].astype(float) - STEPS[valid]) ** 2)
    for size in (1, 7, 50):
        got = model.evaluate(X, STEPS, loss="mse", lengths=LENGTHS, batch_size=size)
        assert got["loss"] == pytest.approx(expected, rel=1e-6)


# -- trouble ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("poison", ["x", "y"])
def test_a_nan_in_the_data_stops_with_the_step_and_the_parameters_before(poison):
    x, y = X.copy(), Y.copy()
    (x if poison == "x" else y)[40] = np.nan
    model, clean = last(), last()
    with pytest.raises(el.NonFiniteLoss, match="the loss is nan in epoch 1, step 3") as error:
        fit(model, x, y, shuffle=False)
    assert (error.value.epoch, error.value.step) == (1, 3)
    fit(clean, x[:16], y[:16], shuffle=False, epochs=1)
    assert same_bits(model.flat_params, clean.flat_params), "the parameters of the last finite loss"


def test_an_update_that_explodes_is_taken_back():
    for epochs in (1, 5):  # in the middle of a run, and in the last step of it
        model = last()
        with pytest.raises(el.NonFiniteLoss):
            fit(model, optimizer=el.SGD(1e38), epochs=epochs)
        assert np.isfinite(model.flat_params).all()
        assert np.isfinite(model.evaluate(X, Y)["loss"])


def test_ctrl_c_ends_the_run_with_history_and_best_weights():
    model, best = last(), {}

    def interrupt(run):
        if run.epoch == 2:
            best["params"] = run.model.flat_params.copy()
        if run.epoch == 3:
            threading.Timer(0.02, signal.raise_signal, [signal.SIGINT]).start()

    def worse_after_two(run):
        run.logs["score"] = -abs(run.epoch - 2)

    stopping = el.early_stopping(10**6, monitor="score", mode="max")
    history = fit(model, epochs=10**6, callbacks=[worse_after_two, interrupt, stopping])
    assert history.stopped == "interrupted" and len(history) >= 3
    assert stopping.best_epoch == 2 and same_bits(model.flat_params, best["params"])


def test_ctrl_c_in_a_callback_or_before_the_first_epoch_ends():
    def interrupt(run):
        raise KeyboardInterrupt

    assert len(fit(last(), callbacks=[interrupt])) == 1

    class Early:
        def before_step(self, run):
            raise KeyboardInterrupt

        def __call__(self, run):
            pass

    model = last()
    before = model.flat_params.copy()
    assert fit(model, callbacks=[Early()]) == [] and same_bits(model.flat_params, before)


# -- what is shown ----------------------------------------------------------------------------------


def test_verbose_zero_is_silent(capfd):
    fit(last(), validation_data=(X, Y))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("verbose", [1, 2])
def test_a_line_an_epoch_is_shown(capfd, verbose, monkeypatch):
    if verbose == 1:
        monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)  # as if it were not installed
    fit(last(), validation_data=(X, Y), verbose=verbose)
    out, err = capfd.readouterr()
    head, *lines = out.splitlines()
    assert head.split() == ["epoch", "loss", "val_loss", "lr", "seconds"]
    assert [line.split()[0] for line in lines] == ["1/2", "2/2"] and err == ""


def test_without_a_terminal_there_is_a_line_an_epoch(capfd):
    pytest.importorskip("tqdm", reason="the bar that is not shown")
    fit(last(), verbose=1, epochs=3)
    out, err = capfd.readouterr()
    assert not err and len(out.splitlines()) == 4 and "\r" not in out


def test_without_any_output_training_goes_on(monkeypatch):
    pytest.importorskip("tqdm", reason="the bar")
    monkeypatch.setattr("sys.stdout", None)
    monkeypatch.setattr("sys.stderr", None)
    assert len(fit(last(), verbose=1, epochs=2)) == 2


def test_the_bar_shows_loss_and_time_left(capfd, monkeypatch):
    pytest.importorskip("tqdm", reason="the bar")
    monkeypatch.setattr("eigenlstm.training.progress._shows_bars", lambda: True)
    fit(last(), verbose=1, epochs=3)
    out, err = capfd.readouterr()
    assert "loss" in err and "/12" in err and "<" in err and "1/3" in out


# -- refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model, data, options, error, message",
    [
        (last, (X, Y), {"epochs": 0}, ValueError, "fit: epochs must be at least 1, got 0"),
        (last, (X, Y), {"clip_norm": 0.0}, ValueError, "fit: clip_norm must be positive"),
        (last, (X, Y), {"ema": 1.0}, ValueError, r"fit: ema must lie in \[0, 1\)"),
        (last, (X, Y), {"seed": -1}, ValueError, "fit: seed must be an integer"),
        (last, (X, Y), {"loss": "nonsense"}, ValueError, "nonsense"),
        (last, (X, Y), {"metrics": ["nonsense"]}, ValueError, "there is no metric 'nonsense'"),
        (last, (X, Y), {"tbptt": 3}, ValueError, "tbptt needs a model that gives a value for each step"),
        (each, (X, Y), {"tbptt": 3}, ValueError, "tbptt needs y with a target for each of the 8 steps"),
        (lambda: each(bidirectional=True), (X, STEPS), {"tbptt": 3}, ValueError, "bidirectional"),
        (last, (X, Y), {"stateful": True, "batch_size": 16}, ValueError, "multiple of batch_size 16, got 50"),
        (last, (X, Y), {"stateful": True, "shuffle": True}, ValueError, "leave shuffle off"),
        (last, (list(X), Y), {"stateful": True}, ValueError, "stateful needs x as one array"),
        (last, (X.astype(str), Y), {}, TypeError, "fit: x must be an array of real numbers, got dtype <U"),
        (last, ({"x": X}, Y), {}, TypeError, "fit: x must be an array of real numbers, got dict"),
        (last, (X, Y), {"shuffle": "no"}, TypeError, "fit: shuffle must be True or False, got 'no'"),
        (last, (X, Y), {"stateful": 1}, TypeError, "fit: stateful must be True or False, got 1"),
        (last, (X, Y), {"batch_size": "3"}, TypeError, "fit: batch_size must be an integer, got '3'"),
        (last, (X, Y), {"epochs": "3"}, TypeError, "fit: epochs must be an integer, got '3'"),
        (last, (X, Y), {"verbose": "yes"}, TypeError, "fit: verbose must be 0, 1 or 2, got 'yes'"),
        (last, (X, Y), {"metrics": ["mae", "mae"]}, ValueError, "names of their own in the logs, got 'mae' twice"),
        (
            last,
            (X, Y),
            {"callbacks": [el.checkpoint("no/such/run")]},
            FileNotFoundError,
            "there is no folder 'no/such'",
        ),
        (last, (X, Y), {"callbacks": [el.log("no/such/run")]}, FileNotFoundError, "log: there is no folder 'no/such'"),
        (
            last,
            (X, Y),
            {"callbacks": [el.schedule(lambda n: None)]},
            TypeError,
            r"schedule: rate\(0\) must be a number",
        ),
        (last, (X, Y[:3]), {}, ValueError, "fit: y must have as many rows as x, 50, got 3"),
        (last, (X, Y), {"validation_data": (X,)}, ValueError, "validation_data must be"),
        (last, (X, Y), {"validation_data": (X, Y[:3])}, ValueError, "fit: validation_data: y must have as many rows"),
        (last, (X, Y), {"validation_data": (X.astype(str), Y)}, TypeError, "fit: validation_data: x must be an array"),
        (last, (X, Y), {"unknown": 1}, TypeError, "unknown"),
    ],
)
def test_wrong_calls_change_nothing(model, data, options, error, message):
    model = model()
    before = model.flat_params.copy()
    with pytest.raises(error, match=message):
        fit(model, *data, **options)
    assert same_bits(model.flat_params, before)


def test_evaluate_without_a_loss_says_so():
    with pytest.raises(ValueError, match="evaluate: the model was not trained here, so loss must be given"):
        last().evaluate(X, Y)
    with pytest.raises(ValueError, match="predict: x has no rows"):
        last().predict([])
