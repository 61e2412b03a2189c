"""Tiny-ImageNet-200: 64-pixel JPEG files in a zip. They are read without unpacking and stored as they are."""

from __future__ import annotations

import re
import threading
import zipfile
from pathlib import Path

import numpy as np

from dst_robustness.datasets.layout import Part, class_pairs, labelled
from dst_robustness.datasets.pictures import ENDINGS, square
from dst_robustness.datasets.spec import Acquired, DatasetSpec, RawSet, RemoteFile, Split

ROOT = "tiny-imagenet-200"
ANNOTATIONS = "val/val_annotations.txt"
NUMBERED = re.compile(r"val_\d+\.\w+")
SIDE = 64
JPEG_START = b"\xff\xd8"
MAX_PICTURE_BYTES = 1 << 20


class _Zip:
    """A zip file that several threads can read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.file = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is damaged: {error}") from error
        self.lock = threading.Lock()

    def read(self, name: str) -> bytes:
        with self.lock:
            if self.file.getinfo(name).file_size > MAX_PICTURE_BYTES:
                raise ValueError("is too large to be true")
            return self.file.read(name)


def read_tiny_imagenet(spec: DatasetSpec, acquired: Acquired) -> RawSet:
    """Read train, and val as the test split (the test folder has no labels). Classes are the sorted WordNet ids."""
    if acquired.folder is not None:
        return _read_folder(_root(acquired.folder))
    archive = _Zip(acquired.files[spec.files[0].name])
    names = [name for name in archive.file.namelist() if name.lower().endswith(".jpeg")]
    train = sorted(name for name in names if name.startswith(f"{ROOT}/train/"))
    train_wnids = [name.split("/")[2] for name in train]
    classes = tuple(sorted(set(train_wnids)))
    if not classes:
        raise ValueError(f"{archive.path} holds no {ROOT}/train/WNID/images/*.JPEG")
    annotations = f"{ROOT}/{ANNOTATIONS}"
    try:
        rows = _annotated(archive.read(annotations), f"{archive.path}: {annotations}")
    except (KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{archive.path}: {annotations} is missing or not as expected: {error}") from error
    test = [f"{ROOT}/val/images/{name}" for name, _ in rows]
    return RawSet(
        classes,
        _split(archive, train, train_wnids, classes),
        _split(archive, test, [wnid for _, wnid in rows], classes),
    )


def _annotated(content: bytes, what: str) -> list[tuple[str, str]]:
    """Return the names of the val images, in the order of their numbers, and their WordNet ids."""
    try:
        rows = [line.split("\t") for line in content.decode("ascii").splitlines() if line]
        return sorted(((row[0], row[1]) for row in rows), key=lambda row: _number(row[0]))
    except (ValueError, IndexError) as error:
        raise ValueError(f"{what} is missing or not as expected: {error}") from error


def _number(name: str) -> int:
    return int(name.split("_")[1].split(".")[0])


def _read_folder(root: Path) -> RawSet:
    """Read an unpacked copy. The images of val may be as published, or moved into class folders, as many do."""
    train = class_pairs(root / "train", ENDINGS)
    classes = tuple(sorted({wnid for _, wnid in train}))
    if (root / ANNOTATIONS).is_file() and (root / "val" / "images").is_dir():
        rows = _annotated((root / ANNOTATIONS).read_bytes(), str(root / ANNOTATIONS))
        val = [(root / "val" / "images" / name, wnid) for name, wnid in rows]
    else:
        val = class_pairs(root / "val", ENDINGS)
        # Ordered by number like the archive, since published copies are too. The user's own names keep their order.
        if all(NUMBERED.fullmatch(path.name) for path, _ in val):
            val.sort(key=lambda pair: _number(pair[0].name))
    return RawSet(classes, *(_files(labelled(pairs, classes)) for pairs in (train, val)))


def _files(part: Part) -> Split:
    files = part.files

    def load(i: int) -> np.ndarray | bytes:
        content = files[i].read_bytes()
        return content if content.startswith(JPEG_START) else square(content, SIDE)

    return Split(part.labels, load, lambda i: str(files[i]))


def _root(folder: Path) -> Path:
    return folder / ROOT if (folder / ROOT).is_dir() else folder


def is_unpacked(folder: Path) -> bool:
    """Return whether the folder, or tiny-imagenet-200 in it, holds train/ and val/ without the zip file beside them."""
    root = _root(folder)
    return not (folder / f"{ROOT}.zip").is_file() and all((root / part).is_dir() for part in ("train", "val"))


def _split(archive: _Zip, names: list[str], wnids: list[str], classes: tuple[str, ...]) -> Split:
    label_of = {wnid: label for label, wnid in enumerate(classes)}
    for name, wnid in zip(names, wnids, strict=True):
        if wnid not in label_of:
            raise ValueError(f"{archive.path}: {name} is of class {wnid}, which train does not have")
    labels = np.array([label_of[wnid] for wnid in wnids], dtype=np.int64)
    return Split(labels, lambda i: archive.read(names[i]), lambda i: f"{archive.path}: {names[i]}")


TINY_IMAGENET = DatasetSpec(
    name="tiny_imagenet",
    kind="images",
    classes=None,
    image_size=SIDE,
    mean=(0.4802, 0.4481, 0.3975),
    std=(0.2770, 0.2691, 0.2821),
    read=read_tiny_imagenet,
    is_unpacked=is_unpacked,
    files=(
        RemoteFile(
            name="tiny-imagenet-200.zip",
            addresses=(
                "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
                "https://cs231n.stanford.edu/tiny-imagenet-200.zip",
            ),
            bytes=248_100_043,
            checksum="md5:90528d7ca1a48142e341f4ef8d21d0de",
        ),
    ),
    licence="ImageNet terms of access: non-commercial research",
    citation="Le and Yang: Tiny ImageNet Visual Recognition Challenge, 2015",
)
