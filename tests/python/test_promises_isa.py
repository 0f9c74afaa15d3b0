"""Promise 3: every ISA of this machine, each forced in a process of its own, is right and keeps promise 1."""

import json
import os

import pytest

import eigenlstm as el
from test_promises_safety import python

WORKER = """
    import json
    import numpy as np
    import eigenlstm as el
    from lstm_case import Case, Run, assert_all_same_bits, check_against_oracle
    import test_activations

    isa, checked = el.isa(), 0
    for dtype in ("float32", "float64"):
        for case in [Case(1, 20, 5, 40), Case(2, 9, 3, 130, state=True), Case(7, 6, 17, 33, 2, True, ragged=True),
                     Case(50, 8, 9, 21, time_major=True), Case(3, 4, 2, 1), Case(23, 5, 1, 65, bias=False)]:
            case = Case(**{**case.__dict__, "dtype": dtype})
            check_against_oracle(case)
            run = Run(case)
            expected = run.everything()
            for threads in (1, 3):
                el.set_num_threads(threads)
                assert_all_same_bits(run.everything(), expected, str(case))
            checked += 1
    for function in ("sigmoid", "tanh"):
        x = np.arange(0, 1 << 32, 20011, dtype=np.uint64).astype(np.uint32).view(np.float32)
        error, at = test_activations.worst(function, x[np.isfinite(x)], np.float64)
        assert error <= test_activations.MAX_ULP, (function, at, error)
        error, at = test_activations.worst(function, np.linspace(-40, 40, 200001), np.longdouble)
        assert error <= test_activations.MAX_ULP, (function, at, error)
        checked += 2
    print(json.dumps({"isa": isa, "checked": checked, "info": el.info()["isa"]}))
"""


def isas():
    return el.info()["available_isas"]


def test_this_process_runs_the_best_isa_or_the_one_that_was_asked_for():
    assert el.isa() == (os.environ.get("EIGENLSTM_ISA") or isas()[-1])


def test_the_baseline_is_always_there():
    assert isas()[0] in ("sse4.2", "neon")


@pytest.mark.parametrize("isa", isas())
def test_each_isa(isa):
    result = python(WORKER, EIGENLSTM_ISA=isa)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["isa"] == report["info"] == isa and report["checked"] == 16


@pytest.mark.parametrize("wrong", ["avx1024", "AVX2", "neon" if isas()[0] != "neon" else "avx2"])
def test_an_unsupported_isa_is_an_error(wrong):
    result = python("import eigenlstm as el; print(el.isa())", EIGENLSTM_ISA=wrong)
    assert result.returncode != 0 and not result.stdout
    last = result.stderr.strip().splitlines()[-1]
    assert f"EIGENLSTM_ISA must be one of {', '.join(isas())}" in last and last.endswith(f"got {wrong}")


def test_threads_from_the_environment():
    code = "import eigenlstm as el; print(el.get_num_threads())"
    assert python(code, EIGENLSTM_NUM_THREADS="3").stdout == "3\n"
    for wrong in ("0", "-1", "many", "2.5", "99999"):
        result = python(code, EIGENLSTM_NUM_THREADS=wrong)
        assert result.returncode != 0
        assert "EIGENLSTM_NUM_THREADS" in result.stderr.splitlines()[-1] and wrong in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("wrong, error", [(0, ValueError), (-3, ValueError), (10**6, ValueError), (10**30, ValueError),
                                          (1.5, TypeError), ("2", TypeError), (None, TypeError)])
def test_wrong_numbers_of_threads(wrong, error):
    before = el.get_num_threads()
    with pytest.raises(error, match="^set_num_threads: n must be "):
        el.set_num_threads(wrong)
    assert el.get_num_threads() == before


def test_info_says_what_a_bug_report_needs():
    info = el.info()
    assert info["isa"] == el.isa() and info["eigenlstm"] == el.__version__
    assert info["num_threads"] == el.get_num_threads() and info["eigen"].startswith("3.4")
