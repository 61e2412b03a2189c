"""Files that are either complete or absent, and the error for a damaged one."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # disk full, quota used up, or file larger than allowed


class DamagedFileError(ValueError):
    """A file that an earlier step made (``path``) is truncated or of another kind."""

    def __init__(self, path: str | Path, kind: str = "", *, reason: str = "") -> None:
        super().__init__(f"cannot read {path}: {reason or f'truncated or no {kind}'}")
        self.path = Path(path)

    def set_aside(self) -> Path | None:
        """Rename the file, so that the next call of the workflow makes it anew. Return the new name.

        Return None if the file is gone, because another job has renamed it already.
        """
        aside = self.path.with_name(f"{self.path.name}.damaged")
        return self.path.replace(aside) if self.path.exists() else None


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``. It is renamed to ``path`` if the block succeeds, else removed.

    The temporary name is always the same, so that the next process overwrites what a killed one has left. If the disk
    is full, the OSError names ``path``.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file that is never seen half written."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")
