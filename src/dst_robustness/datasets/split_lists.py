"""Published lists of videos, with lines ``CLASS/VIDEO NUMBER``. The files are found whatever the encoding."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath


def read_lines(listing: Path) -> list[tuple[str, str | None]]:
    """Return the name and the number of each line, or None for a missing number. Names may contain spaces."""
    lines = listing.read_bytes().decode("utf-8-sig", "surrogateescape").splitlines()
    return [_parted(line.strip()) for line in lines if line.strip()]


def _parted(line: str) -> tuple[str, str | None]:
    name, _, number = line.rpartition(" ")
    if not name or not number.isdigit():
        name, _, number = line.rpartition("\t")
    return (name.strip(), number) if name and number.isdigit() else (line, None)


def listed_videos(listing: Path, names: Iterable[str], videos: Mapping[str, list[Path]]) -> list[Path]:
    """Return the file of each name ``CLASS/VIDEO`` in a split list, in its order.

    Names are compared as text, so that a list in Latin-1 or in decomposed Unicode finds files named in UTF-8.

    Args:
        listing: the list, for messages.
        names: its lines without their numbers.
        videos: the files of each class.

    Raises:
        ValueError: if the list is empty, or if a name leaves the folder, does not exist, or may mean two videos. The
            message names the list.
    """
    wanted = list(names)
    if not wanted:
        raise ValueError(f"{listing} names no video")
    on_disk: dict[str, list[Path]] = {}
    for name in {_text(name).partition("/")[0] for name in wanted}:
        for path in videos.get(name, []):
            on_disk.setdefault(f"{name}/{_text(path.name)}", []).append(path)
    found, missing = [], []
    for name in wanted:
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts:
            raise ValueError(f"{listing}: '{name}' leaves the folder of the videos")
        paths = on_disk.get(_text(str(relative)), [])
        exact = [path for path in paths if path.name == relative.name]
        if len(paths) > 1 and len(exact) != 1:
            raise ValueError(f"{listing}: '{_text(name)}' may be {paths[0]!r} or {paths[1]!r}; rename one")
        found += exact or paths[:1]
        missing += [] if paths else [_text(name)]
    if missing:
        raise ValueError(
            f"{listing} names {len(missing)} videos that are not there, the first {missing[0]}: "
            "unpack the set completely, or take its line out of the list"
        )
    return found


def _text(name: str) -> str:
    """Decode the bytes of a name as UTF-8, or else as Latin-1, and return composed text (NFC)."""
    raw = os.fsencode(name)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return unicodedata.normalize("NFC", text)
