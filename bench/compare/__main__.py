"""``python -m bench.compare``: the table, and with --json, --page, --plot and --readme the files of a run."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from .judge import errors
from .race import compare
from .report import headline, page, progress, readme_section, summary, with_section
from .rows import OURS, load, small


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.compare", description="The same LSTM work in eigenlstm and its peers."
    )
    parser.add_argument("--quick", action="store_true", help="every kind of row once, small: does it run?")
    parser.add_argument("--filter", default="", metavar="REGEX", help="only rows with this in their name ('T100 B32')")
    libraries = "pytorch, onnxruntime, openvino, jax, keras"
    parser.add_argument("--peers", metavar="A,B", help=f"only these libraries beside eigenlstm (of {libraries})")
    parser.add_argument("--threads", type=int, help="only rows with this number of threads")
    parser.add_argument(
        "--seconds", type=float, default=0.25, help="of timing for each contestant of each row (%(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=7, help="turns that this is divided into (%(default)s)")
    parser.add_argument("--seed", type=int, default=23, help="of the random shapes (%(default)s)")
    parser.add_argument("--list", action="store_true", help="the names of the rows, and nothing else")
    parser.add_argument("--load", type=Path, metavar="JSON", help="run nothing: take the results of an earlier run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the results page, in Markdown")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw GFLOP/s by shape (.svg or .png)")
    parser.add_argument("--readme", type=Path, metavar="FILE", help="write ratios between this file's results marks")
    return parser.parse_args(argv)


def as_json(run: dict) -> str:
    """With a line for each row, so that two runs can be compared as text."""
    rows = ",\n  ".join(json.dumps(row) for row in run["rows"])
    return json.dumps(run | {"rows": []}, indent=1).replace('"rows": []', f'"rows": [\n  {rows}\n ]') + "\n"


def main(argv: list[str] | None = None) -> int:
    options = arguments(argv)
    rows, targets = load(options.seed)
    rows = [row for row in rows if re.search(options.filter, row.name) and options.threads in (None, row.threads)]
    if options.quick:
        rows = small(rows)
    if options.list:
        print("\n".join(row.name for row in rows))
        return 0
    if options.load:
        run = json.loads(options.load.read_text())
        if "peak_by" not in run:
            raise SystemExit(f"--load: {options.load} is of an older version: its rows have no peak")
    else:
        libraries = {OURS, *options.peers.split(",")} if options.peers is not None else None
        rounds, seconds = (1, 0.0) if options.quick else (options.rounds, options.seconds)
        if any("random shapes" in row.name for row in rows):
            print(f"Random shapes: of seed {options.seed}", flush=True)
        run = compare(rows, libraries, seconds, rounds, options.quick, lambda *row: print(progress(*row), flush=True))
        run["seed"] = options.seed
    print(headline(run), summary(run, targets), sep="\n\n")
    if options.json:
        options.json.write_text(as_json(run))
    if options.page:
        options.page.write_text(page(run, targets))
    if options.plot:
        from .plot import draw

        draw(run, options.plot)
    if options.readme:
        options.readme.write_text(with_section(options.readme.read_text(), readme_section(run)))
    wrong = errors(run)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
