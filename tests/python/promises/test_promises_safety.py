"""Promises 4 and 5: shared between threads, forked, interrupted, and with the floating-point environment put back."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from lstm_case import Case, Run, assert_all_same_bits, assert_same_bits
from processes import HANG, python

import eigenlstm as el

BUSY = Case(40, 60, 8, 50, num_layers=2, bidirectional=True, ragged=True)  # work for several threads


def test_concurrent_inference_on_one_layer():
    run = Run(BUSY)
    expected = [run.lstm(run.x * np.float32(k))[0] for k in range(4)]
    for native in (1, 3):
        el.set_num_threads(native)
        with ThreadPoolExecutor(8) as threads:
            results = threads.map(lambda k: run.lstm(run.x * np.float32(k % 4))[0], range(48))
            for k, y in enumerate(results):
                assert_same_bits(y, expected[k % 4])


def test_concurrent_training_forwards_and_streams_beside_inference():
    run = Run(Case(7, 40, 5, 33, num_layers=2))
    expected = run.lstm(run.x)[0]

    def infer(_):
        return run.lstm(run.x)[0]

    def train(_):
        return run.lstm.forward(run.x)[0]

    def stream(_):
        session = run.lstm.stream(batch_size=7)
        return np.stack([session.step(run.x[:, t]).copy() for t in range(40)], axis=1)

    with ThreadPoolExecutor(6) as threads:
        futures = [threads.submit(work, None) for _ in range(10) for work in (infer, train, stream)]
        for future in futures:
            assert_same_bits(future.result(), expected)


def test_concurrent_first_calls_after_a_change_of_the_weights():
    """Threads that find the packed weights stale together must all use the new ones."""
    run = Run(Case(3, 5, 4, 40))
    for value in np.linspace(-0.5, 0.5, 20, dtype=np.float32):
        run.lstm.params["bias_l0"][:] = value
        with ThreadPoolExecutor(6) as threads:
            results = list(threads.map(lambda _: run.lstm(run.x)[0], range(6)))
        other = el.LSTM(4, 40)
        other.load_state_dict(run.lstm.state_dict())
        for y in results:
            assert_same_bits(y, other(run.x)[0])


def test_the_gil_is_released():
    """While a native call runs in one thread, another goes on: were the GIL held, it would wait the whole call."""
    el.set_num_threads(1)
    lstm = el.LSTM(8, 512, init="torch")
    x = np.zeros((1, 1500, 8), np.float32)
    lstm(x)

    def longest_wait():
        """As a share of the call."""
        marks = []

        def call():
            marks.append(time.perf_counter())
            lstm(x)
            marks.append(time.perf_counter())

        thread, last, longest = threading.Thread(target=call), time.perf_counter(), 0.0
        thread.start()
        while thread.is_alive():
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
        return longest / (marks[1] - marks[0])

    assert min(longest_wait() for _ in range(3)) < 0.5


def in_child(work):
    """Runs `work` in a forked child; True where it returned True. A child that hangs is ended by its own alarm."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(HANG)
            code = 0 if work() is True else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def same_as(run, expected):
    assert_all_same_bits(run.everything(), expected)
    return True


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")


@needs_fork
def test_a_forked_child_computes_after_native_threads_have_run():
    el.set_num_threads(4)
    run = Run(BUSY)
    expected = run.everything()
    assert in_child(lambda: same_as(run, expected))
    assert in_child(lambda: in_child(lambda: same_as(run, expected)))  # and its child
    assert same_as(run, expected)  # and the parent goes on


@needs_fork
def test_a_fork_during_another_threads_call():
    el.set_num_threads(3)
    run, long = Run(BUSY), Run(Case(30, 400, 8, 128))
    expected, expected_long = run.everything(), long.lstm(long.x)[0]
    with ThreadPoolExecutor(1) as threads:
        for _ in range(4):
            future = threads.submit(lambda: long.lstm(long.x)[0])
            assert in_child(lambda: same_as(run, expected))
            assert_same_bits(future.result(), expected_long)


@needs_fork
def test_a_fork_while_another_thread_looks_at_the_parameters():
    """The child must not find the lock of the version taken: a view is held, so every look reads all parameters."""
    lstm, x = el.LSTM(8, 700, init="torch", seed=0), np.ones((1, 1, 8), np.float32)
    views, expected = lstm.params, lstm(x)[0]
    stop = threading.Event()

    def look():
        while not stop.is_set():
            lstm(x)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        assert all(in_child(lambda: np.array_equal(lstm(x)[0], expected)) for _ in range(10))
    finally:
        stop.set()
        thread.join()
    assert views


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signal.setitimer")
def test_a_signal_handler_may_use_the_layer_that_it_interrupts():
    el.set_num_threads(1)
    long, other = Run(Case(4, 4000, 8, 100)), Run(BUSY)
    expected, expected_other, seen = long.lstm(long.x)[0], other.lstm(other.x)[0], []
    started = time.perf_counter()
    long.lstm(long.x)
    within = (time.perf_counter() - started) / 3
    before = signal.signal(
        signal.SIGALRM, lambda *_: seen.append((other.lstm(other.x)[0], long.lstm(long.x[:1, :500])[0]))
    )
    try:
        for _ in range(50):
            signal.setitimer(signal.ITIMER_REAL, within)
            assert_same_bits(long.lstm(long.x)[0], expected)
            if len(seen) > 2:
                break
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen
    for y, part in seen:
        assert_same_bits(y, expected_other)
        assert_same_bits(part, expected[:1, :500])


