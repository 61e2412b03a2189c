"""Read archives that Python cannot read, as a tar stream from libarchive's bsdtar and bsdcat.

The programs write no file. Their output is checked like every other tar. Formats are recognised by their first bytes,
and only known ones are passed on, since libarchive also reads lists (mtree) that name files of this machine.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, cast

from dst_robustness.datasets.damage import DamagedArchiveError, MissingProgramError
from dst_robustness.datasets.rar_blocks import RAR_4, RAR_5
from dst_robustness.jobs import shown

SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c"
ZSTANDARD = b"\x28\xb5\x2f\xfd"


def foreign_stream(archive: Path, start: bytes) -> AbstractContextManager[IO[bytes]] | None:
    """Return a tar stream for an archive with these first bytes, or None if Python can read it itself.

    Raises:
        DamagedArchiveError: if it is not complete.
        MissingProgramError: if the program that reads it is missing.
    """
    if start.startswith(ZSTANDARD):
        return _output_of(archive, _program("bsdcat", archive), str(archive.resolve()))
    if not start.startswith((RAR_4, RAR_5, SEVEN_ZIP)):
        return None
    program = _program("bsdtar", archive)
    if start.startswith(SEVEN_ZIP):
        offset, length = struct.unpack("<QQ", start[12:28])
        if 32 + offset + length != archive.stat().st_size:
            raise DamagedArchiveError(archive, "cannot be unpacked: it is cut off, or goes on behind its end")
    return _output_of(archive, program, "-c", "-f", "-", "--format=pax", f"@{archive.resolve()}")


def _program(name: str, archive: Path) -> str:
    found = shutil.which(name)
    if found is None:
        raise MissingProgramError(
            f"{archive}: to unpack it, install {name} (package libarchive-tools on Debian and Ubuntu, bsdtar on Fedora,"
            " libarchive in conda and Homebrew), or unpack it yourself (with unar, unrar or 7-Zip) and give the folder"
            " as path"
        )
    return found


@contextmanager
def _output_of(archive: Path, *command: str) -> Iterator[IO[bytes]]:
    """Yield the output of a program. Raise DamagedArchiveError if the program fails."""
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=os.environ | {"LC_ALL": "C.UTF-8"},
            start_new_session=True,  # no terminal to ask for a password
        ) as process,
    ):
        try:
            yield cast(IO[bytes], process.stdout)
            status = process.wait()
        except BaseException:
            process.kill()
            raise
        if status:
            errors.seek(0)
            said = errors.read(10_000).decode("utf-8", "replace").strip().splitlines() or ["it failed"]
            raise DamagedArchiveError(archive, f"cannot be unpacked: {shown.name(said[0])}")
