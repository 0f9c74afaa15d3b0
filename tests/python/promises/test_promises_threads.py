"""Promise 4, against the rest of the process: interpreters that end, handlers that fork, arrays that change, memory
that is short.
"""

import copy
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from processes import python

import eigenlstm as el
from eigenlstm import _core

ROOT = Path(__file__).resolve().parents[3]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="as Linux has it")

DAEMONS = """
    import sys, threading, time
    import numpy as np
    import eigenlstm as el

    el.set_num_threads(int(sys.argv[1]))
    lstm = el.LSTM(8, 64, num_layers=2, seed=0)
    stream = lstm.stream()
    x = np.zeros((16, 200, 8), np.float32)
    labels = np.zeros(20000, np.int64)
    logits = np.zeros((20000, 64), np.float32)

    def work(what):
        while True:
            what()

    calls = [lambda: lstm(x), lambda: lstm.backward(lstm.forward(x)[2], np.ones((16, 200, 64), np.float32)),
             lambda: stream.step(x[0, 0]), lambda: el.losses.CrossEntropy()(logits, labels)]
    for what in calls:
        threading.Thread(target=work, args=(what,), daemon=True).start()
    time.sleep(float(sys.argv[2]))
    print("ends", flush=True)
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_daemon_threads_in_a_call_do_not_abort_the_process_at_its_end(threads):
    for pause in (0.05, 0.1, 0.17):
        result = python(DAEMONS, threads, pause)
        assert (result.returncode, result.stdout) == (0, "ends\n"), result.stderr


HANDLER = """
    import os, signal, sys, time
    import numpy as np
    import eigenlstm as el

    el.set_num_threads(2)
    lstm = el.LSTM(32, 128, num_layers=2, seed=0)
    x = np.zeros((64, 400, 32), np.float32)
    start = time.perf_counter()
    expected = lstm(x)[0]
    seconds = time.perf_counter() - start
    child = None

    def handler(*_):
        global child
        child = os.fork()

    signal.signal(signal.SIGALRM, handler)
    x = np.concatenate([x] * max(1, int(1 / seconds)), axis=1)  # a second of work
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        y = lstm(x)[0]
    except RuntimeError as error:
        assert child == 0 and "forked" in str(error), error
        assert np.array_equal(lstm(x[:, :400])[0], expected)  # with threads of its own
        os._exit(7)
    assert child, "the parent"
    assert np.array_equal(y[:, :400], expected)
    _, status = os.waitpid(child, 0)
    print(os.WEXITSTATUS(status))
"""


@linux
def test_a_fork_in_a_signal_handler_during_a_call_of_two_threads():
    """The child gets an error and goes on; the parent's call ends as if nothing had been."""
    result = python(HANDLER)
    assert (result.returncode, result.stdout) == (0, "7\n"), result.stderr


@pytest.mark.skipif(not (3, 8) <= sys.version_info < (3, 13), reason="a private module, as it is in these versions")
def test_a_subinterpreter_is_refused():
    result = python(
        """
        import sys, _xxsubinterpreters as subinterpreters
        code = '''
        import sys
        sys.path[:] = {path!r}
        try:
            import eigenlstm
        except ImportError as error:
            assert "subinterpreter" in str(error), error
            print("refused", flush=True)
        '''
        import textwrap
        subinterpreters.run_string(subinterpreters.create(), textwrap.dedent(code).format(path=sys.path))
        import eigenlstm
        """
    )
    assert (result.returncode, result.stdout) == (0, "refused\n"), result.stderr


CHANGED = {
    "cross-entropy": """
        labels, logits = np.zeros(4000, np.int64), np.zeros((4000, 50), np.float32)
        loss = el.losses.CrossEntropy()
        changed_meanwhile(labels, (0, 1 << 40), lambda: loss(logits, labels))
    """,
    "embedding": """
        indices, layer = np.zeros((400, 10), np.int64), el.Embedding(50, 64, seed=0)
        changed_meanwhile(indices, (0, 1 << 40), lambda: layer(indices))
    """,
    "embedding, backward": """
        indices, layer = np.zeros((400, 10), np.int64), el.Embedding(50, 64, seed=0)
        tape = layer.forward(np.zeros((400, 10), np.int64))[1]
        dy = np.ones((400, 10, 64), np.float32)
        changed_meanwhile(indices, (0, 1 << 40), lambda: layer.backward(layer.forward(indices)[1], dy))
    """,
    "ctc, targets": """
        logits, targets = np.zeros((8, 60, 9), np.float32), np.ones((8, 20), np.int64)
        loss = el.losses.CTC()
        changed_meanwhile(targets, (1, 1 << 40), lambda: loss(logits, targets))
    """,
    "ctc, lengths": """
        logits, targets, lengths = np.zeros((8, 60, 9), np.float32), np.ones((8, 20), np.int64), np.full(8, 60)
        loss = el.losses.CTC()
        changed_meanwhile(lengths, (60, 1 << 40), lambda: loss(logits, targets, lengths=lengths))
    """,
    "lengths": """
        lstm, x, lengths = el.LSTM(4, 16, seed=0), np.zeros((64, 30, 4), np.float32), np.full(64, 30)
        changed_meanwhile(lengths, (30, 1 << 40), lambda: lstm(x, lengths=lengths))
    """,
}


@pytest.mark.parametrize("what", CHANGED)
def test_what_was_checked_is_what_is_used(what):
    imports = "from changed_meanwhile import changed_meanwhile\nimport numpy as np\nimport eigenlstm as el\n"
    result = python(imports + "\n".join(line.strip() for line in CHANGED[what].strip().splitlines()))
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", [name for name in dir(_core) if isinstance(getattr(_core, name), type)])
def test_no_object_of_the_module_is_there_without_a_value(name):
    cls = getattr(_core, name)
    for make in (lambda: cls.__new__(cls), lambda: object.__new__(cls), lambda: type("Sub", (cls,), {}).__new__(cls)):
        try:
            made = make()
        except (TypeError, ValueError):
            continue
        if name.startswith("StepGraph"):  # without operations, of the default sizes
            with pytest.raises((ValueError, IndexError)):
                made.size(1)
        else:
            assert made.num_parameters > 0  # an LSTM of the default options


def test_native_objects_are_not_copied():
    lstm = el.LSTM(2, 3, seed=0)
    for native in (lstm.stream(), lstm.forward(np.zeros((1, 1, 2), np.float32))[2], lstm._core):
        for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises((TypeError, ValueError)):
                attempt(native)


@linux
def test_each_allocation_that_fails_is_a_memory_error(tmp_path):
    """tests/install/failing_allocations.py, up to 25 of each operation's allocations; CI tries 200."""
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    library = tmp_path / "failing.so"
    source = ROOT / "tests/install/failing_allocations.cpp"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    path = os.pathsep.join([*sys.path, os.environ.get("PYTHONPATH", "")])
    result = subprocess.run(
        [sys.executable, ROOT / "tests/install/failing_allocations.py", "25"],
        env={**os.environ, "PYTHONPATH": path, "LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout + result.stderr
