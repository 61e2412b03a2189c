"""Download one file from several addresses: with resuming, retries and a time limit, and verified before use."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

from dst_robustness.datasets.addresses import AddressError, local_path
from dst_robustness.datasets.checksums import Digests, digests, mismatch
from dst_robustness.datasets.part import Part
from dst_robustness.datasets.space import NoSpaceError, require_space, watch_space
from dst_robustness.datasets.spec import RemoteFile
from dst_robustness.datasets.watch import watched
from dst_robustness.jobs import shown

log = logging.getLogger(__name__)

TIMEOUT = (15, 60)  # seconds to connect; seconds over which LEAST_RATE must be reached
LEAST_RATE = 10_000  # bytes per second
ATTEMPTS = 4
PAUSE = 1.0  # seconds before the second attempt, doubled for each one after that
LONGEST_WAIT = 120  # seconds that a server may ask to wait (Retry-After)


class DownloadError(ValueError):
    """No address gave the file; the message lists each with its reason."""


def fetch(
    file: RemoteFile,
    target: Path,
    *,
    attempts: int = ATTEMPTS,
    pause: float = PAUSE,
    examine: Callable[[Path, Digests], str | None] | None = None,
) -> tuple[str, Digests]:
    """Download a file to ``target`` from the first of its addresses that gives it complete and correct.

    The file gets its name only when its length and checksum are right. An interrupted transfer stays beside it as
    ``.{name}.part``, and the next attempt or call resumes it. A wrong file is deleted.

    Args:
        file: name, addresses (http, https, file, or a plain path), and length and checksum if they are known.
        target: path of the file.
        attempts: how often in a row an address may bring no new bytes.
        pause: seconds before the second attempt, doubled for each one after that.
        examine: checks a file without a checksum. It returns what is wrong with it, or None.

    Returns:
        The address that gave the file, and the file's length and checksums.

    Raises:
        DownloadError: names every address and why it failed.
        NoSpaceError: if the disk is too small. Nothing of the file is kept.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    reasons = []
    for address in file.addresses:
        part = Part(target, _mark(file, address))
        log.info("%s: fetching %s", file.name, shown.address(address))
        try:
            return address, _fetch_from(address, file, part, target, attempts, pause, examine)
        except AddressError as error:
            log.warning("%s: %s %s", file.name, shown.address(address), error)
            reasons.append(f"  {shown.address(address)} {error}")
        except NoSpaceError:
            part.discard()
            raise
    raise DownloadError("\n".join([f"could not fetch {file.name}; tried:", *reasons]))


def _mark(file: RemoteFile, address: str) -> str:
    """Return a mark for the part file if no checksum could show that two addresses give the same bytes."""
    return "" if file.checksum else f".{shown.sum_of(address)}"


def _fetch_from(
    address: str,
    file: RemoteFile,
    part: Part,
    target: Path,
    attempts: int,
    pause: float,
    examine: Callable[[Path, Digests], str | None] | None,
) -> Digests:
    """Download, verify and name the file. If it was resumed and is wrong, download it once more in one piece."""
    wrong = ""
    for may_continue in (True, False):
        _transfer(address, file, part, attempts, pause, may_continue)
        found = digests(part.path)
        wrong = mismatch(part.path, file, found) or (examine(part.path, found) if examine else None) or ""
        if not wrong:
            part.move_to(target)
            return found
        is_joined = part.is_joined
        part.discard()
        if not is_joined:
            break
        log.info("%s: the continued file %s; starting over", file.name, wrong)
    raise AddressError(wrong)


def _transfer(address: str, file: RemoteFile, part: Part, attempts: int, pause: float, may_continue: bool) -> None:
    """Write all bytes of an address to the part file. The connection may break as long as each attempt adds bytes."""
    source = local_path(address)
    if source is not None:
        return _copy(source, file, part)
    if part.size and part.size == file.bytes:
        return  # complete; only its check was interrupted
    from dst_robustness.datasets.request import request  # not earlier: most sets need no network

    failures, most = 0, part.size
    while True:
        start = monotonic()
        try:
            return watched(
                lambda progress: request(address, file, part, progress, TIMEOUT, may_continue), TIMEOUT[1], LEAST_RATE
            )
        except AddressError as error:
            gained = part.size - most
            most = max(most, part.size)
            if part.size == 0:
                part.discard()
            gets_on = gained >= LEAST_RATE * max(1, monotonic() - start)
            failures = 0 if gets_on else failures + 1 + error.is_slow
            if not error.is_temporary or failures >= attempts:
                raise
            if error.wait > LONGEST_WAIT:
                raise AddressError(f"{error} and asks to wait {error.wait:,.0f} s") from None
            wait = max(error.wait, pause * 2 ** max(0, failures - 1))
            log.info("%s: %s; trying again in %.0f s at byte %d", file.name, error, wait, part.size)
            sleep(wait)


def _copy(source: Path, file: RemoteFile, part: Part) -> None:
    if not source.is_file():
        raise AddressError("does not exist")
    require_space(part.path.parent, source.stat().st_size, file.name)
    with watch_space(part.path.parent, file.name):
        shutil.copyfile(source, part.path)
    part.is_joined = False
