"""Refuse folders of parts that would be taken for classes, or whose division would be passed over."""

from __future__ import annotations

import re
from pathlib import Path

from dst_robustness.datasets.label_tables import part_of
from dst_robustness.datasets.walk import files_in, folders_in, shown

HELD_OUT = {"test", "validation"}


def refuse_hidden_parts(folder: Path, endings: tuple[str, ...]) -> None:
    """Raise ValueError if class folders are parts under other names (``seg_train``, ``test_set``), or hold parts."""
    classes = folders_in(folder)
    for inside in map(folders_in, classes):
        parts = {part_of(path.name): path for path in inside}
        if "train" in parts and parts.keys() & HELD_OUT:
            raise ValueError(
                f"{shown(parts['train'])} is a part within a class; parts go above classes: train/CLASS/FILE"
            )
    meant = {path: _part_meant(path.name) for path in classes}
    parts = {part: path for path, part in meant.items() if all(meant.values()) or not files_in(path, endings)}
    if "train" in parts and (other := next((parts[part] for part in sorted(HELD_OUT & parts.keys())), None)):
        raise ValueError(
            f"{shown(parts['train'])} and {shown(other)} would be two classes; if they are parts, call them train and "
            "test, and if not, by names without these words"
        )


def _part_meant(name: str) -> str | None:
    """Return the part that one of the words in a name means, or None."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)
    return next((part for part in map(part_of, (word.lower().removesuffix("set") for word in words)) if part), None)
