"""Read tar archives that are not trusted: complete or refused, in bounded memory.

tarfile mistakes a damaged header, or the end of the file, for the end of the archive, and reads headers of any length
into memory. Here an archive must end with its end mark and padding. Every byte after that is read too, so that the
checksums of gzip, bzip2 and xz are verified.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from dst_robustness.datasets.damage import DamagedArchiveError, damage_is_named
from dst_robustness.datasets.foreign import foreign_stream
from dst_robustness.jobs import shown

MAX_HEADER = 1 << 13  # bytes of a header that tarfile reads completely: long names, extended attributes
BLOCK = 512  # bytes of a header; contents are padded to a multiple of this
PADDING = 10_240  # bytes; programs round up to a multiple. At most this many zeros end an archive; more are a hole
MAX_MEMBER_BYTES = 1 << 30  # bytes of a member that is read into memory
_IMAGES = (b"\xff\xd8", b"\x89PNG")  # JPEG and PNG have an end mark; other files may end in zeros
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_OPENERS: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}


class _StrictInfo(tarfile.TarInfo):
    """Accepts a correct header or the end mark. Anything else is a damaged archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _StrictInfo:
        info = cast(_StrictInfo, super().frombuf(buf, encoding, errors))
        if not 0 <= info.size < 1 << 62 or (info.type in _HEADERS and info.size > MAX_HEADER):
            raise tarfile.ReadError(f"a header says that {info.size:,} bytes follow")
        return info

    def _refuse_sparse(self, *_: object) -> None:
        raise tarfile.ReadError(f"'{shown.name(self.name)}' is a sparse file")

    # tarfile would read the list of a sparse file's parts completely, however long it is.
    _proc_sparse = _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse_sparse

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> _StrictInfo:
        from tarfile import EOFHeaderError, HeaderError, ReadError  # type: ignore[attr-defined]

        start = tarfile.offset
        try:
            return cast(_StrictInfo, super().fromtarfile(tarfile))
        except EOFHeaderError:
            raise
        except HeaderError as error:
            raise ReadError(f"{error} at byte {start:,}: it is damaged or cut off") from None


class _StrictTar(tarfile.TarFile):
    """A tar that keeps only the last member in memory, so that it may have millions."""

    tarinfo = _StrictInfo
    last: tarfile.TarInfo | None = None

    def next(self) -> tarfile.TarInfo | None:
        member = super().next()
        self.members.clear()  # type: ignore[attr-defined]
        self.last = member or self.last
        return member


def members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield every member."""
    while (member := tar.next()) is not None:
        yield member


def check_end(read: Callable[[int], bytes], limit: int = PADDING) -> None:
    """Read everything after the end mark. Raise an error if it is not padding."""
    count = 0
    while block := read(PADDING):
        count += len(block)
        if count > limit or block.strip(b"\0"):
            raise tarfile.ReadError("it goes on behind its end: damaged, or several archives in one")


def check_zeros(file: IO[bytes], last: tarfile.TarInfo | None, start: int, end: int) -> None:
    """Raise an error if zeros replace members, or the end of the last one.

    An uncompressed tar has no checksum that would show this. Programs end it with two blocks of zeros, and may or may
    not fill up the last record.
    """
    if last is None:
        return
    stop = last.offset_data + last.size
    members = stop - start + -last.size % BLOCK
    if end - start not in (members + BLOCK, members + 2 * BLOCK, -(-(members + 2 * BLOCK) // PADDING) * PADDING):
        raise tarfile.ReadError(f"zeros stand behind '{shown.name(last.name)}' where more files were")
    content = os.pread(file.fileno(), 16, last.offset_data) + os.pread(file.fileno(), 16, max(0, stop - 16))
    if content.startswith(_IMAGES) and content.endswith(bytes(16)):
        raise tarfile.ReadError(f"its last file, the image '{shown.name(last.name)}', ends in zeros")


@contextmanager
def tar_stream(archive: Path) -> Iterator[tarfile.TarFile]:
    """Open a tar (plain or compressed in any way), or an archive that bsdtar converts to one, for reading in order.

    When the block ends, the whole archive has been read. Raises DamagedArchiveError if it is not complete.
    """
    with damage_is_named(archive), _plain_stream(archive) as (stream, is_compressed):
        with _StrictTar.open(fileobj=stream, mode="r|") as tar:
            yield tar
            check_end(cast(Any, tar.fileobj).read)
        check_end(stream.read)
        if not is_compressed:
            check_zeros(stream, tar.last, 0, archive.stat().st_size)


@contextmanager
def _plain_stream(archive: Path) -> Iterator[tuple[IO[bytes], bool]]:
    """Yield the stream of a tar, and whether it was compressed."""
    with open(archive, "rb") as file:
        start = file.read(BLOCK)
    opener = next((opener for magic, opener in _OPENERS.items() if start.startswith(magic)), None)
    compressed = opener(archive, "rb") if opener else foreign_stream(archive, start)
    with compressed or open(archive, "rb") as stream:
        yield stream, compressed is not None


def tar_index(archive: str | Path, *, start: int = 0, stop: int | None = None) -> dict[str, tuple[int, int]]:
    """Find where each plain member of an uncompressed tar is, so that it can be read without unpacking.

    Args:
        archive: the tar, or a file that holds one.
        start, stop: where the tar begins and ends in the file. A tar inside a tar is the bytes of a member.

    Returns:
        First byte and length of each member in the file, by its name.

    Raises:
        ValueError: if the archive is damaged, cut off, or has two members of the same name.
    """
    archive = Path(archive)
    places: dict[str, tuple[int, int]] = {}
    with damage_is_named(archive), open(archive, "rb") as file:
        end = file.seek(0, os.SEEK_END) if stop is None else stop
        file.seek(start)
        with _StrictTar.open(fileobj=file, mode="r:") as tar:
            for member in members(tar):
                if member.offset_data + member.size > end:
                    raise tarfile.ReadError(f"it is cut off inside '{shown.name(member.name)}'")
                if member.name in places:
                    raise tarfile.ReadError(f"it holds '{shown.name(member.name)}' twice")
                if member.isreg() and not member.issparse():
                    places[member.name] = (member.offset_data, member.size)
            check_end(lambda length: file.read(max(0, min(length, end - file.tell()))))
            check_zeros(file, tar.last, start, end)
    return places


def read_members(archive: str | Path, names: list[str], *, max_bytes: int = MAX_MEMBER_BYTES) -> dict[str, bytes]:
    """Read the named members of a (compressed) tar in one pass, without unpacking.

    Raises ValueError if the archive is damaged, or if a member is missing or has more than ``max_bytes``.
    """
    archive = Path(archive)
    found: dict[str, bytes] = {}
    with tar_stream(archive) as tar:
        for member in members(tar):
            if member.name not in names or not member.isreg():
                continue
            if member.size > max_bytes:
                reason = f"holds '{member.name}' of {member.size:,} bytes, too large to be true"
                raise DamagedArchiveError(archive, reason)
            found[member.name] = cast(IO[bytes], tar.extractfile(member)).read()
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f"{archive} does not hold '{missing[0]}'")
    return found
