"""Addresses of files, and what can go wrong with them."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit


class AddressError(Exception):
    """An address did not give the file.

    Attributes:
        is_temporary: whether another attempt may help.
        is_slow: whether the time limit for an answer passed.
        wait: seconds that the server asks to wait.
    """

    def __init__(self, reason: str, *, is_temporary: bool = False, is_slow: bool = False, wait: float = 0) -> None:
        super().__init__(reason)
        self.is_temporary = is_temporary or is_slow
        self.is_slow = is_slow
        self.wait = wait


def local_path(address: str) -> Path | None:
    """Return the path that an address names, or None if it needs HTTP."""
    try:
        parts = urlsplit(address)
    except ValueError:
        raise AddressError("is not an address that can be asked") from None
    if parts.scheme in ("http", "https") and parts.netloc:
        return None
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    if re.match(r"(?i)[a-z][a-z0-9+.-]+:/", address):
        raise AddressError("is of a kind that is not known; allowed: http, https, file, or a path")
    return Path(address).expanduser()
