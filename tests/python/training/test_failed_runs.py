"""A run that is refused or fails leaves what it had: parameters, optimiser, callbacks and history."""

import copy
import pickle

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm.safetensors_files import FileError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 6, 2)).astype("f"), RNG.normal(size=(20, 1)).astype("f")


def model(dtype="float32"):
    return el.Sequential([el.LSTM(2, 4, seed=0, dtype=dtype), el.Last(), el.Linear(4, 1, seed=1, dtype=dtype)])


def fit(trained, x=X, y=Y, **options):
    options = {"loss": "mse", "optimizer": el.Adam(1e-2), "epochs": 3, "batch_size": 10, "seed": 0, **options}
    return trained.fit(x, y, verbose=0, **options)


@pytest.mark.parametrize("optimizer", [el.Adam, el.AdamW, el.RMSprop, lambda lr: el.SGD(lr, momentum=0.9)])
def test_a_loss_that_is_not_finite_leaves_the_optimiser_usable(optimizer):
    trained, used = model(), optimizer(1e-2)
    fit(trained, optimizer=used)
    broken = Y.copy()
    broken[3] = np.nan
    for y in (broken, Y * np.float32(1e25)):
        with pytest.raises(el.NonFiniteLoss):
            fit(trained, y=y, optimizer=used, clip_norm=None, epochs=5)
        assert all(np.isfinite(value).all() for value in used.state_dict().values() if isinstance(value, np.ndarray))
        history = fit(trained, optimizer=used, epochs=1)
        assert np.isfinite(history[0]["loss"]) and np.isfinite(trained.flat_params).all()


def test_model_and_optimiser_are_those_before_the_failing_update():
    """A callback writes NaN into the gradients of step 3: the loss of step 4 shows it."""
    kept = []

    class Break:
        def before_step(self, run):
            kept.append((run.model.flat_params.copy(), run.optimizer.state_dict()))
            if run.step == 3:
                run.model.flat_grads[:] = np.nan

        def __call__(self, run):
            """Nothing is left to do after an epoch."""

    trained, used = model(), el.Adam(1e-2)
    with pytest.raises(el.NonFiniteLoss):
        fit(trained, optimizer=used, callbacks=[Break()])
    params, state = kept[3]
    assert np.array_equal(trained.flat_params, params) and used.steps == state["steps"] == 3
    for name, value in used.state_dict().items():
        assert np.array_equal(value, state[name]), name


def test_the_cause_is_named():
    broken = Y.copy()
    broken[3] = np.nan
    with pytest.raises(el.NonFiniteLoss, match="y of this batch holds NaN or infinite values"):
        fit(model(), y=broken)
    infinite = X.copy()
    infinite[3, 2, 1] = np.nan
    with pytest.raises(el.NonFiniteLoss, match="x of this batch holds NaN or infinite values"):
        fit(model(), x=infinite)
    speech = el.Sequential([el.LSTM(2, 4, seed=0), el.Linear(4, 3, seed=1)])
    labels = np.tile([1, 2, 1, 1, 2, 2, 1], (20, 1))
    with pytest.raises(el.NonFiniteLoss, match="row 0 needs 9 frames for its 7 labels, it has 6"):
        fit(speech, y=labels, loss="ctc")


class Late(RuntimeError):
    pass


def test_an_exception_in_a_callback_leaves_the_best_parameters_and_the_history():
    values = [3.0, 1.0, 2.0]
    seen = []

    def scripted(run):
        run.logs["val_loss"] = values[run.epoch - 1]
        seen.append(run.model.flat_params.copy())

    def failing(run):
        if run.epoch == 3:
            raise Late("no")

    trained = model()
    with pytest.raises(Late) as caught:
        fit(trained, callbacks=[scripted, el.early_stopping(5), failing], epochs=5)
    assert np.array_equal(trained.flat_params, seen[1])
    assert len(caught.value.history) == 3 and caught.value.history.stopped == "failed: no"


def test_a_generator_that_ends_early_ends_the_run():
    batches = ((X[:5], Y[:5]) for _ in range(5))
    history = fit(model(), batches, None, steps_per_epoch=2, epochs=10)
    assert [logs["epoch"] for logs in history] == [1, 2, 3]
    assert history.stopped == "there were no more batches after epoch 3"
    with pytest.raises(ValueError, match="there is no batch in epoch 0"):
        fit(model(), iter(()), None, epochs=1)


def test_early_stopping_on_the_training_loss_restores_what_was_best():
    """The rate is so large that the parameters after the update are worse than those whose loss was logged."""
    for rate in (3.0, 0.5, 0.05):
        trained, stop = model("float64"), el.early_stopping(20)
        x, y = X.astype(float), Y.astype(float)
        start = trained.evaluate(x, y, loss="mse")["loss"]
        history = fit(trained, x, y, optimizer=el.SGD(rate), batch_size=20, epochs=12, callbacks=[stop])
        best = trained.evaluate(x, y)["loss"]
        assert best == pytest.approx(min(start, *(logs["loss"] for logs in history)), rel=1e-9) or best < min(
            logs["loss"] for logs in history
        )
        assert stop.best == pytest.approx(best, rel=1e-12)
    with pytest.raises(ValueError, match="early_stopping: the loss of an epoch's parameters cannot be measured"):
        fit(model(), ((X, Y) for _ in range(2)), None, epochs=2, steps_per_epoch=1, callbacks=[el.early_stopping()])
    once = ((X, Y) for _ in range(2))
    fit(model(), once, None, epochs=2, steps_per_epoch=1, callbacks=[el.early_stopping(restore_best=False)])


