"""`el.callbacks.Callback`: its hooks, their order, and what stays possible without it."""

import inspect

import numpy as np
import pytest
from lstm_case import assert_same_bits

import eigenlstm as el

HOOKS = ("check", "begin", "after_backward", "before_step", "__call__", "end")


def model():
    return el.Sequential([el.LSTM(2, 3, seed=0), el.Last(), el.Linear(3, 1, seed=1)])


def fit(trained, *callbacks, **named):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((8, 5, 2)).astype("f"), rng.standard_normal((8, 1)).astype("f")
    return trained.fit(
        x, y, loss="mse", optimizer=el.SGD(0.5), batch_size=4, epochs=2, seed=0, verbose=0, callbacks=callbacks, **named
    )


def noting(name, seen, base=el.callbacks.Callback):
    """A callback that appends (name, hook) to `seen`."""

    def hook(which):
        return lambda self, run: seen.append((name, which))

    return type(name, (base,), {which: hook(which) for which in HOOKS})()


def test_hooks_are_called_in_the_documented_order():
    seen = []
    fit(model(), noting("a", seen), noting("b", seen))
    order = ["check", "begin", *["after_backward", "before_step"] * 2, "__call__"]
    order += [*["after_backward", "before_step"] * 2, "__call__", "end"]
    assert seen == [(name, hook) for hook in order for name in "ab"]


def test_a_class_without_the_base_has_the_same_hooks():
    ours, theirs = [], []
    fit(model(), noting("a", ours))
    fit(model(), noting("a", theirs, base=object))
    assert ours == theirs


def test_late_ones_come_last_and_plain_functions_go_on_working():
    seen = []
    late = noting("late", seen)
    late.late = True
    fit(model(), late, lambda run: seen.append(("plain", "__call__")))
    assert [name for name, hook in seen if hook == "__call__"] == ["plain", "late"] * 2


def test_gradients_changed_after_backward_are_what_is_clipped():
    class Scaled(el.callbacks.Callback):
        factor = 1e6

        def after_backward(self, run):
            run.model.flat_grads *= self.factor

    class Norms(el.callbacks.Callback):
        def begin(self, run):
            self.before, self.clipped = [], []

        def after_backward(self, run):
            self.before.append(np.linalg.norm(run.model.flat_grads))

        def before_step(self, run):
            self.clipped.append(np.linalg.norm(run.model.flat_grads))

    norms = Norms()
    fit(model(), Scaled(), norms, clip_norm=0.25)
    assert min(norms.before) > 100
    np.testing.assert_allclose(norms.clipped, 0.25, rtol=1e-5)


def test_halving_the_gradients_halves_the_rate():
    class Halved(el.callbacks.Callback):
        def after_backward(self, run):
            run.model.flat_grads = run.model.flat_grads / 2

    halved, plain = model(), model()
    fit(halved, Halved())
    fit(plain, el.schedule(lambda step: 0.25))
    assert_same_bits(halved.flat_params, plain.flat_params)


def test_hooks_that_do_nothing_cost_no_call_in_a_step():
    class Only(el.callbacks.Callback):
        def end(self, run):
            """Something."""

    assert el.callbacks.hooks([Only()], "before_step") == []
    assert [hook.__name__ for hook in el.callbacks.hooks([Only()], "end")] == ["end"]


def test_those_of_the_package_are_such_and_every_hook_is_documented():
    for callback in (el.early_stopping(), el.checkpoint("x"), el.schedule(abs), el.plateau(), el.log("x")):
        assert isinstance(callback, el.callbacks.Callback)
    for hook in HOOKS:
        assert inspect.getdoc(vars(el.callbacks.Callback)[hook])


def test_a_class_in_place_of_a_callback_is_refused():
    with pytest.raises(TypeError, match="it is a class, write it with its arguments"):
        fit(model(), el.callbacks.Callback)
