"""``python -m bench.builds OLD NEW [NEW ...]``: builds of the core by turns, call by call, in one process.

On a machine that others share, two runs one after the other differ by more than a change is worth. Neighbouring
calls see the same neighbours: the median of the ratios of neighbouring calls tells 1% within seconds, and the least
time of a build is what it does when alone.

A build is a revision of the repository, built below build/revisions, or a folder that CMake has built the core in.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import re
import statistics
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHAPES = ["100,8,64,64", "100,32,32,64", "100,32,128,128", "100,64,256,256", "50,32,512,512", "365,256,32,64"]


def shape(text: str) -> tuple[int, int, int, int]:
    if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*){3}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no T,B,I,H")
    T, B, I, H = map(int, text.split(","))
    return T, B, I, H


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.builds", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("builds", nargs="+", metavar="BUILD", help="the first is what the others are held against")
    parser.add_argument("--shapes", nargs="+", type=shape, default=list(map(shape, SHAPES)), metavar="T,B,I,H")
    parser.add_argument("--train", action="store_true", help="the forward pass with a tape, and the backward pass")
    parser.add_argument("--float64", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5, help="for each shape (%(default)s)")
    return parser.parse_args(argv)


def built(name: str) -> Path:
    """The folder of a build; a revision that has none is built first."""
    folder = Path(name)
    if (folder / "CMakeCache.txt").exists():
        return folder
    commit = output("git", "-C", str(ROOT), "rev-parse", "--verify", f"{name}^{{commit}}").strip()
    folder = ROOT / "build/revisions" / commit
    source = folder / "source"
    if not source.exists():
        source.mkdir(parents=True)
        archive = subprocess.run(["git", "-C", str(ROOT), "archive", commit], check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["tar", "-x", "-C", str(source)], check=True, input=archive)
    output("cmake", "-S", str(source), "-B", str(folder), "-DCMAKE_BUILD_TYPE=Release")
    output("cmake", "--build", str(folder), "--target", "eigenlstm", "-j", str(os.cpu_count()))
    return folder


def output(*command: str) -> str:
    """What it prints; if it fails, SystemExit with what it says."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}")
    return done.stdout


def library(folder: Path) -> ctypes.CDLL:
    """layer.cpp with the core of this build: its own copy of every symbol."""
    cache = (folder / "CMakeCache.txt").read_text()
    source = re.search(r"^CMAKE_HOME_DIRECTORY:\w+=(.*)$", cache, re.MULTILINE).group(1)
    compiler = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.*)$", cache, re.MULTILINE).group(1)
    path = folder / "layer.so"
    hidden = ["-fvisibility=hidden", "-Wl,-Bsymbolic", "-Wl,--exclude-libs,ALL"]
    layer, core = ROOT / "bench/builds/layer.cpp", folder / "cpp/libeigenlstm.a"
    flags = ["-std=c++17", "-O2", "-fPIC", "-shared", *hidden, f"-I{source}/cpp/include", "-pthread"]
    output(compiler, *flags, "-o", str(path), str(layer), str(core))
    loaded = ctypes.CDLL(str(path.resolve()))
    loaded.make.argtypes = [ctypes.c_ssize_t] * 4 + [ctypes.c_int] * 3
    loaded.make.restype = ctypes.c_void_p
    loaded.run.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_double)]
    loaded.destroy.argtypes = [ctypes.c_void_p]
    return loaded


def race(
    libraries: list[ctypes.CDLL], work: tuple[int, int, int, int], options: argparse.Namespace
) -> list[list[list[float]]]:
    """[pass][build]: the seconds of every call. Each round begins at the other end."""
    layers = [lib.make(*work, options.float64, options.train, options.threads) for lib in libraries]
    found = [[[] for _ in layers] for _ in range(2 if options.train else 1)]
    times = (ctypes.c_double * 2)()
    for lib, layer in zip(libraries, layers):
        lib.run(layer, times)
    end, order = time.monotonic() + options.seconds, list(range(len(layers)))
    while time.monotonic() < end or len(found[0][0]) < 3:
        for i in order:
            libraries[i].run(layers[i], times)
            for each, seconds in zip(found, times):
                each[i].append(seconds)
        order.reverse()
    for lib, layer in zip(libraries, layers):
        lib.destroy(layer)
    return found


def line(name: str, first: list[float], own: list[float]) -> str:
    low, middle, high = statistics.quantiles([a / b for a, b in zip(first, own)], n=4)
    return (
        f"  {name[:24]:24}  least {min(own) * 1e3:9.3f} ms   median {statistics.median(own) * 1e3:9.3f} ms   "
        f"{middle:.3f} times as fast ({low:.3f} to {high:.3f})"
    )


def main(argv: list[str] | None = None) -> None:
    options = arguments(argv)
    libraries = [library(built(name)) for name in options.builds]
    for work in options.shapes:
        found = race(libraries, work, options)
        for name, each in zip(("forward", "backward"), found):
            dtype = "float64" if options.float64 else "float32"
            print(f"{work} {dtype}, threads {options.threads}, {name}, {len(each[0])} calls each")
            print("\n".join(line(build, each[0], own) for build, own in zip(options.builds, each)), flush=True)


if __name__ == "__main__":
    main()
