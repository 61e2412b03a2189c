"""Check whether a folder still holds what was read from it: quickly by names, lengths and times, surely by contents.

A list beside ``acquired.json`` has one line per file: SHA-256, bytes, time of its last change in nanoseconds, name. A
file whose length and time are in the list is not read again.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from dst_robustness.datasets.walk import is_hidden, walk
from dst_robustness.jobs.files import atomic_path

CONTENTS = "contents.lst"
OWN_ENDINGS = (".lst", ".json", ".jsonl", ".h5", ".log")  # files of this project, which may be in the same folder
THREADS = 4  # reading many small files waits for the disk
BLOCK = 1 << 20

Listing = dict[str, tuple[int, int]]  # bytes and time of each file by its relative name


@dataclass(frozen=True)
class Inventory:
    """What a folder holds: how many files, how many bytes, and a SHA-256 over all names and contents."""

    count: int
    bytes: int
    sha256: str


def listing(folder: str | Path) -> Listing:
    """Return bytes and time of each file below a folder, except hidden files and those of this project."""
    found = {}
    for name, entry in walk(folder):
        if not name.endswith(OWN_ENDINGS):
            status = entry.stat()
            found[name] = (status.st_size, status.st_mtime_ns)
    return found


def state(path: str | Path) -> str:
    """Return a checksum of names, lengths and times of a file, or of all files in a folder. Contents are not read."""
    path = Path(path)
    if path.is_dir():
        return _sum(listing(path))
    status = path.stat()
    return _sum({path.name: (status.st_size, status.st_mtime_ns)})


def outline(folder: str | Path, depth: int = 3) -> str:
    """Return a checksum of names and times in a folder, some folders deep. It is for sets that nobody edits."""
    found: Listing = {}
    level = [os.fspath(folder)]
    for _ in range(depth):
        below = []
        for here in level:
            with os.scandir(here) as entries:
                visible = [entry for entry in entries if not is_hidden(entry.name)]
            found |= {entry.path: (0, entry.stat(follow_symlinks=False).st_mtime_ns) for entry in visible}
            below += [entry.path for entry in visible if entry.is_dir()]
        level = below
    return _sum(found)


def _sum(found: Listing) -> str:
    digest = hashlib.sha256()
    for name in sorted(found):
        digest.update(os.fsencode(name) + b"\0%d %d\n" % found[name])
    return digest.hexdigest()


def by_length(folder: str | Path) -> Inventory:
    """Return the inventory of a folder with lengths in place of contents."""
    found = listing(folder)
    return Inventory(
        len(found),
        sum(size for size, _ in found.values()),
        _sum({name: (size, 0) for name, (size, _) in found.items()}),
    )


def take_inventory(folder: str | Path, record: str | Path) -> Inventory:
    """Read a folder and keep its list in ``record``. Files that an earlier list knows are not read again."""
    folder, record = Path(folder), Path(record)
    known = _read_list(record)
    found = listing(folder)
    names = sorted(found)
    fresh = [name for name in names if name not in known or known[name][0] != found[name]]
    with ThreadPoolExecutor(THREADS) as pool:
        sums = {name: known[name][1] for name in names if name in known}
        sums |= zip(fresh, pool.map(lambda name: _sha256(f"{folder}/{name}"), fresh, chunksize=64), strict=True)
    if fresh or len(known) != len(found):
        with atomic_path(record) as partial, open(partial, "wb") as file:
            for name in names:
                file.write(b"%s\t%d\t%d\t%s\0\n" % (sums[name].encode(), *found[name], os.fsencode(name)))
    digest = hashlib.sha256()
    for name in names:
        digest.update(os.fsencode(name) + b"\0" + sums[name].encode())
    return Inventory(len(names), sum(size for size, _ in found.values()), digest.hexdigest())


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
