"""One process at a time at a file that several may want to make, as where two studies share their resources."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

log = logging.getLogger(__name__)


@contextmanager
def alone(path: str | Path) -> Iterator[bool]:
    """Hold the lock ``.NAME.lock`` beside a file or folder, and wait as long as another process holds it.

    Yields whether it had to wait: what is to be made may then be there. The kernel releases the lock of a process that
    dies. Where the file system has no locks (as NFS without a lock service), a warning says so, once, and the block
    runs unguarded.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    waited, file = _take(lock)
    try:
        yield waited
    finally:
        with suppress(OSError):
            lock.unlink()  # while it is held: who waits sees that the file is another one, and takes that
        os.close(file)


def _take(lock: Path) -> tuple[bool, int]:
    """Return whether another process held the lock, and the descriptor that holds it now."""
    waited = False
    while True:
        file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not waited:
                log.info("waiting for another process at %s", lock.with_name(lock.name[1 : -len(".lock")]))
            waited = True
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            _warn(str(lock.parent), error.strerror)
            return waited, file
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), os.stat(lock)):
                return waited, file
        os.close(file)


@cache
def _warn(folder: str, reason: str) -> None:
    log.warning("%s: no file locks here (%s); nothing keeps two calls at once apart", folder, reason)
