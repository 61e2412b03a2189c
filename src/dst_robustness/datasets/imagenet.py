"""ImageNet-1k (ILSVRC2012) from the user's own tar files or folder; tars are read where they lie, not unpacked."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np

from dst_robustness.datasets.archives import read_members, tar_index
from dst_robustness.datasets.folders import class_folders, labelled_files
from dst_robustness.datasets.pictures import ENDINGS, square
from dst_robustness.datasets.spec import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Acquired,
    DatasetSpec,
    RawSet,
    RemoteFile,
    Split,
)

TRAIN_TAR = "ILSVRC2012_img_train.tar"
VAL_TAR = "ILSVRC2012_img_val.tar"
DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"
META = "ILSVRC2012_devkit_t12/data/meta.mat"
TRUTH = "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt"


def read_imagenet(spec: DatasetSpec, acquired: Acquired) -> RawSet:
    """Read train, and val as the test split. Classes are the sorted WordNet ids, the order of published models."""
    if acquired.folder is not None:
        return _read_folder(acquired.folder, spec.resize)
    train, wnids, classes = _train_places(acquired.files[TRAIN_TAR])
    val_tar, devkit = acquired.files[VAL_TAR], acquired.files[DEVKIT]
    val = sorted(tar_index(val_tar).items())
    truth = validation_wnids(devkit)
    if len(truth) != len(val):
        raise ValueError(f"{val_tar} holds {len(val)} pictures, {devkit} labels {len(truth)}")
    label_of = {wnid: label for label, wnid in enumerate(classes)}
    strange = [(name, wnid) for (name, _), wnid in zip(val, truth, strict=True) if wnid not in label_of]
    if strange:
        raise ValueError(f"{val_tar}: {strange[0][0]} is of class {strange[0][1]}, which {TRAIN_TAR} does not have")
    return RawSet(
        classes,
        _tar_split(acquired.files[TRAIN_TAR], train, [label_of[wnid] for wnid in wnids], spec.resize),
        _tar_split(val_tar, val, [label_of[wnid] for wnid in truth], spec.resize),
    )


_Places = list[tuple[str, tuple[int, int]]]


def _train_places(tar: Path) -> tuple[_Places, list[str], tuple[str, ...]]:
    """Find every training picture in the tars that the training tar holds, one a class, named WNID.tar."""
    places: _Places = []
    wnids: list[str] = []
    for name, (start, length) in sorted(tar_index(tar).items()):
        if not name.endswith(".tar"):
            raise ValueError(f"{tar} holds '{name}', expected one tar a class, named WNID.tar")
        pictures = sorted(tar_index(tar, start=start, stop=start + length).items())
        if not pictures:
            raise ValueError(f"{tar}: {name} is empty")
        places += pictures
        wnids += [Path(name).stem] * len(pictures)
    if not places:
        raise ValueError(f"{tar} is empty")
    return places, wnids, tuple(sorted(set(wnids)))


def _tar_split(tar: Path, places: _Places, labels: list[int], side: int) -> Split:
    file = open(tar, "rb")  # noqa: SIM115 - stays open for the threads that read, closed with the split

    def load(i: int) -> np.ndarray:
        start, length = places[i][1]
        return square(os.pread(file.fileno(), length, start), side)

    return Split(np.array(labels, dtype=np.int64), load, lambda i: f"{tar}: {places[i][0]}")


def validation_wnids(devkit: Path) -> list[str]:
    """Return the WordNet id of each validation picture, in the order of its number."""
    from scipy.io import loadmat

    members = read_members(devkit, [META, TRUTH])
    try:
        synsets = loadmat(io.BytesIO(members[META]), squeeze_me=True)["synsets"]
        wnid_of = {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in np.atleast_1d(synsets)}
        return [wnid_of[int(number)] for number in members[TRUTH].split()]
    except Exception as error:  # loadmat fails in many ways on a damaged file
        raise ValueError(f"{devkit}: {META} or {TRUTH} is not as expected: {error!r}") from error


def _read_folder(folder: Path, side: int) -> RawSet:
    """Read train/WNID/*.JPEG, and val/WNID/*.JPEG or val/*.JPEG with the devkit beside it."""
    files, labels, classes = labelled_files(folder / "train", ENDINGS)
    val = folder / "val"
    if class_folders(val):
        val_files, val_labels, _ = labelled_files(val, ENDINGS, classes)
        # In the order of the picture's number, like the flat folder, the tar and the published corrupted copies.
        order = np.array(sorted(range(len(val_files)), key=lambda i: val_files[i].name))
        val_files, val_labels = [val_files[i] for i in order], val_labels[order]
    else:
        val_files = sorted(path for path in val.iterdir() if path.suffix.lower() in ENDINGS)
        val_labels = _flat_labels(folder, val_files, classes)
    return RawSet(classes, _file_split(files, labels, side), _file_split(val_files, val_labels, side))


def _flat_labels(folder: Path, files: list[Path], classes: tuple[str, ...]) -> np.ndarray:
    devkit = folder / DEVKIT
    if not devkit.is_file():
        raise ValueError(f"{folder / 'val'} has no class folders; put {DEVKIT}, which holds the labels, into {folder}")
    truth = validation_wnids(devkit)
    if len(truth) != len(files):
        raise ValueError(f"{folder / 'val'} holds {len(files)} pictures, {devkit} labels {len(truth)}")
    strange = sorted(set(truth) - set(classes))
    if strange:
        raise ValueError(f"{devkit} names class {strange[0]}, which {folder / 'train'} does not have")
    return np.array([classes.index(wnid) for wnid in truth], dtype=np.int64)


def _file_split(files: list[Path], labels: np.ndarray, side: int) -> Split:
    return Split(labels, lambda i: square(files[i].read_bytes(), side), lambda i: str(files[i]))


def is_unpacked(folder: Path) -> bool:
    """Whether the folder holds train/ and val/."""
    return (folder / "train").is_dir() and (folder / "val").is_dir()


IMAGENET = DatasetSpec(
    name="imagenet",
    kind="images",
    classes=None,
    image_size=224,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    read=read_imagenet,
    is_unpacked=is_unpacked,
    files=(
        RemoteFile(TRAIN_TAR, bytes=147_897_477_120, checksum="md5:1d675b47d978889d74fa0da5fadfb00e"),
        RemoteFile(VAL_TAR, bytes=6_744_924_160, checksum="md5:29b22e2961454d5413ddabcf34fc5622"),
        RemoteFile(DEVKIT, checksum="md5:fa75699e90414af021442c21a62c3abf"),
    ),
    licence="ImageNet terms of access: non-commercial research and education",
    citation="Russakovsky et al.: ImageNet Large Scale Visual Recognition Challenge, IJCV 2015",
    instructions=(
        "ImageNet needs a login: register at https://image-net.org, open the ILSVRC2012 page of the downloads,\n"
        f"fetch {TRAIN_TAR} (task 1 & 2), {VAL_TAR} and {DEVKIT} (task 1 & 2);\n"
        "or name the folder of an unpacked copy (train/WNID/*.JPEG and val/WNID/*.JPEG) as path;"
    ),
)
