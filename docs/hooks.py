"""What the site's build does beside MkDocs: formulas become MathML, which browsers draw without any script, and the
C++ headers get their reference from Doxygen.
"""

import html
import logging
import re
import shutil
import subprocess
from pathlib import Path

from latex2mathml.converter import convert

log = logging.getLogger("mkdocs.hooks.eigenlstm")
_FORMULA = re.compile(r'<(div|span) class="arithmatex">\\[\[(](.*?)\\[\])]</\1>', re.DOTALL)


def on_page_content(html_text, page, config, files):
    """The page with its formulas in MathML."""

    def drawn(match):
        tag, tex = match[1], html.unescape(match[2]).replace("{aligned}", "{split}")  # which this library knows
        scrolls, display = (' style="overflow: auto hidden"', "block") if tag == "div" else ("", "inline")
        return f"<{tag}{scrolls}>{convert(tex, display=display)}</{tag}>"

    return _FORMULA.sub(drawn, html_text)


def on_post_build(config):
    """Doxygen's pages of the public headers, in reference/cpp/headers/ of the site."""
    root, out = Path(config["config_file_path"]).parent, Path(config["site_dir"]) / "reference" / "cpp" / "headers"
    out.mkdir(parents=True, exist_ok=True)
    if shutil.which("doxygen") is None:
        log.info("doxygen is not installed: the site has no pages of the C++ headers")
        (out / "index.html").write_text("<p>These pages are missing: the site was built without Doxygen.</p>\n")
        return
    options = f"{(root / 'docs' / 'Doxyfile').read_text()}\nOUTPUT_DIRECTORY = {out}\n"
    done = subprocess.run(["doxygen", "-"], input=options, cwd=root, text=True, errors="replace", capture_output=True)
    if done.returncode or done.stderr:
        raise RuntimeError(f"doxygen: {done.stderr or done.stdout}")
