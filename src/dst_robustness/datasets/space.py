"""Check that the disk has room, before and while it fills."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class NoSpaceError(ValueError):
    """The disk is too small."""


def require_space(folder: Path, needed: int, what: str) -> None:
    """Raise NoSpaceError if the disk of a folder has less room than needed."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise NoSpaceError(f"{what} needs {needed:,} bytes in {folder}, where {free:,} are free")


@contextmanager
def watch_space(folder: Path, what: str) -> Iterator[None]:
    """Raise NoSpaceError, in one line, if the disk or the user's quota becomes full while the block writes."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise NoSpaceError(f"{what} does not fit into {folder}: {error.strerror}") from None
