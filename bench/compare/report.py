"""The words of a run: progress lines, the table, the targets, the results page."""

from __future__ import annotations

import math

from .rows import OURS, Target

NOTE = """\
Times are medians of one call. Ratios say how many times as fast eigenlstm is (1.5: it takes two thirds of the time), or
how many times less memory it takes. `eigenlstm` takes and gives batch-major arrays; the peers have the layout that
suits them. GFLOP/s count the matrix products alone."""

REPEAT = """\
```
pip install '.[peers]' openvino jax tensorflow-cpu matplotlib
python -m bench.compare --json bench/results.json --page bench/RESULTS.md --plot bench/results.svg
```"""

UNITS = {"seconds": "seconds", "bytes": "growth", "tape": "tape"}


def value(record: dict, label: str) -> float | None:
    """Seconds or bytes; None if the contestant was not there or gave a wrong answer."""
    result = record["results"].get(label, {})
    return None if "error" in result else result.get(UNITS[record["measure"]])


def is_peer(label: str) -> bool:
    return not label.startswith(OURS)


def best_peer(record: dict) -> tuple[str, float] | None:
    found = [(label, value(record, label)) for label in record["results"] if is_peer(label) and value(record, label)]
    return min(found, key=lambda pair: pair[1]) if found else None


def ratio(record: dict, against: str, ours: str = OURS) -> float | None:
    """How many times as fast (or as small) `ours` is."""
    mine = value(record, ours)
    theirs = best_peer(record) if against == "best" else (against, value(record, against))
    return theirs[1] / mine if mine and theirs and theirs[1] else None


def gflops(record: dict, label: str = OURS) -> float | None:
    seconds = value(record, label)
    return record["flops"] / seconds / 1e9 if seconds and record["flops"] and record["measure"] == "seconds" else None


