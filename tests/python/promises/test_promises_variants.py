"""Promise 1 for every variant: the same bits for any threads, batch, row order, chunking of time, stream, memory, and
in training.
"""

from dataclasses import replace

import numpy as np
import pytest
from lstm_case import assert_all_same_bits, assert_same_bits
from variant_case import SEED, VariantCase, VariantRun, named

import eigenlstm as el

UNIT_LOCAL = dict(peephole=True, gate_clip=2.0, cell_clip=1.5, activations=("hard_sigmoid", "softsign", "tanh"))
RANDOM = dict(zoneout=(0.2, 0.3), recurrent_dropout=0.3, input_dropout=0.2, weight_drop=0.2)
VARIANTS = {
    "unit-local": UNIT_LOCAL,
    "hard swish": dict(activations=("sigmoid", "hard_swish", "tanh"), coupled_input_forget=True),
    "projection": dict(proj_size=11),
    "layer norm": dict(layer_norm=True, peephole=True),
    "projected layer norm": dict(layer_norm=True, proj_size=11, cell_clip=1.0),
    "learned": dict(learned_state=True, missing="mask"),
    "random": RANDOM,
    "random, all": {**RANDOM, **UNIT_LOCAL, "proj_size": 11},
}
SHAPES = {  # each way of dividing the work, with work enough for five threads
    "one row": dict(B=1, T=60, I=20, H=300),
    "few rows": dict(B=2, T=120, I=10, H=140),
    "two directions": dict(B=5, T=300, I=7, H=65, bidirectional=True, ragged=True, num_layers=2),
    "many rows": dict(B=64, T=80, I=16, H=48, ragged=True),
    "three layers": dict(B=13, T=150, I=9, H=44, num_layers=3),
}
CASES = [(v, s) for v in VARIANTS for s in SHAPES]


def case(variant, shape, dtype="float32", **more):
    chosen = dict(VARIANTS[variant])
    if shape == "two directions":
        chosen.update(merge="mul", residual=True)
    if shape == "three layers":
        chosen.update(residual=True)
    state = not chosen.get("learned_state")
    return VariantCase(
        dtype=dtype, options=chosen, state=state, nans=chosen.get("missing") == "mask", **{**SHAPES[shape], **more}
    )


@pytest.mark.parametrize("variant, shape", CASES)
def test_any_number_of_threads(variant, shape):
    for dtype in ("float32", "float64"):
        run = VariantRun(case(variant, shape, dtype))
        el.set_num_threads(1)
        expected, inferred = run.everything(), run.infer()
        for n in (2, 3, 5, 4):
            el.set_num_threads(n)
            assert_all_same_bits(run.everything(), expected, f"{n} threads")
            assert_all_same_bits(run.infer(), inferred, f"{n} threads, inference")


