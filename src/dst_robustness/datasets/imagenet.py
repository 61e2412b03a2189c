"""ImageNet-1k (ILSVRC2012) from the user's own tar files or folder. Tars are read in place, not unpacked."""

from __future__ import annotations

import csv
import io
import os
from functools import partial
from pathlib import Path

import numpy as np

from dst_robustness.datasets.archives import read_members, tar_index
from dst_robustness.datasets.folders import file_split
from dst_robustness.datasets.label_tables import part_of
from dst_robustness.datasets.layout import Pairs, class_pairs, labelled, top_folder
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
from dst_robustness.datasets.walk import files_in, folders_in

TRAIN_TAR = "ILSVRC2012_img_train.tar"
VAL_TAR = "ILSVRC2012_img_val.tar"
DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"
KAGGLE_TRUTH = "LOC_val_solution.csv"
CAFFE_TRUTH = "val.txt"
META = "ILSVRC2012_devkit_t12/data/meta.mat"
TRUTH = "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt"


def read_imagenet(spec: DatasetSpec, acquired: Acquired) -> RawSet:
    """Read train, and val as the test split. Classes are the sorted WordNet ids, as in published networks."""
    if acquired.folder is not None:
        return _read_folder(acquired.folder, spec.resize)
    train, wnids, classes = _train_places(acquired.files[TRAIN_TAR])
    val_tar, devkit = acquired.files[VAL_TAR], acquired.files[DEVKIT]
    val = sorted(tar_index(val_tar).items())
    truth = validation_wnids(devkit)
    if len(truth) != len(val):
        raise ValueError(f"{val_tar} holds {len(val)} images, {devkit} labels {len(truth)}")
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
    """Find every training image in the tars inside the training tar. There is one per class, named WNID.tar."""
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
    """Return the WordNet ids of the validation images, in the order of their numbers."""
    from scipy.io import loadmat

    members = read_members(devkit, [META, TRUTH])
    try:
        synsets = loadmat(io.BytesIO(members[META]), squeeze_me=True)["synsets"]
        wnid_of = {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in np.atleast_1d(synsets)}
        return [wnid_of[int(number)] for number in members[TRUTH].split()]
    except Exception as error:  # loadmat fails in many ways on a damaged file
        raise ValueError(f"{devkit}: {META} or {TRUTH} is not as expected: {error!r}") from error


def _parts(folder: Path) -> tuple[Path, Path] | None:
    """Return the folders of train and val, which may be deeper (Kaggle: ILSVRC/Data/CLS-LOC), or None."""
    parts = {part_of(path.name): path for path in folders_in(top_folder(folder, ENDINGS)[0])}
    return (parts["train"], parts["validation"]) if {"train", "validation"} <= parts.keys() else None


def _read_folder(folder: Path, side: int) -> RawSet:
    """Read train/WNID/*.JPEG, and val in the same way or as a flat folder with its labels beside it."""
    parts = _parts(folder)
    if parts is None:
        raise ValueError(f"{folder} has no folders train and val any more")
    train = class_pairs(parts[0], ENDINGS)
    classes = tuple(sorted({wnid for _, wnid in train}))
    if folders_in(parts[1]):
        val = class_pairs(parts[1], ENDINGS)
    else:
        val = _flat_labels(folder, parts[1], files_in(parts[1], ENDINGS), classes)
    # In the order of the numbers of the images, like the flat folder, the tar and the published corrupted copies.
    val = sorted(val, key=lambda pair: pair[0].name)
    return RawSet(classes, *(file_split(labelled(pairs, classes), side) for pairs in (train, val)))


def _flat_labels(folder: Path, val: Path, files: list[Path], classes: tuple[str, ...]) -> Pairs:
    """Find the WordNet id of each image of a flat val folder in Kaggle's table, Caffe's list or the devkit."""
    above = [val, *val.parents]
    places = above[: above.index(folder) + 2]  # from val up to the folder beside the given one
    for place in places:
        for name, read in ((KAGGLE_TRUTH, _kaggle_wnids), (CAFFE_TRUTH, partial(_caffe_wnids, classes=classes))):
            if (place / name).is_file():
                truth = read(place / name)
                unknown = [file for file in files if file.stem not in truth]
                if unknown:
                    raise ValueError(f"{place / name} has no label for {unknown[0]}")
                return [(file, truth[file.stem]) for file in files]
        if (place / DEVKIT).is_file():
            wnids = validation_wnids(place / DEVKIT)
            if len(wnids) != len(files):
                raise ValueError(f"{val} holds {len(files)} images, {place / DEVKIT} labels {len(wnids)}")
            return list(zip(files, wnids, strict=True))
    raise ValueError(
        f"{val} has no class folders; put {DEVKIT}, Kaggle's {KAGGLE_TRUTH} or Caffe's {CAFFE_TRUTH}, which hold the "
        f"labels, into {folder}"
    )


def _kaggle_wnids(table: Path) -> dict[str, str]:
    """Read lines such as ``ILSVRC2012_val_00048981,n03995372 85 1 499 272``. Boxes after the WordNet id are ignored."""
    with open(table, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if len(row) == 2 and row[1].strip()]
    return {image: answer.split()[0] for image, answer in rows}


def _caffe_wnids(listing: Path, *, classes: tuple[str, ...]) -> dict[str, str]:
    """Read lines such as ``ILSVRC2012_val_00000001.JPEG 65``, whose numbers count the sorted WordNet ids."""
    rows = [line.rsplit(maxsplit=1) for line in listing.read_text(encoding="utf-8").splitlines() if line.strip()]
    odd = next((row for row in rows if len(row) != 2 or not row[1].isdecimal()), None)
    if odd is not None:
        raise ValueError(f"{listing}: '{' '.join(odd)}' is no line FILE NUMBER")
    if {int(number) for _, number in rows} != set(range(len(classes))):
        raise ValueError(
            f"{listing}: its numbers are not those of the {len(classes)} classes of the training part, 0 to "
            f"{len(classes) - 1}; sort val into class folders"
        )
    return {Path(name).stem: classes[int(number)] for name, number in rows}


def is_unpacked(folder: Path) -> bool:
    """Return whether the folder holds train/ and val/."""
    return _parts(folder) is not None


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
        "or name the folder of an unpacked copy (train/WNID/*.JPEG and val/WNID/*.JPEG, or Kaggle's) as path;"
    ),
)
