"""Where the values of a configuration come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from dst_robustness.study.configuration import GRID_KEYS, OPTION_KEYS

DEFAULT = "default"
WIDTH = 60  # column of the origins
Place = tuple[str | int, ...]


def show_origins(study: Mapping[str, Any], layers: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """Return a checked configuration as YAML with the origin of each value as a comment.

    Args:
        study: the configuration with all defaults filled in.
        layers: name and content of what was laid over each other, the last one on top.
    """
    return "\n".join(_lines(study, (), layers)) + "\n"


def origin(place: Place, layers: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """Return the name of the layer that the value at a place, as in ("training", "epochs"), comes from.

    A list is replaced as a whole by the layer on top; what a scenario does not say itself is the study's.
    """
    for name, content in reversed(layers):
        if place[0] == "scenarios" and "scenarios" in content and not _holds(content, place):
            inherited = place[2:3] and place[2] in (*GRID_KEYS, *OPTION_KEYS)
            return origin(place[2:], layers) if inherited else DEFAULT
        if _holds(content, place):
            return name
    return DEFAULT


def _holds(content: Any, place: Place) -> bool:
    for key in place:
        if isinstance(content, Mapping):
            if key not in content:
                return False
        elif not (isinstance(content, list) and isinstance(key, int) and key < len(content)):
            return False
        content = content[key]
    return True


def _lines(value: Any, place: Place, layers: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    if isinstance(value, Mapping) and value:
        items = [(f"{key}:", key, part) for key, part in value.items()]
    elif place == ("scenarios",):
        items = [("-", number, part) for number, part in enumerate(value)]
    else:
        raise TypeError(f"{place} is no collection")
    lines = []
    for label, key, part in items:
        here = (*place, key)
        if here == ("scenarios",) or (isinstance(part, Mapping) and part):
            inner = ["  " + line for line in _lines(part, here, layers)]
            lines += [f"- {inner[0].lstrip()}", *inner[1:]] if label == "-" else [label, *inner]
        else:
            text = yaml.safe_dump(part, default_flow_style=True, width=10**6).removesuffix("...\n").strip()
            lines.append(f"{label} {text}".ljust(WIDTH - 2 * len(place)) + f"  # {origin(here, layers)}")
    return lines
