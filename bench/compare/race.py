"""The race: every contestant of a row in turn, one at a time, the others stopped; then medians and ratios."""

from __future__ import annotations

import math
import multiprocessing
import os
import platform
import signal
import statistics
import sys
import time
from contextlib import contextmanager, nullcontext
from datetime import datetime, timezone
from typing import NamedTuple

from . import worker
from .rows import OURS, Row
from .work import largest_difference

PEAK_SECONDS = 0.005  # a turn of the peak, some hundred loops
STRANGER_SECONDS = 0.5  # until a process has started for certain


class Absent(Exception):
    """The library is not installed or has no such thing."""


class Failed(Exception):
    """The library, or its process, broke."""


class Process:
    """A worker that is stopped whenever it is not asked something."""

    def __init__(self, library: str, threads: int):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        # read by the numerical libraries as they are loaded, so before the process starts
        os.environ |= {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        self.process = context.Process(target=worker.serve, args=(theirs, library, threads), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, request: str, *arguments):
        try:
            os.kill(self.process.pid, signal.SIGCONT)
            self.pipe.send((request, arguments))
            kind, reply = self.pipe.recv()
            os.kill(self.process.pid, signal.SIGSTOP)
            os.waitpid(self.process.pid, os.WUNTRACED)  # until the last of its threads stands
        except (EOFError, OSError) as error:
            self.process.join()
            raise Failed(f"the process ended with {self.process.exitcode}") from error
        if kind == "done":
            return reply
        raise {"absent": Absent, "failed": Failed}[kind](reply)

    def end(self) -> None:
        self.process.kill()
        self.process.join()


class Entry(NamedTuple):
    label: str
    process: Process
    result: dict


class Race:
    """Runs rows and keeps the processes for the next ones. Use as a context manager."""

    def __init__(self, libraries: set[str] | None, seconds: float, rounds: int, quick: bool, say=lambda line: None):
        self.libraries, self.seconds, self.rounds, self.quick, self.say = libraries, seconds, rounds, quick, say
        self.processes: dict[tuple[str, int], Process | None] = {}
        self.versions: dict[str, str] = {}

    def __enter__(self):
        self.peak = Process("eigenlstm", 1)  # measures the FMA peak, with eigenlstm or without it
        return self

    def __exit__(self, *_):
        for process in (self.peak, *self.processes.values()):
            if process:
                process.end()

    def start(self, library: str, threads: int) -> Process:
        process = Process(library, threads)
        try:
            self.versions |= process.ask("setup")
        except (Absent, Failed):
            process.end()
            raise
        return process

    def process(self, library: str, threads: int) -> Process | None:
        """None if it is not installed, or not wanted."""
        if self.libraries is not None and library not in self.libraries:
            return None
        at = (library, threads)
        if at not in self.processes:
            try:
                self.processes[at] = self.start(library, threads)
            except Absent:
                self.processes[at] = None
            except Failed as error:
                self.say(f"{library} does not start: {error}")
                self.processes[at] = None
        return self.processes[at]

    def run(self, row: Row) -> dict:
        """The row's record: its name, sizes, {label: result} and, if it has flops, the FMA peak of one core meanwhile and what its number
        of threads together had of it."""
        record = {
            "name": row.name,
            "group": row.group,
            "work": str(row.work),
            "threads": row.threads,
            "flops": row.work.flops,
            "dtype": row.work.dtype,
            "measure": row.measure,
        }
        if row.measure != "seconds":
            return record | {"peak": None, "peak_scaling": None, "results": self.bytes_of(row)}
        return record | self.times(row)

    def bytes_of(self, row: Row) -> dict:
        request, results = {"bytes": "memory", "tape": "tape"}[row.measure], {}
        for label, contestant in row.contestants.items():
            threads = row.threads_of(contestant)
            if not self.process(contestant.library, threads):
                continue
            process = self.start(contestant.library, threads)  # a fresh one: an old one has memory to spare
            try:
                results[label] = process.ask(request, contestant.builder, row.work, contestant.options)
            except Absent:
                pass
            except Failed as error:
                results[label] = {"error": str(error)}
            process.end()
        return results

    def times(self, row: Row) -> dict:
        entries, results, answers = [], {}, {}
        for label, contestant in row.contestants.items():
            threads = row.threads_of(contestant)
            process = self.process(contestant.library, threads)
            if not process:
                continue
            try:
                result = process.ask("prepare", label, contestant.builder, row.work, contestant.options, self.quick)
            except Absent:
                continue
            except Failed as error:
                results[label] = {"error": str(error)}
                if not process.process.is_alive():
                    del self.processes[contestant.library, threads]
                continue
            answers[label] = result.pop("answer")
            results[label] = result
            entries.append(Entry(label, process, result))
        if row.same:
            self.check(row, answers, results)
        racing = [entry for entry in entries if "error" not in entry.result]
        with stranger() if row.burnt else nullcontext():
            peaks = self.rounds_of(row, racing)
        if row.burnt:  # what they lost is what was to be measured
            for entry in racing:
                entry.result["lost"] = None
        for process in {entry.process for entry in entries}:
            process.ask("drop")
        return peaks | {"results": results}

    def check(self, row: Row, answers: dict, results: dict) -> None:
        """Every answer against the first that is not ours; a wrong one is not timed."""
        judge = next((label for label in answers if not label.startswith(OURS)), None) or next(iter(answers), None)
        for label, answer in answers.items():
            if label == judge:
                continue
            difference, where = largest_difference(answer, answers[judge])
            results[label]["difference"] = difference
            if not difference <= row.work.tolerance:
                results[label]["error"] = f"differs from {judge} by {difference:.1e} of the largest value in {where}"

    def rounds_of(self, row: Row, entries: list[Entry]) -> dict[str, float | None]:
        """Round robin, each round beginning with another contestant; the slow ones leave when their time is up.

        Returns the medians of the FMA peak of one core, which has a turn in each round, in GFLOP/s, and of how many times that the
        row's threads had together (peak.scaling; of one thread: None).
        """
        peaks, scalings, peak_seconds = [], [], 0.0 if self.quick else PEAK_SECONDS
        turns = {entry.label: [] for entry in entries}
        spent = dict.fromkeys(turns, 0.0)
        least = 1 if self.quick else 5
        for i in range(self.rounds):
            left = [entry for entry in entries if i < least or spent[entry.label] < self.seconds]
            if not left:
                break
            if row.work.flops:
                peaks.append(self.peak.ask("fma_peak", row.work.dtype, peak_seconds))
            if row.work.flops and row.threads > 1:
                scalings.append(self.peak.ask("peak_scaling", row.work.dtype, peak_seconds, row.threads))
            for entry in left[i % len(left) :] + left[: i % len(left)]:
                seconds = 0.0 if self.quick else self.seconds / self.rounds
                turn = entry.process.ask("turn", entry.label, seconds, row.pause)
                turns[entry.label].append(turn)
                spent[entry.label] += turn["wall"]
        for entry in entries:
            # each turn counts once: a turn that others disturbed is one of the rounds, however many samples it took
            medians = [statistics.median(turn["samples"]) for turn in turns[entry.label]]
            entry.result.update(
                seconds=statistics.median(medians),
                best=min(min(turn["samples"]) for turn in turns[entry.label]),
                turns=[float(f"{seconds:.4g}") for seconds in medians],
                calls=sum(len(turn["samples"]) for turn in turns[entry.label]),
                cores=statistics.median(turn["cpu"] / turn["wall"] for turn in turns[entry.label]),
                lost=lost(turns[entry.label]),
            )
        return {
            "peak": statistics.median(peaks) if peaks else None,
            "peak_scaling": statistics.median(scalings) if scalings else None,
        }


@contextmanager
def stranger():
    """A process that keeps one core busy, as another program would."""
    process = multiprocessing.get_context("spawn").Process(target=worker.burn, daemon=True)
    process.start()
    time.sleep(STRANGER_SECONDS)
    try:
        yield
    finally:
        process.kill()
        process.join()


def lost(turns: list[dict]) -> float | None:
    """The share of the processor time it wanted that a contestant did not get, because others had it; None if not known.

    What its threads waited, but no more than what the machine did beside them: its threads may wait for each other too.
    """
    cpu, waited, machine = (sum(turn[what] for turn in turns) for what in ("cpu", "waited", "machine"))
    missed = min(waited, max(machine - cpu, 0.0))
    return None if math.isnan(waited) else missed / max(missed + cpu, 1e-9)


def machine() -> dict[str, str]:
    model = platform.processor() or platform.machine()
    if sys.platform == "linux":
        with open("/proc/cpuinfo") as f:
            lines = dict(line.split(":", 1) for line in f.read().split("\n\n")[0].splitlines() if ":" in line)
        named = {key.strip(): value.strip() for key, value in lines.items()}
        model = named.get("model name", model)
        if "cpu family" in named:
            model += f" (family {named['cpu family']}, model {named['model']})"
        flags = named.get("flags", "").split()
        model += ", " + next((level for level in ("avx512f", "avx2", "sse4_2") if level in flags), "")
    return {
        "processor": model.rstrip(", "),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "Python": platform.python_version(),
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }


def compare(rows: list[Row], libraries: set[str] | None, seconds: float, rounds: int, quick: bool, say) -> dict:
    """Runs the rows; say(record) is called after each. Returns what the JSON file holds."""
    started = time.perf_counter()
    with Race(libraries, seconds, rounds, quick, lambda line: print(line, file=sys.stderr)) as race:
        records = []
        for row in rows:
            record = race.run(row)
            if record["results"]:
                records.append(record)
                say(record, quick)
        return {
            "machine": machine(),
            "versions": race.versions,
            "peak_by": race.peak.ask("peak_by"),
            "quick": quick,
            "minutes": (time.perf_counter() - started) / 60,
            "rows": records,
        }
