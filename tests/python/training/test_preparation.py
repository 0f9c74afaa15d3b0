"""Augmentation, class weights and weighted sampling in fit: what they do, the same bits, resumed runs, refusals."""

import doctest

import numpy as np
import pytest
from fit_case import LENGTHS, STEPS, X, Y, each, fit, fitted, last

import eigenlstm as el
from eigenlstm.losses import class_weights

LABELS = (Y[:, 0] > 0.4).astype(np.int64)


def two_classes():
    return el.Sequential([el.LSTM(2, 8, seed=1), el.Last(), el.Linear(8, 2, seed=2)])


def noise(batch, rng):
    return {**batch, "x": batch["x"] + rng.normal(0, 0.1, batch["x"].shape).astype("f")}


# -- augmentation -------------------------------------------------------------------------------


def test_an_augmentation_that_changes_nothing_changes_nothing():
    assert np.array_equal(fitted(last(), augment=lambda batch, rng: batch), fitted(last()))


def test_what_the_model_trains_on_is_what_the_augmentation_gives():
    doubled = lambda batch, rng: {**batch, "x": batch["x"] * 2, "y": batch["y"] + 1}  # noqa: E731
    assert np.array_equal(fitted(last(), augment=doubled), fitted(last(), 2 * X, Y + 1))
    assert np.array_equal(fitted(last(), augment=[doubled, doubled]), fitted(last(), 4 * X, Y + 1 + 1))


def test_it_gets_lengths_and_weights_and_validation_data_stay_as_they_are():
    seen = []

    def look(batch, rng):
        seen.append({name: None if part is None else part.shape for name, part in batch.items()})
        return {**batch, "sample_weight": np.zeros_like(batch["sample_weight"])}

    model = each()
    before = model.flat_params.copy()
    history = fit(model, X, STEPS, lengths=LENGTHS, sample_weight=np.ones(50, "f"), epochs=1, augment=look,
                  validation_data=(X, STEPS))  # fmt: skip
    assert np.array_equal(model.flat_params, before)  # no weight, no gradient
    assert history[0]["val_loss"] == pytest.approx(model.evaluate(X, STEPS)["loss"])
    for shapes in seen:
        rows, time = shapes["x"][:2]
        assert shapes == {"x": (rows, time, 2), "y": (rows, time, 1), "lengths": (rows,), "sample_weight": (rows,)}


def test_the_same_bits_on_any_number_of_threads_and_from_epoch_to_epoch_other_ones():
    drawn = []

    def record(batch, rng):
        drawn.append(rng.random())
        return noise(batch, rng)

    el.set_num_threads(1)
    one = fitted(last(0.2), augment=record)
    el.set_num_threads(2)
    assert np.array_equal(fitted(last(0.2), augment=record), one)
    assert drawn[:8] == drawn[8:] and len(set(drawn[:8])) == 8
    assert not np.array_equal(fitted(last(0.2), augment=noise, seed=1), one)


def test_a_resumed_run_draws_what_the_whole_one_draws(tmp_path):
    whole = last(0.2)
    fit(whole, augment=noise, epochs=4)
    first, then = last(0.2), last(0.2)
    fit(first, augment=noise, epochs=2, callbacks=[el.checkpoint(tmp_path / "run")])
    fit(then, augment=noise, epochs=4, callbacks=[el.checkpoint(tmp_path / "run")], resume=tmp_path / "run")
    assert np.array_equal(then.flat_params, whole.flat_params)
    with pytest.raises((ValueError, el.FileError), match="augment was"):
        fit(last(0.2), epochs=6, callbacks=[el.checkpoint(tmp_path / "run")], resume=tmp_path / "run")


