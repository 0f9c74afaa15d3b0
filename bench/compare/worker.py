"""A library in a process of its own: prepares work, gives its answer, and times it when told to.

One process each, because a library's threads cannot be asked to leave the processor: ONNX Runtime's and OpenMP's
spin for a while after a call. The race (race.py) stops the whole process outside its turns.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import math
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .work import Timed

SAMPLE_SECONDS = 2e-4  # calls shorter than this are timed several at a time: the clock costs about 50 ns
LEAST_SAMPLES = 3  # of a turn, where something happens before each call


def serve(pipe, library: str, threads: int) -> None:
    """Answers the requests that come through the pipe, until it closes."""
    die_with_parent()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # TensorFlow's remarks; errors come back through the pipe
    desk = Desk(library, threads)
    while True:
        try:
            request, arguments = pipe.recv()
        except EOFError:
            return
        try:
            reply = ("done", getattr(desk, request)(*arguments))
        except NotImplementedError as reason:  # the library has no such thing
            reply = ("absent", str(reason))
        except ImportError as reason:
            reply = ("absent", f"not installed: {reason.name}")
        except Exception as error:  # noqa: BLE001 (the race reports it)
            reply = ("failed", "".join(traceback.format_exception_only(error)).strip())
        pipe.send(reply)


def die_with_parent() -> None:
    """A stopped process would outlive a killed parent for ever."""
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def burn() -> None:
    """Keeps a core busy until it is killed."""
    die_with_parent()
    while True:
        pass


class Desk:
    """The requests. Holds the works of one row; `drop` lets them go."""

    def __init__(self, library: str, threads: int):
        self.library, self.threads = library, threads
        self.works: dict[str, tuple[Timed, float]] = {}

    def setup(self) -> dict[str, str]:
        return importlib.import_module(f".peers.{self.library}", __package__).setup(self.threads)

    def fma_peak(self, dtype: str, seconds: float) -> float:
        return importlib.import_module(".peak", __package__).fma_peak(dtype, seconds)

    def peak_scaling(self, dtype: str, seconds: float, threads: int) -> float:
        return importlib.import_module(".peak", __package__).scaling(dtype, seconds, threads)

    def peak_by(self) -> str:
        return importlib.import_module(".peak", __package__).BY

    def prepare(self, label: str, build: str, work, options: dict, quick: bool) -> dict:
        """Builds the work, picks the fastest of the library's settings, and returns its answer."""
        choices = choices_of(build, work, options)
        if quick:
            choices = choices[:1]
        answer = [choice.answer() for choice in choices] if len(choices) == 1 else None
        seconds = [one_call(choice.run, 0.0 if quick else 0.03) for choice in choices]
        fastest = int(np.argmin(seconds))
        chosen = choices[fastest]
        self.works[label] = (chosen, seconds[fastest])
        tried = {choice.setting: s for choice, s in zip(choices, seconds)}
        return {
            "answer": answer[0] if answer else chosen.answer(),
            "setting": chosen.setting,
            "tried": tried,
            "call": seconds[fastest],
        }

    def turn(self, label: str, seconds: float, pause: float) -> dict:
        """Samples of the time of one call, in seconds, and the processor time used; the first calls only warm up.

        `pause`: seconds before each sample, which is of one call then; so it is where the work does something before.
        """
        timed, call = self.works[label]
        run, before, clock = timed.run, timed.before, time.perf_counter
        apart = bool(pause or before)
        together = 1 if apart else max(1, round(SAMPLE_SECONDS / call))
        gc.collect()
        gc.disable()
        if seconds and call < 0.1:
            warm = clock() + 0.003
            run()
            while clock() < warm:
                run()
        least = LEAST_SAMPLES if apart and seconds else 1
        samples, started = [], Processor.now()
        end = clock() + seconds
        while True:
            if pause:
                time.sleep(pause)
            if before:
                before()
            t0 = clock()
            for _ in range(together):
                run()
            t1 = clock()
            samples.append((t1 - t0) / together)
            if t1 >= end and len(samples) >= least:
                break
        used = Processor(*(now - then for now, then in zip(Processor.now(), started)))
        gc.enable()
        return {"samples": samples} | used._asdict()

    def memory(self, build: str, work, options: dict) -> dict[str, int]:
        """Bytes of resident memory that three calls added at their peak to what stood before, and the peak itself.

        The same at a small size goes before, for what a library sets up once.
        """
        choices_of(build, work.small(), options)[0].run()
        timed = choices_of(build, work, options)[0]
        gc.collect()
        before = status("VmRSS")
        with open("/proc/self/clear_refs", "w") as f:
            f.write("5")  # the high-water mark starts again from here
        for _ in range(3):
            timed.run()
        return {"growth": status("VmHWM") - before, "peak": status("VmHWM")}

    def tape(self, build: str, work, options: dict) -> dict[str, int]:
        """Bytes that the tape of one forward pass says it keeps."""
        return {"tape": choices_of(build, work, options)[0].tape()}

    def drop(self) -> None:
        self.works.clear()
        gc.collect()


def choices_of(build: str, work, options: dict) -> list[Timed]:
    module, function = build.split(":")
    timed = getattr(importlib.import_module(module, __package__), function)(work, **options)
    return [timed] if isinstance(timed, Timed) else timed


def one_call(run, seconds: float) -> float:
    """A first estimate of the time of one call: the least of those that fit."""
    clock = time.perf_counter
    if seconds:
        run()
    best, end = np.inf, clock() + seconds
    while True:
        t0 = clock()
        run()
        t1 = clock()
        best = min(best, t1 - t0)
        if t1 >= end:
            return best


class Processor(NamedTuple):
    """Seconds since some point: by the clock; of processor time that this process used; that its threads waited for, or a
    hypervisor took; and that all processors of the machine were busy. NaN where the system does not tell."""

    wall: float
    cpu: float
    waited: float
    machine: float

    @classmethod
    def now(cls) -> Processor:
        wall, usage = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        cpu = usage.ru_utime + usage.ru_stime
        try:
            threads = [Path(task, "schedstat").read_text() for task in Path("/proc/self/task").iterdir()]
            user, nice, system, _, _, irq, softirq, stolen = map(int, Path("/proc/stat").read_text().split()[1:9])
        except (OSError, ValueError):
            return cls(wall, cpu, math.nan, math.nan)
        tick = os.sysconf("SC_CLK_TCK")
        waited = sum(int(thread.split()[1]) for thread in threads) * 1e-9 + stolen / tick
        return cls(wall, cpu, waited, (user + nice + system + irq + softirq + stolen) / tick)


def status(field: str) -> int:
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith(field + ":"))
