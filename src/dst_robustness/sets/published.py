"""Import corrupted test sets from the formats in which they are published.

CIFAR-10-C is a folder with ``labels.npy`` uint8 [5 N] and files ``NAME.npy`` uint8 [5 N, H, W, 3]: the N images at
severity 1, then the same at severity 2, and so on. ImageNet-C has images ``NAME/SEVERITY/CLASS/FILE.JPEG``.
"""

from __future__ import annotations

import logging
from pathlib import Path

import h5py
import numpy as np

from dst_robustness.corruptions.images import SEVERITIES
from dst_robustness.datasets.arrays import map_array
from dst_robustness.datasets.corrupted import is_number
from dst_robustness.datasets.walk import folders_in
from dst_robustness.jobs.locks import alone
from dst_robustness.sets.attributes import PUBLISHED_FILES, SetAttributes
from dst_robustness.sets.jpeg import decode_jpeg
from dst_robustness.sets.pairing import Pairing, PublishedImages
from dst_robustness.sets.storage import Samples, Writer, create_hdf5, is_made, open_hdf5, write_samples

log = logging.getLogger(__name__)

BATCH = 1000


def import_corrupted(published: str | Path, clean: str | Path, target: str | Path) -> None:
    """Convert one corruption of a published set to groups ``1``..``5`` in HDF5, in the order of the test split.

    Arrays are in the order of the whole test set; of a split that is a subset (its ``index`` tells which), only its
    samples are taken. Images take the places of the samples that they are made from, whose names they bear. A set that
    shows other images than the split does (Tiny-ImageNet-C) is paired by class; the attribute ``pairing`` says so.

    Args:
        published: ``NAME.npy`` with ``labels.npy`` beside it, or a folder ``NAME`` of five severities, each a folder of
            one folder a class, of JPEG or PNG. Classes that the split lacks are not looked at. Where the severities are
            other numbers than 1-5 (ImageNet-C-bar), their order counts.
        clean: the prepared test split, for its names, classes and image size.
        target: the HDF5 file to write.

    Raises:
        ValueError: where something is missing, has another shape than the test split, or other labels.
    """
    published = Path(published)
    split = _CleanSplit(Path(clean))
    folders = None if published.suffix == ".npy" else _severities(published, split)
    attributes = SetAttributes(
        dataset=split.about.dataset,
        split=split.about.split,
        corruption=published.stem,
        severities=SEVERITIES,
        pairing="image" if folders is None else folders[0][2],
        source=PUBLISHED_FILES,
    )
    with alone(target) as waited:
        if waited and is_made(target, attributes):
            return log.info("%s was imported by another call meanwhile", target)
        with create_hdf5(target, **attributes.stored()) as file:
            if folders is None:
                return _import_array(published, split.shape, split.labels, split.index, file)
            for severity, (place, paths, _) in zip(SEVERITIES, folders, strict=True):
                group = file.create_group(str(severity))
                group.attrs["published_severity"] = place.name
                _import_images(paths, split, group)


class _CleanSplit:
    """What the prepared test split says about its samples."""

    def __init__(self, path: Path) -> None:
        with open_hdf5(path) as file:
            samples = Samples(file)
            self.shape, self.labels, self.is_jpeg = samples.sample_shape, samples.labels, samples.is_jpeg
            self.index = file["index"][:] if "index" in file else np.arange(len(self.labels))
            self.names = (
                [name.decode("utf-8", "surrogateescape") for name in file["names"][:]] if "names" in file else None
            )
            self.about = SetAttributes.read(file)
        if self.about.classes is None:
            raise ValueError(f"{path} does not say its classes")
        self.classes = self.about.classes


def _import_array(path: Path, shape: tuple[int, ...], labels: np.ndarray, index: np.ndarray, file: h5py.File) -> None:
    images, found = map_array(path), map_array(path.with_name("labels.npy"))
    count = len(images) // len(SEVERITIES)
    if images.dtype != np.uint8 or images.shape != (len(SEVERITIES) * count, *shape) or count <= index.max():
        raise ValueError(
            f"{path} is {images.dtype} {list(images.shape)}, expected uint8 {['5 N', *shape]}, severity by severity, "
            f"with N of at least {index.max() + 1}"
        )
    rows = np.concatenate([index + severity * count for severity in range(len(SEVERITIES))])
    if len(found) != len(images) or not np.array_equal(found[rows], np.tile(labels, len(SEVERITIES))):
        raise ValueError(f"{path.with_name('labels.npy')} does not hold the labels of the test split five times")
    for severity in SEVERITIES:
        first = (severity - 1) * count
        batches = (images[first + index[i : i + BATCH]] for i in range(0, len(index), BATCH))
        write_samples(file.create_group(str(severity)), batches, labels)


def _severities(folder: Path, split: _CleanSplit) -> list[tuple[Path, list[Path], Pairing]]:
    """Return the folder of each severity, its images in the order of the split, and how they are paired."""
    found = folders_in(folder) if folder.is_dir() else []
    if odd := [path for path in found if not is_number(path.name)]:
        raise ValueError(f"{odd[0]} is no severity, whose name is a number; move it elsewhere")
    found.sort(key=lambda path: float(path.name))
    if len(found) != len(SEVERITIES):
        raise ValueError(f"{folder} holds {len(found)} severities ({', '.join(p.name for p in found)}), expected 5")
    all_paired = [PublishedImages(place, split.classes).of(split.labels, split.index, split.names) for place in found]
    for place, (_, pairing) in zip(found, all_paired, strict=True):
        if pairing != all_paired[0][1]:
            raise ValueError(f"{found[0]} and {place} show different images")
    return [(place, paths, pairing) for place, (paths, pairing) in zip(found, all_paired, strict=True)]


def _import_images(paths: list[Path], split: _CleanSplit, group: h5py.Group) -> None:
    """Store files as they are, so that nothing is compressed twice. If the split holds pixels, store pixels."""
    writer = Writer(group, split.labels, split.shape, jpeg=split.is_jpeg)
    encoded = np.empty(1, dtype=object)
    for path in paths:
        encoded[0], pixels = _read(path, split.shape)
        writer.add(encoded if split.is_jpeg else pixels[None])
    writer.finish()


def _read(path: Path, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the bytes and the pixels of an image, which must have the right size."""
    encoded = np.fromfile(path, dtype=np.uint8)
    try:
        image = decode_jpeg(encoded)
    except ValueError:
        raise ValueError(f"{path} is not a readable JPEG or PNG") from None
    if image.shape != shape:
        raise ValueError(f"{path} is {list(image.shape)}, the test split's images are {list(shape)}")
    return encoded, image
