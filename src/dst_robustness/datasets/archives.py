"""Archives that are not trusted: unpacked only inside their folder, or read member by member without unpacking."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

MAX_EXPANSION = 200  # published sets of pictures expand less than 30 times
MAX_MEMBERS = 20_000_000
MAX_MEMBER_BYTES = 1 << 30  # of a member that is read into memory
COPY_BYTES = 1 << 20

_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    EOFError,
    zlib.error,
    OSError,
    RuntimeError,
)  # an encrypted zip is a RuntimeError


def stem(name: str) -> str:
    """Return an archive's name without its ending: ``a.tar.gz`` -> ``a``."""
    for ending in (".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar", ".zip", ".rar"):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return name


def safe_name(name: str, archive: str | Path) -> PurePosixPath:
    """Return a member's path inside the folder; ValueError for one that is absolute or climbs out."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and ":" in path.parts[0]) or "\0" in name:
        raise ValueError(f"{archive} holds '{name}', which leaves the folder; nothing was unpacked")
    return path


def extract(archive: str | Path, folder: str | Path, *, max_bytes: int | None = None) -> None:
    """Unpack a tar (plain, gz, xz, bz2) or zip file into a folder that appears only when all went well.

    Refused are members that are absolute or contain ``..``, links, devices, sparse files, and archives that grow to
    more than ``max_bytes`` (default: 200 times their own length). A folder that exists already is left as it is.

    Raises:
        ValueError: names the archive and the member; nothing of it stays.
    """
    archive, folder = Path(archive), Path(folder)
    if folder.exists():
        return
    limit = max_bytes if max_bytes is not None else MAX_EXPANSION * archive.stat().st_size + (1 << 20)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _extract_members(archive, partial, limit)
        os.replace(partial, folder)
    except _DAMAGE as error:
        raise ValueError(f"{archive} cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _extract_members(archive: Path, folder: Path, limit: int) -> None:
    left = limit
    for count, (name, source) in enumerate(_files(archive)):
        if count >= MAX_MEMBERS:
            raise ValueError(f"{archive} holds more than {MAX_MEMBERS:,} files")
        target = folder / safe_name(name, archive)
        target.parent.mkdir(parents=True, exist_ok=True)
        with source, open(target, "xb") as output:
            while block := source.read(COPY_BYTES):
                left -= len(block)
                if left < 0:
                    raise ValueError(f"{archive} unpacks to more than {limit:,} bytes at '{name}'; nothing was kept")
                output.write(block)


def _files(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the name and content of each plain file in order; ValueError for members that data never need."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            for info in file.infolist():
                kind = stat.S_IFMT(info.external_attr >> 16)
                if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise ValueError(f"{archive} holds '{info.filename}', a link or device; nothing was unpacked")
                safe_name(info.filename, archive)
                if not info.is_dir():
                    yield info.filename, file.open(info)
    else:
        with tarfile.open(archive, "r:*") as file:
            for member in file:
                safe_name(member.name, archive)
                if member.isdir():
                    continue
                if not member.isreg() or member.issparse():
                    raise ValueError(f"{archive} holds '{member.name}', a link or device; nothing was unpacked")
                yield member.name, _content(file, member)


def _content(file: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = file.extractfile(member)
    assert content is not None  # as it is for plain files
    return content


def tar_index(archive: str | Path, *, start: int = 0, stop: int | None = None) -> dict[str, tuple[int, int]]:
    """Find where each plain member of an uncompressed tar lies, so that it can be read without unpacking.

    Args:
        archive: the tar, or a file that holds one.
        start, stop: where the tar begins and ends in the file; a tar in a tar is the bytes of a member.

    Returns:
        First byte and length of each member in the file, by its name.

    Raises:
        ValueError: for a damaged archive or a member that reaches past its end.
    """
    places: dict[str, tuple[int, int]] = {}
    try:
        with open(archive, "rb") as file:
            end = file.seek(0, os.SEEK_END) if stop is None else stop
            file.seek(start)
            with tarfile.open(fileobj=file, mode="r:") as tar:
                for member in tar:
                    if member.isreg() and not member.issparse():
                        places[member.name] = (member.offset_data, member.size)
                    if member.offset_data + member.size > end:
                        raise ValueError(f"{archive} is cut off inside '{member.name}'")
    except _DAMAGE as error:
        raise ValueError(f"{archive} is damaged: {error}") from error
    return places


def read_members(archive: str | Path, names: list[str], *, max_bytes: int = MAX_MEMBER_BYTES) -> dict[str, bytes]:
    """Read the named members of a (compressed) tar in one pass, without unpacking.

    Raises ValueError for a damaged archive, a member that is missing, and one of more than ``max_bytes``.
    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(archive, "r:*") as file:
            for member in file:
                if member.name not in names or not member.isreg():
                    continue
                if member.size > max_bytes:
                    raise ValueError(f"{archive} holds '{member.name}' of {member.size:,} bytes, too large to be true")
                found[member.name] = _content(file, member).read()
                if len(found) == len(names):
                    break
    except _DAMAGE as error:
        raise ValueError(f"{archive} is damaged: {error}") from error
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f"{archive} does not hold '{missing[0]}'")
    return found
