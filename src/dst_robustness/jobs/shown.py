"""Make foreign text safe to show: addresses without their secrets, names on one line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from dst_robustness.jobs.files import write_text

if TYPE_CHECKING:
    import pandas as pd

HIDDEN = "***"
FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # the last four are the wide forms of the first
# Hexadecimal digits, or digits with small and capital letters, many of them; and web tokens (RFC 7519). Names of files
# have a dot elsewhere.
_TOKEN = re.compile(r"[0-9a-fA-F]{16,}|(?=.*\d)(?=.*[a-z])(?=.*[A-Z])[\w~+%-]{20,}|eyJ[\w-]+\.[\w-]+\.[\w-]*")
_URL = re.compile(r"(?i)\b[a-z][a-z0-9+.-]*:/[^\s<>]+")
_IS_URL = re.compile(r"(?i)\s*[a-z][a-z0-9+.-]+:")  # at least two letters: C: is a disk


def name(text: object, longest: int = 200) -> str:
    """Return a foreign name on one line. Characters that do not print are escaped. A long name loses its middle."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in str(text))
    if len(line) <= longest:
        return line
    return f"{line[: longest // 2]}...{line[-longest // 2 :]}"


class Address(str):
    """An address that Snakemake may keep as a parameter: what it keeps is the representation."""

    def __repr__(self) -> str:
        harmless = address(self)
        return repr(str(self)) if harmless == self else repr(f"{harmless} {sum_of(self)}")


def sum_of(text: str) -> str:
    """Return twelve digits that tell one address from another, and nothing of its secrets."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def address(text: str) -> str:
    """Return an address on one line, without user, password, query, fragment, and tokens in its path.

    A path of the file system stays whole.
    """
    return name(_hide(text) if _IS_URL.match(text) else text, longest=4096)


def text_without_secrets(text: str) -> str:
    """Return text without the secrets of addresses, and with control characters escaped (not line ends and tabs)."""
    lines = (_URL.sub(lambda found: _hide(found[0]), line) for line in text.split("\n"))
    return "\n".join("".join(c if c.isprintable() or c == "\t" else name(c) for c in line) for line in lines)


def value_without_secrets(value: Any) -> Any:
    """Return a configuration, or a part of one, without the secrets of addresses."""
    if isinstance(value, dict):
        return {value_without_secrets(key): value_without_secrets(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [value_without_secrets(item) for item in value]
    is_address = isinstance(value, str) and _IS_URL.match(value) and (":/" in value or "@" in value)
    return _hide(value) if is_address else value


def yaml_without_secrets(text: str) -> str:
    """Return a configuration in YAML without the secrets of addresses. If it had any, its comments are lost."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        return text_without_secrets(text)
    if value_without_secrets(content) == content and text_without_secrets(text) == text:
        return text
    return yaml.safe_dump(value_without_secrets(content), sort_keys=False, allow_unicode=True)


def copies_without_secrets(files: Iterable[str | Path], folder: str | Path) -> list[Path]:
    """Return the files of a configuration. One that holds a secret is replaced by a copy in ``folder`` without it."""
    return [_copy(Path(file), Path(folder) / str(number)) for number, file in enumerate(files)]


def _copy(file: Path, folder: Path) -> Path:
    text = file.read_text(encoding="utf-8")
    harmless = yaml_without_secrets(text)
    if harmless == text:
        return file
    write_text(folder / file.name, harmless)
    return folder / file.name


def cells_without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which a spreadsheet computes no text as a formula: ``=1+1`` becomes ``'=1+1``."""

    def plain(cell: Any) -> Any:
        return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell

    words = [column for column in table if table[column].dtype.kind not in "biufc"]
    return table.assign(**{column: table[column].map(plain) for column in words}) if words else table


def _hide(url: str) -> str:
    scheme, rest = url.split(":", 1)
    place, mark = rest, ""
    if found := re.search(r"[?#]", rest):
        place, mark = rest[: found.start()], found[0] + HIDDEN
    place = "/".join(_hide_token(part) for part in place.split("/"))
    slashes = place[: len(place) - len(place.lstrip("/"))]
    # A password may contain an unescaped slash or @, so everything before the last @ is hidden.
    _, at, host = place.rpartition("@")
    return f"{scheme}:{slashes}{HIDDEN}@{host}{mark}" if at else f"{scheme}:{place}{mark}"


def _hide_token(part: str) -> str:
    """Return a part of a path without what looks like a token: the value of ``NAME=VALUE``, many mixed characters."""
    key, is_named, _ = part.partition("=")
    if is_named:
        return f"{key}={HIDDEN}"
    return HIDDEN if _TOKEN.fullmatch(part) else part
