"""The errors for archives that are damaged, or that contain something that data never need."""

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
    """An archive is refused, and nothing of it is kept. ``reason`` says why, without the archive's name."""

    def __init__(self, archive: Path, reason: str) -> None:
        super().__init__(f"{archive} {reason}")
        self.reason = reason


class MissingProgramError(ValueError):
    """An archive needs a program that is not installed. The archive may be fine."""


@contextmanager
def damage_is_named(archive: Path) -> Iterator[None]:
    """Turn anything that libraries raise for a damaged archive into a DamagedArchiveError."""
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
