"""Writes that a kill cannot tear, and what they do to files that are none: devices, pipes, links, long names,
remains.
"""

import os
import signal
import stat
import subprocess
import sys
import threading

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm import atomic_files
from eigenlstm.atomic_files import write_atomically

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX files")


def test_a_file_is_replaced_and_keeps_its_mode(tmp_path):
    path = tmp_path / "m"
    write_atomically(path, b"old")
    path.chmod(0o640)
    write_atomically(path, b"ne", memoryview(b"w"))
    assert path.read_bytes() == b"new" and stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["m"]


@posix
def test_owner_and_group_are_kept_where_that_is_allowed(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root may give files away")
    path = tmp_path / "m"
    path.write_bytes(b"old")
    os.chown(path, 1234, 2345)
    path.chmod(0o604)
    write_atomically(path, b"new")
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 2345, 0o604)


@posix
def test_a_pipe_is_written_into(tmp_path):
    path, got = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()), daemon=True)
    reader.start()
    data = bytes(range(256)) * 1000  # more than a pipe holds
    write_atomically(path, data)
    reader.join(10)
    assert got == [data] and stat.S_ISFIFO(path.stat().st_mode)


@posix
def test_a_device_stays_a_device(tmp_path):
    model = el.Linear(2, 1, seed=0)
    el.save(model, "/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@posix
def test_a_link_is_followed_and_a_folder_refused(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_atomically(tmp_path / "link", b"x")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_bytes() == b"x"
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path, b"x")


@pytest.mark.parametrize("length", [200, 238, 239, 254, 255])
def test_long_names(tmp_path, length):
    for name in ("n" * length, ("ä" * length)[: length // 2]):
        path = tmp_path / name
        write_atomically(path, b"1")
        write_atomically(os.fsencode(path), b"2")  # and as bytes
        assert path.read_bytes() == b"2"
    assert len(os.listdir(tmp_path)) == 2


KILLED = """
import os, signal, sys
from eigenlstm import atomic_files

def killed(file, buffers):
    file.write(b"half")
    print("writing", flush=True)
    if sys.argv[2] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.read()

atomic_files._write = killed
atomic_files.write_atomically(sys.argv[1], b"whole")
"""


def writer(path, what):
    return subprocess.Popen(
        [sys.executable, "-c", KILLED, path, what], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@posix
@pytest.mark.parametrize("name", ["m.safetensors", "n" * 250])
def test_the_next_write_removes_the_remains_of_killed_ones_but_of_no_living_one(tmp_path, name):
    path = tmp_path / name
    neighbour = tmp_path / f"{name[:100]}.0123456789ab.tmp.txt"
    neighbour.write_bytes(b"somebody else's")
    for _ in range(2):
        process = writer(path, "die")
        assert process.wait(60) == -signal.SIGKILL
    living = writer(path, "wait")
    assert living.stdout.readline() == "writing\n"
    assert len(os.listdir(tmp_path)) == 4
    write_atomically(path, b"new")
    left = {entry for entry in os.listdir(tmp_path) if entry not in (name, neighbour.name)}
    assert len(left) == 1 and (tmp_path / left.pop()).read_bytes() == b"half"  # of the one that is still writing
    living.communicate("", timeout=60)
    assert sorted(os.listdir(tmp_path)) == sorted([name, neighbour.name])


@posix
def test_a_folder_that_cannot_be_synced_is_no_failure(tmp_path, monkeypatch):
    sync = os.fsync

    def only_files(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(22, "Invalid argument")
        sync(handle)

    monkeypatch.setattr(atomic_files.os, "fsync", only_files)
    write_atomically(tmp_path / "m", b"x")
    assert (tmp_path / "m").read_bytes() == b"x"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "m"
    write_atomically(path, b"old")

    def full(file, buffers):
        file.write(b"ha")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_files, "_write", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["m"]


SHORT_OF_MEMORY = """
import resource, sys
import numpy as np
import eigenlstm as el

model = el.Linear(3000, 6000, seed=0)  # 72 MB
el.save, el.load  # imported
path = sys.argv[1]
el.save(model, path)
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + int(sys.argv[2]), -1))
for attempt in (lambda: el.save(model, path), lambda: el.load(path)):
    try:
        attempt()
        print("done", flush=True)
    except MemoryError:
        print("MemoryError", flush=True)
resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
assert np.array_equal(el.load(path).flat_params, model.flat_params)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of address space as Linux has them")
@pytest.mark.parametrize("more", [1_000_000, 30_000_000, 100_000_000])
def test_short_of_memory_the_process_lives_and_the_file_is_whole(tmp_path, more):
    done = subprocess.run(
        [sys.executable, "-c", SHORT_OF_MEMORY, tmp_path / "m", str(more)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) <= {"done", "MemoryError"} and "MemoryError" in done.stdout
    assert os.listdir(tmp_path) == ["m"]


def test_arrays_of_every_kind_survive(tmp_path):
    """Read back by the reference implementation, and by us."""
    from safetensors.numpy import load_file

    from eigenlstm.safetensors_files import read_tensors, write_tensors

    rng = np.random.default_rng(0)
    base = rng.integers(-100, 100, (5, 4, 3))
    tensors = {
        f"{np.dtype(kind).name}.{order}": (base > 0 if kind == "?" else base.astype(kind)).copy(order)
        for kind in ("?", "u1", "i1", "u2", "i2", "f2", "u4", "i4", "f4", "u8", "i8", "f8")
        for order in "CF"
    }
    tensors.update(
        {
            "scalar": np.float32(3),
            "empty": np.zeros((0, 3), np.float64),
            "big-endian": base.astype(">f4"),
            "strided": base.astype("f4")[::2, ::-1],
            "üñí": base,
        }
    )
    write_tensors(tmp_path / "m", tensors, {"ä": 'ö\n\\"', "none": ""})
    theirs = load_file(tmp_path / "m")
    ours, metadata = read_tensors(tmp_path / "m")
    assert metadata == {"ä": 'ö\n\\"', "none": ""} and theirs.keys() == ours.keys() == tensors.keys()
    for name, array in tensors.items():
        for read in (theirs[name], ours[name]):
            assert read.dtype == np.asarray(array).dtype.newbyteorder("=") and np.array_equal(read, array), name
    with pytest.raises(TypeError, match="complex"):
        write_tensors(tmp_path / "m", {"z": np.zeros(2, complex)}, {})
