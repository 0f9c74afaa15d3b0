"""Ranks on hosts of their own, a millisecond apart: the bits of one process, and an error in each when a link is cut."""

import functools
import json
import time
from pathlib import Path

import pytest
import ranks_case
from hosts import Hosts, by_gloo_on, by_mpi_on, missing
from ranks import HANG, SUPPORT

_WHY_NOT = missing()
pytestmark = pytest.mark.skipif(_WHY_NOT is not None, reason=str(_WHY_NOT))
CASES = ["plain", "ragged_tbptt"]
GRADIENTS = 2 * 6 * 2 * 4 * 300  # bytes: what two ranks send of 300 gradients, or more, in the six steps of a case


def check(folder, transport, ranks):
    for case in CASES:
        alone = ranks_case.digest(*ranks_case.trained(case, None))
        for rank in range(ranks):
            assert json.loads((folder / f"{case}.{transport}.{rank}").read_text())["hash"] == alone


def test_gloo_on_two_hosts_gives_the_bits_of_one_process(tmp_path):
    pytest.importorskip("torch")
    with Hosts(2) as hosts:
        for process in by_gloo_on(hosts, SUPPORT / "ranks_case.py", tmp_path, "torch", *CASES):
            _, errors = process.communicate(timeout=HANG)
            assert process.returncode == 0, errors
        assert hosts.carried > GRADIENTS
    check(tmp_path, "torch", 2)


def test_mpi_on_three_hosts_gives_the_bits_of_one_process(tmp_path):
    with Hosts(3) as hosts:
        (process,) = by_mpi_on(hosts, SUPPORT / "ranks_case.py", tmp_path, "mpi", *CASES, folder=tmp_path)
        _, errors = process.communicate(timeout=HANG)
        assert process.returncode == 0, errors
        assert hosts.carried > GRADIENTS
    check(tmp_path, "mpi", 3)


@pytest.mark.parametrize("transport", ["torch", "mpi"])
def test_every_rank_says_that_a_link_is_cut(transport, tmp_path):
    """None of them is told: nothing comes any more, for longer than the timeout of 3 s."""
    if transport == "torch":
        pytest.importorskip("torch")
    size = {"torch": 2, "mpi": 3}[transport]
    with Hosts(size) as hosts:
        start = by_gloo_on if transport == "torch" else functools.partial(by_mpi_on, folder=tmp_path)
        started = start(hosts, SUPPORT / "ranks_end.py", "cut", transport, tmp_path)
        pids = [tmp_path / f"pid.{rank}" for rank in range(size)]
        wait_until(lambda: all(pid.exists() and pid.read_text() for pid in pids))
        hosts.cut(size - 1)
        wait_until(lambda: all(ended(int(pid.read_text())) for pid in pids))
        for process in started:
            process.terminate()  # mpirun waits for an answer of the host that is cut off
            process.communicate(timeout=HANG)
    why = "Operation timed out!" if transport == "torch" else "there was no answer from some rank for 3 s"
    errors = [(tmp_path / f"errors.{rank}").read_text() for rank in range(size)]
    told = [f"rank {rank} of {size}: RankFailed: " in said and why in said for rank, said in enumerate(errors)]
    # the first of those that mpirun reaches has it end the other one, which may not have said it yet
    assert all(told) if transport == "torch" else any(told[:2]) and told[2], errors


def wait_until(condition):
    end = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def ended(pid):
    """Whether the process is there no more, or waits for its parent to notice that it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
