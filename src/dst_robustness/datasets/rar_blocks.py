"""Read the blocks of a RAR archive: whether it is complete, and the checksum of each file.

libarchive mistakes a cut between two files for the end, and does not check uncompressed files. Sources: technote.txt of
RAR 4.20, https://www.rarlab.com/technote.htm for RAR 5.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import IO

RAR_4, RAR_5 = b"Rar!\x1a\x07\0", b"Rar!\x1a\x07\x01\0"
LONGEST_HEADER = 1 << 21  # as in the technote
Sums = list[int | None]


def file_sums(archive: Path) -> Sums | None:
    """Return the CRC-32 of each file in order (None for a file without one), or None if this is not a RAR archive.

    Raises ValueError if the archive is not complete, is encrypted, or is one volume of several.
    """
    sums: Sums = []
    with open(archive, "rb") as file:
        start = file.read(len(RAR_5))
        if not start.startswith((RAR_4, RAR_5)):
            return None
        file.seek(len(RAR_5) if start == RAR_5 else len(RAR_4))
        step = _step_5 if start == RAR_5 else _step_4
        try:
            while not step(file, sums):
                pass
        except (struct.error, IndexError):
            raise ValueError("a header is damaged, or it is cut off") from None
        if file.tell() > archive.stat().st_size:
            raise ValueError("it is cut off")
        while block := file.read(1 << 20):
            if block.strip(b"\0"):
                raise ValueError("it goes on behind its end: damaged, or several archives in one")
    return sums


def _step_4(file: IO[bytes], sums: Sums) -> bool:
    """Step over a block of RAR 1.5-4; return whether it is the last one."""
    head = file.read(7)
    crc, kind, flags, size = struct.unpack("<HBHH", head)
    head += file.read(max(0, size - 7))
    # The checksums of other blocks do not cover exactly the header.
    if len(head) != size or (kind in (0x73, 0x74, 0x7B) and zlib.crc32(head[2:]) & 0xFFFF != crc):
        raise ValueError("a header is damaged, or it is cut off")
    if kind == 0x73:
        _check_kind(is_volume=bool(flags & 1), is_encrypted=bool(flags & 0x80))
    data = struct.unpack("<I", head[7:11])[0] if flags & 0x8000 else 0
    if kind in (0x74, 0x7A) and flags & 0x100:
        data |= struct.unpack("<I", head[32:36])[0] << 32
    if kind == 0x74 and flags & 0xE0 != 0xE0:  # no folder
        sums.append(struct.unpack("<I", head[16:20])[0])
    file.seek(data, os.SEEK_CUR)
    return kind == 0x7B


def _step_5(file: IO[bytes], sums: Sums) -> bool:
    """Step over a block of RAR 5; return whether it is the last one."""
    crc = struct.unpack("<I", file.read(4))[0]
    head = file.read(3)
    length, at = _number(head, 0)
    end = at + length
    head += file.read(max(0, min(end, LONGEST_HEADER) - 3))
    if len(head) < end or zlib.crc32(head[:end]) != crc:
        raise ValueError("a header is damaged, or it is cut off")
    file.seek(end - len(head), os.SEEK_CUR)
    kind, at = _number(head, at)
    flags, at = _number(head, at)
    _, at = _number(head, at) if flags & 1 else (0, at)
    data, at = _number(head, at) if flags & 2 else (0, at)
    if kind in (1, 4):
        _check_kind(is_volume=kind == 1 and bool(_number(head, at)[0] & 1), is_encrypted=kind == 4)
    if kind == 2:
        about, at = _number(head, at)
        for _ in ("unpacked size", "attributes"):
            _, at = _number(head, at)
        at += 4 if about & 2 else 0  # time
        if not about & 1:  # no folder
            sums.append(struct.unpack("<I", head[at : at + 4])[0] if about & 4 else None)
    file.seek(data, os.SEEK_CUR)
    return kind == 5


def _check_kind(*, is_volume: bool, is_encrypted: bool) -> None:
    if is_volume:
        raise ValueError("it is one volume of several")
    if is_encrypted:
        raise ValueError("it is encrypted")


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return a number that has seven bits per byte, and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if not data[at - 1] & 128:
            return value, at
