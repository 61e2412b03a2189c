"""What is said of an archive that is not whole, or holds what data never need."""

from __future__ import annotations

import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dst_robustness.datasets.space import FULL, NoSpaceError
from dst_robustness.jobs import shown

_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    OSError,
    RuntimeError,  # an encrypted zip, one compressed in an unknown way, headers within headers
    ValueError,
    OverflowError,
    struct.error,
)


class DamagedArchiveError(ValueError):
    """An archive that is refused; nothing of it stays. ``reason`` says why, without the archive's name."""

    def __init__(self, archive: Path, reason: str) -> None:
        super().__init__(f"{archive} {reason}")
        self.reason = reason


class MissingProgramError(ValueError):
    """An archive that only a program can read which is not there; it may be whole."""


@contextmanager
def damage_is_named(archive: Path) -> Iterator[None]:
    """Raise DamagedArchiveError for whatever the libraries raise where an archive is damaged."""
    try:
        yield
    except (DamagedArchiveError, MissingProgramError, NoSpaceError):
        raise
    except MemoryError:
        raise DamagedArchiveError(archive, "cannot be unpacked: that would need more memory than it may take") from None
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        reason = shown.name(error, longest=1000) or type(error).__name__
        raise DamagedArchiveError(archive, f"cannot be unpacked: {reason}") from error
