"""The words of a run: progress lines, the summary, the results page, and what the README says of it."""

from __future__ import annotations

from .judge import (
    best_peer,
    errors,
    geometric_mean,
    gflops,
    is_peer,
    own_rival,
    ratio,
    ratios,
    scaling,
    share_of_peak,
    value,
    verdicts,
)
from .rows import ONE_THREAD, Target, beside_others

FILES = "--json bench/results.json --page bench/RESULTS.md --plot bench/results.svg --readme README.md"

NOTE = """\
Times are medians of one call. Ratios say how many times as fast eigenlstm is (1.5: it takes two thirds of the time), or
how many times less memory it takes; a target with ≤ is a cost instead: how many times as much it takes. `eigenlstm` takes and gives
batch-major arrays; the peers have the layout that suits them. GFLOP/s count the matrix products alone."""

SCALED = ("inference, T = 1", "inference", "training, T = 1", "training", *beside_others.GROUPS)
SCALING = """\
How many times as fast eigenlstm is with two threads, and how many times what one thread does of the FMA loop two do at the same
time, in the rounds of the row with two: where that is less than 2, so is what the machine gave."""

REPEAT = f"""\
From the root of a checkout:

```sh
pip install '.[peers]' openvino jax tensorflow-cpu matplotlib
python -m bench.compare {FILES}
```"""

ELSEWHERE = """\
T, B, I and H are time steps, batch rows, inputs and hidden units. [bench/RESULTS.md](bench/RESULTS.md) has every row
of that run, including other dtypes, ragged batches and variants, and the command that repeats it. There are also runs
of older versions on an [AMD processor with AVX-512](bench/RESULTS-zen5.md), and on one with [AVX2
only](bench/RESULTS-avx2.md), which was shared with others. [bench/compare](bench/compare/README.md) explains how
everything is measured, and [bench/TUNING.md](bench/TUNING.md) records what was tried, what it gained, and where the
limits are."""

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"


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


def progress(record: dict, quick: bool) -> str:
    """One line as the run goes; the times of a quick one mean nothing."""
    parts = [f"{label} {amount(record, label)}" for label in record["results"]]
    if quick:
        return f"{record['name']}: " + ", ".join(
            f"{label} {'failed' if 'error' in r else 'ran'}" for label, r in record["results"].items()
        )
    speed = gflops(record)
    if speed:
        parts.append(f"{speed:.1f} GFLOP/s, {100 * share_of_peak(record):.0f}% of peak")
    rival = best_peer(record)[0] if best_peer(record) else own_rival(record)
    if rival and ratio(record, rival):
        parts.append(f"{ratio(record, rival):.2f} x {rival}")
    return f"{record['name']}: " + " | ".join(parts)


def headline(run: dict) -> str:
    machine = run["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; {machine['date']}",
        f"Python {machine['Python']}, {versions}",
    ]
    if not run["quick"]:
        lines += [peaks(run), quietness(run)]
    if "seed" in run:
        lines.append(f"Random shapes: of seed {run['seed']}")
    return "\n".join(lines)


def peaks(run: dict) -> str:
    """The range over the rows: how far the clock went in the run."""
    found = {}
    for record in run["rows"]:
        if record["peak"]:
            found.setdefault(record["dtype"], []).append(record["peak"])
    if not found:
        return "The peak of a core was not measured: no row counts flops."
    ranges = [f"{min(each):.0f} to {max(each):.0f} in {dtype}" for dtype, each in sorted(found.items())]
    return f"Peak of one core in GFLOP/s: {', '.join(ranges)} ({run['peak_by']})"


def quietness(run: dict) -> str:
    """Whether anything else ran: a peer that spins at barriers suffers out of all proportion from that."""
    lost = [
        (result["lost"], f"{label} at {record['name']}")
        for record in run["rows"]
        for label, result in record["results"].items()
        if result.get("lost") is not None
    ]
    if not lost:
        return "Whether the machine was quiet was not measured."
    most, where = max(lost)
    disturbed = sum(share > 0.1 for share, _ in lost)
    worst = f"{100 * most:.0f}% of the processor time it wanted, {where}"
    if not disturbed:
        return f"The machine was quiet: the contestant that had to wait most lost {worst}."
    return f"THE MACHINE WAS NOT QUIET: {disturbed} of {len(lost)} times lost more than 10% to others; at most {worst}."


