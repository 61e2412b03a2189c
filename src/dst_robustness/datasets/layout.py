"""Find the parts and classes of a folder of images or videos, in any of the usual layouts.

- ``train/CLASS/FILE`` beside ``test`` or ``val`` (``valid``, ``validation``, ``eval`` ..., in upper or lower case);
- ``CLASS/FILE`` alone, which is divided here;
- files with a table of labels beside them, see ``label_tables``.
Each may also be one or more folders deeper, if there is nothing else beside it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dst_robustness.datasets.copies import copies
from dst_robustness.datasets.hidden_parts import refuse_hidden_parts
from dst_robustness.datasets.label_tables import TABLES, SampleNames, part_of, read_table
from dst_robustness.datasets.walk import files_below, files_in, folders_in, shown, walk
from dst_robustness.sets.splits import stratified

log = logging.getLogger(__name__)

TEST_FRACTION = 0.2  # share of the test split in a folder that is not divided
TEST_SEED = 0  # the test split is the same in every study

USUAL = "train/CLASS/FILE beside test, CLASS/FILE alone, or files and a table of labels"

Pairs = list[tuple[Path, str]]  # files and their classes


@dataclass(frozen=True)
class Part:
    """Files and the label of each, int64 [N]."""

    files: tuple[Path, ...]
    labels: np.ndarray


@dataclass(frozen=True)
class Layout:
    """The parts of a folder; classes are those of train, sorted by name."""

    classes: tuple[str, ...]
    train: Part
    test: Part
    validation: Part | None = None


def holds_samples(folder: Path, endings: tuple[str, ...]) -> bool:
    """Return whether at least one file with one of these endings is below a folder."""
    return any(name.lower().endswith(endings) for name, _ in walk(folder))


def find_layout(root: Path, endings: tuple[str, ...]) -> Layout:
    """Find the parts and classes of a folder.

    Args:
        root: the user's folder.
        endings: endings of the files that are samples, in lower case.

    Raises:
        ValueError: names a folder that is missing, has no labels, is of an unknown class, or is a second folder for the
            same part.
    """
    top, paths = top_folder(root, endings)
    tables, problems = _read_tables(root, paths, endings)
    try:
        layout = _read(top, tables, endings)
        if len(layout.classes) < 2:
            raise ValueError(f"{shown(top)} holds one class alone, '{layout.classes[0]}'; expected {USUAL}")
    except ValueError as error:
        if problems:
            raise problems[0] from None
        if paths and not tables:
            raise ValueError(f"{error}; {shown(paths[0])} tells the class of none of these files") from None
        raise
    for problem in problems:
        log.warning("%s", problem)
    _warn_of_copies(layout)
    _warn_of_spellings(layout.classes)
    return layout


def top_folder(root: Path, endings: tuple[str, ...]) -> tuple[Path, list[Path]]:
    """Go down while only one folder holds samples and is neither a part nor a class. Collect tables on the way."""
    here, tables = root, files_in(root, TABLES)
    while True:
        inside = [folder for folder in folders_in(here) if holds_samples(folder, endings)]
        if len(inside) != 1 or part_of(inside[0].name) or files_in(inside[0], endings):
            break
        here = inside[0]
        tables += files_in(here, TABLES)
    return here, tables + [table for folder in folders_in(here) for table in files_in(folder, TABLES)]


def _read_tables(
    root: Path, paths: list[Path], endings: tuple[str, ...]
) -> tuple[dict[str | None, Pairs], list[ValueError]]:
    """Return what tables say about each part (None: no part), and what is wrong with those that cannot be read."""
    found: dict[str | None, Pairs] = {}
    problems = []
    samples = SampleNames(root, [name for name, _ in walk(root) if name.lower().endswith(endings)] if paths else [])
    for path in paths:
        try:
            for name, label, part in read_table(path, samples):
                found.setdefault(part, []).append((root / name, label))
        except ValueError as error:
            problems.append(error)
    return found, problems


def _read(top: Path, tables: dict[str | None, Pairs], endings: tuple[str, ...]) -> Layout:
    folders: dict[str, Path] = {}
    others = []
    for folder in folders_in(top):
        part = part_of(folder.name)
        if not holds_samples(folder, endings):
            continue
        if part is None:
            others.append(folder)
        elif part in folders:
            raise ValueError(f"{folders[part]} and {folder} both stand for the {part} part; rename one")
        else:
            folders[part] = folder
    # A class may be called train. Then its files are directly in it, and other classes are beside it.
    if "train" in folders and (tables.get("train") or not (others and files_in(folders["train"], endings))):
        return _divided(top, folders, tables, endings, others)
    if tables.get("train") and (tables.get("test") or tables.get("validation")) and "train" not in folders:
        return _put_together(top, {part: pairs for part, pairs in tables.items() if part})
    return _undivided(_by_folder_or_table(top, [pair for pairs in tables.values() for pair in pairs], endings))


def class_pairs(folder: Path, endings: tuple[str, ...]) -> Pairs:
    """Return the files of each class folder, at any depth, sorted by class. Raises ValueError for an empty class.

    Folders whose names are the same text in two Unicode forms are one class.
    """
    files: dict[str, list[Path]] = {path.name: [] for path in folders_in(folder)}
    loose = 0
    for file in files_below(folder, endings):
        first, *below = file.relative_to(folder).parts
        if below:
            files[first].append(file)
        else:
            loose += 1
    for name, own in files.items():
        if not own:
            raise ValueError(f"{shown(folder / name)} holds no file that ends in {', '.join(endings)}")
    if not files:
        raise ValueError(f"{shown(folder)} holds no class folders, and no table of labels is beside it")
    if loose:
        log.warning("%s: %d files beside the class folders have no class and are left out", shown(folder), loose)
    return [(file, shown(name)) for name in sorted(files, key=lambda name: (shown(name), name)) for file in files[name]]


def _by_folder_or_table(folder: Path, table: Pairs, endings: tuple[str, ...]) -> Pairs:
    """Return the classes by the folders, or by the table if it divides the files in another way."""
    table = [pair for pair in table if pair[0].is_relative_to(folder)]
    says: dict[Path, set[str]] = {}
    for path, label in table:
        says.setdefault(folder / path.relative_to(folder).parts[0], set()).add(label)
    if all(len(labels) == 1 and path.is_dir() for path, labels in says.items()):
        refuse_hidden_parts(folder, endings)
        return class_pairs(folder, endings)
    files = files_below(folder, (*endings, *TABLES))
    left_out = sum(not file.name.lower().endswith(TABLES) for file in files) - len(table)
    if left_out > 0:
        log.warning("%s: %d files are in no table of labels and are left out", shown(folder), left_out)
    return table


def _divided(
    top: Path,
    folders: dict[str, Path],
    tables: Mapping[str | None, Pairs],
    endings: tuple[str, ...],
    others: list[Path],
) -> Layout:
    """Read the folders of the parts. A test or validation folder without labels is left out."""
    held_out = [part for part in ("test", "validation") if part in folders or tables.get(part)]
    if not held_out:
        raise ValueError(
            f"{top} has train, and needs test or val beside it; if train is a class, put its files into it directly"
        )
    if others:
        log.warning("%s is no part of the data set and is left out", shown(others[0]))
    pairs = {"train": _by_folder_or_table(folders["train"], tables.get("train", []), endings)}
    classes = {name for _, name in pairs["train"]}
    for part in held_out:
        folder, table = folders.get(part), tables.get(part, [])
        names = {shown(path.name) for path in folders_in(folder)} if folder else set()
        if folder and (names & classes or (len(names) > 1 and not table)):
            pairs[part] = class_pairs(folder, endings)
        elif table:
            pairs[part] = table
        else:
            log.warning("%s has no class folders and no table of labels, and is left out", shown(folder or top))
    return _put_together(top, pairs)


def _put_together(top: Path, pairs: Mapping[str, Pairs]) -> Layout:
    """Return the parts with the labels of train. If only one other part has labels, it is the test split."""
    classes = tuple(sorted({name for _, name in pairs["train"]}))
    parts = {part: labelled(some, classes) for part, some in pairs.items()}
    if "test" not in parts:
        if "validation" not in parts:
            raise ValueError(f"{top}: test and val have no labels; put their files into folders named after classes")
        log.warning("%s has no labelled test part: its validation part is the test split", shown(top))
        parts["test"] = parts.pop("validation")
    return Layout(classes, **parts)


def labelled(pairs: Pairs, classes: tuple[str, ...]) -> Part:
    """Give each file the label of its class. Raises ValueError for a class that is not in ``classes``."""
    label_of = {name: label for label, name in enumerate(classes)}
    for path, name in pairs:
        if name not in label_of:
            raise ValueError(f"{shown(path)} is of class '{name}', which the training part does not have")
    return Part(tuple(file for file, _ in pairs), np.array([label_of[name] for _, name in pairs], dtype=np.int64))


def _undivided(pairs: Pairs) -> Layout:
    classes = tuple(sorted({name for _, name in pairs}))
    whole = labelled(pairs, classes)
    test = stratified(whole.labels, max(1, round(TEST_FRACTION * len(whole.labels))), seed=TEST_SEED)
    train = np.setdiff1d(np.arange(len(whole.labels)), test)
    parts = (Part(tuple(whole.files[i] for i in rows), whole.labels[rows]) for rows in (train, test))
    return Layout(classes, *parts)


def _warn_of_copies(layout: Layout) -> None:
    """Log in one line how many test files are identical to a file in train."""
    for what, part in (("test", layout.test), ("validation", layout.validation)):
        found = copies(layout.train.files, part.files) if part else []
        if found:
            log.warning(
                "%d files of the %s part are in the training part too, the first %s as %s",
                len(found), what, shown(found[0][1]), shown(found[0][0]),
            )  # fmt: skip


def _warn_of_spellings(classes: tuple[str, ...]) -> None:
    first: dict[str, str] = {}
    alike = [(other, name) for name in classes if (other := first.setdefault(name.casefold(), name)) != name]
    if alike:
        log.warning("the classes '%s' and '%s' differ by case alone (pairs like that: %d)", *alike[0], len(alike))
