"""The corrupted test sets of a run, given one by one, or by a list that stands for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from dst_robustness.jobs.files import DamagedFileError

LIST = ".txt"  # beside the sets: the file name of one of them a line


def list_name(corruptions: Iterable[str]) -> str:
    """Return the name, without its ending, of the list of these sets: a checksum of what it holds."""
    return sha256(" ".join(corruptions).encode()).hexdigest()[:8]


@contextmanager
def corrupted_sets(paths: Sequence[Path]) -> Iterator[dict[str, Path]]:
    """Yield the sets by corruption, after which each file is named: ``paths`` themselves, or those of the one list.

    A set that is missing, or that is found damaged in the block, is a DamagedFileError, and so is a list that is not
    whole. The list is then removed: it says that all sets are there, and whoever makes it anew makes the set before.
    """
    lists = [path for path in paths if path.suffix == LIST]
    try:
        sets = {path.stem: path for path in (_listed(lists[0]) if lists else paths)}
        for path in sets.values():
            if not path.exists():
                raise DamagedFileError(path, "file")
        yield sets
    except DamagedFileError:
        for path in lists:
            path.unlink(missing_ok=True)
        raise


def _listed(path: Path) -> list[Path]:
    sets = [path.parent / name for name in path.read_text(encoding="utf-8").splitlines()]
    if list_name(one.stem for one in sets) != path.stem:
        raise DamagedFileError(path, "whole list of corrupted sets")
    return sets
