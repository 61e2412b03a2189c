"""Test samples that a list names, so that results can be compared with others on the same samples.

RobustBench tests ImageNet-C on 5,000 images; its list has a line ``CLASS/FILE`` for each
(https://github.com/RobustBench/robustbench).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from dst_robustness.datasets.spec import Split
from dst_robustness.datasets.walk import shown


def listed_rows(listing: str | Path, split: Split, classes: Sequence[str]) -> np.ndarray:
    """Return the rows of a split that a list names, ascending, int64 [n].

    Args:
        listing: a text file. Each line names a sample: by its row in the order of the source, counted from 0, or by its
            file, ``FILE`` or ``CLASS/FILE``, with or without ending. Empty lines do not count.
        split: the samples.
        classes: names of the classes, in the order of the labels.

    Raises:
        ValueError: if the list cannot be read or is empty, or if it names a sample twice, a sample that does not exist,
            may be either of two, or has another class. The message names the list.
    """
    listing = Path(listing).expanduser()
    try:
        lines = [shown(line.strip()) for line in listing.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"test_samples: cannot read the list {listing}: {error}") from None
    names = [line for line in lines if line]
    if not names:
        raise ValueError(f"test_samples: the list {listing} names no sample")
    places = _Places(split, classes)
    rows = [places.row(name, f"test_samples: {listing} names '{name}', which") for name in names]
    found, counts = np.unique(rows, return_counts=True)
    if counts.max() > 1:
        raise ValueError(f"test_samples: {listing} names {split.describe(found[counts.argmax()])} twice")
    return found


class _Places:
    """The rows of a split by the names of their files."""

    def __init__(self, split: Split, classes: Sequence[str]) -> None:
        self._split = split
        self._label_of = {name: label for label, name in enumerate(classes)}
        self._rows: dict[str, list[int]] = {}
        for row in range(len(split.labels)):
            self._rows.setdefault(split.stem(row), []).append(row)

    def row(self, name: str, what: str) -> int:
        count = len(self._split.labels)
        if name.isdecimal() and (name == "0" or name[0] != "0"):  # 0012 is the name of a file
            if int(name) >= count:
                raise ValueError(f"{what} is no row; allowed: 0 to {count - 1}")
            return int(name)
        path = PurePosixPath(name)
        rows = self._rows.get(path.stem) or self._rows.get(path.name) or []
        label = self._label_of.get(path.parent.name)
        found = [row for row in rows if label is None or self._split.labels[row] == label]
        if len(found) == 1:
            return found[0]
        if found:
            raise ValueError(f"{what} may be {self._split.describe(found[0])} or {self._split.describe(found[1])}")
        is_elsewhere = f"is of another class: {self._split.describe(rows[0])}" if rows else "is not in the test split"
        raise ValueError(f"{what} {is_elsewhere}")
