"""Values of the configuration, checked and tidied one by one. Errors end a sentence that begins with the key."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import ValidationInfo

LONGEST_NAME = 100  # file systems take 255 bytes, and Snakemake makes names longer
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
NOT_IN_NAMES = re.compile(r"^[^A-Za-z0-9]+|[^A-Za-z0-9_.+-]+")


def read_value(value: Any, kind: Any) -> Any:
    """Return a value as its type in the configuration wants it: a text that stands for a number, a list, ... is read.

    ``--config training={epochs: 7}`` arrives with the text "7", and YAML reads 1e-3 as a text.
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
    """Return the types that a type is a choice of."""
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
    """Return the number that a text of digits stands for, where a number or a path is allowed."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def all_different(values: list[Any]) -> list[Any]:
    """Return a list in which nothing stands twice."""
    repeated = next((value for number, value in enumerate(values) if value in values[:number]), None)
    if repeated is not None:
        raise ValueError(f"lists {repeated!r} more than once")
    return values


def name(text: str) -> str:
    """Return a name that can be part of the name of a file, of a wildcard and of a command line."""
    if not NAME.fullmatch(text) or len(text) > LONGEST_NAME:
        shown = text if len(text) <= LONGEST_NAME else f"{text[:40]}..."
        raise ValueError(
            f"{shown!r} is not allowed: a name has letters, digits, '_', '-', '.' and '+', begins with a letter or a "
            f"digit, and is at most {LONGEST_NAME} characters long"
        )
    return text


def path(text: str) -> str:
    """Return a path with ``~`` and ``$NAME`` expanded, without ``./`` before and ``/`` after it."""
    if "://" in text:
        return text
    expanded = os.path.expanduser(os.path.expandvars(text))
    if unknown := re.search(r"\$\w+|\$\{\w+\}|^~[^/]*", expanded):
        raise ValueError(f"is {text!r}, but there is no {unknown[0]} on this machine")
    return os.path.normpath(expanded)


def file(text: str, info: ValidationInfo) -> str:
    """Return a path as ``path`` does, of a file beside the configuration where one is there.

    ``context["folders"]`` are the folders of the configuration's files; anything else is seen from the working folder.
    """
    tidied = path(text)
    places = [os.path.normpath(os.path.join(place, tidied)) for place in (info.context or {}).get("folders", ())]
    return next((place for place in places if os.path.exists(place)), tidied)


def model(text: str, info: ValidationInfo) -> str:
    """Return a model string, with ``file`` for the FILE of ``FILE.py:FUNCTION``."""
    place, _, function = text.rpartition(":")
    return f"{file(place, info)}:{function}" if place.endswith(".py") else text


def folder(text: str) -> str:
    """Return the path of a folder that rules name files in."""
    tidied = path(text)
    if tidied == "." or re.search(r"[{}\n\r]", tidied):
        raise ValueError(f"is {text!r}; allowed: a folder of its own, without braces in its name")
    return tidied


def any_of(names: Iterable[str]) -> str:
    """Return the pattern of a wildcard that may be one of these names; of none, one that fits no name."""
    return "|".join(map(re.escape, sorted(names))) or "(?!)"
