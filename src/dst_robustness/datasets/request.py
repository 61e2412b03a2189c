"""One request for a file: ask for the missing bytes, check the answer, and store its bytes as they were sent.

The library requests connects to servers and proxies (HTTP_PROXY, HTTPS_PROXY, ~/.netrc). Its reading of bodies is not
used, since it decodes what a server calls encoded, and reads the bodies of redirects completely.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.client import RemoteDisconnected
from time import time
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from tqdm import tqdm

from dst_robustness.datasets.addresses import AddressError
from dst_robustness.datasets.part import Part
from dst_robustness.datasets.space import NoSpaceError, require_space, watch_space
from dst_robustness.datasets.spec import RemoteFile
from dst_robustness.datasets.watch import Progress
from dst_robustness.jobs import shown

CHUNK = 1 << 16
OVERLAP = 1 << 12  # bytes to request again if there is no checksum, to see whether the rest fits
MAX_REDIRECTS = 10
MAX_UNSTATED = 200 << 30  # most bytes of an answer that does not say its length


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Follow no redirect, since requests would read and decode its whole body."""


def request(
    address: str, file: RemoteFile, part: Part, progress: Progress, timeout: tuple[float, float], may_continue: bool
) -> None:
    """Ask an address once for the bytes that a part file lacks, and write them there.

    Args:
        address: an http or https address.
        file: what is known about the file.
        part: the part file. It is continued if the server says that the version is the same, else begun again.
        progress: gets every step.
        timeout: seconds to connect, and seconds without a byte.
        may_continue: whether to ask only for the rest.

    Raises:
        AddressError: if the answer is not the file.
        NoSpaceError: if the disk is too small.
    """
    validator, total = part.origin(address)
    offset = part.size
    if file.checksum is None and (validator is None or offset <= OVERLAP):
        may_continue = False
    first = offset - (OVERLAP if file.checksum is None else 0) if may_continue else 0
    headers = {"Accept-Encoding": "identity"}
    if first > 0:
        headers |= {"Range": f"bytes={first}-"} | ({"If-Range": validator} if validator else {})
    with _plain_reasons(timeout), _answer(address, headers, timeout, progress) as answer:
        with progress.unless_abandoned():
            if answer.status_code == 416:
                part.discard()
                raise AddressError("has no more bytes than are here already", is_temporary=True)
            _refuse(answer)
            is_rest = answer.status_code == 206
            total = _continued(answer, part, first, validator, total) if is_rest else _length(answer)
            if total is not None and file.bytes is not None and total != file.bytes:
                raise AddressError(f"offers {total:,} bytes, expected {file.bytes:,}")
            if not is_rest:
                first = 0
                part.begin(address, _validator(answer), total)
            _require_space(file, part, total or 0)
        _receive(answer, part, first, file.bytes or total, progress, file.name)


@contextmanager
def _answer(
    address: str, headers: dict[str, str], timeout: tuple[float, float], progress: Progress
) -> Iterator[requests.Response]:
    """Yield the answer after all redirects. Its body is not read yet."""
    with _Session() as session:
        answer = _last_answer(session, address, headers, timeout, progress)
        try:
            yield answer
        finally:
            answer.close()


def _last_answer(
    session: _Session, address: str, headers: dict[str, str], timeout: tuple[float, float], progress: Progress
) -> requests.Response:
    for _ in range(MAX_REDIRECTS + 1):
        answer = session.get(address, headers=headers, timeout=timeout, stream=True)
        progress.steps += 1
        if not answer.is_redirect:
            return answer
        answer.close()
        try:
            onward = urljoin(address, answer.headers["location"])
        except ValueError:
            raise AddressError("sends on to what is no address") from None
        allowed = ("https",) if urlsplit(address).scheme == "https" else ("http", "https")
        if urlsplit(onward).scheme not in allowed:
            raise AddressError(f"sends on to {shown.address(onward)}; allowed: {' or '.join(allowed)}")
        address = onward
    raise AddressError(f"sends on more than {MAX_REDIRECTS} times")


def _refuse(answer: requests.Response) -> None:
    """Raise AddressError if the header says that this is not the file."""
    if answer.status_code not in (200, 206):
        said = shown.name(f"answers {answer.status_code} {answer.reason or ''}", longest=80).strip()
        is_temporary = answer.status_code >= 500 or answer.status_code in (408, 425, 429)
        raise AddressError(said, is_temporary=is_temporary, wait=_retry_after(answer))
    if answer.headers.get("Content-Type", "").strip().lower().startswith(("text/html", "application/xhtml")):
        raise AddressError("sends an HTML page instead of data (a login or an error?)")


def _require_space(file: RemoteFile, part: Part, total: int) -> None:
    """Raise an error if the disk is too small: an AddressError if only the server says that length."""
    try:
        require_space(part.path.parent, total - part.size, file.name)
    except NoSpaceError as error:
        if file.bytes is not None:
            raise
        raise AddressError(f"says that {error}") from None


