"""What a run says: values, ratios, and whether the targets are met."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from .rows import ONE_THREAD, OURS, Target

UNITS = {"seconds": "seconds", "bytes": "growth", "tape": "tape"}


class Verdict(NamedTuple):
    """Of one target. `mean` is geometric, over all rows that the target is about; None where there is one value."""

    text: str
    wanted: str
    worst: str
    where: str
    mean: float | None
    met: bool


def value(record: dict, label: str) -> float | None:
    """Seconds or bytes; None if the contestant was not there or gave a wrong answer."""
    result = record["results"].get(label, {})
    return None if "error" in result else result.get(UNITS[record["measure"]])


def is_peer(label: str) -> bool:
    return not label.startswith(OURS)


def best_peer(record: dict) -> tuple[str, float] | None:
    found = [(label, value(record, label)) for label in record["results"] if is_peer(label) and value(record, label)]
    return min(found, key=lambda pair: pair[1]) if found else None


def own_rival(record: dict) -> str | None:
    """Where no peer takes part: the other contestant, also ours, that the row is compared with."""
    labels = [label for label in record["results"] if label != ONE_THREAD]
    return None if any(map(is_peer, labels)) else next((label for label in labels if label != OURS), None)


def ratio(record: dict, against: str, ours: str = OURS) -> float | None:
    """How many times as fast (or as small) `ours` is."""
    mine = value(record, ours)
    theirs = best_peer(record) if against == "best" else (against, value(record, against))
    return theirs[1] / mine if mine and theirs and theirs[1] else None


def ratios(run: dict, groups: tuple[str, ...], against: str, ours: str = OURS) -> list[tuple[float, str]]:
    """With the name of its row, for every row of the groups that has both."""
    found = [(ratio(record, against, ours), record["name"]) for record in run["rows"] if record["group"] in groups]
    return [pair for pair in found if pair[0]]


def gflops(record: dict, label: str = OURS) -> float | None:
    seconds = value(record, label)
    return record["flops"] / seconds / 1e9 if seconds and record["flops"] and record["measure"] == "seconds" else None


def share_of_peak(record: dict, label: str = OURS) -> float | None:
    """Of the FMA peak of as many cores as the row has threads, at the clock that the row's own rounds had."""
    speed = gflops(record, label)
    return speed / record["peak"] / record["threads"] if speed else None


def geometric_mean(values: list[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


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


def verdicts(run: dict, targets: list[Target]) -> list[Verdict]:
    """Of every target that the run has rows for."""
    judged = [verdict for target in targets if (verdict := judge(run, target))]
    return [*judged, *of_the_peak(run), *of_threads(run), *of_python(run)]


def judge(run: dict, target: Target) -> Verdict | None:
    found = ratios(run, target.groups, target.against, target.ours)
    if not found:
        return None
    if target.cost:
        costs = [(1 / faster, where) for faster, where in found]
        worst, where = max(costs)
        mean = geometric_mean([cost for cost, _ in costs])
        return Verdict(target.text, f"≤ {target.cost:.3g}", f"{worst:.2f}", where, mean, worst <= target.cost)
    worst, where = min(found)
    mean = geometric_mean([faster for faster, _ in found])
    wanted = f"≥ {target.each:.3g}" + (f", mean ≥ {target.mean:.3g}" if target.mean else "")
    met = worst >= target.each and (target.mean is None or mean >= target.mean)
    return Verdict(target.text, wanted, f"{worst:.2f}", where, mean, met)


def of_the_peak(run: dict) -> Iterator[Verdict]:
    for group, share in (("inference", 0.88), ("training", 0.85)):
        record = row_of(run, group, "T100 B64 I256 H256")
        if record and (found := share_of_peak(record)):
            text = f"{group}, share of the FMA peak on one core"
            yield Verdict(text, f"≥ {share}", f"{found:.2f}", record["name"], None, found >= share)


def of_threads(run: dict) -> Iterator[Verdict]:
    for group in ("inference", "training"):
        found = [pair for kind in ("", ", T = 1", ", a call every 10 ms") for pair in scaling(run, group + kind)]
        wide = [(gain, record) for gain, record in scaling(run, group) if int(record["work"].split()[1][1:]) >= 32]
        if wide:
            worst, record = min(wide, key=lambda pair: pair[0])
            where = record["name"] + (f" (the peak: {record['peak_scaling']:.2f})" if record["peak_scaling"] else "")
            mean = geometric_mean([gain for gain, _ in wide])
            yield Verdict(
                f"{group}, two threads to one at B ≥ 32", "≥ 1.85", f"{worst:.2f}", where, mean, worst >= 1.85
            )
        if found:
            worst, where = min((gain, record["name"]) for gain, record in found)
            text, wanted = f"{group}, two threads to one at any shape", "≥ 1 (0.97: noise)"
            yield Verdict(text, wanted, f"{worst:.2f}", where, None, worst >= 0.97)


def of_python(run: dict) -> Iterator[Verdict]:
    """What a call and a step of `fit` cost in themselves."""
    record = row_of(run, "inference, T = 1", "T1 B1 I16 H16")
    if record and (seconds := value(record, OURS)):
        yield Verdict("lstm(x) from Python", "≤ 4 µs", f"{seconds * 1e6:.2f} µs", record["name"], None, seconds <= 4e-6)
    record = row_of(run, "training epoch, smallest", "T1 B1 I16 H16, 64 batches")
    if record and value(record, OURS) and value(record, "eigenlstm by hand"):
        step = (value(record, OURS) - value(record, "eigenlstm by hand")) / 64
        text = "a step of fit, time over the same by hand"
        yield Verdict(text, "≤ 30 µs", f"{step * 1e6:.1f} µs", record["name"], None, step <= 30e-6)


def row_of(run: dict, group: str, work: str, threads: int = 1) -> dict | None:
    same = (r for r in run["rows"] if (r["group"], r["work"], r["threads"]) == (group, work, threads))
    return next(same, None)


def scaling(run: dict, group: str) -> list[tuple[float, dict]]:
    """How many times as fast two threads are as one, with the record of the two.

    One thread had its turns among those of the two; in older runs it has a row of its own, minutes apart.
    """
    found = []
    for both in (record for record in run["rows"] if record["group"] == group and record["threads"] == 2):
        if ONE_THREAD in both["results"]:
            one = value(both, ONE_THREAD)
        else:
            alone = row_of(run, group, both["work"])
            one = alone and value(alone, OURS)
        two = value(both, OURS)
        if one and two:
            found.append((one / two, both))
    return found
