"""Notebooks made from pages of the documentation, so that both say the same.

python docs/notebooks.py FOLDER               writes tutorials as FOLDER/<name>.ipynb
python docs/notebooks.py --execute FOLDER     and runs them, at the reduced sizes of CI (needs nbclient and ipykernel)
"""

import argparse
import re
from pathlib import Path

import pages

_SAVED = re.compile(r"^(\w+)\.savefig\(.*\)\Z", re.MULTILINE)  # the last line of a cell: the figure is shown instead

TUTORIALS = ("start/training.md", "tutorials/classify.md", "tutorials/teaching.md")
_FENCE = re.compile(r"^```python\n(.*?)^```\n?", re.MULTILINE | re.DOTALL)
_BACKEND = re.compile(r"^import matplotlib\n\nmatplotlib\.use\(.*\)\n", re.MULTILINE)  # a notebook shows its figures


def notebook(page, full=True):
    """The page as an `nbformat` notebook: its text in Markdown cells, its ```python blocks in code cells."""
    import nbformat.v4 as v4

    text, cells, position = (pages.DOCS / page).read_text(), [], 0

    def add_text(part):
        part = re.sub(r"<!--.*?-->\n?|!\[[^\]]*\]\([^)]*\)\n?", "", part).strip()
        if part:
            cells.append(v4.new_markdown_cell(part))

    for block in _FENCE.finditer(text):
        add_text(text[position : block.start()])
        code = _SAVED.sub(r"\1", _BACKEND.sub("", block[1]).strip())
        cells.append(v4.new_code_cell(code if full else pages.reduced(code)))
        position = block.end()
    add_text(text[position:])
    return v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})


def execute(book, folder, timeout=300):
    """Runs the notebook's cells in `folder` and keeps what they show."""
    from nbclient import NotebookClient

    NotebookClient(book, timeout=timeout, resources={"metadata": {"path": str(folder)}}).execute()


def main():
    import nbformat

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--execute", action="store_true")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for page in TUTORIALS:
        book = notebook(page, full=not given.execute)
        if given.execute:
            execute(book, given.folder)
        nbformat.write(book, given.folder / f"{Path(page).stem}.ipynb")


if __name__ == "__main__":
    main()
