"""Writes that a kill cannot tear: a file is the old one or the new one, never half of one."""

import contextlib
import errno
import hashlib
import os
import re
import stat

try:
    import fcntl
except ImportError:  # Windows has no such locks: what a killed write leaves behind stays there
    fcntl = None

_MAX_NAME = 255  # bytes of a file's name, on all common file systems
_SUFFIX = re.compile(r"[0-9a-f]{12}\.tmp")


def write_atomically(path, *buffers):
    """Replace the file `path` by the bytes of `buffers`: a kill at any moment leaves the old file or the new one.

    The new file is written beside `path`, synced, and renamed over it. It keeps the mode of the old one and, where this
    process may set them, its owner and group; a hard link to the old file goes on naming the old content. A link is
    followed. What is no regular file (a device, a pipe) is written into. What a killed write to the same path has left
    behind is removed.
    """
    path = os.path.realpath(os.fsdecode(path))
    old = _status(path)
    if old is not None and not stat.S_ISREG(old.st_mode):
        if stat.S_ISDIR(old.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        with open(path, "wb", buffering=0) as file:
            _write(file, buffers)
        return
    temporary, file = _create_beside(path)
    with file:
        try:
            _write(file, buffers)
            os.fsync(file.fileno())
            if old is not None:
                with contextlib.suppress(OSError):  # only root may give files away
                    os.chown(temporary, old.st_uid, old.st_gid)
                os.chmod(temporary, stat.S_IMODE(old.st_mode))
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):  # renamed already
                os.unlink(temporary)
            raise
    _remove_remains(path)
    _sync_folder(os.path.dirname(path))


def _status(path):
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _write(file, buffers):
    for buffer in buffers:
        view = memoryview(buffer)
        while len(view):  # a raw write may take less than it is given: a pipe's, or of 2 GB and more
            view = view[file.write(view) :]


def _prefix(path):
    """How the names of the temporary files of `path` begin; shortened where the whole name would be too long."""
    name = os.path.basename(path)
    if len(os.fsencode(name)) + len(".0123456789ab.tmp") <= _MAX_NAME:
        return f"{name}."
    return f"{os.fsdecode(os.fsencode(name)[:200])}.{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}."


def _create_beside(path):
    """A new temporary file for `path`, locked for as long as it is open: ``(name, file)``."""
    while True:
        temporary = os.path.join(os.path.dirname(path), f"{_prefix(path)}{os.urandom(6).hex()}.tmp")
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        except OSError as error:  # the caller knows nothing of the temporary file
            raise OSError(error.errno, error.strerror, path) from None
        file = open(handle, "wb", buffering=0)
        if fcntl is None:
            return temporary, file
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        # Before the lock was taken, another writer may have held the file for remains and removed it.
        status = _status(temporary)
        if status is not None and os.path.samestat(status, os.fstat(handle)):
            return temporary, file
        file.close()


def _remove_remains(path):
    """Removes the temporary files of `path` that no process holds open: their writers were killed."""
    if fcntl is None:
        return
    folder, prefix = os.path.dirname(path), _prefix(path)
    with contextlib.suppress(OSError):
        names = [
            name for name in os.listdir(folder) if name.startswith(prefix) and _SUFFIX.fullmatch(name[len(prefix) :])
        ]
        for name in names:
            remains = os.path.join(folder, name)
            with contextlib.suppress(OSError):  # locked by a living writer, or gone already
                handle = os.open(remains, os.O_WRONLY)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(remains)
                finally:
                    os.close(handle)


def _sync_folder(folder):
    """Makes the rename itself survive a power cut, where the folder can be opened and synced; the file is in place in
    any case.
    """
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
