"""``python -m eigenlstm latency``: how long the steps of a model take, and how they compare with real time."""

import time
from pathlib import Path

import numpy as np

from .cli_input import CommandError, at_least

_PERCENTILES = (50, 99, 99.9)


def add_latency(commands):
    """Add the command to the parser's `commands`."""
    parser = commands.add_parser(
        "latency",
        help="measure how long the steps of a model take",
        description="Run the model in MODEL step by step on one row of random numbers, and print percentiles of the "
        "time of a step, the largest among them, and how many times as fast as real time blocks are computed.",
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="a file of Sequential.save or Model.save")
    parser.add_argument("--steps", type=at_least(1), default=1_000_000, metavar="N", help="default: a million")
    parser.add_argument("--rate", type=at_least(1), default=48_000, metavar="HZ", help="steps a second; default: 48000")
    parser.add_argument("--block", type=at_least(1), default=64, metavar="N", help="steps of a block; default: 64")
    parser.set_defaults(command=_latency)


def _latency(options):
    from . import isa, load
    from .sequential import Sequential
    from .trained import Trained

    try:
        model = load(options.model, custom_layers=())
        stream = (model if isinstance(model, Trained) else Sequential([model])).stream()
    except OSError as error:
        raise CommandError(f"{options.model}: {error.strerror}") from None
    except ValueError as error:
        raise CommandError(str(error)) from None
    print(
        f"{options.model}: {type(model).__name__}, {model.num_params:,} parameters, {stream.dtype}; {isa()}, 1 thread"
    )
    rng = np.random.default_rng(0)
    size = stream.input_size or 1
    shape = (options.block, size) if stream.input_size else (options.block,)
    block = rng.standard_normal(shape).astype(stream.dtype) if stream.input_size else np.zeros(shape, np.int64)
    single, many = _step_times(stream, block, options.steps), _block_times(stream, block, options.steps)
    _print_row("a step, called from Python", single, "steps")
    _print_row(f"a block of {options.block:,} steps", many, "blocks")
    lasts = options.block / options.rate * 1e6
    print(
        f"at {options.rate:,} Hz a block lasts {lasts:,.1f} us: {lasts / np.percentile(many, 50):,.1f} times as fast as"
    )
    print(f"real time, in the slowest block {lasts / many.max():,.1f} times")


def _step_times(stream, block, steps):
    """Microseconds of each of so many steps, with the reading of the clock, some 0.05."""
    step, clock, out = stream.step, time.perf_counter_ns, np.empty(stream.output_size, stream.dtype)
    xs = [block[i % len(block)] if block.ndim > 1 else block[:1] for i in range(max(len(block), 64))]
    out = out if block.ndim > 1 else out[None]
    times = np.empty(steps, np.int64)
    stream.process(block)
    for i in range(steps):
        x = xs[i & 63]
        start = clock()
        step(x, out)
        times[i] = clock() - start
    return times / 1000


def _block_times(stream, block, steps):
    """Microseconds of each block, of so many steps in all."""
    process, clock = stream.process, time.perf_counter_ns
    out = np.empty((len(block), stream.output_size), stream.dtype)
    times = np.empty(max(1, steps // len(block)), np.int64)
    for i in range(len(times)):
        start = clock()
        process(block, out)
        times[i] = clock() - start
    return times / 1000


def _print_row(what, times, unit):
    parts = [f"p{p:g} {value:,.2f}" for p, value in zip(_PERCENTILES, np.percentile(times, _PERCENTILES))]
    print(f"{what:27} {'   '.join(parts)}   largest {times.max():,.2f} us   ({len(times):,} {unit})")
