"""One writer a store: a lock that the operating system releases when its holder dies, however it dies."""

from __future__ import annotations

import os
import socket
import sys
import time
import weakref
from contextlib import suppress
from pathlib import Path

from gbar.dataset.places import lock_path, writing
from gbar.errors import OutputError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_CLOSED_IN_CHILDREN = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0) | getattr(os, "O_BINARY", 0)
_PATIENCE = 0.2  # s: for somebody who only looks whether it is locked, or is about to end


class Lock:
    """Holds the data set at `path` for this process; raises OutputError, naming the holder, if another one has it.

    The lock is on the open file `<path>.lock`, so that a file left behind by a process that was killed locks nothing.

    >>> with Lock(Path("sims.zarr")):  # doctest: +SKIP
    ...     ...
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        handle = _acquired(self.path)
        self._release = weakref.finalize(self, _release, lock_path(self.path), handle, os.getpid())

    def release(self) -> None:
        """Lets others write."""
        self._release()

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def holder(path: Path) -> str:
    """Who writes the data set at `path`: "process 4711 on host", or "" if nobody does."""
    file = lock_path(Path(path))
    try:
        handle = os.open(file, os.O_RDONLY | _CLOSED_IN_CHILDREN)
    except OSError:
        return ""
    try:
        _lock(handle, shared=True)
        return ""
    except BlockingIOError:
        return _said(handle)
    finally:
        os.close(handle)


def _acquired(path: Path) -> int:
    """A descriptor of the lock file, locked, of the file that still bears the name."""
    file = lock_path(path)
    with writing(path):
        file.parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + _PATIENCE
    while True:
        with writing(path):
            handle = os.open(file, os.O_RDWR | os.O_CREAT | _CLOSED_IN_CHILDREN, 0o666)
        taken = _try(path, handle)
        if taken and _is(file, handle):
            os.ftruncate(handle, 0)
            os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
            return handle
        who = _said(handle)
        os.close(handle)
        if not taken and time.monotonic() > until:
            what = f"it is being written by {who}"
            raise OutputError(what, file=path, remedy="wait for it, or choose another name")
        if not taken:
            time.sleep(_PATIENCE / 10)


def _try(path: Path, handle: int) -> bool:
    """Locks an open file, unless another one has."""
    try:
        _lock(handle)
    except BlockingIOError:
        return False
    except OSError:
        os.close(handle)
        raise OutputError("its file system has no locks", file=path, remedy="choose another folder") from None
    return True


def _lock(handle: int, *, shared: bool = False) -> None:
    """Locks an open file without waiting; raises BlockingIOError if another process has it."""
    if sys.platform == "win32":
        os.lseek(handle, 1 << 20, os.SEEK_SET)  # a byte behind what is written, which others may read
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            raise BlockingIOError from None
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
    else:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


def _is(file: Path, handle: int) -> bool:
    try:
        return os.path.samestat(file.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _said(handle: int) -> str:
    os.lseek(handle, 0, os.SEEK_SET)
    text = os.read(handle, 200).decode(errors="replace").strip()
    return text if text.isprintable() and text else "another process"


def _release(file: Path, handle: int, process: int) -> None:
    with suppress(OSError):
        if os.getpid() == process and _is(file, handle):
            file.unlink()
    os.close(handle)
