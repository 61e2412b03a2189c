"""Whether a folder still holds what was read from it: cheap by names, lengths and times, certain by contents.

Beside ``acquired.json`` lies a list with one line a file: SHA-256, bytes, time of its last change in nanoseconds, name.
A file whose length and time are those of the list is not read again.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from dst_robustness.datasets.walk import shown, walk
from dst_robustness.jobs.files import atomic_path

CONTENTS = "contents.tsv"
THREADS = 4  # reading many small files waits for the disk
BLOCK = 1 << 20

Listing = dict[str, tuple[int, int]]  # bytes and time of each file by its relative name


@dataclass(frozen=True)
class Inventory:
    """What a folder holds: how many files, how many bytes, and a SHA-256 over all names and contents."""

    count: int
    bytes: int
    contents_sha256: str


def listing(folder: str | Path, *, without: tuple[str, ...] = ()) -> Listing:
    """Return bytes and time of each file below a folder that does not hide; those named in ``without`` do not count."""
    found = {}
    for name, entry in walk(folder):
        if name not in without:
            status = entry.stat()
            found[name] = (status.st_size, status.st_mtime_ns)
    return found


def state(path: str | Path) -> str:
    """Return a sum over names, lengths and times of a file, or of what is below a folder; contents are not read."""
    path = Path(path)
    if path.is_dir():
        found = listing(path)
    else:
        status = path.stat()
        found = {path.name: (status.st_size, status.st_mtime_ns)}
    digest = hashlib.sha256()
    for name in sorted(found):
        digest.update(os.fsencode(name) + b"\0%d %d\n" % found[name])
    return digest.hexdigest()


def take_inventory(folder: str | Path, record: str | Path) -> Inventory:
    """Read a folder and write its list into ``record``; what an earlier list knows already is not read again."""
    folder, record = Path(folder), Path(record)
    known = _read_list(record)
    found = listing(folder, without=_own_names(folder, record))
    names = sorted(found)
    fresh = [name for name in names if name not in known or known[name][0] != found[name]]
    with ThreadPoolExecutor(THREADS) as pool:
        sums = {name: known[name][1] for name in names if name in known}
        sums |= zip(fresh, pool.map(lambda name: _sha256(f"{folder}/{name}"), fresh, chunksize=64), strict=True)
    digest = hashlib.sha256()
    with atomic_path(record) as partial, open(partial, "wb") as file:
        for name in names:
            file.write(b"%s\t%d\t%d\t%s\0\n" % (sums[name].encode(), *found[name], os.fsencode(name)))
            digest.update(os.fsencode(name) + b"\0" + sums[name].encode())
    return Inventory(len(names), sum(size for size, _ in found.values()), digest.hexdigest())


def check_unchanged(folder: str | Path, record: str | Path) -> None:
    """Raise ValueError, naming a file, where a folder's names, lengths or times are not those of its list."""
    known = {name: entry for name, (entry, _) in _read_list(Path(record)).items()}
    found = listing(folder, without=_own_names(Path(folder), Path(record)))
    if found == known:
        return
    for what, names in (
        ("are new", found.keys() - known.keys()),
        ("are gone", known.keys() - found.keys()),
        ("are others", {name for name in found.keys() & known.keys() if found[name] != known[name]}),
    ):
        if names:
            raise ValueError(
                f"{shown(folder)} has changed since it was acquired: {len(names)} files {what}, the first "
                f"{shown(min(names))}; acquire the data set again"
            )


def _own_names(folder: Path, record: Path) -> tuple[str, ...]:
    """Return the names of the records where they lie in the very folder that they are about."""
    return (record.name, "acquired.json") if folder.resolve() == record.parent.resolve() else ()


def _read_list(record: Path) -> dict[str, tuple[tuple[int, int], str]]:
    if not record.exists():
        return {}
    known = {}
    for line in record.read_bytes().split(b"\0\n")[:-1]:
        digits, size, time, name = line.split(b"\t", 3)
        known[os.fsdecode(name)] = (int(size), int(time)), digits.decode()
    return known


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
