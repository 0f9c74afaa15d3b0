"""mypy --strict and pyright on what users write and see: every Python block of README.md, the stubs and the
applications.

    python tests/hygiene/check_types.py

The README's blocks are one program, as a reader runs them one after the other, and must pass in strict mode. The stubs
must pass in strict mode, too. The applications must be right wherever they use the package; their own functions are not
annotated.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python/eigenlstm"


def run(*command, **options):
    """Whether `command` found nothing; what it says is shown."""
    return subprocess.run([sys.executable, "-m", *map(str, command)], check=False, **options).returncode == 0


def main():
    with tempfile.TemporaryDirectory() as folder:
        blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
        readme = Path(folder, "readme.py")
        readme.write_text("\n".join(blocks), encoding="utf-8")
        settings = {
            "include": ["readme.py"],  # relative to the file of the settings, as pyright wants it
            "extraPaths": [str(PACKAGE.parent)],
            "typeCheckingMode": "standard",
            "reportMissingImports": False,
            "reportMissingModuleSource": False,
        }
        config = Path(folder, "pyrightconfig.json")
        config.write_text(json.dumps(settings))
        mypy = ("mypy", "--follow-imports=silent", "--ignore-missing-imports", f"--cache-dir={folder}/cache")
        within = {"cwd": folder, "env": {**os.environ, "MYPYPATH": str(PACKAGE.parent)}}
        passed = [
            run(*mypy, "--strict", readme, *PACKAGE.rglob("*.pyi"), **within),
            run(*mypy, "--check-untyped-defs", *(PACKAGE / "apps").glob("*.py"), **within),
            run("pyright", "-p", config, **within),
        ]
    sys.exit(0 if all(passed) else 1)


if __name__ == "__main__":
    main()
