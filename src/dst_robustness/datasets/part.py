"""The unfinished file of a download, and a note of where it came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dst_robustness.jobs import shown
from dst_robustness.jobs.files import write_text


class Part:
    """An unfinished file ``.{name}.part``, with a note beside it that says the address and the version.

    Attributes:
        path: the file.
        is_joined: whether it has bytes of more than one answer.
    """

    def __init__(self, target: Path, mark: str = "") -> None:
        self.path = target.with_name(f".{target.name}{mark}.part")
        self.note = self.path.with_name(f"{self.path.name}.json")
        self.is_joined = self.size > 0

    @property
    def size(self) -> int:
        """Its length in bytes, 0 if it does not exist."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def begin(self, address: str, validator: str | None, total: int | None) -> None:
        """Empty the file, and note what will be written.

        Args:
            address: the address of the file.
            validator: the server's mark of this version (a strong ETag, or the date), or None if it gave none.
            total: length of the whole file in bytes, or None if the server did not say.
        """
        self.path.write_bytes(b"")
        self.is_joined = False
        write_text(
            self.note, json.dumps({"address": shown.sum_of(address), "validator": validator, "total": total}) + "\n"
        )

    def origin(self, address: str) -> tuple[str | None, int | None]:
        """Return validator and total of the unfinished file. Each is None if unknown or from another address."""
        try:
            noted: dict[str, Any] = json.loads(self.note.read_text(encoding="utf-8"))
            return (noted["validator"], noted["total"]) if noted["address"] == shown.sum_of(address) else (None, None)
        except (OSError, ValueError, KeyError, TypeError):
            return None, None

    def discard(self) -> None:
        """Remove the file and its note."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
        self.is_joined = False

    def move_to(self, target: Path) -> None:
        """Give the finished file its name."""
        self.path.replace(target)
        self.note.unlink(missing_ok=True)
