"""Data are fetched once, checked every time, and read out of zip and tar files."""

import hashlib
import io
import sys
import tarfile
import zipfile

import pytest

from eigenlstm.apps import _download


def zipped(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return buffer.getvalue()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that a stand-in for pip has, and the list of what was fetched."""
    contents, fetched = zipped(data="numbers"), []
    made = _download.Package("parcel", "1.0", hashlib.sha256(contents).hexdigest(), "numbers (public domain)")

    def download(package, folder):
        fetched.append(package.name)
        (folder / "parcel.whl").write_bytes(contents)
        return folder / "parcel.whl"

    monkeypatch.setattr(_download, "_download", download)
    monkeypatch.setenv("EIGENLSTM_CACHE", str(tmp_path / "cache"))
    return made, contents, fetched


def test_fetched_once_and_its_licence_told(package, capsys):
    made, contents, fetched = package
    assert _download.fetch(made) == _download.fetch(made) == contents and fetched == ["parcel"]
    assert "numbers (public domain)" in capsys.readouterr().out


def test_what_is_not_the_published_file_is_refused(package, tmp_path):
    made, _, _ = package
    _download.fetch(made)
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_bytes(kept.read_bytes() + b" ")
    with pytest.raises(SystemExit, match="remove it"):
        _download.fetch(made)


def test_a_local_file_is_read_instead(package, tmp_path):
    (tmp_path / "own").write_bytes(b"mine")
    assert _download.fetch(package[0], tmp_path / "own") == b"mine" and package[2] == []


def test_pip_is_told_the_version_and_the_checksum(tmp_path, monkeypatch):
    """pip itself refuses what has another checksum; where it fails, --data is named as the way out."""
    seen = []

    def run(command, **_):
        seen.append((command, (tmp_path / "requirement.txt").read_text()))
        return type("Done", (), {"returncode": 1, "stderr": "no such host"})()

    monkeypatch.setattr(_download.subprocess, "run", run)
    with pytest.raises(SystemExit, match="(?s)no such host.*--data"):
        _download._download(_download.Package("parcel", "1.0", "ab" * 32, "", source=True), tmp_path)
    ((command, requirement),) = seen
    assert command[:4] == [sys.executable, "-m", "pip", "download"] and "--require-hashes" in command
    assert command[command.index("--no-binary") + 1] == "parcel"
    assert requirement == f"parcel==1.0 --hash=sha256:{'ab' * 32}\n"


def test_members_of_zip_and_tar():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as made:
        for name in ("a/one.txt", "b/two.txt"):
            entry = tarfile.TarInfo(name)
            entry.size = len(name)
            made.addfile(entry, io.BytesIO(name.encode()))
    assert _download.member(buffer.getvalue(), "two.txt") == b"b/two.txt"
    assert _download.member(zipped(one="1", other="2"), "one") == b"1"
    for archive in (buffer.getvalue(), zipped(**{"a.txt": "", "b.txt": ""})):
        with pytest.raises(SystemExit, match="2 files named .txt"):
            _download.member(archive, ".txt")


def test_the_cache_lies_where_it_is_told_to(monkeypatch, tmp_path):
    monkeypatch.delenv("EIGENLSTM_CACHE", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert _download.cache_folder() == tmp_path / "eigenlstm"
    monkeypatch.setenv("EIGENLSTM_CACHE", str(tmp_path / "here"))
    assert _download.cache_folder() == tmp_path / "here"
