"""Archives that Python cannot read, as a stream of tar: through libarchive's bsdtar and bsdcat.

The programs write no file. What they read goes through the same hands as every tar. Formats are told by their first
bytes, and only these are handed on: libarchive would also read lists (mtree), which name files of this machine.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, cast

from dst_robustness.datasets.damage import DamagedArchiveError, MissingProgramError
from dst_robustness.jobs import shown

RAR_4, RAR_5 = b"Rar!\x1a\x07\0", b"Rar!\x1a\x07\x01\0"
SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c"
CPIO = (b"070701", b"070702", b"070707", b"\xc7\x71", b"\x71\xc7")
COMPRESSED = (b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"\x1f\x9d", b"LZIP")  # zstd, lz4, compress, lzip


def foreign_stream(archive: Path, start: bytes) -> AbstractContextManager[IO[bytes]] | None:
    """Return a stream of tar for an archive that starts so, None for one that Python may read itself.

    Raises:
        DamagedArchiveError: where it is not whole.
        MissingProgramError: where the program that reads it is missing.
    """
    if start.startswith(COMPRESSED):
        return _output_of(archive, _program("bsdcat", archive), str(archive.resolve()))
    if not start.startswith((RAR_4, RAR_5, SEVEN_ZIP, *CPIO)):
        return None
    program = _program("bsdtar", archive)
    _check_whole(archive, start)
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
    """Yield what a program writes; raise DamagedArchiveError where it fails."""
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


def _check_whole(archive: Path, start: bytes) -> None:
    """Raise where the archive does not end where its last block says: libarchive takes a cut for the end."""
    try:
        with open(archive, "rb") as file:
            if start.startswith(SEVEN_ZIP):
                offset, length = struct.unpack("<QQ", start[12:28])
                file.seek(32 + offset + length)
            elif start.startswith((RAR_4, RAR_5)):
                file.seek(len(RAR_5) if start.startswith(RAR_5) else len(RAR_4))
                while not (_block_of_rar_5 if start.startswith(RAR_5) else _block_of_rar_4)(file):
                    pass
            else:
                return
            if file.tell() > archive.stat().st_size:
                raise ValueError("it is cut off")
            while block := file.read(1 << 20):
                if block.strip(b"\0"):
                    raise ValueError("it goes on behind its end: damaged, or several archives in one")
    except (ValueError, struct.error, IndexError, OverflowError, OSError) as error:
        reason = shown.name(error) if type(error) is ValueError else "it is cut off or damaged"
        raise DamagedArchiveError(archive, f"cannot be unpacked: {reason}") from None


def _block_of_rar_4(file: IO[bytes]) -> bool:
    """Step over a block of RAR 1.5-4 (technote.txt of RAR 4.20); return whether it is the last one."""
    head = file.read(7)
    crc, kind, flags, size = struct.unpack("<HBHH", head)
    head += file.read(size - 7) if size > 7 else b""
    if len(head) != size or (kind != 0x72 and zlib.crc32(head[2:]) & 0xFFFF != crc and kind in (0x73, 0x74, 0x7B)):
        raise ValueError("a header is damaged, or it is cut off")
    data = struct.unpack("<I", head[7:11])[0] if flags & 0x8000 else 0
    if kind in (0x74, 0x7A) and flags & 0x100:
        data |= struct.unpack("<I", head[32:36])[0] << 32
    if kind == 0x73:
        _check_flags(is_volume=bool(flags & 1), is_encrypted=bool(flags & 0x80))
    file.seek(data, os.SEEK_CUR)
    return kind == 0x7B


def _block_of_rar_5(file: IO[bytes]) -> bool:
    """Step over a block of RAR 5 (https://www.rarlab.com/technote.htm); return whether it is the last one."""
    crc = struct.unpack("<I", file.read(4))[0]
    sized = file.read(3)
    length, at = _vint(sized, 0)
    sized += file.read(at + length - 3) if at + length > 3 else b""
    if length > 1 << 21 or len(sized) < at + length or zlib.crc32(sized[: at + length]) != crc:
        raise ValueError("a header is damaged, or it is cut off")
    file.seek(at + length - len(sized), os.SEEK_CUR)
    kind, at = _vint(sized, at)
    flags, at = _vint(sized, at)
    _, at = _vint(sized, at) if flags & 1 else (0, at)
    data, at = _vint(sized, at) if flags & 2 else (0, at)
    if kind in (1, 4):
        _check_flags(is_volume=kind == 1 and bool(_vint(sized, at)[0] & 1), is_encrypted=kind == 4)
    file.seek(data, os.SEEK_CUR)
    return kind == 5


def _check_flags(*, is_volume: bool, is_encrypted: bool) -> None:
    if is_volume:
        raise ValueError("it is one volume of several")
    if is_encrypted:
        raise ValueError("it is encrypted")


def _vint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if not data[at - 1] & 128:
            return value, at
