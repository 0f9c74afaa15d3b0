"""Whether a wheel is what it must be; with a second one, whether both hold the same files.

    check_wheel.py WHEEL [OTHER_WHEEL]
"""

import sys
import zipfile
from pathlib import Path

MAX_BYTES = 3_000_000
NEEDED = ("eigenlstm/__init__.py", "eigenlstm/_core.pyi", "eigenlstm/py.typed", "eigenlstm/data/README.md",
          "licenses/LICENSE", "licenses/LICENSES/README.txt", "licenses/LICENSES/MPL-2.0.txt", "licenses/LICENSES/pybind11.txt")
UNWANTED = (".cpp", ".hpp", ".h", ".a", ".o", ".cmake", ".pyc")


def files(path):
    """Name -> content, without what names a file by its hash."""
    with zipfile.ZipFile(path) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist() if not name.endswith("/RECORD")}


def main(path, other=None):
    size, found = Path(path).stat().st_size, files(path)
    print(f"{Path(path).name}: {size:,} bytes, {len(found)} files")
    wrong = [f"{size:,} bytes, {MAX_BYTES:,} allowed"] if size > MAX_BYTES else []
    wrong += [f"no {needed}" for needed in NEEDED if not any(name.endswith(needed) for name in found)]
    wrong += [f"{name} does not belong there" for name in found if name.endswith(UNWANTED)]
    if not any(name.startswith("eigenlstm/_core.") and name.endswith(".so") for name in found):
        wrong.append("no compiled module")
    if other is not None:
        theirs = files(other)
        wrong += [f"{name} is in one wheel only" for name in found.keys() ^ theirs.keys()]
        # the module itself may differ: it can hold the path that it was built in
        wrong += [f"{name} differs" for name in found.keys() & theirs.keys() if found[name] != theirs[name] and not name.endswith(".so")]
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main(*sys.argv[1:])
