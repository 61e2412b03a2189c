"""Tables of labels (CSV, TSV) beside the files of a data set: they say the class and the part of each file."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path, PurePath

from dst_robustness.datasets.walk import shown

TABLES = (".csv", ".tsv")
PARTS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "validate", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
LABEL_COLUMNS = ("label", "class", "class_name", "classname", "label_name", "category", "target", "labels", "y")
PART_COLUMNS = ("split", "set", "subset", "part", "partition")
PROBE = 50  # number of rows by which the column of the files is found


def part_of(name: str) -> str | None:
    """Return the part that a folder or a word in a table names: ``train``, ``validation``, ``test``, or None."""
    return next((part for part, names in PARTS.items() if name.lower() in names), None)


class SampleNames:
    """Finds the sample files of a data set by their names in a table."""

    def __init__(self, root: Path, names: Iterable[str]) -> None:
        self.root = root
        self.by_stem: dict[str, list[str]] = {}
        for name in names:
            self.by_stem.setdefault(PurePath(name).stem, []).append(name)

    def find(self, called: str, part: str | None) -> list[str]:
        """Return the files that a path, a name, or a name without ending may mean; those in the part come first."""
        wanted = PurePath(called.strip().removeprefix("./").replace("\\", "/"))
        found = self.by_stem.get(wanted.stem, []) if wanted.suffix else []
        found = [name for name in found if _ends_in(PurePath(name).parts, wanted.parts)]
        if not found:
            named = (*wanted.parts[:-1], wanted.name)
            found = [n for n in self.by_stem.get(wanted.name, []) if _ends_in(PurePath(n).with_suffix("").parts, named)]
        inside = [name for name in found if part in {part_of(folder) for folder in PurePath(name).parts[:-1]}]
        return inside or found


def _ends_in(parts: tuple[str, ...], end: tuple[str, ...]) -> bool:
    return bool(end) and parts[-len(end) :] == end


def read_table(path: Path, samples: SampleNames) -> list[tuple[str, str, str | None]]:
    """Return relative name, class and part of each file to which a table gives a class. Other tables give nothing.

    The column of files is the one whose values are names of files. The column of classes has a name such as ``label``,
    or is the only other one. The part comes from a column ``split``, from the name of the table
    (``train_labels.csv``), from the folder of the table, or from the folder of the file.

    Raises:
        ValueError: if the column of classes is unclear, or if a file is missing, may be either of two, or has two
            classes.
    """
    rows = _read_rows(path)
    words = [*re.split(r"[^A-Za-z]+", path.stem), *([] if path.parent == samples.root else [path.parent.name])]
    own_part = next((part for part in map(part_of, words) if part), None)
    column = _file_column(rows, samples, own_part)
    if column is None or "submission" in path.stem.lower():  # Kaggle's sample_submission.csv holds no true labels
        return []
    width = max(map(len, rows))
    while len(rows[0]) <= column or len(rows[0]) == 1 < width:  # a title or a remark above the header
        rows.pop(0)
    header = [] if samples.find(rows[0][column], own_part) else _header(path, rows.pop(0), rows)
    label = _label_column(path, header, column, width)
    if label is None:
        return []
    split = next((header.index(name) for name in PART_COLUMNS if name in header), None)
    found: dict[str, tuple[str, str | None]] = {}
    missing: list[str] = []
    for row in rows:
        if len(row) <= max(label, column) or not row[label].strip():
            continue  # a row without a label
        if open_cell := next((row[i] for i in (column, label) if "\n" in row[i].strip()), None):
            first = shown(open_cell.strip().splitlines()[0])
            raise ValueError(f"{path}: the cell that begins with '{first}' goes on over several lines; close its quote")
        part = own_part if split is None else _part(path, row[split])
        files = samples.find(row[column], part)
        if not files:
            missing.append(row[column])
            continue
        if len(files) > 1:
            raise ValueError(f"{path}: '{row[column]}' may be {files[0]} or {files[1]}; give the path")
        folders = PurePath(files[0]).parts[:-1]
        entry = shown(row[label].strip()), part or next((its for its in map(part_of, folders) if its), None)
        if found.setdefault(files[0], entry) != entry:
            raise ValueError(f"{path}: {files[0]} is of two classes, {found[files[0]][0]} and {entry[0]}")
    if missing:
        raise ValueError(
            f"{path} names {len(missing)} files that are not below {shown(samples.root)}, the first {missing[0]}; "
            "take their lines out, or put them there"
        )
    return [(name, *entry) for name, entry in found.items()]


def _read_rows(path: Path) -> list[list[str]]:
    content = path.read_bytes()
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # Excel and PowerShell write it
    text = content.decode("utf-16" if is_utf16 else "utf-8-sig", "surrogateescape")
    first = text.partition("\n")[0]
    delimiter = max(",;\t|", key=first.count)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        return [row for row in rows if row and row[0] != "sep="]  # with which Excel names the delimiter
    except csv.Error as error:
        raise ValueError(f"{path} is no table that can be read: {error}") from None


def _header(path: Path, names: list[str], rows: list[list[str]]) -> list[str]:
    """Return the names of all columns. R's write.table gives the numbers of the rows in front of them no name.

    Raises ValueError if a row has more cells than the header, as a comma within a label makes them.
    """
    names = [name.strip().lower() for name in names]
    has_numbers = rows and all(len(row) == len(names) + 1 and row[-1].strip() for row in rows)
    long = next((row for row in rows if any(cell.strip() for cell in row[len(names) :])), None)
    if long and not has_numbers:
        raise ValueError(f"{path}: the row of {long[0]} has more cells than the header; put text with commas in quotes")
    unnamed = [""] * (max(map(len, rows), default=0) - len(names))
    return unnamed + names if has_numbers else names + unnamed


def _file_column(rows: list[list[str]], samples: SampleNames, part: str | None) -> int | None:
    """Return the column in which most of the first values are names of files, or None if there are none."""
    counts = [0] * max(map(len, rows), default=0)
    for row in rows[:PROBE]:
        for column, value in enumerate(row):
            counts[column] += bool(samples.find(value, part))
    best = max(range(len(counts)), key=counts.__getitem__, default=None)
    return best if best is not None and counts[best] * 2 >= min(len(rows), PROBE) - 1 and counts[best] else None


def _label_column(path: Path, header: list[str], files: int, width: int) -> int | None:
    """Return the column of the classes, or None if the files are the only column."""
    named = [header.index(name) for name in LABEL_COLUMNS if name in header and header.index(name) != files]
    others = [i for i in range(width) if i != files and (not header or header[i] not in PART_COLUMNS)]
    if not named and len(others) > 1:
        raise ValueError(f"{path}: which column holds the class? Call it 'label'; there are: {', '.join(header)}")
    return named[0] if named else next(iter(others), None)


def _part(path: Path, word: str) -> str:
    part = part_of(word.strip())
    if part is None:
        allowed = ", ".join(name for names in PARTS.values() for name in names)
        raise ValueError(f"{path}: '{word}' is no part of a data set; allowed: {allowed}")
    return part
