"""Trust on first use: if no checksum is published, the checksum of the first complete file counts."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from dst_robustness.datasets.checksums import Digests
from dst_robustness.datasets.spec import DatasetSpec, RemoteFile
from dst_robustness.jobs import shown
from dst_robustness.jobs.files import write_text

log = logging.getLogger(__name__)

FIRST_USE = "first_use.json"


class FirstUse:
    """Remembers the checksum of a file without a published one, in ``first_use.json`` in its raw folder.

    This is not an output of the workflow, which deletes outputs before it makes them anew.

    Attributes:
        file: the file, with the remembered checksum if it has no other.
    """

    def __init__(self, raw_folder: Path, file: RemoteFile) -> None:
        self.path = raw_folder / FIRST_USE
        self.addresses = file.addresses
        self.is_needed = file.checksum is None
        self.known = self._read().get(file.name) if self.is_needed else None
        self.file = replace(file, checksum=f"sha256:{self.known['sha256']}") if self.known else file

    def is_of_named_address(self) -> bool:
        """Return whether the first file came from an address that is still named, or was put there by hand."""
        origin = self.known and self.known["address"]
        return not origin or origin in map(shown.sum_of, self.addresses)

    def remember(self, spec: DatasetSpec, found: Digests, address: str | None) -> None:
        """Write down and show the checksum of the first complete file. For later ones, only write the address."""
        if self.known is None:
            log.warning(
                "%s: nobody published a checksum; its sha256 is %s, which counts from now on. To pin it: %s",
                self.file.name,
                found.sha256,
                _pin(spec, self.file.name, found.sha256),
            )
        elif address is None:
            return
        entry = {"sha256": found.sha256, "address": address and shown.sum_of(address)}
        write_text(self.path, json.dumps(self._read() | {self.file.name: entry}, indent=2) + "\n")

    def how_to_change(self, spec: DatasetSpec) -> list[str]:
        """Return what to do if another file than the first one is meant."""
        if not self.known:
            return []
        return [
            f"The checksum is that of the first file that was acquired, in {self.path}. If another file is meant, name "
            f"its own: {_pin(spec, self.file.name, 'SUM')}"
        ]

    def _read(self) -> dict[str, Any]:
        try:
            noted = json.loads(self.path.read_text(encoding="utf-8"))
            return {name: {"sha256": entry["sha256"], "address": entry["address"]} for name, entry in noted.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{self.path} is damaged; remove it, and what is acquired next counts") from error


def _pin(spec: DatasetSpec, file: str, sha256: str) -> str:
    value = f"sha256:{sha256}" if len(spec.files) == 1 else f"{{{file}: sha256:{sha256}}}"
    return f"datasets: {{{spec.name}: {{checksum: {value}}}}}"
