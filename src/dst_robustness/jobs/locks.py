"""One process at a time: at a file that several may want to make, at a job, at a GPU."""

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
    """Another process holds a lock that is not waited for."""


@contextmanager
def alone(path: str | Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock ``.NAME.lock`` beside a file or folder, and wait as long as another process holds it.

    Yields whether it had to wait: what is to be made may then be there. The kernel releases the lock of a process that
    dies. Where the file system has no locks (as NFS without a lock service), a warning says so, once, and the block
    runs unguarded. Without ``wait``, a lock that another process holds is a TakenError.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    waited, file = _take(lock, wait)
    try:
        yield waited
    finally:
        with suppress(OSError):
            lock.unlink()  # while it is held: who waits sees that the file is another one, and takes that
        os.close(file)


def _take(lock: Path, wait: bool) -> tuple[bool, int]:
    """Return whether another process held the lock, and the descriptor that holds it now."""
    waited = False
    while True:
        file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        if not try_lock(file, lock):
            if not wait:
                os.close(file)
                raise TakenError(f"another process is at this (it holds {lock}): wait until it ends, or end it")
            if not waited:
                log.info("waiting for another process at %s", lock.with_name(lock.name[1 : -len(".lock")]))
            waited = True
            fcntl.flock(file, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), os.stat(lock)):
                return waited, file
        os.close(file)


def try_lock(file: int, path: str | Path) -> bool:
    """Lock an open file; return whether that was possible at once.

    Where the file system has no locks, a warning says so, once, and the file counts as locked.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        _warn(str(Path(path).parent), error.strerror)
    return True


def open_shared(path: str | Path) -> int:
    """Open a lock file that all users of the machine share, and make it where it is missing. Nothing is written to it.

    Raises OSError for what somebody else may have put there: a link, something that is no file, a file without access.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with suppress(FileExistsError):
        file = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o444)
        os.fchmod(file, 0o444)  # whatever the umask says
        return file
    file = os.open(path, flags)
    status = os.fstat(file)
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
        return file
    os.close(file)
    raise OSError(errno.EPERM, "a link, or no file", str(path))


@cache
def _warn(folder: str, reason: str) -> None:
    log.warning("%s: no file locks here (%s); nothing keeps two calls at once apart", folder, reason)
