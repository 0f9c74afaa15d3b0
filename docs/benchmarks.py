"""Writes docs/how/benchmarks.md, its page of rows for each machine and its pictures from the results in bench/.

python docs/benchmarks.py
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.compare.plot import draw  # noqa: E402
from bench.compare.report import NOTE, headline, ratio_table, section_table, sections, where_slower  # noqa: E402

RUNS = {"results": "Intel Xeon, AVX-512", "results-zen5": "AMD Zen 5, AVX-512", "results-avx2": "AMD Zen 3, AVX2"}

HEAD = """# Benchmarks

The same work in eigenlstm and in PyTorch, ONNX Runtime, OpenVINO, JAX and Keras, on every machine that was measured.
In each row all contestants take turns in one run, their answers are compared before anything is timed, and medians
are reported. Each peer has the layout and the setting that suit it best. The tables say how many times as fast
eigenlstm is: a geometric mean over the shapes of the grid, in float32, and in brackets the least. Every row of a run,
other dtypes, ragged batches and variants among them, is on a page of its own.

To repeat a run, from the root of a checkout on a machine that does nothing else:

```sh
pip install ".[peers]" openvino jax tensorflow-cpu matplotlib
python -m bench.compare --json results.json --page RESULTS.md --plot results.svg
```

It takes some 15 minutes. `python docs/benchmarks.py` makes this page from the results in `bench/`. Older runs are of
older versions; their dates say which.
"""


def run_of(name):
    return json.loads((ROOT / "bench" / f"{name}.json").read_text())


def section(name, title):
    """A machine: what it is, the ratios, the picture, and where a peer is faster."""
    run = run_of(name)
    return "\n\n".join(
        [
            f"## {title}",
            headline(run).replace("\n", "\n\n"),
            ratio_table(run),
            f"![GFLOP/s by shape on one thread: {title}](../pictures/benchmark-{name}.svg)",
            where_slower(run),
            f"[Every row of this run](rows-{name}.md)",
        ]
    )


def rows_page(name, title):
    run = run_of(name)
    tables = [f"## {group}\n\n{section_table(records)}" for group, records in sections(run).items()]
    head = f"# Every row: {title}"
    return "\n\n".join([head, headline(run).replace("\n", "\n\n"), NOTE, *tables]) + "\n"


def pages():
    """Name of the file in docs/how -> its text."""
    first = "\n\n".join([HEAD.rstrip(), *(section(name, title) for name, title in RUNS.items())]) + "\n"
    return {"benchmarks.md": first, **{f"rows-{name}.md": rows_page(name, title) for name, title in RUNS.items()}}


if __name__ == "__main__":
    for name in RUNS:
        draw(run_of(name), ROOT / "docs" / "pictures" / f"benchmark-{name}.svg")
    for file, text in pages().items():
        (ROOT / "docs" / "how" / file).write_text(text)
