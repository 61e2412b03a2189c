"""The user's own pictures: one folder a class."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dst_robustness.datasets.pictures import ENDINGS, square
from dst_robustness.datasets.spec import IMAGENET_MEAN, IMAGENET_STD, Acquired, DatasetSpec, RawSet, Split
from dst_robustness.datasets.splits import stratified

log = logging.getLogger(__name__)

TEST_NAMES = ("test", "val", "valid", "validation")
TEST_FRACTION = 0.2  # of a folder that is not divided
TEST_SEED = 0  # the test split is the same in every study


def class_folders(folder: Path) -> list[Path]:
    """Return the folders of the classes, sorted by name; hidden ones do not count."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def labelled_files(
    folder: Path, endings: tuple[str, ...], classes: tuple[str, ...] | None = None
) -> tuple[list[Path], np.ndarray, tuple[str, ...]]:
    """List the files of each class folder, at any depth.

    Args:
        folder: holds one folder a class.
        endings: of the files that count, in lower case; others are left out with a warning.
        classes: the classes of the training folder, which those here must be among; None: found here.

    Returns:
        The files sorted by class and name, label of each int64 [N], and the class names in label order.

    Raises:
        ValueError: names the folder that is empty or of no known class.
    """
    found = class_folders(folder)
    names = tuple(path.name for path in found) if classes is None else classes
    files: list[Path] = []
    labels: list[int] = []
    for path in found:
        if path.name not in names:
            raise ValueError(f"{path} is of a class that the training folder does not have")
        mine = list(_files(path, endings))
        if not mine:
            raise ValueError(f"{path} holds no file that ends in {', '.join(endings)}")
        files += mine
        labels += [names.index(path.name)] * len(mine)
    if not files:
        raise ValueError(f"{folder} holds no class folders")
    return files, np.array(labels, dtype=np.int64), names


def _files(folder: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.name.startswith(".") or not path.is_file():
            continue
        if path.suffix.lower() in endings:
            yield path
        else:
            log.warning("%s is left out; read are %s", path, ", ".join(endings))


def read_image_folder(spec: DatasetSpec, acquired: Acquired) -> RawSet:
    """Read train/ and test/ (or val/), each with one folder a class; a folder of classes alone is divided here."""
    root = acquired.folder
    assert root is not None  # needs_folder
    parts = {path.name.lower(): path for path in class_folders(root)}
    if "train" not in parts:
        return _divided(*labelled_files(root, ENDINGS), spec.resize)
    held_out = [parts[name] for name in TEST_NAMES if name in parts]
    if not held_out:
        raise ValueError(f"{root} has train, and needs {' or '.join(TEST_NAMES)} beside it")
    files, labels, classes = labelled_files(parts["train"], ENDINGS)
    others = [_split(*labelled_files(path, ENDINGS, classes)[:2], spec.resize) for path in held_out[:2]]
    return RawSet(classes, _split(files, labels, spec.resize), *others)


def _divided(files: list[Path], labels: np.ndarray, classes: tuple[str, ...], side: int) -> RawSet:
    test = stratified(labels, max(1, round(TEST_FRACTION * len(labels))), seed=TEST_SEED)
    train = np.setdiff1d(np.arange(len(labels)), test)
    return RawSet(classes, *(_split([files[i] for i in rows], labels[rows], side) for rows in (train, test)))


def _split(files: list[Path], labels: np.ndarray, side: int) -> Split:
    return Split(labels, lambda i: square(files[i].read_bytes(), side, upright=True), lambda i: str(files[i]))


def has_class_folders(folder: Path) -> bool:
    """Whether there is at least one folder, which may be train/ or a class."""
    return bool(class_folders(folder))


IMAGE_FOLDER = DatasetSpec(
    name="image_folder",
    kind="images",
    classes=None,
    image_size=224,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    read=read_image_folder,
    is_unpacked=has_class_folders,
    needs_folder=True,
    licence="the user's own",
    instructions=(
        "give path: FOLDER, where FOLDER holds train/CLASS/*.jpg and test/CLASS/*.jpg (or val/), "
        "or just CLASS/*.jpg, which is then divided."
    ),
)
