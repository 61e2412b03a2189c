"""Bring the raw files of a data set into place, verify them, and record where they came from.

docs/acquiring.md says what a call promises and what it does not.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dst_robustness.datasets.archives import DamagedArchiveError, extract, stem, unpacked_from
from dst_robustness.datasets.checksums import Digests, digests, mismatch, parse_checksum
from dst_robustness.datasets.download import DownloadError, fetch
from dst_robustness.datasets.first_use import FirstUse
from dst_robustness.datasets.inventory import CONTENTS, by_length, outline, state, take_inventory
from dst_robustness.datasets.spec import Acquired, DatasetSpec, RemoteFile
from dst_robustness.jobs import shown
from dst_robustness.jobs.files import write_text
from dst_robustness.jobs.locks import alone

log = logging.getLogger(__name__)

RECORD = "acquired.json"
MADE = "made"
UNPACKED = "unpacked"  # folder for unpacked archives, with one folder per archive


def acquire(
    spec: DatasetSpec,
    raw_folder: str | Path,
    *,
    addresses: Sequence[str] | None = None,
    checksum: str | Mapping[str, str] | None = None,
    path: str | Path | None = None,
    files: Collection[str] | None = None,
) -> None:
    """Bring a data set's files into ``raw_folder``, and write ``acquired.json`` there when all are right.

    A file that is already in ``raw_folder`` with the right length and checksum is used as it is, without the network.
    If no checksum is published, that of the first complete file is remembered and used from then on.

    Args:
        spec: the data set.
        raw_folder: folder for the files. If there are several calls at the same time, they wait for each other.
        addresses: used instead of the spec's. One that ends in ``/`` is a folder that holds every file under its name.
            In a set of several files, any other address is for the file whose name it ends in.
        checksum: used instead of the spec's, ``md5:...`` or ``sha256:...``. For several files, a mapping from names.
        path: used instead of any address: the user's folder with the files or with the unpacked set, or the file
            itself. It is read in place.
        files: the names of the spec's files that are needed; by default all.

    Raises:
        ValueError: if something is missing or wrong. The message says which file to put where.
    """
    raw_folder = Path(raw_folder)
    source = None if path is None else Path(path).expanduser()
    if source is not None and not source.exists():
        raise ValueError(f"data set {spec.name}: path {source} does not exist")
    with alone(raw_folder / RECORD):
        needed = spec if files is None else replace(spec, files=tuple(f for f in spec.files if f.name in files))
        record = _acquire(needed, raw_folder, addresses, checksum, source)
        write_text(raw_folder / RECORD, json.dumps({"dataset": spec.name, **record}, indent=2) + "\n")


def _acquire(
    spec: DatasetSpec,
    raw_folder: Path,
    addresses: Sequence[str] | None,
    checksum: str | Mapping[str, str] | None,
    source: Path | None,
) -> dict[str, Any]:
    """Bring everything into place and return the record of it."""
    folder = _unpacked_folder(spec, raw_folder, source)
    if folder is not None:
        return {"folder": str(folder.resolve()), **_inventory(spec, raw_folder, folder)}
    if spec.make is not None:
        spec.make(raw_folder / MADE)
        return {"folder": MADE, **_inventory(spec, raw_folder, raw_folder / MADE)}
    if spec.needs_folder:
        why = "there is no path" if source is None else f"path {source} does not hold that"
        raise ValueError(f"data set {spec.name}: {why}; {spec.instructions}")
    files = [_overridden(spec, file, addresses, checksum) for file in spec.files]
    records = [_FileInPlace(spec, file, raw_folder, source).record() for file in files]
    return {"files": records, **({"folder": UNPACKED} if spec.unpack else {})}


def source_state(spec: DatasetSpec, path: str | Path | None) -> str | None:
    """Return a checksum of names, lengths and times of what ``acquire`` would read in ``path``; None without a path.

    It is cheap, since contents are not read. The workflow acquires a data set again when it changes.
    """
    source = None if path is None else Path(path).expanduser()
    if source is None or not source.exists():
        return None
    if source.is_file() or (spec.is_unpacked is not None and spec.is_unpacked(source)):
        return outline(source) if spec.read is None and source.is_dir() else state(source)
    return " ".join(state(source / file.name) for file in spec.files if (source / file.name).is_file())


def acquired(raw_folder: str | Path) -> Acquired:
    """Read what ``acquire`` recorded.

    If the files of a folder have changed since then, it warns and uses the folder and its checksum as they are now.

    Raises ValueError if a file is gone or has another length than recorded, if a folder is gone, or if the unpacked
    files are from another archive.
    """
    raw_folder = Path(raw_folder)
    try:
        record = json.loads((raw_folder / RECORD).read_text(encoding="utf-8"))
        entries = record.get("files", [])
        sums = [entry["sha256"] for entry in entries] or [record.get("sha256", "")]
        sha256 = hashlib.sha256("".join(sums).encode()).hexdigest()
        folder = raw_folder / record["folder"] if "folder" in record else None
        files = {entry["file"]: (raw_folder / entry["path"], entry["bytes"]) for entry in entries}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{raw_folder / RECORD} is missing or damaged; acquire the data set again") from error
    if folder is None:
        for path, length in files.values():
            if not path.is_file() or path.stat().st_size != length:
                raise ValueError(f"{path} is gone or not the {length:,} bytes acquired; acquire it again")
        return Acquired({name: path for name, (path, _) in files.items()}, None, sha256)
    if not folder.is_dir():
        raise ValueError(f"the folder {folder} is gone; give its new place as path and acquire it again")
    if not entries and (raw_folder / CONTENTS).exists():
        now = take_inventory(folder, raw_folder / CONTENTS)
        if [now.sha256] != sums:
            log.warning("%s has changed since it was acquired: it holds %d files, and is read as it is now",
                        folder, now.count)  # fmt: skip
            sha256 = hashlib.sha256(now.sha256.encode()).hexdigest()
    for entry in entries:
        place = folder / stem(entry["file"])
        if unpacked_from(place) != entry["sha256"]:
            raise ValueError(f"{place} is not what {entry['file']} holds; acquire the data set again")
    return Acquired({}, folder, sha256)


def _unpacked_folder(spec: DatasetSpec, raw_folder: Path, source: Path | None) -> Path | None:
    if spec.is_unpacked is None:
        return None
    for folder in [source] if spec.unpack else [source, raw_folder]:
        if folder is not None and folder.is_dir() and spec.is_unpacked(folder):
            return folder
    return None


def _inventory(spec: DatasetSpec, raw_folder: Path, folder: Path) -> dict[str, Any]:
    """Count a folder's files and bytes, with a checksum. For published test sets of millions of files, use lengths."""
    return asdict(by_length(folder) if spec.read is None else take_inventory(folder, raw_folder / CONTENTS))