def infer_seed(seed):
    run = Run(Case(20, 30, 5, 40, seed=seed))
    return run.lstm(run.x)[0]


@needs_fork
def test_multiprocessing_with_fork():
    el.set_num_threads(3)
    expected = [infer_seed(seed) for seed in range(6)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        results = pool.map_async(infer_seed, range(6)).get(timeout=HANG)
    for y, value in zip(results, expected):
        assert_same_bits(y, value)


INTERRUPTED = """
    import os, signal, sys, threading, time
    import numpy as np
    import eigenlstm as el

    what, threads, kind = sys.argv[1], int(sys.argv[2]), eval(sys.argv[3])
    el.set_num_threads(threads)
    lstm = el.LSTM(8, 1024, init="torch", seed=0, **kind)

    def prepare(T):
        x = np.random.default_rng(0).standard_normal((1, T, 8)).astype(np.float32)
        if what == "infer":
            return lambda: lstm(x)[0]
        if what == "forward":
            return lambda: lstm.forward(x)[0]
        y, _, tape = lstm.forward(x)
        return lambda: lstm.backward(tape, y)[0]

    short = prepare(50)
    expected = short()
    begin = time.perf_counter()
    short()
    whole = 3.0                                       # seconds that the long call would take if left alone
    call = prepare(50 + int(50 * whole / (time.perf_counter() - begin)))
    for attempt in range(4):
        threading.Timer(0.05 * (1 + attempt), os.kill, (os.getpid(), signal.SIGINT)).start()
        begin = time.perf_counter()
        try:
            call()
        except KeyboardInterrupt:
            part = time.perf_counter() - begin
        else:
            sys.exit("no KeyboardInterrupt")
        if part > whole / 3:
            sys.exit(f"interrupted only after {part:.2f} s")
        if not np.array_equal(short(), expected):
            sys.exit("the model gives other values afterwards")
    print("done")
"""


@pytest.mark.parametrize(
    "what, threads, kind",
    [
        ("infer", 1, {}),
        ("infer", 2, {}),
        ("infer", 4, {"bidirectional": True}),
        ("forward", 2, {"num_layers": 2}),
        ("backward", 1, {}),
        ("backward", 2, {"bidirectional": True}),
        ("backward", 4, {"bidirectional": True}),
    ],
    ids=str,
)
def test_ctrl_c_stops_a_long_call_and_leaves_the_model_usable(what, threads, kind):
    """Long before the end of the call, which is made as long as this machine needs for the test to tell."""
    result = python(INTERRUPTED, what, threads, kind)
    assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr


SHORT_OF_MEMORY = """
    import resource
    import numpy as np
    import eigenlstm as el

    def call(mb):
        return el.LSTM(1, 256, seed=0)(np.zeros((mb * 1024 // 50, 50, 1), np.float32))[0].nbytes >> 20  # y is `mb` MB
    el.set_num_threads(1)
    call(1)
    with open("/proc/self/statm") as f:
        now = int(f.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + (460 << 20),) * 2)
    call(300), call(100), call(140)  # a kept block serves what is at least half as large
    print("done")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_that_is_kept_for_later_is_not_missing_elsewhere():
    result = python(SHORT_OF_MEMORY)
    assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr


def denormals_work():
    """Whether this thread computes with denormals, in both types, at input and output."""
    small32, small64 = np.float32(1e-40), np.float64(1e-310)
    return bool(
        np.all(np.full(9, small32) * np.float32(0.5) > 0)
        and np.all(np.full(9, small64) * 0.5 > 0)
        and np.all(np.full(9, np.finfo(np.float32).tiny) * np.float32(0.5) > 0)
    )


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_floating_point_environment_is_restored(threads, dtype):
    assert denormals_work()
    el.set_num_threads(threads)
    run = Run(Case(40, 60, 8, 50, dtype=dtype))
    y, _, _, tape = run.forward()
    assert denormals_work()
    run.backward(tape)
    assert denormals_work()
    run.lstm.stream(batch_size=40).step(run.x[:, 0])
    assert denormals_work()
    with pytest.raises(ValueError):
        run.lstm(run.x, lengths=[-1] * 40)
    assert denormals_work()


@pytest.mark.parametrize("B", [1, 400])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_denormals_are_flushed_during_a_call(B, dtype):
    """The candidate takes x as it is, the gates are half open: a denormal x would give a denormal c and h."""
    lstm = el.LSTM(1, 40, dtype=dtype)
    lstm.flat_params[:] = 0
    lstm.params["weight_ih_l0"][2 * 40 : 3 * 40] = 1
    denormal = np.finfo(dtype).tiny / 16
    for threads in (1, 3):
        el.set_num_threads(threads)
        for T in (1, 200):
            y, (h, c) = lstm(np.full((B, T, 1), denormal, dtype))
            assert not y.any() and not h.any() and not c.any()
    assert lstm(np.full((B, 1, 1), 64 * denormal, dtype))[0].all()
