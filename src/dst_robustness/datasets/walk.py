"""Read the user's folders: which files count, which are hidden, and how links are followed.

All readers of folders use this module, so that they agree on what is a sample, a class or a set.
"""

from __future__ import annotations

import logging
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from dst_robustness.jobs.shown import name as one_line

log = logging.getLogger(__name__)

# What systems and programs leave beside the user's own files. Names are compared in lower case; whatever starts with a
# dot hides as well.
HIDDEN_NAMES = frozenset({
    "__macosx", "icon\r", "network trash folder", "temporary items",  # macOS
    "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "recycler", "system volume information",  # Windows
    "@eadir", "@tmp", "@recycle", "@recently-snapshot", "@transcode", "#recycle", "#snapshot", "~snapshot",  # NAS
    "lost+found", "__pycache__",
})  # fmt: skip
# Windows' thumbnails in network folders carry a stream's name; the last of these is the mark of a downloaded file.
HIDDEN_STARTS = (".", "~$", "thumbs.db:")
HIDDEN_ENDS = (
    "~", ".part", ".partial", ".crdownload", ".download", ".opdownload", ".filepart", ".aria2", ".!ut", ".!qb", ".tmp",
    ".temp", ".swp", ".lock", ":zone.identifier", "_zone.identifier",
)  # fmt: skip


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of this name is not part of the data, with everything below it."""
    name = name.lower()
    return name in HIDDEN_NAMES or name.startswith(HIDDEN_STARTS) or name.endswith(HIDDEN_ENDS)


def shown(name: str | os.PathLike[str]) -> str:
    """Return a name that can be printed and stored on one line, in composed Unicode (NFC).

    Characters that do not print, and bytes that are not UTF-8, become ``\\xe9``. Class names are made by this function,
    so that a name means the same class in both Unicode forms.
    """
    decoded = os.fsencode(name).decode("utf-8", "backslashreplace")
    return one_line(unicodedata.normalize("NFC", decoded), longest=4096)


def folders_in(folder: str | Path) -> list[Path]:
    """Return the folders in a folder that are not hidden, with links to folders, sorted by name."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if not is_hidden(entry.name) and _is_folder(entry)]
    return [Path(folder, name) for name in sorted(names)]


def files_in(folder: str | Path, endings: tuple[str, ...]) -> list[Path]:
    """Return the files directly in a folder that are not hidden and end in one of ``endings``, sorted by name."""
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if not is_hidden(e.name) and e.name.lower().endswith(endings) and e.is_file()]
    return [Path(folder, name) for name in sorted(names)]


def files_below(folder: str | Path, endings: tuple[str, ...]) -> list[Path]:
    """Return the files below a folder, at any depth, that end in one of ``endings``, sorted folder by folder.

    Endings are in lower case. One warning tells of all other files, which are left out.
    """
    found: list[str] = []
    others: list[str] = []
    for name, _ in walk(folder):
        (found if name.lower().endswith(endings) else others).append(name)
    if others:
        log.warning(
            "%s: %d files are left out, the first %s; read are %s",
            shown(folder), len(others), shown(min(others)), ", ".join(endings),
        )  # fmt: skip
    return [Path(folder, name) for name in sorted(found, key=lambda name: name.split("/"))]


def walk(folder: str | Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield each file below a folder that is not hidden: its name relative to the folder, and its entry.

    Links to folders are followed wherever they lead, but not back into a folder that contains them. One warning counts
    such links, and another counts links that lead nowhere. The order is that of the file system.
    """
    loops: list[str] = []
    dangling: list[str] = []
    pending = [("", os.fspath(folder), (_identity(os.stat(folder)),))]
    while pending:
        prefix, here, above = pending.pop()
        with os.scandir(here) as entries:
            for entry in entries:
                if is_hidden(entry.name):
                    continue
                name = prefix + entry.name
                if _is_folder(entry):
                    identity = _identity(entry.stat())
                    if identity in above:
                        loops.append(name)
                    else:
                        pending.append((f"{name}/", entry.path, (*above, identity)))
                elif _is_file(entry):
                    yield name, entry
                elif entry.is_symlink():
                    dangling.append(name)
    for names, why in ((dangling, "lead nowhere"), (loops, "lead back into their own folder")):
        if names:
            log.warning("%s: %d links %s and are left out, the first %s",
                        shown(folder), len(names), why, shown(min(names)))  # fmt: skip


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