def test_spectra_with_stripes_and_texts_with_words_left_out():
    stripes = el.sound.SpecAugment(freq_masks=1, freq_width=1, time_masks=1, time_width=3, time_ratio=0.5)
    history = fit(last(), augment=stripes, epochs=8)
    assert history[-1]["loss"] < history[0]["loss"]
    tokens = np.random.default_rng(0).integers(2, 9, (40, 6))
    model = el.Sequential([el.Embedding(9, 4, seed=0), el.LSTM(4, 6, seed=1), el.Last(), el.Linear(6, 2, seed=2)])
    dropped = fit(model, tokens, (tokens[:, 0] > 4).astype(int), loss="cross_entropy", epochs=8,
                  augment=el.text.WordDropout(0.2, 1, keep=[0]))  # fmt: skip
    assert dropped[-1]["loss"] < dropped[0]["loss"]


# -- class weights ------------------------------------------------------------------------------


def test_class_weights_are_scikit_learn_s():
    sk = pytest.importorskip("sklearn.utils.class_weight", reason="the oracle")
    y = np.random.default_rng(0).integers(0, 4, 200) ** 2 // 3
    expected = sk.compute_class_weight("balanced", classes=np.unique(y), y=y)
    assert np.allclose(class_weights(y)[np.unique(y)], expected)
    assert np.allclose(class_weights(y.reshape(20, 10)), class_weights([y[:50], y[50:]]))
    assert class_weights([0, 0, 2, -1], num_classes=4).tolist() == [0.75, 0, 1.5, 0]
    assert (
        doctest.testmod(
            __import__("importlib").import_module("eigenlstm.losses.class_weights"), extraglobs={"el": el}
        ).failed
        == 0
    )


@pytest.mark.parametrize("given", [{0: 0.5, 1: 3.0}, np.array([0.5, 3.0]), [0.5, 3.0]])
def test_a_class_weight_is_a_sample_weight(given):
    weight = np.where(LABELS == 1, 3.0, 0.5)
    data = {"x": X, "y": LABELS, "loss": "cross_entropy"}
    assert np.array_equal(
        fitted(two_classes(), **data, class_weight=given),
        fitted(two_classes(), **data, sample_weight=weight.astype("f")),
    )
    extra = np.arange(50, dtype="f") / 50
    assert np.array_equal(
        fitted(two_classes(), **data, class_weight=given, sample_weight=extra),
        fitted(two_classes(), **data, sample_weight=(weight * extra).astype("f")),
    )


def test_class_weights_for_each_step_and_for_questions_of_yes_or_no():
    model = lambda size: el.Sequential([el.LSTM(2, 8, seed=1), el.Linear(8, size, seed=2)])  # noqa: E731
    tags = (STEPS[:, :, 0] > 0).astype(int)
    data = {"x": X, "y": tags, "lengths": LENGTHS, "loss": "cross_entropy"}
    weight = np.where(tags == 1, 2.0, 1.0).astype("f")
    assert np.array_equal(
        fitted(model(2), **data, class_weight={1: 2.0}), fitted(model(2), **data, sample_weight=weight)
    )
    data.update(y=tags[..., None].astype("f"), loss="bce")
    assert np.array_equal(
        fitted(model(1), **data, class_weight={1: 2.0}), fitted(model(1), **data, sample_weight=weight)
    )
    ragged = {
        "x": [x[:n] for x, n in zip(X, LENGTHS)],
        "y": [t[:n] for t, n in zip(tags, LENGTHS)],
        "loss": "cross_entropy",
    }
    by_row = fitted(model(2), **ragged, class_weight={1: 2.0})
    assert np.array_equal(
        by_row, fitted(model(2), **{**data, "y": tags, "loss": "cross_entropy"}, class_weight={1: 2.0})
    )


def test_metrics_and_validation_do_not_see_class_weights():
    plain, weighted = two_classes(), two_classes()
    options = {"loss": "cross_entropy", "epochs": 1, "metrics": ["accuracy"]}
    expected = fit(plain, X, LABELS, **options, optimizer=el.SGD(0.0), validation_data=(X, LABELS))[0]
    options.update(optimizer=el.SGD(0.0), validation_data=(X, LABELS))
    found = fit(weighted, X, LABELS, **options, class_weight={1: 5.0})[0]
    assert found["accuracy"] == expected["accuracy"] and found["val_loss"] == expected["val_loss"]
    assert found["loss"] != expected["loss"]
    weight = np.where(LABELS, 5.0, 1.0).astype("f")
    assert found["loss"] == pytest.approx(plain.evaluate(X, LABELS, sample_weight=weight)["loss"], rel=1e-6)
    assert weighted.evaluate(X, LABELS)["loss"] == pytest.approx(expected["val_loss"], rel=1e-12)


