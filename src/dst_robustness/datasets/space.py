"""Whether the disk has room, said before and while it fills."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class NoSpaceError(ValueError):
    """The disk is too small for what is to be written."""


def require_space(folder: Path, needed: int, what: str) -> None:
    """Raise NoSpaceError where the disk of a folder has less room than what is to be written there needs."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise NoSpaceError(f"{what} needs {needed:,} bytes in {folder}, where {free:,} are free")


@contextmanager
def watch_space(folder: Path, what: str) -> Iterator[None]:
    """Say in one line that the disk became full, or the user's share of it, while the block wrote into a folder."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise NoSpaceError(f"{what} does not fit into {folder}: {error.strerror}") from None
