"""The corrupted test sets of a run, given one by one, or by a list that stands for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dst_robustness.storage import DamagedFileError

LIST = ".txt"  # a text file with the path of one set a line


@contextmanager
def corrupted_sets(paths: Sequence[Path]) -> Iterator[dict[str, Path]]:
    """Yield the sets by corruption, after which each file is named: ``paths`` themselves, or those of a list in them.

    A set that is missing, or that is found damaged in the block, is a DamagedFileError. The list is then removed: it
    says that all sets are there, and whoever makes it anew makes the set before.
    """
    lists = [path for path in paths if path.suffix == LIST]
    named = [Path(line) for path in lists for line in path.read_text(encoding="utf-8").splitlines()]
    sets = {path.stem: path for path in [*named, *paths] if path not in lists}
    try:
        for path in sets.values():
            if not path.exists():
                raise DamagedFileError(path, "file")
        yield sets
    except DamagedFileError:
        for path in lists:
            path.unlink(missing_ok=True)
        raise
