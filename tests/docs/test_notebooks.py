"""The notebooks that are made from pages run, and show their figures."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs"))
import notebooks  # noqa: E402


@pytest.mark.parametrize("page", notebooks.TUTORIALS)
def test_a_notebook_runs(page, tmp_path):
    book = notebooks.notebook(page, full=False)
    assert {cell.cell_type for cell in book.cells} == {"markdown", "code"}
    notebooks.execute(book, tmp_path)
    shown = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    if "matplotlib" in (notebooks.pages.DOCS / page).read_text():
        assert any("image/png" in output.get("data", {}) for output in shown), "a figure is not shown"
