"""Unpack archives that are not trusted: completely, inside their folder and within limits, or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from dst_robustness.datasets.checksums import digests
from dst_robustness.datasets.damage import DamagedArchiveError, damage_is_named
from dst_robustness.datasets.rar_blocks import file_sums
from dst_robustness.datasets.space import require_space, watch_space
from dst_robustness.datasets.tars import members, read_members, tar_index, tar_stream
from dst_robustness.jobs import shown
from dst_robustness.jobs.files import write_text
from dst_robustness.jobs.memory import bounded_memory

MAX_EXPANSION = 200  # published sets of images expand less than 30 times
MAX_MEMBERS = 20_000_000
MAX_DEPTH = 32  # folders in each other
MAX_PATH = 1024  # bytes of a member's path
MAX_NAME = 255  # bytes of a file's or folder's name
MEMBER_BYTES = 512  # an archive may hold one file or folder for each this many bytes of its allowed size
MAX_MEMORY = 400 << 20  # bytes of memory for unpacking: dictionaries of xz and RAR, lists of members
COPY_BYTES = 1 << 20
_Member = tuple[str, int, IO[bytes] | None, int | None]  # name, bytes, content (of a file), CRC-32 (where there is one)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


def stem(name: str) -> str:
    """Return an archive's name without its ending: ``a.tar.gz`` -> ``a``."""
    return re.sub(r"(?i)(\.tar)?\.(gz|xz|bz2|zst)$|\.(tar|tgz|zip|rar|7z)$", "", name)