def test_a_function_as_a_loss_is_weighted_as_well():
    cross_entropy = el.losses.CrossEntropy()
    assert np.array_equal(
        fitted(two_classes(), X, LABELS, loss=lambda *arguments: cross_entropy(*arguments), class_weight={1: 3.0}),
        fitted(two_classes(), X, LABELS, loss=cross_entropy, class_weight={1: 3.0}),
    )


def test_negative_targets_are_the_loss_s_to_ignore_or_refuse():
    y = np.where(np.arange(50) % 5 == 0, -100, LABELS)
    kept = y >= 0
    found = fitted(two_classes(), X, y, loss="cross_entropy", batch_size=50, epochs=1, class_weight={0: 4.0, 1: 2.0})
    # Fmt: skip
    expected = fitted(
        two_classes(), X[kept], y[kept], loss="cross_entropy", batch_size=50, epochs=1, class_weight={0: 4.0, 1: 2.0}
    )
    assert np.allclose(found, expected, atol=1e-6)
    for weights in (None, {0: 4.0, 1: 1.0}):
        with pytest.raises(ValueError, match="-1"):
            fit(two_classes(), X, np.where(y < 0, -1, y), loss="cross_entropy", class_weight=weights)


def test_batches_from_a_generator_are_weighted_too():
    def stream(epoch):
        return ((X[i : i + 10], LABELS[i : i + 10]) for i in range(0, 50, 10))

    weighted = lambda epoch: ((x, y, np.where(y, 3.0, 1.0).astype("f")) for x, y in stream(epoch))  # noqa: E731
    assert np.array_equal(
        fitted(two_classes(), stream, None, loss="cross_entropy", class_weight={1: 3.0}),
        fitted(two_classes(), weighted, None, loss="cross_entropy"),
    )


# -- sampling -----------------------------------------------------------------------------------


def test_rows_are_drawn_in_proportion_to_their_weights():
    seen = []

    def look(batch, rng):
        seen.append(batch["y"].copy())
        return batch

    y = (np.arange(50) < 5).astype(np.int64)
    fit(two_classes(), X, y, loss="cross_entropy", epochs=20, sampling_weight=class_weights(y)[y], augment=look)
    share = np.mean(np.concatenate(seen))
    assert len(np.concatenate(seen)) == 20 * 50 and abs(share - 0.5) < 0.06
    seen.clear()
    fit(two_classes(), X, y, loss="cross_entropy", epochs=1, sampling_weight=y, augment=look, lengths=LENGTHS)
    assert np.concatenate(seen).all()


def test_the_draw_is_that_of_the_seed():
    weight = np.arange(50)
    assert np.array_equal(fitted(last(), sampling_weight=weight), fitted(last(), sampling_weight=2 * weight))
    assert not np.array_equal(fitted(last(), sampling_weight=weight), fitted(last(), sampling_weight=weight, seed=1))


# -- refusals -----------------------------------------------------------------------------------


def giving(**changes):
    return {"augment": lambda batch, rng: {**batch, **changes}}


