"""Layers that move steps: against plain loops, central differences, in models."""

import numpy as np
import pytest
from joint_checks import check_joint_gradients
from layer_checks import check_copies, check_gradients, check_rows_do_not_depend_on_the_batch, same_bits

import eigenlstm as el


def draw(*shape, dtype="float64", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


STEPS = np.array([[0, 3, -1, 3], [-1, -1, 1, 0]])


def test_shift_gives_the_step_before():
    x = np.array([[3, 4, 5], [6, 7, 8]])
    y = el.Shift(9)(x)
    assert y.tolist() == [[9, 3, 4], [9, 6, 7]] and y.dtype == x.dtype
    check_gradients(el.Shift(0.5), draw(2, 4, 3))
    assert el.Shift(0.5)(draw(1, 3, 1))[0, 0, 0] == 0.5
    with pytest.raises(TypeError, match="start must be an integer for integers"):
        el.Shift(0.5)(x)


def test_gather_takes_steps_by_number():
    x = draw(2, 5, 3)
    y = el.Gather()(x, STEPS)
    for b in range(2):
        for s in range(4):
            assert same_bits(y[b, s], x[b, STEPS[b, s]] if STEPS[b, s] >= 0 else np.zeros(3))
    check_joint_gradients(el.Gather(), [x, STEPS])
    with pytest.raises(ValueError, match=r"steps must lie in -1..4, got -1..5"):
        el.Gather()(x, STEPS + 2 * (STEPS == 3))
    with pytest.raises(TypeError, match="steps must be integers"):
        el.Gather()(x, STEPS * 1.0)


def test_scatter_sums_steps_by_number():
    x, like = draw(2, 4, 3), draw(2, 5, 1)
    y = el.Scatter()(x, STEPS, like)
    expected = np.zeros((2, 5, 3))
    for b in range(2):
        for t in range(4):
            if STEPS[b, t] >= 0:
                expected[b, STEPS[b, t]] += x[b, t]
    np.testing.assert_allclose(y, expected, atol=1e-15)
    layer = el.Scatter()
    y, tape = layer.forward(x, STEPS, like)
    w = draw(*y.shape, seed=1)
    dx, *rest = layer.backward(tape, w)
    assert rest == [None, None]
    assert same_bits(dx, el.Gather()(w, STEPS))


def test_the_states_of_two_directions_become_one():
    lstm = el.LSTM(2, 3, 2, bidirectional=True, dtype="float64", seed=0)
    y, (h, c) = lstm(draw(4, 5, 2))
    joined = el.JoinDirections()(h)
    assert joined.shape == (2, 4, 6)
    assert same_bits(joined[1, :, :3].copy(), y[:, -1, :3].copy()) and same_bits(
        joined[1, :, 3:].copy(), y[:, 0, 3:].copy()
    )
    check_gradients(el.JoinDirections(), c.copy())


@pytest.mark.parametrize("lengths", [None, np.array([7, 4, 0])])
def test_stacked_frames(lengths):
    x = draw(3, 7, 2)
    layer = el.StackFrames(3)
    y = layer(x, lengths=lengths)
    assert y.shape == (3, 3, 6)
    padded = np.zeros((3, 9, 2))
    for b in range(3):
        n = 7 if lengths is None else lengths[b]
        padded[b, :n] = x[b, :n]
    assert same_bits(y, padded.reshape(3, 3, 6))
    check_gradients(layer, x, lengths=lengths)
    assert layer.output_lengths(np.array([7, 4, 0, 3])).tolist() == [3, 2, 0, 1]


@pytest.mark.parametrize("kind", ["Sequential", "Model"])
def test_fewer_frames_train_and_predict_in_lists(kind):
    stack, lstm, head = el.StackFrames(2), el.LSTM(4, 6, seed=0), el.Linear(6, 1, seed=1)
    model = (
        el.Sequential([stack, lstm, head])
        if kind == "Sequential"
        else el.Model(lambda x: head(lstm(stack(x))[0]), x=el.Input((None, 2)))
    )
    x = [draw(n, 2, dtype="float32", seed=n) for n in (5, 3, 8, 2, 9, 1)]
    y = [row[::2, :1] for row in x]
    history = model.fit(x, y, loss="mse", optimizer=el.Adam(2e-2), epochs=30, batch_size=3, seed=0, verbose=0)
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    assert [len(row) for row in model.predict(x)] == [3, 2, 4, 1, 5, 1]
    assert same_bits(model.predict(x)[1], model._run(x[1][None], None, False, None, None)[0][0])


def test_teacher_forcing_and_a_decoder_of_one_direction_for_an_encoder_of_two(tmp_path):
    V = 6
    embed, output = el.Embedding(V, 4, seed=0), el.Linear(16, V, seed=5)
    encoder, decoder = el.LSTM(4, 4, bidirectional=True, seed=1), el.LSTM(4, 8, seed=2)
    attention, shift, join, concat = (
        el.Attention(8, score="general", seed=3),
        el.Shift(0),
        el.JoinDirections(),
        el.Concat(),
    )

    def copy(source, target):
        memory, (h, c) = encoder(embed(source))
        hidden, _ = decoder(embed(shift(target)), (join(h), join(c)))
        return output(concat(hidden, attention(hidden, memory)))

    model = el.Model(copy, source=el.Input((None,), "int64"), target=el.Input((None,), "int64"))
    rng = np.random.default_rng(0)
    rows = [rng.integers(1, V, rng.integers(1, 6)) for _ in range(60)]
    x = {"source": rows, "target": rows}
    history = model.fit(
        x,
        rows,
        loss="cross_entropy",
        optimizer=el.Adam(2e-2),
        epochs=25,
        batch_size=10,
        seed=0,
        verbose=0,
        clip_norm=1.0,
    )
    assert history[-1]["loss"] < 0.3 * history[0]["loss"]
    scores = model.predict(x)
    for i in (0, 9):
        assert same_bits(scores[i], model(rows[i][None], rows[i][None])[0])
    model.save(tmp_path / "m")
    assert same_bits(el.load(tmp_path / "m").predict(x)[3], scores[3])


@pytest.mark.parametrize(
    "layer", [el.Shift(2), el.Shift(0.5), el.Gather(), el.Scatter(), el.JoinDirections(), el.StackFrames(3)]
)
def test_copies(layer):
    check_copies(layer)


def test_rows_do_not_depend_on_the_batch():
    check_rows_do_not_depend_on_the_batch(el.Shift(1.0), draw(4, 5, 2))
    check_rows_do_not_depend_on_the_batch(el.StackFrames(2), draw(4, 6, 2))