def in_columns(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def markdown(rows: list[list[str]], text: tuple[int, ...] = (0,)) -> str:
    """text: the columns that are words, aligned to the left."""
    head, *body = rows
    lines = [head, ["---" if i in text else "---:" for i in range(len(head))], *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def target_rows(run: dict, targets: list[Target]) -> list[list[str]]:
    return [["target", "wanted", "worst", "geometric mean", "result", "the worst is"]] + [
        [v.text, v.wanted, v.worst, times(v.mean), "met" if v.met else "MISSED", v.where]
        for v in verdicts(run, targets)
    ]


def summary(run: dict, targets: list[Target]) -> str:
    rows = target_rows(run, targets)
    return f"{len(run['rows'])} rows ran." if run["quick"] or not rows[1:] else in_columns(rows)


def sections(run: dict) -> dict[str, list[dict]]:
    """Title -> records: a group each, but all that eigenlstm is held against the same other way of its own in one."""
    found = {}
    for record in run["rows"]:
        rival, group = own_rival(record), record["group"]
        title = f"Against {rival}" if rival else group[0].upper() + group[1:]
        found.setdefault(title, []).append(record)
    return found


def section_table(records: list[dict]) -> str:
    """A line a row: every contestant's median, then our GFLOP/s, share of peak and ratios."""
    labels = list(dict.fromkeys(label for record in records for label in record["results"] if label != ONE_THREAD))
    fast, rival = any(gflops(record) for record in records), own_rival(records[0])
    head = ["what"] * bool(rival) + ["work", "threads", *labels] + ["GFLOP/s", "of peak"] * fast
    rows = [[*head, "ratio"] if rival else [*head, "to the best", "to PyTorch"]]
    for record in records:
        cells = [record["group"]] * bool(rival) + [record["work"], str(record["threads"])]
        cells += [amount(record, label) for label in labels]
        if fast:
            speed = gflops(record)
            cells += [f"{speed:.1f}", f"{100 * share_of_peak(record):.0f}%"] if speed else ["", ""]
        if rival:
            cells.append(times(ratio(record, rival)))
        else:
            best = ratio(record, "best")
            cells += [f"{best:.2f} ({best_peer(record)[0]})" if best else "", times(ratio(record, "PyTorch"))]
        rows.append(cells)
    return markdown(rows, text=(0, 1) if rival else (0,))


def scaling_table(run: dict) -> str:
    """How many times as fast two threads are as one, and beside it what the machine gave them."""
    rows = [["what", "work", "eigenlstm", "FMA peak"]]
    for group in SCALED:
        rows += [[group, both["work"], times(gain), times(both["peak_scaling"])] for gain, both in scaling(run, group)]
    return markdown(rows, text=(0, 1))


def page(run: dict, targets: list[Target]) -> str:
    """The results page."""
    table, failed = target_rows(run, targets), errors(run)
    met = sum(row[4] == "met" for row in table[1:])
    parts = [
        "# eigenlstm and its peers",
        "Made by `python -m bench.compare`. [compare/README.md](compare/README.md) says how it is measured.",
        headline(run).replace("\n", "\n\n"),
        NOTE,
        "## Targets",
        f"{met} of {len(table) - 1} met. What stands in the way of the others: [TUNING.md](TUNING.md#limits).",
        markdown(table, text=(0, 5)),
        "## Repeat it",
        REPEAT,
        f"The run took {run['minutes']:.0f} minutes. Nothing else should run on the machine meanwhile.",
    ]
    if failed:
        parts += ["## Failed", "Not timed, and in no ratio:", "\n".join(f"- {line}" for line in failed)]
    for title, records in sections(run).items():
        parts += [f"## {title}", section_table(records)]
    if any(scaling(run, group) for group in SCALED):
        parts += ["## Two threads to one", SCALING, scaling_table(run)]
    return "\n\n".join(parts) + "\n"


def readme_section(run: dict) -> str:
    """Between the README's marks: mean and least ratio to each peer, the picture, and where a peer is faster."""
    machine, date = run["machine"]["processor"], run["machine"]["date"].split()[0]
    return "\n\n".join(
        [
            "How many times as fast eigenlstm is: the geometric mean over the shapes of the benchmark, and in brackets the "
            f"smallest ratio.\nIn float32 on {machine}, {date}:",
            ratio_table(run),
            where_slower(run),
            "![GFLOP/s by shape in eigenlstm and its peers](bench/results.svg)",
            ELSEWHERE,
        ]
    )


def ratio_table(run: dict) -> str:
    """Mean and least ratio to each peer, for inference, training and a step, on each number of threads."""
    peers = dict.fromkeys(label for record in run["rows"] for label in record["results"] if is_peer(label))
    rows = [["times as fast as", *peers]]
    for group, name in (("inference", "inference"), ("training", "training"), ("step", "one step of a stream")):
        for threads in (1, 2):
            part = {**run, "rows": [record for record in run["rows"] if record["threads"] == threads]}
            cells = [mean_and_least(part, group, peer) for peer in peers]
            if any(cells):
                rows.append([f"{name}, {threads} thread{'s' * (threads > 1)}", *cells])
    return markdown(rows)


def where_slower(run: dict) -> str:
    """Of all rows that measure time, those of other dtypes, ragged batches and so on too."""
    timed = [record for record in run["rows"] if record["measure"] == "seconds" and ratio(record, "best")]
    slower = [(faster, record) for record in timed if (faster := ratio(record, "best")) < 1]
    if not slower:
        return f"In none of the {len(timed)} rows with a peer is one faster."
    lines = [f"- {record['name']}: {faster:.2f} times as fast as {best_peer(record)[0]}" for faster, record in slower]
    return f"Where a peer is faster ({len(slower)} of {len(timed)} rows):\n\n" + "\n".join(lines)


def mean_and_least(run: dict, group: str, peer: str) -> str:
    found = [faster for faster, _ in ratios(run, (group,), peer)]
    return f"{geometric_mean(found):.2f} ({min(found):.2f})" if found else ""


def with_section(readme: str, section: str) -> str:
    """The README with `section` between its marks."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the README must have the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{section}\n{END}{after}"
