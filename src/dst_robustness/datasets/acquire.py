"""Getting the raw files of a data set into place, verified, with a record of where they came from."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dst_robustness.datasets import archives
from dst_robustness.datasets.checksums import Digests, digests, mismatch, parse_checksum
from dst_robustness.datasets.download import DownloadError, fetch
from dst_robustness.datasets.inventory import CONTENTS, check_unchanged, state, take_inventory
from dst_robustness.datasets.rar import unpack
from dst_robustness.datasets.spec import Acquired, DatasetSpec, RemoteFile
from dst_robustness.jobs.files import write_text

log = logging.getLogger(__name__)

RECORD = "acquired.json"
MADE = "made"
UNPACKED = "unpacked"  # folder of what was unpacked, one folder an archive


def acquire(
    spec: DatasetSpec,
    raw_folder: str | Path,
    *,
    addresses: Sequence[str] | None = None,
    checksum: str | Mapping[str, str] | None = None,
    path: str | Path | None = None,
) -> None:
    """Bring a data set's files into ``raw_folder`` and write ``acquired.json`` there when all are right.

    A file that is already in ``raw_folder`` with the right length and checksum is taken as it is, without network.

    Args:
        spec: the data set.
        raw_folder: where files go.
        addresses: used instead of the spec's. One that ends in ``/`` is a folder that holds every file under its name;
            for a set of several files, others count for the file whose name they end in.
        checksum: used instead of the spec's, ``md5:...`` or ``sha256:...``; a mapping from file name for several files.
        path: used instead of any address: the user's folder with the files or with the set unpacked, or the file
            itself. What lies there is read in place.

    Raises:
        ValueError: where something is missing or wrong; the message says which file to put where.
    """
    raw_folder = Path(raw_folder)
    source = None if path is None else Path(path).expanduser()
    if source is not None and not source.exists():
        raise ValueError(f"data set {spec.name}: path {source} does not exist")
    folder = _unpacked_folder(spec, raw_folder, source)
    if folder is not None:
        return _write_record(spec, raw_folder, {"folder": str(folder.resolve()), **_inventory(raw_folder, folder)})
    if spec.make is not None:
        spec.make(raw_folder / MADE)
        return _write_record(spec, raw_folder, {"folder": MADE, **_inventory(raw_folder, raw_folder / MADE)})
    if spec.needs_folder:
        why = "there is no path" if source is None else f"path {source} does not hold that"
        raise ValueError(f"data set {spec.name}: {why}; {spec.instructions}")
    files = [_overridden(spec, file, addresses, checksum) for file in spec.files]
    records = [_acquire_file(spec, file, raw_folder, source) for file in files]
    if not spec.unpack:
        return _write_record(spec, raw_folder, {"files": records})
    for record in records:
        unpack(raw_folder / record["path"], raw_folder / UNPACKED / archives.stem(record["file"]))
    _write_record(spec, raw_folder, {"files": records, "folder": UNPACKED})


def source_state(spec: DatasetSpec, path: str | Path | None) -> str | None:
    """Return a sum over names, lengths and times of what ``acquire`` would read below ``path``; None without a path.

    It is cheap: contents are not read. The workflow acquires a data set again when it changes.
    """
    source = None if path is None else Path(path).expanduser()
    if source is None or not source.exists():
        return None
    if source.is_file() or (spec.is_unpacked is not None and spec.is_unpacked(source)):
        return state(source)
    return " ".join(state(source / file.name) for file in spec.files if (source / file.name).is_file())


def acquired(raw_folder: str | Path) -> Acquired:
    """Read what ``acquire`` left.

    Raises ValueError where a file is gone or has another length than recorded, or a folder holds other files, or files
    that were changed.
    """
    raw_folder = Path(raw_folder)
    try:
        record = json.loads((raw_folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{raw_folder / RECORD} is missing or damaged; acquire the data set again") from error
    sums = [entry["sha256"] for entry in record.get("files", [])] or [record.get("contents_sha256", "")]
    sha256 = hashlib.sha256("".join(sums).encode()).hexdigest()
    if "folder" in record:
        folder = raw_folder / record["folder"]
        if not folder.is_dir():
            raise ValueError(f"the folder {folder} is gone; give its new place as path and acquire it again")
        if "files" not in record:
            check_unchanged(folder, raw_folder / CONTENTS)
        return Acquired({}, folder, sha256)
    files = {}
    for entry in record["files"]:
        path = raw_folder / entry["path"]
        if not path.is_file() or path.stat().st_size != entry["bytes"]:
            raise ValueError(f"{path} is gone or not the {entry['bytes']:,} bytes acquired; acquire it again")
        files[entry["file"]] = path
    return Acquired(files, None, sha256)


def _unpacked_folder(spec: DatasetSpec, raw_folder: Path, source: Path | None) -> Path | None:
    if spec.is_unpacked is None:
        return None
    for folder in [source] if spec.unpack else [source, raw_folder]:
        if folder is not None and folder.is_dir() and spec.is_unpacked(folder):
            return folder
    return None


def _inventory(raw_folder: Path, folder: Path) -> dict[str, Any]:
    return asdict(take_inventory(folder, raw_folder / CONTENTS))


def _overridden(
    spec: DatasetSpec, file: RemoteFile, addresses: Sequence[str] | None, checksum: str | Mapping[str, str] | None
) -> RemoteFile:
    """Return the file with the user's addresses and checksum in place of the published ones."""
    if addresses:
        here = [a + file.name if a.endswith("/") else a for a in addresses]
        if len(spec.files) > 1:
            here = [a for a in here if urlsplit(a).path.endswith("/" + file.name)]
        file = replace(file, addresses=tuple(here))
    if isinstance(checksum, str) and len(spec.files) > 1:
        names = ", ".join(f.name for f in spec.files)
        raise ValueError(f"data set {spec.name}: give checksum as a mapping from file name, for: {names}")
    value = checksum if isinstance(checksum, str) else (checksum or {}).get(file.name)
    if value is not None:
        algorithm, digits = parse_checksum(value)
        if file.checksum != f"{algorithm}:{digits}":  # another file than the published one: its length is unknown
            file = replace(file, checksum=f"{algorithm}:{digits}", bytes=None)
    return file