def extract(
    archive: str | Path, folder: str | Path, *, max_bytes: int | None = None, sha256: str | None = None
) -> None:
    """Unpack an archive into a folder. The folder appears, or is replaced, only if everything succeeds.

    The content decides the format, not the name: zip, tar (plain, gzip, bzip2, xz), and with libarchive's programs RAR,
    7z, and tar compressed by Zstandard. These are refused: archives that are damaged or cut off, and several archives
    in one; members with absolute paths, with paths that leave the folder or are too deep, or with names that do not
    print; links, devices and sparse files; more bytes or members than a data set can have. Files get the permissions of
    new files.

    If the folder already holds the content of the same archive, it stays. A note beside it says so.

    Args:
        archive: the archive.
        folder: folder for its content.
        max_bytes: allowed size of the content; by default 200 times the length of the archive.
        sha256: checksum of the archive, if it is known.

    Raises:
        DamagedArchiveError: names the archive and what is wrong with it. Nothing of it is kept.
        MissingProgramError: if the program that reads it is missing.
        ValueError: if the folder exists and its content is unknown.
        NoSpaceError: if the disk is too small.
    """
    archive, folder = Path(archive), Path(folder)
    sha256 = sha256 or digests(archive).sha256
    if folder.exists():
        known = unpacked_from(folder)
        if known == sha256:
            return
        if known is None:
            raise ValueError(f"{folder} is there, and not known to come from {archive}; remove it and run again")
    limit = max_bytes if max_bytes is not None else MAX_EXPANSION * archive.stat().st_size + (1 << 20)
    scratch = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        with bounded_memory(MAX_MEMORY), watch_space(scratch, str(archive)), damage_is_named(archive):
            _unpack(archive, scratch, limit)
        _put_in_place(scratch, folder, sha256)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def unpacked_from(folder: Path) -> str | None:
    """Return the sha256 of the archive from which ``extract`` made a folder, or None if it is not known."""
    try:
        return json.loads(_note(folder).read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _note(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.json")


def _put_in_place(scratch: Path, folder: Path, sha256: str) -> None:
    """Replace the folder. If this is killed at any point, the note still fits the folder."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    write_text(_note(folder), json.dumps({"sha256": sha256}) + "\n")
    os.replace(scratch, folder)
    shutil.rmtree(old, ignore_errors=True)


def _unpack(archive: Path, folder: Path, limit: int) -> None:
    """Write the members into an empty folder. Every file is new, so nothing can be written through a link."""
    most = min(MAX_MEMBERS, limit // MEMBER_BYTES + 1000)
    files = entries = length = 0
    made = {folder}
    for name, size, content, crc in _members(archive):
        parts = member_path(archive, name, is_folder=content is None)
        entries, length = entries + len(parts), length + size
        if entries > most or length > limit:
            much = f"{limit:,} bytes" if length > limit else f"{most:,} files and folders"
            raise DamagedArchiveError(archive, f"unpacks to more than {much} at '{shown.name(name)}'; nothing was kept")
        target = folder.joinpath(*parts)
        try:
            parent = target if content is None else target.parent
            if parent not in made:
                parent.mkdir(parents=True, exist_ok=True)
                made.add(parent)
            if content is not None:
                with content, open(target, "xb") as output:
                    found = _copy(content, output)
                if found[0] != size or crc not in (None, found[1]):
                    raise DamagedArchiveError(archive, f"cannot be unpacked: '{shown.name(name)}' is damaged")
                files += 1
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise DamagedArchiveError(archive, f"holds '{shown.name(name)}' twice") from None
    if not files:
        raise DamagedArchiveError(archive, "holds no file that can be unpacked; it is damaged")


def _copy(content: IO[bytes], output: IO[bytes]) -> tuple[int, int]:
    """Copy and return the length in bytes and the CRC-32."""
    crc = 0
    while block := content.read(COPY_BYTES):
        output.write(block)
        crc = zlib.crc32(block, crc)
    return output.tell(), crc


def member_path(archive: Path, name: str, *, is_folder: bool = False) -> tuple[str, ...]:
    """Return the parts of a member's path. Raises DamagedArchiveError if it has no place in a folder of data."""
    parts = tuple(part for part in re.split(r"[/\\]", name) if part not in ("", "."))
    if name.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", name):
        raise DamagedArchiveError(archive, f"holds '{shown.name(name)}', which leaves the folder; nothing was unpacked")
    encoded = [part.encode("utf-8", "surrogateescape") for part in parts]
    if not parts and not is_folder:
        why = "a file without a name"
    elif any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in name):
        why = "a name that does not print"
    elif len(parts) > MAX_DEPTH or len(name.encode("utf-8", "surrogateescape")) > MAX_PATH:
        why = f"more than {MAX_DEPTH} folders or {MAX_PATH} bytes deep"
    elif any(len(part) > MAX_NAME for part in encoded):
        why = f"a name of more than {MAX_NAME} bytes"
    else:
        return parts
    raise DamagedArchiveError(archive, f"holds '{shown.name(name)}', {why}; nothing was unpacked")


def _members(archive: Path) -> Iterator[_Member]:
    """Yield the members in order. Raises ValueError if the archive cannot be complete."""
    with open(archive, "rb") as file:
        is_zip = file.read(4) in _ZIP
    if is_zip:
        with zipfile.ZipFile(archive) as zipped:
            yield from _zip_members(archive, zipped)
        return
    require_space(archive.parent, archive.stat().st_size, str(archive))
    with tar_stream(archive) as tar:
        sums = file_sums(archive)
        for member in members(tar):
            if not (member.isdir() or (member.isreg() and not member.issparse())):
                raise _link(archive, member.name)
            content = cast(IO[bytes], tar.extractfile(member)) if member.isreg() else None
            yield member.name, member.size, content, sums.pop(0) if sums and content else None
    if sums:
        raise ValueError(f"{len(sums)} files are missing")


def _zip_members(archive: Path, file: zipfile.ZipFile) -> Iterator[_Member]:
    infos = file.infolist()
    if infos and min(info.header_offset for info in infos) != 0:
        raise zipfile.BadZipFile("it does not begin with its first file: damaged, or several archives in one")
    require_space(archive.parent, sum(info.file_size for info in infos), str(archive))
    for info in infos:
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _link(archive, info.orig_filename)
        yield info.orig_filename, info.file_size, None if info.is_dir() else file.open(info), info.CRC


def _link(archive: Path, name: str) -> DamagedArchiveError:
    return DamagedArchiveError(
        archive, f"holds '{shown.name(name.removeprefix('./'))}', a link or device; nothing was unpacked"
    )


__all__ = ["DamagedArchiveError", "extract", "member_path", "read_members", "stem", "tar_index", "unpacked_from"]
