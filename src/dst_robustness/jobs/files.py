"""Files that are complete or absent, and what is said of those that are neither."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no space, none left of a quota, or above a limit on one file


class DamagedFileError(ValueError):
    """A file that an earlier step made is truncated or of another kind; ``path`` is the file."""

    def __init__(self, path: str | Path, kind: str = "", *, reason: str = "") -> None:
        super().__init__(f"cannot read {path}: {reason or f'truncated or no {kind}'}")
        self.path = Path(path)

    def set_aside(self) -> Path | None:
        """Give the file another name, so that the next call of the workflow makes it anew; return the name.

        That is None where there is no file, or another job that met it was faster.
        """
        aside = self.path.with_name(f"{self.path.name}.damaged")
        return self.path.replace(aside) if self.path.exists() else None


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its name when the block ends well, and is removed otherwise.

    The temporary name is always the same, so that what a killed process left behind is overwritten by the next one.
    Where the disk is full the OSError names ``path``.
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
    """Write a text file in one piece."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")
