"""Tiny-ImageNet-200: 64-pixel JPEG files in a zip, read without unpacking and stored as they are."""

from __future__ import annotations

import threading
import zipfile
from pathlib import Path

import numpy as np

from dst_robustness.datasets.spec import Acquired, DatasetSpec, RawSet, RemoteFile, Split

ROOT = "tiny-imagenet-200"
MAX_PICTURE_BYTES = 1 << 20


class _Zip:
    """A zip file that several threads read."""

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
    archive = _Zip(acquired.files[spec.files[0].name])
    names = [name for name in archive.file.namelist() if name.lower().endswith(".jpeg")]
    train = sorted(name for name in names if name.startswith(f"{ROOT}/train/"))
    train_wnids = [name.split("/")[2] for name in train]
    classes = tuple(sorted(set(train_wnids)))
    if not classes:
        raise ValueError(f"{archive.path} holds no {ROOT}/train/WNID/images/*.JPEG")
    test, test_wnids = _annotated(archive)
    return RawSet(classes, _split(archive, train, train_wnids, classes), _split(archive, test, test_wnids, classes))


def _annotated(archive: _Zip) -> tuple[list[str], list[str]]:
    """Return the names of the val pictures, sorted, and their WordNet ids."""
    annotations = f"{ROOT}/val/val_annotations.txt"
    try:
        lines = archive.read(annotations).decode("ascii").splitlines()
        rows = sorted((int(line.split("_")[1].split(".")[0]), line.split("\t")) for line in lines if line)
        return [f"{ROOT}/val/images/{fields[0]}" for _, fields in rows], [fields[1] for _, fields in rows]
    except (KeyError, ValueError, IndexError, zipfile.BadZipFile) as error:
        raise ValueError(f"{archive.path}: {annotations} is missing or not as expected: {error}") from error


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
    image_size=64,
    mean=(0.4802, 0.4481, 0.3975),
    std=(0.2770, 0.2691, 0.2821),
    read=read_tiny_imagenet,
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
