"""The words of bench/compare: targets judged as they are worded, and the README and the results page that agree with
the results.
"""

import json
import math
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench/results.json"


@pytest.fixture
def compare(monkeypatch):
    """judge, report and rows of bench.compare, which is no installed package."""
    monkeypatch.syspath_prepend(str(ROOT))
    from bench.compare import judge, report, rows

    yield judge, report, rows
    for name in [name for name in sys.modules if name == "bench" or name.startswith("bench.")]:
        del sys.modules[name]


def record(group, work="T100 B32 I8 H8", threads=1, measure="seconds", **results):
    results = {
        label.replace("_", " "): result if isinstance(result, dict) else {"seconds": result}
        for label, result in results.items()
    }
    return {
        "name": f"{group}: {work}",
        "group": group,
        "work": work,
        "threads": threads,
        "flops": 1e9,
        "dtype": "float32",
        "measure": measure,
        "peak": 100.0 if measure == "seconds" else None,
        "peak_scaling": 1.5 if threads == 2 else None,
        "results": results,
    }


def run_of(*records):
    return {
        "rows": list(records),
        "quick": False,
        "minutes": 1.0,
        "versions": {"eigenlstm": "1", "PyTorch": "2"},
        "machine": {"processor": "P", "cores": "2", "system": "S", "Python": "3", "date": "2026-01-02 03:04 UTC"},
        "peak_by": "h",
    }


def test_a_target_is_met_by_its_worst_row_and_its_mean(compare):
    judge, _, rows = compare
    run = run_of(
        record("g", "slow", eigenlstm=1.0, PyTorch=1.5, JAX=1.25), record("g", "fast", eigenlstm=1.0, PyTorch=6.0)
    )

    def verdict(**wanted):
        (found,) = judge.verdicts(run, [rows.Target("t", ("g",), **wanted)])
        return found

    best = verdict(against="best", each=1.2)
    assert (best.met, best.worst, best.where) == (True, "1.25", "g: slow")
    assert best.mean == pytest.approx((1.25 * 6) ** 0.5)
    assert not verdict(against="best", each=1.3).met
    assert verdict(against="PyTorch", each=1.5, mean=2.9).met
    assert not verdict(against="PyTorch", each=1.5, mean=3.1).met


def test_a_cost_is_judged_by_the_row_that_costs_most(compare):
    judge, _, rows = compare
    run = run_of(
        record("g", "dear", eigenlstm=1.2, eigenlstm_plain=1.0),
        record("g", "cheap", eigenlstm=0.9, eigenlstm_plain=1.0),
    )
    for cost, met in ((1.25, True), (1.15, False)):
        (verdict,) = judge.verdicts(run, [rows.Target("t", ("g",), "eigenlstm plain", cost=cost)])
        assert (verdict.met, verdict.worst, verdict.where) == (met, "1.20", "g: dear")
        assert verdict.mean == pytest.approx((1.2 * 0.9) ** 0.5)


def test_two_threads_are_held_against_one_beside_what_the_machine_gave(compare):
    judge, report, rows = compare
    run = run_of(record("training", eigenlstm=2.0), record("training", threads=2, eigenlstm=1.0))
    wide, every = judge.verdicts(run, [])
    assert wide.met and wide.worst == every.worst == "2.00"
    assert wide.where == "training: T100 B32 I8 H8 (the peak: 1.50)"
    assert "| training | T100 B32 I8 H8 | 2.00 | 1.50 |" in report.page(run, [])
    run["rows"][1]["results"][rows.ONE_THREAD] = {"seconds": 1.75}  # in the same rounds
    assert [v.worst for v in judge.verdicts(run, [])] == ["1.75", "1.75"]
    assert "1750.000 ms" not in report.page(run, [])
    assert judge.best_peer(run["rows"][1]) is None