@pytest.mark.parametrize("variant, shape", CASES)
def test_any_memory(variant, shape):
    """Light tapes, and tapes cut into segments, give the gradients of full ones."""
    run = VariantRun(case(variant, shape, T=max(SHAPES[shape]["T"], 600 // SHAPES[shape]["B"] + 2)))
    outputs, full = run.forward()
    expected = run.backward(full)
    light = run.forward(memory="light")[1]
    assert light.nbytes < full.nbytes
    assert_all_same_bits(run.backward(light), expected, "light")
    with pytest.raises(ValueError, match="memory must be at least") as error:
        run.forward(memory=1)
    least = int(str(error.value).split("at least ")[1].split()[0])
    for bytes_ in {least, (least + light.nbytes) // 2}:
        got, limited = run.forward(memory=bytes_)
        assert limited.nbytes <= bytes_
        assert_all_same_bits(got, outputs, f"{bytes_} bytes")
        assert_all_same_bits(run.backward(limited), expected, f"{bytes_} bytes")


def with_rows(run, rows):
    other = VariantRun.__new__(VariantRun)
    cut = lambda state: state and tuple([part[rows] for part in parts] for parts in state)
    other.__dict__.update(
        run.__dict__,
        x=run.x[rows],
        dy=run.dy[rows],
        state=cut(run.state),
        dstate=cut(run.dstate),
        lengths=None if run.lengths is None else run.lengths[rows],
    )
    return other


ROWWISE = ("y", "dx", "h[", "c[", "dh0[", "dc0[")


def assert_rows_same(got, expected, rows):
    for name, value in got.items():
        if name.startswith(ROWWISE):
            assert_same_bits(value, expected[name][rows], name)


@pytest.mark.parametrize("variant, shape", [c for c in CASES if SHAPES[c[1]]["B"] > 1])
def test_any_batch_around_a_row(variant, shape):
    run = VariantRun(case(variant, shape, T=12))
    B, expected, inferred = run.case.B, run.everything(), run.infer()
    for rows in (np.arange(B)[::-1], np.array([B - 1]), np.arange(B // 2)):
        assert_rows_same(with_rows(run, rows).infer(), inferred, rows)
        if not run.lstm.stochastic or rows[0] == 0:  # masks go with the place in the batch
            assert_rows_same(with_rows(run, rows).everything(), expected, rows)


@pytest.mark.parametrize("variant, shape", [c for c in CASES if not c[0].startswith("random")])
def test_inference_is_the_training_forward(variant, shape):
    run = VariantRun(case(variant, shape, T=12))
    assert_all_same_bits(run.infer(), run.forward()[0])


ONE_WAY = [c for c in CASES if c[1] != "two directions"]


@pytest.mark.parametrize("variant, shape", ONE_WAY)
def test_any_chunks_of_time_with_carried_state(variant, shape):
    run = VariantRun(case(variant, shape, T=20, ragged=False))
    expected = run.infer()
    for chunk in (1, 7):
        state, outputs = run.given(run.state), []
        for start in range(0, 20, chunk):
            y, state = run.lstm(run.x[:, start : start + chunk], state=state)
            outputs.append(y)
        assert_all_same_bits(
            {"y": np.concatenate(outputs, axis=1), **named("h", state[0]), **named("c", state[1])}, expected
        )


@pytest.mark.parametrize("variant, shape", ONE_WAY)
def test_streams_step_as_sequences_do(variant, shape):
    run = VariantRun(case(variant, shape, T=20, ragged=False))
    stream = run.lstm.stream(batch_size=run.case.B)
    if run.state:
        stream.state = run.given(run.state)
    steps = [stream.step(run.x[:, t]).copy() for t in range(20)]
    h, c = stream.state
    assert_all_same_bits({"y": np.stack(steps, axis=1), **named("h", h), **named("c", c)}, run.infer())


@pytest.mark.parametrize("variant", VARIANTS)
def test_per_row_gradients(variant):
    """Each row's gradients are what the row alone gives, and their sum is the batch's."""
    run = VariantRun(case(variant, "many rows", "float64", B=5, T=20, bidirectional=True, num_layers=2))
    tape = run.forward()[1]
    total = run.backward(tape)
    dx, _, rows = run.lstm.backward(tape, run.layout(run.dy), run.given(run.dstate), per_row=True)
    assert_same_bits(dx, total["dx"])
    for name, grads in rows.items():
        np.testing.assert_allclose(grads.sum(0), total[name], rtol=1e-8, atol=1e-11)
    one = with_rows(run, np.array([0]))
    alone = one.everything()
    for name, grads in rows.items():
        assert_same_bits(grads[0], alone[name], name)


def test_forward_fill_in_a_stream_and_its_forks():
    run = VariantRun(VariantCase(B=3, T=15, I=4, H=9, num_layers=2, options=dict(missing="forward_fill"), nans=True))
    expected = run.infer()["y"]
    stream = run.lstm.stream(batch_size=3)
    first = [stream.step(run.x[:, t]).copy() for t in range(8)]
    fork = stream.fork()
    for s in (stream, fork):
        rest = [s.step(run.x[:, t]).copy() for t in range(8, 15)]
        assert_same_bits(np.stack(first + rest, axis=1), expected)
    stream.reset()
    assert_same_bits(stream.step(run.x[:, 0]), expected[:, 0])


def test_learned_states_start_streams():
    run = VariantRun(VariantCase(B=2, T=6, H=[5, 8], options=dict(learned_state=True)))
    stream = run.lstm.stream(batch_size=2)
    assert_same_bits(stream.state[0][1][0], run.params["h0_l1"])
    assert_same_bits(np.stack([stream.step(run.x[:, t]).copy() for t in range(6)], axis=1), run.infer()["y"])
    stream.reset()
    assert_same_bits(stream.state[1][0][1], run.params["c0_l0"])


def test_masks_are_those_of_the_seed():
    lstm = el.LSTM(3, 8, zoneout=0.5, weight_drop=0.5, seed=1)
    x = np.ones((2, 4, 3), np.float32)
    same = lstm.forward(x, seed=SEED)[0]
    assert_same_bits(lstm.forward(x, seed=SEED)[0], same)
    assert not np.array_equal(lstm.forward(x, seed=SEED + 1)[0], same)
    assert not np.array_equal(lstm.forward(x)[0], lstm.forward(x)[0])
    assert lstm.stochastic


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_training_run_at_any_number_of_threads(dtype):
    def train(threads):
        el.set_num_threads(threads)
        run = VariantRun(replace(case("random, all", "two directions", dtype), dstate=False))
        for _ in range(3):
            y, _, tape = run.lstm.forward(run.x, lengths=run.lengths, seed=SEED)
            run.lstm.zero_grad()
            run.lstm.backward(tape, y - run.dy)
            run.lstm.flat_params[...] -= np.dtype(dtype).type(0.01) * run.lstm.flat_grads
        return run.lstm.flat_params.copy()

    expected = train(1)
    for threads in (2, 5):
        assert_same_bits(train(threads), expected, f"{threads} threads")
