"""``python -m bench.builds OLD NEW [NEW ...]``: builds of the core by turns, call by call, in one process.

On a machine that others share, two runs one after the other differ by more than a change is worth. Neighbouring
calls see the same neighbours: the median of the ratios of neighbouring calls tells 1% within seconds, and the least
time of a build is what it does when alone.

A build is a revision of the repository, built below build/revisions, or a folder in which CMake has built the core
(it is brought up to date). All must give the answer of the first.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SHAPES = ["100,8,64,64", "100,32,32,64", "100,32,128,128", "100,64,256,256", "50,32,512,512", "365,256,32,64"]
ANSWER = ("y", "h", "c", "dx", "dh0", "dc0", "gradient of the parameters")  # zeros from dx on where it does not train
Shape = tuple[int, int, int, int]


def shape(text: str) -> Shape:
    if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*){3}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no T,B,I,H")
    T, B, I, H = map(int, text.split(","))
    return T, B, I, H


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.builds", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("first", metavar="OLD", help="the build that the others are compared with")
    parser.add_argument("others", nargs="+", metavar="NEW")
    parser.add_argument("--shapes", nargs="+", type=shape, default=list(map(shape, SHAPES)), metavar="T,B,I,H")
    parser.add_argument("--train", action="store_true", help="the forward pass with a tape, and the backward pass")
    parser.add_argument("--float64", action="store_true", help="instead of float32")
    parser.add_argument("--threads", type=int, default=1, help="of each call (%(default)s)")
    parser.add_argument(
        "--pause", type=float, default=1, metavar="MS", help="between calls of more than one thread (%(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=5, help="for each shape (%(default)s)")
    options = parser.parse_args(argv)
    if options.pause < 1:
        parser.error(
            f"--pause must be 1 ms or more, got {options.pause:g}: another build's threads still spin after a call"
        )
    return options


def output(*command: str | Path) -> str:
    """What it prints; if it fails, SystemExit with all that it says."""
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def built(name: str) -> Path:
    """The folder of a build, up to date."""
    folder = Path(name)
    if not (folder / "CMakeCache.txt").exists():
        folder = revision(name)
    output("cmake", "--build", folder, "--target", "eigenlstm", "-j", str(os.cpu_count()))
    return folder


def revision(name: str) -> Path:
    """The folder of a revision, configured, with its sources in a folder of their own."""
    git = ["git", "-c", "safe.directory=*", "-C", ROOT]
    try:
        commit = output(*git, "rev-parse", "--verify", f"{name}^{{commit}}").strip()
    except SystemExit:
        raise SystemExit(f"{name!r} is neither a folder that CMake has configured nor a revision") from None
    folder = ROOT / "build/revisions" / commit
    source, partial, archive = folder / "source", folder / "partial", folder / "source.tar"
    if not source.exists():
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        output(*git, "archive", "-o", archive, commit)
        output("tar", "-x", "-f", archive, "-C", partial)
        partial.rename(source)
    output("cmake", "-S", source, "-B", folder, "-DCMAKE_BUILD_TYPE=Release")
    return folder


def library(folder: Path) -> ctypes.CDLL:
    """layer.cpp with the core of this build: its own copy of every symbol."""
    cache = (folder / "CMakeCache.txt").read_text()
    source, compiler = (
        re.search(rf"^{entry}:\w+=(.*)$", cache, re.MULTILINE).group(1)
        for entry in ("CMAKE_HOME_DIRECTORY", "CMAKE_CXX_COMPILER")
    )
    path = folder.resolve() / "layer.so"
    hidden = ["-fvisibility=hidden", "-Wl,-Bsymbolic", "-Wl,--exclude-libs,ALL"]
    includes = [f"-I{source}/cpp/include", f"-I{source}/cpp/src", f"-I{ROOT}/tests/cpp"]
    flags = ["-std=c++17", "-O2", "-fPIC", "-shared", *hidden, *includes, "-pthread"]
    output(compiler, *flags, "-o", path, ROOT / "bench/builds/layer.cpp", folder / "cpp/libeigenlstm.a")
    loaded = ctypes.CDLL(str(path))
    loaded.make.argtypes = [ctypes.c_ssize_t] * 4 + [ctypes.c_int] * 3
    loaded.make.restype = ctypes.c_void_p
    numbers = ctypes.POINTER(ctypes.c_double)
    loaded.run.argtypes, loaded.run.restype = [ctypes.c_void_p, numbers], ctypes.c_bool
    loaded.answer_size.argtypes, loaded.answer_size.restype = [ctypes.c_void_p, ctypes.c_ssize_t], ctypes.c_ssize_t
    loaded.answer.argtypes = [ctypes.c_void_p, ctypes.c_ssize_t, numbers]
    loaded.destroy.argtypes = [ctypes.c_void_p]
    return loaded


class Layer:
    """The layer of one build."""

    def __init__(self, build: ctypes.CDLL, work: Shape, options: argparse.Namespace):
        self.build, self.times = build, (ctypes.c_double * 2)()
        self.handle = build.make(*work, options.float64, options.train, options.threads)
        if self.handle is None:
            raise SystemExit("no layer could be made")

    def run(self) -> list[float]:
        """Seconds of the forward and the backward pass."""
        if not self.build.run(self.handle, self.times):
            raise SystemExit("a call failed")
        return list(self.times)

    def answer(self, part: int) -> np.ndarray:
        values = np.empty(self.build.answer_size(self.handle, part))
        self.build.answer(self.handle, part, values.ctypes.data_as(ctypes.POINTER(ctypes.c_double)))
        return values

    def close(self) -> None:
        self.build.destroy(self.handle)


def race(builds: list[ctypes.CDLL], work: Shape, options: argparse.Namespace) -> list[list[list[float]]]:
    """[pass][build]: the seconds of every call. Each round begins at the other end."""
    layers = [Layer(build, work, options) for build in builds]
    for layer in layers:
        layer.run()
    for part, name in enumerate(ANSWER):
        check(name, [layer.answer(part) for layer in layers], 1e-11 if options.float64 else 5e-5)
    found = [[[] for _ in layers] for _ in range(2 if options.train else 1)]
    end, order = time.monotonic() + options.seconds, list(range(len(layers)))
    while time.monotonic() < end or len(found[0][0]) < 3:
        for i in order:
            for each, seconds in zip(found, layers[i].run()):
                each[i].append(seconds)
            if options.threads > 1:
                time.sleep(options.pause / 1e3)  # its threads spin for a moment before they sleep
        order.reverse()
    for layer in layers:
        layer.close()
    return found


def check(name: str, answers: list[np.ndarray], tolerance: float) -> None:
    first, *others = answers
    for number, other in enumerate(others, 2):
        worst, largest = np.abs(other - first).max(), np.abs(first).max()
        if not worst <= tolerance * largest:
            raise SystemExit(f"build {number} gives another {name}: off by {worst:.1e}, the largest is {largest:.1e}")


def line(name: str, first: list[float], own: list[float]) -> str:
    low, middle, high = statistics.quantiles([a / b for a, b in zip(first, own)], n=4)
    least, median = min(own) * 1e3, statistics.median(own) * 1e3
    return (
        f"  {name[-24:]:24}  least {least:9.3f} ms   median {median:9.3f} ms   "
        f"{middle:.3f} times as fast ({low:.3f} to {high:.3f})"
    )


def main(argv: list[str] | None = None) -> int:
    options = arguments(argv)
    names = [options.first, *options.others]
    builds = [library(built(name)) for name in names]
    for work in options.shapes:
        for name, each in zip(("forward", "backward"), race(builds, work, options)):
            dtype = "float64" if options.float64 else "float32"
            print(f"{work} {dtype}, threads {options.threads}, {name}, {len(each[0])} calls each")
            print("\n".join(line(build, each[0], own) for build, own in zip(names, each)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
