"""Whether a wheel is what it must be, and whether an installed package is the same.

check_wheel.py WHEEL INSTALLED_PACKAGE_FOLDER
"""

import sys
import zipfile
from pathlib import Path

MAX_BYTES = 3_000_000
NEEDED = (
    "eigenlstm/__init__.py",
    "eigenlstm/__init__.pyi",
    "eigenlstm/_core.pyi",
    "eigenlstm/py.typed",
    "eigenlstm/data/README.md",
    "licenses/LICENSE",
    "licenses/LICENSES/README.txt",
    "licenses/LICENSES/MPL-2.0.txt",
    "licenses/LICENSES/pybind11.txt",
)
UNWANTED = (".cpp", ".hpp", ".h", ".a", ".o", ".cmake", ".pyc")


def main(path, installed):
    with zipfile.ZipFile(path) as wheel:
        found = {name: wheel.read(name) for name in wheel.namelist() if not name.endswith("/")}
    size = Path(path).stat().st_size
    print(f"{Path(path).name}: {size:,} bytes, {len(found)} files")
    wrong = [f"{size:,} bytes, {MAX_BYTES:,} allowed"] if size > MAX_BYTES else []
    wrong += [f"no {needed}" for needed in NEEDED if not any(name.endswith(needed) for name in found)]
    wrong += [f"{name} does not belong there" for name in found if name.endswith(UNWANTED)]
    if not any(name.startswith("eigenlstm/_core.") and name.endswith(".so") for name in found):
        wrong.append("no compiled module")

    ours = {name: content for name, content in found.items() if name.startswith("eigenlstm/")}
    folder = Path(installed)
    theirs = {
        f"eigenlstm/{file.relative_to(folder)}": file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    wrong += [
        f"{name} is in {'the wheel' if name in ours else 'the installed package'} only"
        for name in sorted(ours.keys() ^ theirs.keys())
    ]
    # the module's bytes may differ: strings in it can name the folder that it was built in
    wrong += [
        f"{name} differs"
        for name in sorted(ours.keys() & theirs.keys())
        if ours[name] != theirs[name] and not name.endswith(".so")
    ]
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main(*sys.argv[1:])