def geometric_mean(values: list[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


def amount(record: dict, label: str) -> str:
    result = record["results"].get(label)
    if result is None:
        return ""
    if "error" in result:
        return "failed"
    number = value(record, label)
    if record["measure"] != "seconds":
        return f"{number / 2**20:.1f} MB"
    return f"{number * 1e6:.2f} µs" if number < 1e-4 else f"{number * 1e3:.3f} ms"


def times(x: float | None) -> str:
    return "" if x is None else f"{x:.2f}"


def progress(record: dict, peak: dict | None) -> str:
    """One line as the run goes; without the peak, of a run whose times mean nothing."""
    parts = [f"{label} {amount(record, label)}" for label in record["results"]]
    if peak is None:
        return f"{record['name']}: " + ", ".join(
            f"{label} {'failed' if 'error' in r else 'ran'}" for label, r in record["results"].items()
        )
    speed = gflops(record)
    if speed:
        parts.append(f"{speed:.1f} GFLOP/s, {100 * speed / peak[record['dtype']] / record['threads']:.0f}% of peak")
    faster = ratio(record, "best")
    if faster:
        parts.append(f"{faster:.2f} x {best_peer(record)[0]}")
    return f"{record['name']}: " + " | ".join(parts)


def headline(run: dict) -> str:
    peak, machine = run["peak"], run["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; {machine['date']}",
        f"Python {machine['Python']}, {versions}",
        f"Peak of one core: {peak['float32']:.1f} GFLOP/s in float32, {peak['float64']:.1f} in float64 ({peak['how']})",
    ]
    if not run["quick"]:
        lines.append(quietness(run))
    return "\n".join(lines)


def quietness(run: dict) -> str:
    """Whether anything else ran: a peer that spins at barriers suffers out of all proportion from that."""
    timed = [record for record in run["rows"] if record.get("cpu")]
    if not timed:
        return "Nothing was timed."
    shares = [record["cpu of others"] / (record["cpu"] + record["cpu of others"]) for record in timed]
    disturbed = [record["name"] for record, share in zip(timed, shares) if share > 0.1]
    if not disturbed:
        most = 100 * max(shares)
        return f"The machine was quiet: others had {most:.0f}% of the processor time at most in any row's turns."
    of = f"{len(disturbed)} of {len(timed)}"
    return f"THE MACHINE WAS NOT QUIET: others had more than 10% of the processor time in the turns of {of} rows."


def errors(run: dict) -> list[str]:
    """What failed or gave another answer: each message once, with the rows it came from."""
    found = {} if OURS in run["versions"] else {(OURS, "did not run"): ["all rows"]}
    for record in run["rows"]:
        for label, result in record["results"].items():
            if "error" in result:
                found.setdefault((label, result["error"]), []).append(record["name"])
    return [
        f"{label}: {error} ({names[0]}{f' and {len(names) - 1} more' if names[1:] else ''})"
        for (label, error), names in found.items()
    ]


def judged(run: dict, target: Target) -> tuple[float, str, float] | None:
    """The worst ratio, the row it is of, and the geometric mean; None if no row was run."""
    records = [record for record in run["rows"] if record["group"] in target.groups]
    ratios = [(ratio(record, target.against, target.ours), record["name"]) for record in records]
    ratios = [pair for pair in ratios if pair[0]]
    return (*min(ratios), geometric_mean([r for r, _ in ratios])) if ratios else None


def scaling(run: dict, group: str) -> list[tuple[float, dict]]:
    """How many times as fast two threads are as one, with the record of the two."""
    one = {r["work"]: value(r, OURS) for r in run["rows"] if r["group"] == group and r["threads"] == 1}
    two = [
        r for r in run["rows"] if r["group"] == group and r["threads"] == 2 and value(r, OURS) and one.get(r["work"])
    ]
    return [(one[r["work"]] / value(r, OURS), r) for r in two]


def target_rows(run: dict, targets: list[Target]) -> list[list[str]]:
    """Target, wanted, worst, where, mean, met or not."""
    rows = []
    for target in targets:
        found = judged(run, target)
        if not found:
            continue
        worst, where, mean = found
        met = worst >= target.each and (target.mean is None or mean >= target.mean)
        wanted = f"≥ {target.each:.3g}" + (f", mean ≥ {target.mean:.3g}" if target.mean else "")
        rows.append([target.text, wanted, times(worst), where, times(mean), "met" if met else "missed"])
    return rows + engine_rows(run)


def engine_rows(run: dict) -> list[list[str]]:
    """The targets that compare eigenlstm with the processor and with itself."""
    rows = []
    for group, share in (("inference", 0.88), ("training", 0.85)):
        for record in run["rows"]:
            if (
                record["group"] == group
                and record["work"] == "T100 B64 I256 H256"
                and record["threads"] == 1
                and gflops(record)
            ):
                found = gflops(record) / run["peak"]["float32"]
                met = "met" if found >= share else "missed"
                rows.append([f"{group}, share of the FMA peak", f"≥ {share}", times(found), record["name"], "", met])
    for group in ("inference", "training"):
        found = scaling(run, group) + scaling(run, f"{group}, T = 1")
        wide = [(s, r["name"]) for s, r in found if int(r["work"].split()[1][1:]) >= 32]
        if wide:
            worst, where = min(wide)
            mean = times(geometric_mean([s for s, _ in wide]))
            met = "met" if worst >= 1.85 else "missed"
            rows.append([f"{group}, two threads to one at B ≥ 32", "≥ 1.85", times(worst), where, mean, met])
        if found:
            worst, record = min(found, key=lambda pair: pair[0])
            met = "met" if worst >= 0.97 else "missed"  # less than 1 by no more than the noise
            rows.append(
                [
                    f"{group}, two threads to one at any shape",
                    "≥ 1 (0.97: noise)",
                    times(worst),
                    record["name"],
                    "",
                    met,
                ]
            )
    return rows


def in_columns(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def summary(run: dict, targets: list[Target]) -> str:
    rows = target_rows(run, targets)
    if run["quick"] or not rows:
        return f"{len(run['rows'])} rows ran."
    return in_columns([["target", "wanted", "worst", "where", "mean", ""], *rows])


def markdown(rows: list[list[str]]) -> str:
    head, *body = rows
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def group_table(run: dict, group: str) -> str:
    """A line a row: every contestant's median, then our GFLOP/s, share of peak and ratios."""
    records = [record for record in run["rows"] if record["group"] == group]
    labels = list(dict.fromkeys(label for record in records for label in record["results"]))
    fast = any(gflops(record) for record in records)
    head = ["work", "threads", *labels] + ["GFLOP/s", "of peak"] * fast + ["to the best", "to PyTorch"]
    rows = [head]
    for record in records:
        speed = gflops(record)
        best = best_peer(record)
        cells = [record["work"], str(record["threads"]), *(amount(record, label) for label in labels)]
        if fast:
            share = speed and speed / run["peak"][record["dtype"]] / record["threads"]
            cells += [f"{speed:.1f}", f"{100 * share:.0f}%"] if speed else ["", ""]
        to_best = ratio(record, "best")
        cells += [f"{to_best:.2f} ({best[0]})" if to_best else "", times(ratio(record, "PyTorch"))]
        rows.append(cells)
    return markdown(rows)


def page(run: dict, targets: list[Target]) -> str:
    """The results page."""
    groups = list(dict.fromkeys(record["group"] for record in run["rows"]))
    parts = [
        "# eigenlstm and its peers",
        "Made by `python -m bench.compare`. [compare/README.md](compare/README.md) says how it is measured.",
        headline(run).replace("\n", "\n\n"),
        NOTE,
        "## Targets",
        markdown([["target", "wanted", "worst row", "which", "geometric mean", "result"], *target_rows(run, targets)]),
        "## Repeat it",
        REPEAT,
        f"The run took {run['minutes']:.0f} minutes. Nothing else should run on the machine meanwhile.",
    ]
    for group in groups:
        parts += [f"## {group[0].upper()}{group[1:]}", group_table(run, group)]
    return "\n\n".join(parts) + "\n"