def _continued(answer: requests.Response, part: Part, first: int, validator: str | None, total: int | None) -> int:
    """Return the length of the whole file that this answer continues. If it is another file, start over."""
    found = re.fullmatch(r"\s*bytes\s+(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)\s*", answer.headers.get("Content-Range", ""))
    start, last = (int(found[1]), int(found[2])) if found else (-1, -1)
    whole = last + 1 if not found or found[3] == "*" else int(found[3])
    theirs = _validator(answer)
    if first == 0 or start != first or last >= whole:
        why = "continues at another byte than asked for"
    elif total is not None and whole != total:
        why = f"continues a file of {whole:,} bytes, the one begun has {total:,}"
    elif validator and theirs and theirs != validator and (theirs[0] == '"') == (validator[0] == '"'):
        why = "continues another version than the one begun"
    else:
        part.is_joined = True
        return whole
    part.discard()
    raise AddressError(why, is_temporary=True)


def _validator(answer: requests.Response) -> str | None:
    """Return the mark of this version of the file: a strong ETag, or the date."""
    tag = answer.headers.get("ETag", "")
    return (
        tag if re.fullmatch(r'"[\x21\x23-\x7e]{1,500}"', tag) else answer.headers.get("Last-Modified", "")[:100] or None
    )


def _length(answer: requests.Response) -> int | None:
    length = answer.headers.get("Content-Length", "")
    return int(length) if re.fullmatch(r"\d{1,18}", length) and "Transfer-Encoding" not in answer.headers else None


def _receive(
    answer: requests.Response, part: Part, first: int, expected: int | None, progress: Progress, what: str
) -> None:
    """Write the body as it was sent. Bytes that the part file already has from ``first`` on must be the same."""
    position, known = first, part.size
    bar = tqdm(total=expected, initial=first, unit="B", unit_scale=True, desc=what, disable=not sys.stderr.isatty())
    with open(part.path, "r+b") as output, bar, watch_space(part.path.parent, what):
        output.seek(first)
        while block := answer.raw.read1(CHUNK, decode_content=False):
            with progress.unless_abandoned():
                again = block[: max(0, known - position)]
                if output.read(len(again)) != again:
                    part.discard()
                    raise AddressError("continues with other bytes than those that it sent before", is_temporary=True)
                position += len(block)
                if position > (MAX_UNSTATED if expected is None else expected):
                    part.discard()
                    raise AddressError(f"sends more than the expected {expected or MAX_UNSTATED:,} bytes")
                output.write(block[len(again) :])
                output.flush()
            progress.bytes += len(block)
            bar.update(len(block))
    if position == 0:
        raise AddressError("sends nothing")
    if expected is not None and position < expected:
        raise AddressError("cut the connection", is_temporary=True)


def _retry_after(answer: requests.Response) -> float:
    """Return the seconds that the server asks to wait, or 0 if it says nothing useful."""
    asked = answer.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", asked):
        return int(asked)
    try:
        return max(0.0, parsedate_to_datetime(asked).replace(tzinfo=UTC).timestamp() - time())
    except (ValueError, TypeError):
        return 0


@contextmanager
def _plain_reasons(timeout: tuple[float, float]) -> Iterator[None]:
    """Turn errors of the libraries into plain reasons. Their own messages are not shown, since they hold addresses."""
    try:
        yield
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, UnicodeError) as error:
        raise AddressError("is not an address that can be asked") from error
    except requests.exceptions.ProxyError as error:
        raise AddressError(
            "cannot be reached through the proxy of HTTP_PROXY / HTTPS_PROXY", is_temporary=True
        ) from error
    except (requests.exceptions.SSLError, urllib3.exceptions.SSLError) as error:
        raise AddressError("has no valid certificate, or does not speak TLS", is_temporary=True) from error
    except requests.exceptions.ConnectTimeout as error:
        raise AddressError(f"cannot be reached: no answer in {timeout[0]:g} s", is_slow=True) from error
    except (requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError) as error:
        raise AddressError(f"sent nothing for {timeout[1]:g} s", is_slow=True) from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise AddressError(_cause(error), is_temporary=True) from error


def _cause(error: BaseException) -> str:
    causes: list[Any] = [error]
    while causes[-1] is not None and len(causes) < 10:  # requests and urllib3 wrap what happened in args and reason
        last = causes[-1]
        inner = [item for item in (getattr(last, "reason", None), *last.args) if isinstance(item, BaseException)]
        causes.append(inner[0] if inner else last.__cause__)
    if any(isinstance(cause, urllib3.exceptions.NameResolutionError) for cause in causes):
        return "cannot be reached: nobody knows its name (no network, or a wrong name)"
    if any(isinstance(cause, RemoteDisconnected) for cause in causes):
        return "hung up without an answer"
    if any(isinstance(cause, urllib3.exceptions.NewConnectionError) for cause in causes):
        return "cannot be reached: nobody listens there"
    return "cut the connection, or does not speak HTTP"