def test_a_share_of_the_peak_is_of_the_row_s_own(compare):
    judge, report, _ = compare
    work = "T100 B64 I256 H256"  # 1 GFLOP each
    one = record("inference", work, eigenlstm=0.01) | {"peak": 112.0}
    two = record("inference", work, threads=2, eigenlstm=0.01) | {"peak": 125.0}
    slow = record("training", work, eigenlstm=0.02) | {"peak": 62.5}
    double = record("float64", eigenlstm=0.04) | {"peak": 50.0, "dtype": "float64"}
    run = run_of(one, two, slow, double, record("tape", measure="tape", eigenlstm={"tape": 2**20}))
    assert [judge.share_of_peak(row) for row in run["rows"]] == [pytest.approx(100 / 112), 0.4, 0.8, 0.5, None]
    shares = {v.text: (v.worst, v.met) for v in judge.verdicts(run, []) if "share" in v.text}
    assert shares == {
        "inference, share of the FMA peak on one core": ("0.89", True),
        "training, share of the FMA peak on one core": ("0.80", False),
    }
    text = report.page(run, [])
    for line in (
        f"| {work} | 1 | 10.000 ms | 100.0 | 89% |",
        f"| {work} | 2 | 10.000 ms | 100.0 | 40% |",
        f"| {work} | 1 | 20.000 ms | 50.0 | 80% |",
        "| T100 B32 I8 H8 | 1 | 40.000 ms | 25.0 | 50% |",
        "Peak of one core in GFLOP/s: 62 to 125 in float32, 50 to 50 in float64 (h)",
    ):
        assert line in text, line
    assert "100.0 GFLOP/s, 40% of peak" in report.progress(two, quick=False)


def test_the_peak_has_a_turn_in_every_round(compare):
    from types import SimpleNamespace

    from bench.compare.race import Entry, Race

    asked = []

    class Library:
        def ask(self, request, label, seconds, pause):
            asked.append(label)
            assert pause == 0.25
            return {"samples": [1.0], "wall": 1.0, "cpu": 1.0, "waited": 0.0, "machine": 1.0}

    class Peak:
        found = iter([90.0, 110.0, 100.0, 80.0, 95.0, 1.0])

        def ask(self, request, dtype, seconds, *threads):
            asked.append((request, dtype, *threads))
            return 1.75 if threads else next(self.found)

    def row(flops, threads=1):
        return SimpleNamespace(work=SimpleNamespace(flops=flops, dtype="float64"), threads=threads, pause=0.25)

    race = Race(None, seconds=3.0, rounds=7, quick=False)
    race.peak = Peak()
    entries = [Entry(label, Library(), {}) for label in ("a", "b")]
    assert race.rounds_of(row(1e9), entries) == {"peak": 95.0, "peak_scaling": None}
    peak = ("fma_peak", "float64")
    assert asked == [peak, "a", "b", peak, "b", "a"] * 2 + [peak, "a", "b"], "five rounds, then all had their time"
    assert race.rounds_of(row(0), entries) == {"peak": None, "peak_scaling": None} and asked.count(peak) == 5
    race.peak.found, asked[:] = iter([100.0] * 7), []
    assert race.rounds_of(row(1e9, threads=2), entries) == {"peak": 100.0, "peak_scaling": 1.75}
    assert asked[:4] == [peak, ("peak_scaling", "float64", 2), "a", "b"]


def test_random_shapes_are_those_of_their_seed_and_the_page_names_it(compare):
    _, report, rows = compare

    def shapes(seed):
        return [str(row.work) for row in rows.load(seed)[0] if row.group == "inference, random shapes"]

    assert len(shapes(1)) == 30 and shapes(1) == shapes(1) != shapes(2)
    run = run_of(record("inference, random shapes", eigenlstm=1.0, PyTorch=2.0)) | {"seed": 7}
    assert "Random shapes: of seed 7" in report.headline(run)
    (line,) = [
        line for line in report.page(run, rows.load(7)[1]).splitlines() if line.startswith("| inference, random")
    ]
    assert "| 2.00 | 2.00 | met |" in line


def test_what_a_work_does_before_a_call_is_done_before_each_one_and_not_timed(compare):
    from bench.compare.work import Timed
    from bench.compare.worker import Desk

    done = []
    desk = Desk("eigenlstm", 1)
    timed = Timed(lambda: done.append("call"), dict, before=lambda: done.append("before"))
    desk.works["a"] = timed, 1e-6  # so short that several would be timed together
    assert len(desk.turn("a", 1e-9, 0.0)["samples"]) == 3, "the least, however short the turn"
    calls = [i for i, what in enumerate(done) if what == "call"]
    assert done[-6:] == ["before", "call"] * 3 and done.count("before") == 3 and len(calls) > 3, "the first warm up"