def _overridden(
    spec: DatasetSpec, file: RemoteFile, addresses: Sequence[str] | None, checksum: str | Mapping[str, str] | None
) -> RemoteFile:
    """Return the file with the user's addresses and checksum in place of the published ones."""
    if addresses:
        here = [a + file.name if a.endswith("/") else a for a in addresses]
        if len(spec.files) > 1:
            here = [a for a in here if _path_of(a).endswith("/" + file.name)]
        file = replace(file, addresses=tuple(here))
    if isinstance(checksum, str) and len(spec.files) > 1:
        names = ", ".join(f.name for f in spec.files)
        raise ValueError(f"data set {spec.name}: give checksum as a mapping from file name, for: {names}")
    value = checksum if isinstance(checksum, str) else (checksum or {}).get(file.name)
    if value is not None:
        algorithm, digits = parse_checksum(value)
        if file.checksum != f"{algorithm}:{digits}":  # not the published file, so its length is unknown
            file = replace(file, checksum=f"{algorithm}:{digits}", bytes=None)
    return file


def _path_of(address: str) -> str:
    try:
        return urlsplit(address).path
    except ValueError:
        return address


class _FileInPlace:
    """Brings one file of a data set into place: finds it or downloads it, and unpacks it."""

    def __init__(self, spec: DatasetSpec, file: RemoteFile, raw_folder: Path, source: Path | None) -> None:
        self.spec = spec
        self.published = file.checksum
        self.first_use = FirstUse(raw_folder, file)
        self.file = self.first_use.file
        self.raw_folder = raw_folder
        self.target = raw_folder / file.name
        self.source = source
        self.complaints: list[str] = []

    def record(self) -> dict[str, Any]:
        """Bring the file into place and return its record."""
        place, address, found = self._where_it_lies() or self._fetched()
        if self.published is None:
            self.first_use.remember(self.spec, found, address)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        path = self.file.name if place == self.target else str(place.resolve())
        shown_address = None if address is None else shown.address(address)
        what = {"file": self.file.name, "path": path, "address": shown_address, "when": now, **asdict(found)}
        return what | {"verified": self.published}

    def _where_it_lies(self) -> tuple[Path, None, Digests] | None:
        source = self.source
        places = [] if source is None else [source if source.is_file() else source / self.file.name]
        if self.first_use.is_of_named_address():
            places.append(self.target)
        for place in places:
            if not place.is_file():
                self.complaints.append(f"  {place} does not exist")
                continue
            found = digests(place)
            wrong = mismatch(place, self.file, found)
            if wrong is None:
                wrong = self._unpack(place, found)
            if wrong is None:
                log.info("%s: %s is already there", self.spec.name, place)
                return place, None, found
            self.complaints.append(f"  {place} {wrong}")
        return None

    def _fetched(self) -> tuple[Path, str, Digests]:
        try:
            if self.source is not None or not self.file.addresses:
                looked_at = f"data set {self.spec.name} needs {self.file.name}; looked at:"
                raise DownloadError("\n".join([looked_at, *self.complaints]))
            examine = self._unpack if self.file.checksum is None else None
            address, found = fetch(self.file, self.target, examine=examine)
        except DownloadError as error:
            here = self.complaints if self.file.addresses and self.target.is_file() else []
            raise DownloadError("\n".join([str(error), *here, self._by_hand()])) from None
        if wrong := self._unpack(self.target, found):
            raise ValueError(f"{self.target} {wrong}, though its checksum is right")
        return self.target, address, found

    def _unpack(self, archive: Path, found: Digests) -> str | None:
        """Unpack an archive if the data set needs that. Return what is wrong with it, or None."""
        if not self.spec.unpack:
            return None
        try:
            extract(archive, self.raw_folder / UNPACKED / stem(self.file.name), sha256=found.sha256)
        except DamagedArchiveError as error:
            return error.reason
        return None

    def _by_hand(self) -> str:
        """Return what a user without network or login has to put where."""
        file = self.file
        size = f"{file.bytes:,} bytes" if file.bytes else "length not recorded"
        checksum = self.published or "no published checksum"
        lines = [
            self.spec.instructions or f"Without network here: fetch {file.name} on another machine;",
            f"put {file.name} ({size}, {checksum}) into {self.raw_folder.resolve()}",
            f"or name its folder in the config, as datasets: {{{self.spec.name}: {{path: FOLDER}}}}.",
            "A mirror is named there as addresses: [...]; another file than the published one needs its checksum: too.",
        ]
        return "\n".join([*lines, *self.first_use.how_to_change(self.spec)])
