"""Locks that let one process at a time make a file, do a job or use a GPU."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

log = logging.getLogger(__name__)


class TakenError(RuntimeError):
    """Another process holds a lock, and the caller does not want to wait."""


@contextmanager
def alone(path: str | Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock ``.NAME.lock`` beside a file or folder. Wait while another process holds it.

    Yields whether it had to wait; the other process may then have made the file. The kernel releases the lock of a
    process that dies. If the file system has no locks (such as NFS without a lock service), one warning says so and the
    block runs without a lock. With ``wait`` false, a lock that another process holds raises TakenError.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    waited, file = _take(lock, wait)
    try:
        yield waited
    finally:
        with suppress(OSError):
            lock.unlink()  # while still held: a waiting process then notices that the file is gone, and makes another
        os.close(file)


def _take(lock: Path, wait: bool) -> tuple[bool, int]:
    """Take the lock. Return whether another process held it before, and the file descriptor that holds it now."""
    waited = False
    while True:
        file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        if not try_lock(file, lock):
            if not wait:
                os.close(file)
                raise TakenError(f"another process is doing this (it holds {lock}): wait until it ends, or end it")
            if not waited:
                log.info("waiting for another process at %s", lock.with_name(lock.name[1 : -len(".lock")]))
            waited = True
            fcntl.flock(file, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), os.stat(lock)):
                return waited, file
        os.close(file)


def try_lock(file: int, path: str | Path) -> bool:
    """Try to lock an open file without waiting. Return whether it is locked now.

    If the file system has no locks, one warning says so, and the file counts as locked.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        _warn(str(Path(path).parent), error.strerror)
    return True


def open_shared(path: str | Path) -> int:
    """Open a lock file that all users of the machine share; create it if it is missing. Nothing is written to it.

    Raises OSError if somebody has put something else there: a link, a folder, a pipe, or a file that cannot be read.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with suppress(FileExistsError):
        file = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o444)
        os.fchmod(file, 0o444)  # regardless of the umask
        return file
    file = os.open(path, flags)
    status = os.fstat(file)
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
        return file
    os.close(file)
    raise OSError(errno.EPERM, "a link, or not a file", str(path))


@cache
def _warn(folder: str, reason: str) -> None:
    log.warning("%s: no file locks here (%s); do not start two calls at the same time", folder, reason)
