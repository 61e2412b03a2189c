"""Find the published image that belongs to each sample of the test split."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from dst_robustness.datasets.walk import files_in, folders_in, shown

ENDINGS = (".jpeg", ".jpg", ".png")
Pairing = Literal["image", "class"]


class PublishedImages:
    """The images of one severity of a published set, ``CLASS/FILE``, in the classes of the test split.

    Raises ValueError if it has none of the test split's classes, or if two files of a class have the same name.
    """

    def __init__(self, place: Path, classes: Sequence[str]) -> None:
        self.place, self.classes = place, classes
        label_of = {name: label for label, name in enumerate(classes)}
        folders = [(label_of[shown(path.name)], path) for path in folders_in(place) if shown(path.name) in label_of]
        if not folders:
            raise ValueError(f"{place} has none of the classes of the test split, such as {classes[0]}")
        self.files: dict[tuple[int, str], Path] = {}
        for label, folder in folders:
            for path in files_in(folder, ENDINGS):
                other = self.files.setdefault((label, shown(path.stem)), path)
                if other != path:
                    raise ValueError(f"{other} and {path} have the same name; keep only one")

    def of(self, labels: np.ndarray, index: np.ndarray, names: list[str] | None) -> tuple[list[Path], Pairing]:
        """Return the image of each sample, and how they are paired.

        They are paired by ``image`` if the names say which sample each image is made from. In a split without names,
        they are paired by ``image`` if all images, in the order of their names, have the classes of the split. Else
        they are paired by ``class``: the first images by name, as many of each class as the split has.

        Args:
            labels: class of each sample, int64 [N].
            index: row of each sample in the whole split, int64 [N].
            names: file name of each sample without its ending.

        Raises:
            ValueError: if some of the images are missing, or if there are too few of a class.
        """
        if names is not None:
            found = [self.files.get((label, name)) for label, name in zip(labels.tolist(), names, strict=True)]
            missing = [i for i, path in enumerate(found) if path is None]
            if len(missing) * 2 < len(found):
                if missing:
                    first = f"{self.classes[labels[missing[0]]]}/{names[missing[0]]}"
                    raise ValueError(f"{self.place} lacks {len(missing)} of {len(found)} images, the first {first}")
                return [path for path in found if path is not None], "image"
        else:
            ordered = sorted(self.files, key=lambda key: _by_number(key[1]))
            if index.max() < len(ordered) and [ordered[row][0] for row in index] == labels.tolist():
                return [self.files[ordered[row]] for row in index], "image"
        return self._by_class(labels), "class"

    def _by_class(self, labels: np.ndarray) -> list[Path]:
        stock: dict[int, list[Path]] = {}
        for label, name in sorted(self.files, key=lambda key: _by_number(key[1])):
            stock.setdefault(label, []).append(self.files[label, name])
        for label, count in Counter(labels.tolist()).items():
            if len(stock.get(label, [])) < count:
                raise ValueError(
                    f"{self.place} holds {len(stock.get(label, []))} images of class {self.classes[label]}, the test "
                    f"split {count}; they are not the same images, so as many of each class are needed: "
                    "give fewer test_samples"
                )
        following = {label: iter(paths) for label, paths in stock.items()}
        return [next(following[label]) for label in labels.tolist()]


def _by_number(name: str) -> list[tuple[int, str]]:
    """Return a sorting key that puts val_7 before val_10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part]
