"""The documentation: its code runs, its pictures exist, every public name is in the reference."""

import re
import sys
from pathlib import Path

import pytest

import eigenlstm as el

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))
import pages  # noqa: E402

NEEDS = re.compile(r"^<!-- needs: ([\w ,-]+) -->$", re.MULTILINE)


@pytest.mark.parametrize("page", pages.pages())
def test_the_code_of_a_page_runs(page):
    """A page names what it needs beside NumPy and eigenlstm in a comment of its own: ``<!-- needs: torch, matplotlib
    -->``.
    """
    for names in NEEDS.findall((DOCS / page).read_text()):
        for name in names.split(","):
            pytest.importorskip(name.strip())
    pages.run(page, timeout=300)


def test_a_failing_page_is_told_with_its_line(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "DOCS", tmp_path)
    (tmp_path / "broken.md").write_text(
        "# A page\n\n```python\nx = 1\n```\n\nand\n\n```python\nraise ValueError(x)\n```\n"
    )
    with pytest.raises(RuntimeError, match=r'(?s)broken.md", line 10.*ValueError: 1'):
        pages.run("broken.md")


def test_sizes_are_reduced_only_when_asked_to(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "DOCS", tmp_path)
    (tmp_path / "page.md").write_text("```python\nepochs = 30  # in CI: 2\n```\n")
    assert pages.program("page.md").split() == ["epochs", "=", "2"]
    assert "epochs = 30 " in pages.program("page.md", full=True)


def test_benchmarks_are_those_of_the_results():
    """The pages are what their script makes of the results in bench/."""
    import benchmarks

    for file, text in benchmarks.pages().items():
        assert (DOCS / "how" / file).read_text() == text


def test_every_header_is_in_the_reference():
    table = (DOCS / "reference" / "cpp.md").read_text()
    headers = {path.name for path in (ROOT / "cpp/include/eigenlstm").glob("*.hpp")}
    assert set(re.findall(r"`(\w+\.hpp)`", table)) == headers


def test_every_extra_is_on_the_page_of_installing():
    listed = set(re.findall(r"^\| `(\w+)` \|", (DOCS / "start" / "install.md").read_text(), re.MULTILINE))
    project = (ROOT / "pyproject.toml").read_text()
    extras = project.partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]
    assert listed == set(re.findall(r"^(\w+) = ", extras, re.MULTILINE))


def test_pictures_are_there():
    for page in DOCS.rglob("*.md"):
        for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_public_name_is_in_the_reference():
    """A class, function or module at the top level; and each public name of the modules that are reached through it."""
    text = "\n".join(path.read_text() for path in (DOCS / "reference").glob("*.md"))
    documented = set(re.findall(r"^::: ([\w.]+)$", text, re.MULTILINE))
    documented |= {name.removesuffix(".losses") for name in documented}
    documented |= {name.rpartition(".")[0] for name in documented if name.endswith(".forecaster")}
    modules = {f"eigenlstm.{module}" for module in el._MODULES.values()}
    missing = [
        name
        for name in el.__all__
        if not name.startswith("__")
        and f"eigenlstm.{name}" not in documented
        and (name in el._LAZY and f"eigenlstm.{el._LAZY[name]}" not in documented)
    ]
    assert not missing
    assert not modules - documented, "a module of the public face has no page"