def test_what_failed_is_in_no_ratio_and_on_the_page(compare):
    judge, report, _ = compare
    run = run_of(record("inference", eigenlstm=1.0, PyTorch={"error": "differs", "seconds": 0.1}))
    assert judge.ratio(run["rows"][0], "PyTorch") is None
    assert "- PyTorch: differs (inference: T100 B32 I8 H8)" in report.page(run, [])


def test_the_page_has_a_line_for_every_row(compare):
    _, report, rows = compare
    run = run_of(
        record("inference", eigenlstm=1.0, PyTorch={"seconds": 2.0, "lost": 0.3}),
        record("a, inference", eigenlstm=1.0, eigenlstm_plain=1.5),
        record("b, inference", eigenlstm=1.0, eigenlstm_plain=0.5),
        record("tape", measure="tape", eigenlstm={"tape": 2**20}),
    )
    text = report.page(run, [rows.Target("t", ("inference",), "best", each=1.5)])
    for line in (
        "| t | ≥ 1.5 | 2.00 | 2.00 | met | inference: T100 B32 I8 H8 |",
        "1 of 1 met.",
        "## Against eigenlstm plain",
        "| a, inference | T100 B32 I8 H8 | 1 | 1000.000 ms | 1500.000 ms | 1.0 | 1% | 1.50 |",
        "| T100 B32 I8 H8 | 1 | 1.0 MB |",
        "THE MACHINE WAS NOT QUIET: 1 of 1 times lost more than 10% to others; at most 30% of the processor time it wanted, PyTorch",
    ):
        assert line in text, line


def test_the_readme_is_told_what_a_peer_does_faster(compare):
    _, report, _ = compare
    rows = [
        record("inference", "a", eigenlstm=1.0, PyTorch=2.0),
        record("inference", "b", eigenlstm=1.0, PyTorch=0.5, JAX=3.0),
    ]
    section = report.readme_section(run_of(*rows))
    assert "| inference, 1 thread | 1.00 (0.50) | 3.00 (3.00) |" in section
    assert "- inference: b: 0.50 times as fast as PyTorch" in section
    readme = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    once = report.with_section(readme, section)
    assert once == f"before\n{report.BEGIN}\n{section}\n{report.END}\nafter\n" == report.with_section(once, section)
    with pytest.raises(ValueError, match="results:begin"):
        report.with_section("no marks", section)


def test_lost_is_what_others_had_while_a_contestant_waited(compare):
    from bench.compare.race import lost

    def turn(cpu, waited, machine):
        return {"cpu": cpu, "waited": waited, "machine": machine}

    assert lost([turn(1.0, 0.5, 1.0)]) == 0, "its threads waited for each other: nobody else ran"
    assert lost([turn(1.0, 0.0, 2.0)]) == 0, "others ran on another core"
    assert lost([turn(0.5, 0.5, 1.0), turn(0.5, 0.5, 2.0)]) == 0.5
    assert lost([turn(1.0, math.nan, math.nan)]) is None


def test_the_results_are_read_back_as_they_were_written(compare):
    from bench.compare.__main__ import as_json

    run = run_of(record("g", eigenlstm=1.0), record("g", threads=2, eigenlstm=0.5))
    assert json.loads(as_json(run)) == run and as_json(run).count('\n  {"name"') == 2


@pytest.mark.skipif(not RESULTS.exists(), reason="no results of a run are in this checkout")
def test_the_readme_is_of_the_results(compare):
    _, report, _ = compare
    run, readme = json.loads(RESULTS.read_text()), (ROOT / "README.md").read_text()
    assert not run["quick"] and (ROOT / "bench/results.svg").exists()
    assert report.with_section(readme, report.readme_section(run)) == readme


@pytest.mark.skipif(not RESULTS.exists(), reason="no results of a run are in this checkout")
@pytest.mark.parametrize("machine", ["", "-zen5", "-avx2"])
def test_the_pages_are_of_the_results(compare, machine):
    _, report, rows = compare
    run = json.loads((ROOT / f"bench/results{machine}.json").read_text())
    assert not run["quick"]
    assert (ROOT / f"bench/RESULTS{machine}.md").read_text() == report.page(run, rows.load()[1])
