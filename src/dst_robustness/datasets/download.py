"""Fetching one file: resumed, retried, from several addresses, verified before anyone opens it.

pooch moves the bytes (and respects HTTP_PROXY / HTTPS_PROXY through requests); this module decides what is asked for,
what is believed, and what comes next when it fails.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from dst_robustness.datasets.checksums import Digests, digests, mismatch
from dst_robustness.datasets.spec import RemoteFile

log = logging.getLogger(__name__)

CHUNK = 1 << 16  # a broken connection costs at most this much, as urllib3 drops an unfinished block
TIMEOUT = (15, 60)  # seconds to connect, and without a byte
ATTEMPTS = 4
PAUSE = 1.0  # seconds before the second attempt, doubled for each one after that


class DownloadError(ValueError):
    """No address gave the file; the message lists each with its reason."""


class _AddressError(Exception):
    """What one address did wrong."""

    def __init__(self, reason: str, *, is_temporary: bool = False) -> None:
        super().__init__(reason)
        self.is_temporary = is_temporary


def fetch(file: RemoteFile, target: Path, *, attempts: int = ATTEMPTS, pause: float = PAUSE) -> tuple[str, Digests]:
    """Bring a file to ``target`` from the first of its addresses that gives it complete and right.

    The file takes its name only once its length and checksum are right. A broken transfer stays beside it as
    ``.{name}.part`` and is resumed, by the next attempt or the next call.

    Args:
        file: name, addresses (http, https, file, or a plain path), and what is known of length and checksum.
        target: where it goes.
        attempts: how often in a row an address may fail without a new byte.
        pause: seconds before the second attempt, doubled for each one after that.

    Returns:
        The address it came from, its length and sums.

    Raises:
        DownloadError: names every address and why it failed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    reasons = []
    for address in file.addresses:
        part = _part_path(file, target, address)
        log.info("%s: fetching %s", file.name, address)
        try:
            return address, _fetch_from(address, file, part, target, attempts, pause)
        except _AddressError as error:
            log.warning("%s: %s %s", file.name, address, error)
            reasons.append(f"  {address} {error}")
    raise DownloadError("\n".join([f"could not fetch {file.name}; tried:", *reasons]))


def _part_path(file: RemoteFile, target: Path, address: str) -> Path:
    """Name the unfinished file; without a checksum to tell, one address never continues another's bytes."""
    mark = "" if file.checksum else "." + hashlib.sha256(address.encode()).hexdigest()[:8]
    return target.with_name(f".{target.name}{mark}.part")


def _fetch_from(address: str, file: RemoteFile, part: Path, target: Path, attempts: int, pause: float) -> Digests:
    """Fetch, verify and name the file; what was continued and came out wrong is fetched once more from the start."""
    is_resumed = part.exists() and part.stat().st_size > 0
    _transfer(address, file, part, attempts, pause)
    found = digests(part)
    wrong = mismatch(part, file, found)
    if wrong is None:
        part.replace(target)
        return found
    part.unlink()
    if is_resumed:
        log.info("%s: the continued file %s; starting over", file.name, wrong)
        return _fetch_from(address, file, part, target, attempts, pause)
    raise _AddressError(wrong)


def _transfer(address: str, file: RemoteFile, part: Path, attempts: int, pause: float) -> None:
    """Bring all bytes of an address into the part file, however often the connection breaks while it gets on."""
    source = _local_path(address)
    if source is not None:
        if not source.is_file():
            raise _AddressError("does not exist")
        shutil.copyfile(source, part)
        return
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            return _request(address, file, part)
        except _AddressError as error:
            after = part.stat().st_size if part.exists() else 0
            failures = 0 if after > before else failures + 1
            if not error.is_temporary or failures >= attempts:
                raise
            wait = pause * 2 ** max(0, failures - 1)
            log.info("%s: %s; trying again in %.0f s at byte %d", file.name, error, wait, after)
            time.sleep(wait)


def _local_path(address: str) -> Path | None:
    """Return the path that an address names, None for one that has to be asked over HTTP."""
    parts = urlsplit(address)
    if parts.scheme in ("http", "https"):
        return None
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if "://" in address:
        raise _AddressError("is of a kind that is not known; allowed: http, https, file, or a path")
    return Path(address).expanduser()


def _request(address: str, file: RemoteFile, part: Path) -> None:
    """Ask once for what is missing and append it to the part file."""
    import requests
    from pooch import HTTPDownloader

    offset = part.stat().st_size if part.exists() else 0
    if offset and offset == file.bytes:
        return  # complete; only its check was interrupted
    with open(part, "ab") as output:
        answer = _Answer(file, output, offset)
        download = HTTPDownloader(
            progressbar=sys.stderr.isatty(),
            chunk_size=CHUNK,
            timeout=TIMEOUT,
            headers={"Accept-Encoding": "identity", **({"Range": f"bytes={offset}-"} if offset else {})},
            hooks={"response": answer.check},
        )
        try:
            download(address, answer, None)
        except requests.RequestException as error:
            raise _AddressError(_plain(error), is_temporary=True) from error
        finally:
            if output.tell() == 0:
                part.unlink()


def _plain(error: Exception) -> str:
    """Say in words what requests reports through layers of exceptions."""
    import requests

    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.TooManyRedirects)):
        return f"cannot be followed: {error}"
    if isinstance(error, requests.exceptions.ProxyError):
        return "cannot be reached through the proxy of HTTP_PROXY / HTTPS_PROXY"
    if isinstance(error, requests.exceptions.SSLError):
        return f"has no valid certificate: {error}"
    if isinstance(error, requests.Timeout):
        return "does not answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "cut the connection"
    return "cannot be reached (no network, a wrong name, or nobody listens there)"


class _Answer:
    """The file that pooch writes one answer into: judges the answer's head first, and stops what runs too long."""

    def __init__(self, file: RemoteFile, output: BinaryIO, offset: int) -> None:
        self.file = file
        self.output = output
        self.offset = offset

    def check(self, response: Any, **_: object) -> None:
        """Refuse an answer that cannot be the file, before its body is read."""
        if response.is_redirect:
            return
        if response.status_code == 416:
            self._start_over()
            raise _AddressError("has no more bytes than are here already", is_temporary=True)
        if response.status_code not in (200, 206):
            is_temporary = response.status_code >= 500 or response.status_code in (408, 425, 429)
            raise _AddressError(f"answers {response.status_code} {response.reason}", is_temporary=is_temporary)
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise _AddressError("sends an HTML page instead of data (a login or an error?)")
        if response.status_code == 200:
            self._start_over()
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {self.offset}-"):
            self._start_over()
            raise _AddressError("continues at another byte than asked for", is_temporary=True)
        length = response.headers.get("Content-Length", "")
        if self.file.bytes is not None and length.isdigit() and self.offset + int(length) != self.file.bytes:
            raise _AddressError(f"offers {self.offset + int(length):,} bytes, expected {self.file.bytes:,}")

    def _start_over(self) -> None:
        self.output.seek(0)
        self.output.truncate()
        self.offset = 0

    def write(self, block: bytes) -> None:
        if self.file.bytes is not None and self.output.tell() + len(block) > self.file.bytes:
            self._start_over()
            raise _AddressError(f"sends more than the expected {self.file.bytes:,} bytes")
        self.output.write(block)

    def flush(self) -> None:
        self.output.flush()
