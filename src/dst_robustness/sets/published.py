"""To and from the formats in which corrupted test sets are published.

CIFAR-10-C: a folder of ``NAME.npy`` uint8 [5 N, H, W, 3], the N images at severity 1, then all of them at severity 2,
and so on, and ``labels.npy`` uint8 [5 N]. ImageNet-C: pictures ``NAME/SEVERITY/CLASS/FILE.JPEG``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import h5py
import numpy as np

from dst_robustness.corruptions.images import SEVERITIES
from dst_robustness.jobs.files import atomic_path
from dst_robustness.sets.attributes import SetAttributes
from dst_robustness.sets.storage import (
    JPEG_QUALITY,
    Samples,
    Writer,
    create_hdf5,
    encode_jpeg,
    open_hdf5,
    write_samples,
)

BATCH = 1000
_PICTURES = {".jpeg", ".jpg"}


def import_corrupted(published: str | Path, clean: str | Path, target: str | Path) -> None:
    """Convert one corruption of a published set to groups ``1``..``5`` in HDF5, in the order of the test split.

    Arrays are in the order of the whole test set. Pictures go, class by class and sorted by name, to the places of
    their class: where the published names are those of the test set, to the place of the picture they were made from.
    Of a split that is a subset (its ``index`` tells which), only its samples are taken.

    Args:
        published: ``NAME.npy`` with ``labels.npy`` beside it, or a folder ``NAME`` of five severities, each a folder of
            one folder a class. Where the severities are other numbers than 1-5 (ImageNet-C-bar), their order counts.
        clean: the prepared test split, for its names, classes and picture size.
        target: the HDF5 file to write.

    Raises:
        ValueError: where something is missing, has another shape than the test split, or other labels.
    """
    published = Path(published)
    with open_hdf5(clean) as file:
        samples = Samples(file)
        shape, labels = samples.sample_shape, samples.labels
        index = file["index"][:] if "index" in file else np.arange(len(labels))
        about = SetAttributes.read(file)
    if about.classes is None:
        raise ValueError(f"{clean} does not say its classes")
    attributes = SetAttributes(
        dataset=about.dataset,
        split=about.split,
        corruption=published.stem,
        severities=SEVERITIES,
        source="published files",
    )
    with create_hdf5(target, **attributes.stored()) as file:
        if published.suffix == ".npy":
            _import_array(published, shape, labels, index, file)
        else:
            _import_folder(published, shape, labels, index, list(about.classes), file)


def _import_array(path: Path, shape: tuple[int, ...], labels: np.ndarray, index: np.ndarray, file: h5py.File) -> None:
    images, found = _map_array(path), _map_array(path.with_name("labels.npy"))
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


def _map_array(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read {path}: missing or not a NumPy array") from error


def _import_folder(
    folder: Path,
    shape: tuple[int, ...],
    labels: np.ndarray,
    index: np.ndarray,
    classes: list[str],
    file: h5py.File,
) -> None:
    found = sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: float(path.name))
    if len(found) != len(SEVERITIES):
        raise ValueError(f"{folder} holds {len(found)} severities ({', '.join(p.name for p in found)}), expected 5")
    for severity, place in zip(SEVERITIES, found, strict=True):
        strange = sorted(path.name for path in place.iterdir() if path.is_dir() and path.name not in classes)
        if strange:
            raise ValueError(f"{place} holds {len(strange)} classes that the test split lacks, first {strange[0]}")
        pictures = [(p, i) for i, name in enumerate(classes) for p in _pictures(place / name)]
        group = file.create_group(str(severity))
        group.attrs["published_severity"] = place.name
        writer = Writer(group, labels, shape, jpeg=True)
        encoded = np.empty(1, dtype=object)
        for path in _in_order(pictures, labels, index, place):
            encoded[0] = _published_bytes(path, shape)
            writer.add(encoded)


def _in_order(pictures: list[tuple[Path, int]], labels: np.ndarray, index: np.ndarray, place: Path) -> list[Path]:
    """Return the picture of each sample of the test split; ``pictures`` are sorted by class, then by name."""
    if len(pictures) > len(labels):  # the split is a subset: its rows are those of all pictures sorted by name
        pictures = sorted(pictures, key=lambda picture: picture[0].name)
        if index.max() < len(pictures) and all(pictures[row][1] == labels[i] for i, row in enumerate(index)):
            return [pictures[row][0] for row in index]
    by_class = np.argsort(labels, kind="stable")
    if [label for _, label in pictures] != labels[by_class].tolist():
        raise ValueError(
            f"{place} holds {len(pictures)} JPEG in folders of the test split's classes, which are not the "
            f"{len(labels)} samples of the test split"
        )
    ordered = dict(zip(by_class.tolist(), (path for path, _ in pictures), strict=True))
    return [ordered[i] for i in range(len(labels))]


def _pictures(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in _PICTURES) if folder.is_dir() else []


def _published_bytes(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Return the file as it is, so that nothing is compressed a second time; the picture must have the right size."""
    encoded = np.fromfile(path, dtype=np.uint8)
    image = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if encoded.size else None
    if image is None:
        raise ValueError(f"{path} is not a readable JPEG")
    if image.shape != shape:
        raise ValueError(f"{path} is {list(image.shape)}, the test split's pictures are {list(shape)}")
    return encoded


def export_arrays(corrupted: list[str | Path], folder: str | Path) -> None:
    """Write corrupted sets as CIFAR-10-C does: ``NAME.npy`` for each file, and ``labels.npy``."""
    folder = Path(folder)
    for path in corrupted:
        with open_hdf5(path) as file:
            sets = [Samples(file[str(severity)]) for severity in SEVERITIES]
            labels = np.concatenate([samples.labels for samples in sets])
            if labels.max(initial=0) > 255:
                raise ValueError(f"{path} has labels above 255, which labels.npy (uint8) cannot hold")
            name = str(file.attrs["corruption"])
            with atomic_path(folder / f"{name}.npy") as partial:
                shape = (len(labels), *sets[0].sample_shape)
                array = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
                done = 0
                for batch in _all_batches(sets):
                    array[done : done + len(batch)] = batch
                    done += len(batch)
                array.flush()
                del array
        with atomic_path(folder / "labels.npy") as partial, open(partial, "wb") as file:
            np.save(file, labels.astype(np.uint8))


def _all_batches(sets: list[Samples]) -> Iterator[np.ndarray]:
    for samples in sets:
        yield from samples.batches(BATCH)


def export_folders(corrupted: str | Path, folder: str | Path, classes: list[str]) -> None:
    """Write a corrupted set as ImageNet-C does: ``NAME/SEVERITY/CLASS/INDEX.JPEG``.

    Stored JPEG is copied as it is, pixels are encoded at quality 85.
    """
    with open_hdf5(corrupted) as file:
        root = Path(folder) / str(file.attrs["corruption"])
        for severity in SEVERITIES:
            samples = Samples(file[str(severity)])
            if samples.labels.max(initial=0) >= len(classes):
                raise ValueError(
                    f"{corrupted} has label {samples.labels.max()}, but only {len(classes)} classes were given"
                )
            for i, label in enumerate(samples.labels):
                encoded = samples.stored[i] if samples.is_jpeg else encode_jpeg(samples[i : i + 1][0], JPEG_QUALITY)
                with atomic_path(root / str(severity) / classes[label] / f"{i:08d}.JPEG") as partial:
                    encoded.tofile(partial)
