"""Runs the code of the documentation's pages, as the tests do and as the pictures are made.

    python docs/pages.py                   each page at the reduced sizes of CI
    python docs/pages.py --full tutorials/teaching.md    at full size; what it draws goes to docs/pictures/

The ```python blocks of a page are one program, run from top to bottom in an empty folder. A line that ends in a comment
``# in CI: 2`` gets that value at reduced size: ``epochs = 30  # in CI: 2`` becomes ``epochs = 2``. A block that is not to be run (a
piece of a longer program, or one that needs something that CI lacks) is marked ```py instead.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent
_BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_REDUCED = re.compile(r"^(\s*\w+ = ).+?(  # in CI: )(.+)$", re.MULTILINE)


def pages():
    """Every page with code to run, as a path relative to docs/."""
    return sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md") if _BLOCK.search(path.read_text()))


def program(page, full=False):
    """The page's blocks as one program; line n of it is line n of the page, so that a traceback points at the page."""
    text = (DOCS / page).read_text()
    lines = [""] * (text.count("\n") + 1)
    for match in _BLOCK.finditer(text):
        first = text.count("\n", 0, match.start(2))
        for i, line in enumerate(match[2].splitlines()):
            lines[first + i] = line[len(match[1]) :]
    code = "\n".join(lines) + "\n"
    return code if full else reduced(code)


def reduced(code):
    """`code` with the sizes of CI."""
    return _REDUCED.sub(r"\1\3", code)


def run(page, full=False, timeout=None):
    """Runs the page in an empty folder and a process of its own; raises RuntimeError with its traceback if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        code = f"import sys; exec(compile(open(sys.argv[1]).read(), {page!r}, 'exec'), {{'__name__': 'page'}})"
        source = Path(folder) / ".page.py"
        source.write_text(program(page, full))
        done = subprocess.run(
            [sys.executable, "-W", "error::DeprecationWarning:eigenlstm", "-c", code, source],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if done.returncode:
            raise RuntimeError(f"docs/{page}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        if full:
            for picture in [*Path(folder).glob("*.png"), *Path(folder).glob("*.svg")]:
                (DOCS / "pictures").mkdir(exist_ok=True)
                shutil.copy(picture, DOCS / "pictures" / picture.name)
        return done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", help="relative to docs/; default: all")
    parser.add_argument("--full", action="store_true", help="at full size; pictures are kept")
    given = parser.parse_args()
    for page in given.pages or pages():
        print(f"-- {page}", run(page, given.full), sep="\n")


if __name__ == "__main__":
    main()