def test_a_first_batch_without_steps():
    trained = el.Sequential([el.LSTM(2, 4, seed=0), el.Linear(4, 1, seed=1)])
    y = np.zeros((20, 6, 1), "f")
    history = fit(trained, y=y, lengths=np.zeros(20, int), tbptt=3)
    assert np.isnan(history[0]["loss"])


# -- resume ------------------------------------------------------------------------------------------


def checkpointed(path, **options):
    trained = model()
    fit(trained, callbacks=[el.early_stopping(5), el.checkpoint(path)], epochs=2, **options)
    return trained


def resumed(path, trained, optimizer, stop, **options):
    options = {"optimizer": optimizer, "callbacks": [stop, el.checkpoint(path)], "epochs": 4, **options}
    return fit(trained, resume=path, **options)


DAMAGES = {
    "best": lambda run: run["callbacks"][0]["state"]["monitor"].update(best="low"),
    "waited": lambda run: run["callbacks"][0]["state"]["monitor"].update(waited=[1]),
    "params": lambda run: run["callbacks"][0]["state"].update(params=np.zeros(3, "f")),
    "no params": lambda run: run["callbacks"][0]["state"].update(params="none"),
    "epoch": lambda run: run.update(epoch="2"),
    "history": lambda run: run.update(history={"a": 1}),
    "short history": lambda run: run.update(history=[]),
    "stopped": lambda run: run.update(stopped=[1]),
    "raw": lambda run: run.update(raw=np.zeros(2, "f")),
    "steps": lambda run: run["optimizer"]["state"].update(steps="many"),
    "moments": lambda run: run["optimizer"]["state"].update(m=np.zeros(2, "f")),
    "no callbacks": lambda run: run.update(callbacks=3),
    "no optimiser": lambda run: run.pop("optimizer"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_changes_nothing(damage, tmp_path, monkeypatch):
    path = tmp_path / "run"
    checkpointed(path)
    from eigenlstm import saving

    load = saving.load_run

    def damaged(*arguments):
        state, run = load(*arguments)
        DAMAGES[damage](run)
        return state, run

    monkeypatch.setattr(saving, "load_run", damaged)
    other, optimizer, stop = model(), el.Adam(1e-2), el.early_stopping(5)
    other.flat_params = other.flat_params * 2
    before, attributes, state = other.flat_params.copy(), pickle.dumps(vars(stop)), optimizer.state_dict()
    with pytest.raises(FileError, match="is not a run to go on with"):
        resumed(path, other, optimizer, stop)
    assert np.array_equal(other.flat_params, before) and pickle.dumps(vars(stop)) == attributes
    assert optimizer.state_dict().keys() == state.keys() and optimizer.steps == 0


def test_a_run_goes_on_only_with_its_loss_data_and_rate(tmp_path):
    path = tmp_path / "run"
    checkpointed(path)
    wrong = [
        ({"loss": "mae"}, "loss was .*MSE.*, is .*MAE"),
        ({"loss": el.losses.Huber(0.1)}, "loss was"),
        ({"optimizer": el.Adam(1e-3)}, "lr was 0.01, is 0.001"),
        ({"y": Y + 1}, "data was"),
        ({"x": X[::-1]}, "data was"),
    ]
    for options, message in wrong:
        with pytest.raises(FileError, match=message):
            resumed(path, model(), **{"optimizer": el.Adam(1e-2), "stop": el.early_stopping(5), **options})
    whole, again = model(), model()
    fit(whole, callbacks=[el.early_stopping(5), el.checkpoint(tmp_path / "other")], epochs=4)
    resumed(path, again, el.Adam(1e-2), el.early_stopping(5))
    assert np.array_equal(whole.flat_params, again.flat_params)


# -- copies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_a_copy_draws_next_what_the_original_draws_next(copied):
    for layer in (el.Dropout(0.5, seed=3), el.Dropout(0.5), el.LSTM(3, 3, 2, dropout=0.5, seed=3)):
        x = np.ones((4, 5, 3), "f")
        first = layer.forward(x)[0]
        other = copied(layer)
        ours, theirs = layer.forward(x)[0], other.forward(x)[0]
        assert np.array_equal(ours, theirs) and not np.array_equal(first, theirs)
    inner = el.Dropout(0.5, seed=3)
    chain = el.Sequential([inner, el.Linear(3, 1, seed=0)])
    first = inner.forward(x)[0]
    assert not np.array_equal(copied(chain).layers[0].forward(x)[0], first)


def double(y_true, y_pred):
    return 2.0


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_a_copy_keeps_the_defaults_of_evaluate(copied):
    trained = model()
    fit(trained, loss=el.losses.Huber(0.3), metrics=["mae", double], epochs=1)
    assert copied(trained).evaluate(X, Y) == trained.evaluate(X, Y)
    fit(trained, loss=lambda p, y, w=None, n=None: el.losses.MSE()(p, y, w, n), epochs=1)
    assert np.array_equal(copied(trained).flat_params, trained.flat_params)
