"""RAR archives, which Python cannot read: through libarchive's bsdtar, or unar."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

from dst_robustness.datasets import archives

_RAR = b"Rar!\x1a\x07"


def unpack(archive: str | Path, folder: str | Path) -> None:
    """Unpack a zip, tar or RAR file (also 7z, where bsdtar is there) into a folder that appears when all went well.

    A folder that exists already is left as it is. The name of the archive does not matter, its content does.

    Raises:
        ValueError: where the archive is damaged, tries to leave the folder, or the program that reads it is missing.
    """
    archive, folder = Path(archive), Path(folder)
    if folder.exists():
        return
    with open(archive, "rb") as file:
        start = file.read(512)
    if zipfile.is_zipfile(archive) or start[257:262] == b"ustar" or start[:2] == b"\x1f\x8b":
        return archives.extract(archive, folder)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _run(archive, _command(archive, partial, is_rar=start.startswith(_RAR)))
        _check_content(archive, partial)
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _command(archive: Path, folder: Path, *, is_rar: bool) -> list[str]:
    if bsdtar := shutil.which("bsdtar"):
        # Without options that allow it, bsdtar refuses members that are absolute or climb out of the folder.
        return [bsdtar, "-x", "-f", str(archive), "-C", str(folder)]
    if is_rar and (unar := shutil.which("unar")):
        return [unar, "-quiet", "-no-directory", "-output-directory", str(folder), str(archive)]
    raise ValueError(
        f"{archive}: to unpack it, install bsdtar (package libarchive-tools on Debian and Ubuntu, bsdtar on Fedora, "
        "libarchive in conda and Homebrew) or unar, or unpack it yourself and give the folder as path"
    )


def _run(archive: Path, command: list[str]) -> None:
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if result.returncode:
        lines = (result.stderr or result.stdout).strip().splitlines()
        raise ValueError(f"{archive} cannot be unpacked: {lines[-1] if lines else f'{command[0]} failed'}")


def _check_content(archive: Path, folder: Path) -> None:
    content = list(folder.rglob("*"))
    if not any(path.is_file() for path in content):
        raise ValueError(f"{archive} holds no file that can be unpacked; it is damaged")
    for path in content:
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ValueError(f"{archive} holds '{path.relative_to(folder)}', a link or device; nothing was kept")