@pytest.mark.parametrize(
    "error, message, options",
    [
        (TypeError, "augment must be a function", {"augment": 3}),
        (TypeError, "augment must be a function", {"augment": [noise, None]}),
        (ValueError, r"augment must give a dict with \(x, y, lengths, sample_weight\), got NoneType", {"augment": lambda b, r: None}),
        (ValueError, r"got \(x\)", {"augment": lambda b, r: {"x": b["x"]}}),
        (TypeError, "augment must keep the dtype float32 of x, got float64", giving(x=np.zeros((16, 8, 2)))),
        (ValueError, "augment must give x as an array with as many rows as y", giving(x=np.zeros((15, 8, 2), "f"))),
        (ValueError, "augment must give y as an array", giving(y=np.float32(1))),
        (ValueError, "class_weight must have classes", {"class_weight": {"a": 1.0}}),
        (ValueError, "class_weight must have classes", {"class_weight": {}}),
        (ValueError, r"class_weight must be a dict or have shape \(C,\)", {"class_weight": np.ones((2, 2))}),
        (ValueError, "class_weight must be finite and at least 0", {"class_weight": {0: -1.0}}),
        (ValueError, "weights for classes below 1, y has the class 1", {"class_weight": [2.0], "y": LABELS, "loss": "cross_entropy"}),
        (TypeError, "class_weight needs y of integers or of 0 and 1, got float32", {"class_weight": {0: 2.0}}),
        (ValueError, r"sampling_weight must have shape \(50,\)", {"sampling_weight": np.ones(49)}),
        (ValueError, "not be all 0", {"sampling_weight": np.zeros(50)}),
        (ValueError, "sampling_weight needs x as an array or a list, and shuffle on", {"sampling_weight": np.ones(50), "shuffle": False}),
    ],
)  # fmt: skip
def test_refusals(error, message, options):
    model = two_classes() if options.get("loss") else last()
    before = model.flat_params.copy()
    with pytest.raises(error, match=message):
        fit(model, **options)
    assert np.array_equal(model.flat_params, before)


@pytest.mark.parametrize(
    "error, message, make",
    [
        (TypeError, "class_weights: y must be integers", lambda: class_weights([0.5])),
        (ValueError, "class_weights: y has no targets", lambda: class_weights([-1])),
        (ValueError, "y must be below num_classes 2, got 2", lambda: class_weights([2], 2)),
    ],
)
def test_refusals_of_class_weights(error, message, make):
    with pytest.raises(error, match=message):
        make()


# -- models with named inputs -------------------------------------------------------------------


def translator():
    """Words and a speaker's number in, a class for each word out."""
    # Fmt: skip
    words, speaker, lstm, output = (
        el.Embedding(12, 6, seed=0),
        el.Embedding(3, 6, seed=1),
        el.LSTM(6, 8, seed=2),
        el.Linear(8, 3, seed=3),
    )

    def tagger(text, who):
        hidden, _ = lstm(words(text) + speaker(who))
        return output(hidden)

    return el.Model(tagger, text=el.Input(("T",), "int64"), who=el.Input(("T",), "int64"))


def test_named_inputs_are_augmented_weighted_and_sampled():
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 9, 60)
    text = [rng.integers(2, 12, n) for n in lengths]
    x = {"text": text, "who": [np.full(n, rng.integers(0, 3)) for n in lengths]}
    y = [(row % 3).astype(np.int64) for row in text]
    options = {"loss": "cross_entropy", "epochs": 8, "sampling_weight": lengths, "metrics": ["accuracy"],
               "augment": el.text.WordDropout(0.1, 1, input="text"),
               "class_weight": class_weights(y)}  # fmt: skip
    model = translator()
    history = fit(model, x, y, **options)
    assert history[-1]["accuracy"] > 0.8 and history[-1]["loss"] < history[0]["loss"]
    el.set_num_threads(1)
    assert np.array_equal(fitted(translator(), x, y, **options), model.flat_params)
    with pytest.raises(ValueError, match=r"augment must give x as a dict with \(text, who\)"):
        fit(translator(), x, y, loss="cross_entropy", augment=lambda batch, rng: {**batch, "x": batch["x"]["text"]})
    with pytest.raises(TypeError, match=r"augment must keep the dtype int64 of x\['who'\]"):
        fit(
            translator(),
            x,
            y,
            loss="cross_entropy",
            # Fmt: skip
            augment=lambda batch, rng: {**batch, "x": {**batch["x"], "who": batch["x"]["who"].astype("f")}},
        )
