"""Check that a file is the right one: by its length, its checksums, and that it is not a web page."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from dst_robustness.datasets.spec import RemoteFile

BLOCK = 1 << 20


@dataclass(frozen=True)
class Digests:
    """Length and checksums of a file, from one pass over it."""

    bytes: int
    md5: str
    sha256: str


def digests(path: Path) -> Digests:
    """Read a file once and return its length and checksums."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            md5.update(block)
            sha256.update(block)
        return Digests(file.tell(), md5.hexdigest(), sha256.hexdigest())


def parse_checksum(checksum: str) -> tuple[str, str]:
    """Split ``md5:...`` or ``sha256:...`` into its parts. A bare checksum is recognised by its length.

    Raises ValueError for anything else.
    """
    algorithm, _, value = checksum.strip().lower().rpartition(":")
    algorithm = algorithm or {32: "md5", 64: "sha256"}.get(len(value), "")
    digits = {"md5": 32, "sha256": 64}.get(algorithm)
    if digits != len(value) or set(value) - set("0123456789abcdef"):
        raise ValueError(f"checksum '{checksum}' is not 'md5:' and 32 or 'sha256:' and 64 hexadecimal digits")
    return algorithm, value


def mismatch(path: Path, file: RemoteFile, found: Digests) -> str | None:
    """Return how a file differs from what is known about it, or None if it does not."""
    if file.bytes is not None and found.bytes != file.bytes:
        return f"is {found.bytes:,} bytes long, expected {file.bytes:,}" + _html_hint(path)
    if file.checksum is not None:
        algorithm, expected = parse_checksum(file.checksum)
        actual = getattr(found, algorithm)
        if actual != expected:
            return f"has {algorithm} {actual}, expected {expected}" + _html_hint(path)
    elif _html_hint(path):
        return "is an HTML page instead of data"
    return None


def _html_hint(path: Path) -> str:
    with open(path, "rb") as file:
        head = file.read(512).lstrip().lower()
    return " (it is an HTML page)" if head.startswith((b"<!doctype html", b"<html")) else ""