def _acquire_file(spec: DatasetSpec, file: RemoteFile, raw_folder: Path, source: Path | None) -> dict[str, Any]:
    """Take the file from where it lies, or fetch it, and return its record."""
    target = raw_folder / file.name
    places = [target] if source is None else [source if source.is_file() else source / file.name, target]
    complaints = []
    for place in places:
        if not place.is_file():
            complaints.append(f"  {place} does not exist")
            continue
        found = digests(place)
        wrong = mismatch(place, file, found)
        if wrong is None:
            log.info("%s: %s is already there", spec.name, place)
            return _record(file, file.name if place == target else str(place.resolve()), None, found)
        complaints.append(f"  {place} {wrong}")
    try:
        if source is not None or not file.addresses:
            raise DownloadError("\n".join([f"data set {spec.name} needs {file.name}; looked at:", *complaints]))
        address, found = fetch(file, target)
    except DownloadError as error:
        raise DownloadError(f"{error}\n{_by_hand(spec, file, raw_folder)}") from None
    return _record(file, file.name, address, found)


def _record(file: RemoteFile, path: str, address: str | None, found: Digests) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    record = {"file": file.name, "path": path, "address": address, "when": now, **asdict(found)}
    if file.checksum is None:
        log.warning("%s: nobody published a checksum; its sha256 is %s", file.name, record["sha256"])
    return record | {"verified": file.checksum}


def _by_hand(spec: DatasetSpec, file: RemoteFile, raw_folder: Path) -> str:
    """Tell a user without network, or without a login, what to put where."""
    size = f"{file.bytes:,} bytes" if file.bytes else "length not recorded"
    return "\n".join(
        [
            spec.instructions or f"Without network here: fetch {file.name} on another machine;",
            f"put {file.name} ({size}, {file.checksum or 'no published checksum'}) into {raw_folder.resolve()}",
            f"or name its folder in the config, as datasets: {{{spec.name}: {{path: FOLDER}}}}.",
            "A mirror is named there as addresses: [...]; another file than the published one needs its checksum: too.",
        ]
    )


def _write_record(spec: DatasetSpec, raw_folder: Path, content: dict[str, Any]) -> None:
    write_text(raw_folder / RECORD, json.dumps({"dataset": spec.name, **content}, indent=2) + "\n")
