"""fit, evaluate and predict of a Model: ragged inputs by name, and all that fit has."""

import numpy as np
import pytest
from layer_checks import same_bits
from model_case import pairs, tagged, tagger, translator

import eigenlstm as el


def fit(model, x, y, **options):
    options = {"loss": "cross_entropy", "optimizer": el.Adam(2e-2), "batch_size": 8, "seed": 0, "verbose": 0, **options}
    return model.fit(x, y, **options)


def padded(rows, fill=0):
    time = max(map(len, rows))
    return np.stack(
        [np.pad(row, [(0, time - len(row)), *[(0, 0)] * (row.ndim - 1)], constant_values=fill) for row in rows]
    )


@pytest.mark.parametrize("build, data", [(translator, pairs), (tagger, tagged)])
def test_lists_are_learned_and_come_back_as_lists(build, data):
    model, (x, y) = build(), data(40)
    history = fit(model, x, y, epochs=12, metrics=["accuracy"], validation_data=(x, y))
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    assert history[-1]["val_accuracy"] > history[0]["val_accuracy"]
    scores = model.predict(x)
    assert [len(row) for row in scores] == [len(row) for row in y]
    right = np.mean(np.concatenate([row.argmax(-1) == true for row, true in zip(scores, y)]))
    assert model.evaluate(x, y)["accuracy"] == pytest.approx(right)
    for i in (0, 17):
        assert same_bits(model(**{name: rows[i][None] for name, rows in x.items()})[0], scores[i])


def test_arrays_with_lengths_train_as_lists_do():
    x, y = tagged(40)
    lengths = {"word": [len(row) for row in x["word"]]}
    lists, arrays = tagger(), tagger()
    fit(lists, x, y, epochs=2)
    dense = {name: padded(rows) for name, rows in x.items()}
    fit(arrays, dense, padded(y), epochs=2, lengths=lengths)
    assert same_bits(lists.flat_params, arrays.flat_params)
    scores = arrays.predict(dense, lengths=lengths)
    assert scores.shape[:2] == dense["word"].shape
    assert same_bits(scores[3, : len(y[3])], lists.predict(x)[3]) and not scores[3, len(y[3]) :].any()


def test_a_run_goes_on_where_its_checkpoint_left_it(tmp_path):
    x, y = pairs(30)
    options = dict(ema=0.9, clip_norm=1.0, sample_weight=np.linspace(0.5, 2, 30, dtype="f"))
    whole = translator(p=0.3)
    fit(whole, x, y, epochs=4, **options)
    path = tmp_path / "run"
    first = translator(p=0.3)
    fit(first, x, y, epochs=2, callbacks=[el.checkpoint(path)], **options)
    second = translator(p=0.3)
    fit(second, x, y, epochs=4, callbacks=[el.checkpoint(path)], resume=path, **options)
    assert same_bits(second.flat_params, whole.flat_params)
    loaded = el.load(path)
    assert same_bits(loaded.flat_params, whole.flat_params)


def test_batches_from_an_iterable():
    x, y = tagged(12)
    lengths = np.array([len(row) for row in x["word"]])
    batch = {
        "x": {name: padded(rows) for name, rows in x.items()},
        "y": padded(y),
        "lengths": {"word": lengths},
    }
    model, same = tagger(), tagger()
    fit(model, [batch] * 3, None, epochs=2)
    dense, target = batch["x"], batch["y"]
    fit(same, dense, target, lengths={"word": lengths}, epochs=6, batch_size=12, shuffle=False)
    assert same_bits(model.flat_params, same.flat_params)


def counter(way=False):
    lstm, head = el.LSTM(1, 6, bidirectional=way, seed=0), el.Linear(6 * (1 + way) + 1, 1, seed=1)
    concat = el.Concat()

    def count(x, extra):
        hidden, _ = lstm(x)
        return head(concat(hidden, extra))

    return el.Model(count, x=el.Input(("T", 1)), extra=el.Input(("T", 1)))


def test_truncated_backpropagation_carries_the_states_on():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 12, 1)).astype("f")
    y = np.cumsum(x, axis=1)
    whole, cut = counter(), counter()
    one = dict(loss="mse", optimizer=el.SGD(0.0), epochs=1)
    before = fit(whole, {"x": x, "extra": x}, y, **one)
    after = fit(cut, {"x": x, "extra": x}, y, tbptt=4, **{**one, "optimizer": el.SGD(0.0)})
    assert after[0]["loss"] == pytest.approx(before[0]["loss"], rel=1e-6)
    history = fit(cut, {"x": x, "extra": x}, y, tbptt=4, loss="mse", epochs=20, lengths={"x": np.arange(8) + 5})
    assert history[-1]["loss"] < history[0]["loss"]


@pytest.mark.parametrize(
    "run, message",
    [
        (lambda: fit(translator(), *pairs(9), tbptt=2), "the times of this model's inputs are source, target"),
        (lambda: fit(counter(True), {"x": np.zeros((4, 4, 1), "f"), "extra": np.zeros((4, 4, 1), "f")},
                     np.zeros((4, 4, 1), "f"), tbptt=2, loss="mse"), "a bidirectional layer cannot do"),
        (lambda: fit(translator(), pairs(9)[0]["source"], pairs(9)[1]), r"x must be a dict .* \(source, target\)"),
        (lambda: fit(translator(), {"source": pairs(9)[0]["source"]}, pairs(9)[1]), r"got \(source\)"),
        (lambda: fit(translator(), {**pairs(9)[0], "source": pairs(8)[0]["source"]}, pairs(9)[1]), "as many rows"),
        (lambda: fit(tagger(), {**tagged(9)[0], "word": tagged(10)[0]["word"][1:]}, tagged(9)[1]),
         "numbers must have the lengths of word, whose time it shares"),
        (lambda: fit(tagger(), tagged(9)[0], tagged(9)[1], lengths={"word": [1] * 9}), "have their own"),
        (lambda: translator().predict({"source": [], "target": []}), "x has no rows"),
    ],
)  # fmt: skip
def test_data_that_do_not_fit_are_refused(run, message):
    with pytest.raises(ValueError, match=message):
        run()


def test_no_rows_give_no_rows():
    x = {"source": np.zeros((0, 3), int), "target": np.zeros((0, 2), int)}
    assert translator().predict(x).shape == (0, 2, 7)
