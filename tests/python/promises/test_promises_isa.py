"""Promise 3: every ISA of this machine, each forced in a process of its own, is right and keeps promise 1."""

import json
import os

import pytest
from processes import python

import eigenlstm as el

WORKER = """
    import json
    import numpy as np
    import eigenlstm as el
    from lstm_case import Case, Run, assert_all_same_bits, check_against_oracle
    import activation_sweep

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
        error, at = activation_sweep.worst(function, x[np.isfinite(x)], np.float64)
        assert error <= activation_sweep.MAX_ULP, (function, at, error)
        error, at = activation_sweep.worst(function, np.linspace(-40, 40, 200001), np.longdouble)
        assert error <= activation_sweep.MAX_ULP, (function, at, error)
        checked += 2
    print(json.dumps({"isa": isa, "checked": checked, "info": el.info()["isa"]}))
"""

VARIANTS = """
    import json
    import eigenlstm as el
    from lstm_case import assert_all_same_bits
    from variant_case import VariantCase, VariantRun, check_against_oracle

    unit_local = dict(peephole=True, gate_clip=2.0, cell_clip=1.5, activations=("hard_sigmoid", "softsign", "softplus"))
    every_activation = [("elu", "leaky_relu", "hard_swish"), ("affine", "linear", "scaled_tanh"), (("thresholded_relu", -0.2), "relu", "tanh")]
    checked = 0
    for options in [unit_local, dict(layer_norm=True, peephole=True), dict(proj_size=2, layer_norm=True, coupled_input_forget=True),
                    dict(zoneout=(0.2, 0.3), recurrent_dropout=0.3, input_dropout=0.2, weight_drop=0.2, learned_state=True, missing="mask"),
                    dict(merge="mul", residual=True, proj_size=3), *(dict(activations=three) for three in every_activation)]:
        for shape in [dict(B=1, T=9, I=5, H=40), dict(B=7, T=5, I=17, H=33, ragged=True, state=True), dict(B=3, T=4, I=2, H=5)]:
            if "merge" in options:
                shape.update(num_layers=2, bidirectional=True)
            case = VariantCase(options=options, nans=options.get("missing") == "mask", **shape)
            check_against_oracle(case, outputs=1e-9, gradients=1e-7)
            checked += 1
    for B, T, H in [(2, 120, 140), (40, 30, 66)]:       # work enough for three threads, which split the units, the rows
        for options in [unit_local, dict(layer_norm=True), dict(proj_size=11, zoneout=0.2)]:
            run = VariantRun(VariantCase(B=B, T=T, H=H, dtype="float32", ragged=True, options=options))
            el.set_num_threads(1)
            expected = run.everything()
            el.set_num_threads(3)
            assert_all_same_bits(run.everything(), expected, str(run.case))
            checked += 1
    print(json.dumps({"isa": el.isa(), "checked": checked}))
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


@pytest.mark.parametrize("isa", isas())
def test_the_variants_on_each_isa(isa):
    result = python(VARIANTS, EIGENLSTM_ISA=isa)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"isa": isa, "checked": 30}


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


@pytest.mark.parametrize(
    "wrong, error",
    [
        (0, ValueError),
        (-3, ValueError),
        (10**6, ValueError),
        (10**30, ValueError),
        (1.5, TypeError),
        ("2", TypeError),
        (None, TypeError),
    ],
)
def test_wrong_numbers_of_threads(wrong, error):
    before = el.get_num_threads()
    with pytest.raises(error, match="^set_num_threads: n must be "):
        el.set_num_threads(wrong)
    assert el.get_num_threads() == before


def test_info_says_what_a_bug_report_needs():
    info = el.info()
    assert info["isa"] == el.isa() and info["eigenlstm"] == el.__version__
    assert info["num_threads"] == el.get_num_threads() and info["eigen"].startswith("3.4")
