"""Promise 1: the same bits for any threads, batch, row order, chunking of time, stream, and in training.

The shapes are chosen to meet each way of dividing the work: one row (small R and large), few rows, many rows, long
sequences, two directions, ragged rows, two and four micro-batches.
"""

from dataclasses import replace

import numpy as np
import pytest
from lstm_case import Case, Run, assert_all_same_bits, assert_same_bits

import eigenlstm as el

SHAPES = [  # all but the first with work enough for five threads
    Case(1, 30, 5, 40, state=True),
    Case(1, 40, 20, 300),
    Case(1, 140, 12, 130),
    Case(2, 20, 8, 260, state=True),
    Case(2, 30, 10, 140, bidirectional=True, state=True),
    Case(5, 80, 7, 65, bidirectional=True, ragged=True, state=True),
    Case(13, 60, 9, 32, num_layers=2, bidirectional=True),
    Case(64, 25, 16, 48, ragged=True, state=True),
    Case(150, 12, 5, 31, num_layers=2),
    Case(40, 100, 1, 40),
    Case(3, 900, 20, 31),
    Case(260, 60, 8, 40, ragged=True),  # work enough for eight
]
BOTH = [replace(case, dtype=dtype) for case in SHAPES for dtype in ("float32", "float64")]
THREADS = [1, 2, 3, 5]


def row_of(array, rows, states=False):
    """The given rows, keeping the axis: of (B, …), or of states (layers, B, H)."""
    return np.ascontiguousarray(array[:, rows] if states else array[rows])


def with_rows(run, rows):
    """The same layer on other rows of the batch."""
    other = Run.__new__(Run)
    other.__dict__.update(run.__dict__, x=row_of(run.x, rows), dy=row_of(run.dy, rows))
    other.state = run.state and tuple(row_of(s, rows, True) for s in run.state)
    other.dstate = run.dstate and tuple(row_of(s, rows, True) for s in run.dstate)
    other.lengths = None if run.lengths is None else run.lengths[rows]
    return other


ROWWISE = {"y": False, "dx": False, "h": True, "c": True, "dh0": True, "dc0": True}


def assert_rows_same(got, expected, rows, what):
    for name, states in ROWWISE.items():
        assert_same_bits(got[name], row_of(expected[name], rows, states), f"{what} {name}")


@pytest.mark.parametrize("case", BOTH, ids=str)
def test_any_number_of_threads(case):
    run = Run(case)
    el.set_num_threads(1)
    expected, inferred = run.everything(), run.infer()
    # 4: two groups of two, for directions or micro-batches; 8: four of two
    for n in [*THREADS[1:], *([4] if case.bidirectional or case.B > 8 else []), *([8] if case.B > 256 else [])]:
        el.set_num_threads(n)
        assert_all_same_bits(run.everything(), expected, f"{n} threads")
        for got, value in zip(run.infer(), inferred):
            assert_same_bits(got, value, f"{n} threads")


@pytest.mark.parametrize("case", BOTH, ids=str)
def test_any_order_of_the_rows(case):
    run = Run(case)
    expected = run.everything()
    for rows in (np.arange(case.B)[::-1], np.random.default_rng(1).permutation(case.B)):
        assert_rows_same(with_rows(run, rows).everything(), expected, rows, "permuted")


@pytest.mark.parametrize("case", BOTH, ids=str)
def test_any_batch_around_a_row(case):
    run = Run(case)
    expected = run.everything()
    B = case.B
    for rows in [[0], [B - 1], [B // 2], list(range(B // 3, B // 3 + 2)), list(range(0, B, 2)), list(range(B - 1))]:
        rows = [row for row in rows if row < B]
        if rows:
            assert_rows_same(with_rows(run, rows).everything(), expected, rows, f"rows {rows[:3]}… of {B}")
    doubled = np.tile(np.arange(B), 3)
    assert_rows_same(with_rows(run, doubled).everything(), expected, doubled, "three copies")


@pytest.mark.parametrize("case", BOTH, ids=str)
def test_inference_is_the_training_forward(case):
    run = Run(case)
    for n in (1, 3):
        el.set_num_threads(n)
        for inferred, trained in zip(run.infer(), run.forward()):
            assert_same_bits(inferred, trained)
    y, (h, c), tape = run.lstm.forward(run.x, state=run.state, lengths=run.lengths, training=False)
    assert tape is None
    for got, expected in zip((y, h, c), run.infer()):
        assert_same_bits(got, expected)


ONE_WAY = [case for case in BOTH if not case.bidirectional]


@pytest.mark.parametrize("case", ONE_WAY, ids=str)
@pytest.mark.parametrize("chunk", [1, 3, 7, 64])
def test_any_chunks_of_time_with_carried_state(case, chunk):
    run = Run(case)
    expected = dict(zip("yhc", run.infer()))
    state, outputs = run.state, []
    for start in range(0, case.T, chunk):
        x = run.x[:, start : start + chunk]
        lengths = None if run.lengths is None else np.clip(run.lengths - start, 0, x.shape[1])
        y, state = run.lstm(x, state=state, lengths=lengths)
        outputs.append(y)
    assert_same_bits(np.concatenate(outputs, axis=1), expected["y"], "y")
    assert_same_bits(state[0], expected["h"], "h")
    assert_same_bits(state[1], expected["c"], "c")


@pytest.mark.parametrize("case", ONE_WAY, ids=str)
def test_streams_step_as_sequences_do(case):
    run = Run(replace(case, ragged=False))
    expected = dict(zip("yhc", run.infer()))
    stream = run.lstm.stream(batch_size=case.B)
    if run.state:
        stream.state = run.state
    steps = [stream.step(run.x[:, t]).copy() for t in range(case.T)]
    assert_same_bits(np.stack(steps, axis=1), expected["y"], "y")
    for got, name in zip(stream.state, "hc"):
        assert_same_bits(got, expected[name], name)


@pytest.mark.parametrize("case", BOTH, ids=str)
def test_layout_does_not_matter(case):
    """Batch-major, time-major, strided and Fortran-ordered inputs: the same bits."""
    run, other = Run(case), Run(replace(case, time_major=True))
    expected = run.everything()
    assert_all_same_bits(other.everything(), expected, "time-major")
    wide = np.full((case.B, case.T, 2 * case.I), np.nan, case.dtype)
    wide[..., ::2] = run.x
    for x in (wide[..., ::2], np.asfortranarray(run.x), run.x[:, ::-1].copy()[:, ::-1]):
        run.x = x
        assert_all_same_bits(run.everything(), expected, f"strides {x.strides}")


@pytest.mark.parametrize("case", BOTH, ids=str)
def test_again_and_again(case):
    """The first call may pack and allocate; later calls find both done."""
    run = Run(case)
    expected = run.everything()
    for _ in range(2):
        assert_all_same_bits(run.everything(), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_training_run_at_any_number_of_threads(dtype):
    def train(threads):
        el.set_num_threads(threads)
        run = Run(Case(24, 15, 4, 19, 2, True, dtype=dtype, ragged=True, dstate=False))
        for _ in range(5):
            y, _, _, tape = run.forward()
            run.lstm.zero_grad()
            run.lstm.backward(tape, y - run.dy)
            run.lstm.flat_params[...] -= np.dtype(dtype).type(0.01) * run.lstm.flat_grads
        return run.lstm.flat_params.copy()

    expected = train(1)
    for threads in THREADS[1:]:
        assert_same_bits(train(threads), expected, f"{threads} threads")
