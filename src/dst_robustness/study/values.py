"""Check and tidy single values of the configuration. An error message continues a sentence that starts with the key."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import ValidationInfo

LONGEST_NAME = 100  # file systems allow 255 bytes, and Snakemake makes names longer
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
NO_WORD = re.compile(r"[\d.]+(e[-+]?\d+)?|inf|infinity|nan|na|null|none|true|false", re.IGNORECASE)


def read_value(value: Any, kind: Any) -> Any:
    """Convert a text to the type of its option: a number, a list and so on.

    ``--config training={epochs: 7}`` gives the text "7", and YAML reads 1e-3 as a text.
    """
    kinds = _kinds(kind)
    if isinstance(value, str) and not (str in kinds and value != "null") and (str not in kinds or NoneType in kinds):
        value = _read_text(value)
    if isinstance(value, float) and float not in kinds and value.is_integer():
        value = int(value)
    if isinstance(value, list):
        items = next((get_args(one) for one in kinds if get_origin(one) is list), ())
        value = [read_value(item, items[0]) for item in value] if items else value
    if isinstance(value, dict):
        items = next((get_args(one) for one in kinds if get_origin(one) is dict), ())
        value = {key: read_value(item, items[1]) for key, item in value.items()} if items else value
    return value


def _kinds(kind: Any) -> tuple[Any, ...]:
    """Return the members of a union of types."""
    if get_origin(kind) is Annotated:
        return _kinds(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return tuple(one for choice in get_args(kind) for one in _kinds(choice))
    return (kind,)


def _read_text(text: str) -> Any:
    try:
        value = yaml.safe_load(text)
        return float(value) if isinstance(value, str) and re.match("[-+.0-9]", value) else value
    except (yaml.YAMLError, ValueError):
        return text


def whole_number(value: Any) -> Any:
    """Convert a text of digits to a number, for options that allow a number or a path."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def all_different(values: list[Any]) -> list[Any]:
    """Return the list. Raises ValueError if an entry is there twice."""
    repeated = next((value for number, value in enumerate(values) if value in values[:number]), None)
    if repeated is not None:
        raise ValueError(f"lists {repeated!r} more than once")
    return values


def name(text: str) -> str:
    """Return the name. Raises ValueError if it cannot be part of file names, wildcards and command lines."""
    if not NAME.fullmatch(text) or len(text) > LONGEST_NAME:
        shown = text if len(text) <= LONGEST_NAME else f"{text[:40]}..."
        raise ValueError(
            f"{shown!r} is not allowed: a name has letters, digits, '_', '-', '.' and '+', begins with a letter or a "
            f"digit, and is at most {LONGEST_NAME} characters long"
        )
    return text


def word(text: str) -> str:
    """Return the name. Raises ValueError if whoever reads a table takes it for a number or for a missing value."""
    if NO_WORD.fullmatch(text):
        raise ValueError(f"{text!r} is not allowed: tables with it are read as if it were no text; add a letter or '_'")
    return name(text)


def path(text: str) -> str:
    """Return a path with ``~`` and ``$NAME`` expanded, without leading ``./`` and trailing ``/``."""
    if "://" in text:
        return text
    expanded = os.path.expanduser(os.path.expandvars(text))
    if unknown := re.search(r"\$\w+|\$\{\w+\}|^~[^/]*", expanded):
        raise ValueError(f"is {text!r}, but there is no {unknown[0]} on this machine")
    return os.path.normpath(expanded)


def file(text: str, info: ValidationInfo) -> str:
    """Return a path like ``path``, but prefer a file beside the configuration.

    ``context["folders"]`` are the folders of the configuration's files. Other paths are relative to the working folder.
    """
    tidied = path(text)
    places = [os.path.normpath(os.path.join(place, tidied)) for place in (info.context or {}).get("folders", ())]
    return next((place for place in places if os.path.exists(place)), tidied)


def model(text: str, info: ValidationInfo) -> str:
    """Return a model string, with ``file`` for the FILE of ``FILE.py:FUNCTION``."""
    place, _, function = text.rpartition(":")
    return f"{file(place, info)}:{function}" if place.endswith(".py") else text


def folder(text: str) -> str:
    """Return the path of a folder in which the workflow's rules name files."""
    tidied = path(text)
    if tidied == "." or re.search(r"[{}\n\r]", tidied):
        raise ValueError(f"is {text!r}; allowed: a folder of its own, without braces in its name")
    return tidied


def any_of(names: Iterable[str]) -> str:
    """Return the pattern of a wildcard for these names. Without names, it matches nothing."""
    return "|".join(map(re.escape, sorted(names))) or "(?!)"
