"""From raw files to one HDF5 file per split: in parallel, in bounded memory, checked."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np

from dst_robustness import __version__
from dst_robustness.datasets.acquire import acquired
from dst_robustness.datasets.spec import DatasetSpec, RawSet, Split
from dst_robustness.datasets.splits import carve, stratified
from dst_robustness.storage import create_hdf5, decode_jpeg, encode_jpeg, write_samples

log = logging.getLogger(__name__)

SPLITS = ("train", "validation", "test")
TRAIN_QUALITY = 90
EVALUATION_QUALITY = 95  # corrupted copies go through JPEG once more, as in the benchmark: the clean one stays close
BATCH_BYTES = 64 << 20


def prepare(
    spec: DatasetSpec,
    raw_folder: str | Path,
    outputs: Mapping[str, str | Path],
    *,
    seed: int = 0,
    validation_fraction: float = 0.1,
    train_samples: int | None = None,
    test_samples: int | None = None,
    threads: int = 1,
) -> None:
    """Convert what ``acquire`` left in ``raw_folder`` into the three splits.

    The validation split is carved from train, stratified, unless the set brings its own; the test split is never
    touched by a choice but ``test_samples``. Each file holds ``images`` or ``clips``, ``labels``, and ``index`` int64
    [N], the row of each sample in its source split's order (which aligns it with the published corrupted sets).

    Args:
        spec: the data set.
        raw_folder: where it was acquired.
        outputs: path of each split by its name: train, validation, test.
        seed: of every choice.
        validation_fraction: share of train that becomes validation.
        train_samples: keep this many of train and validation together, stratified.
        test_samples: keep this many of test, stratified.
        threads: how many samples are read at once.

    Raises:
        ValueError: for options out of range, and for data that are damaged, naming the first offending file.
    """
    if spec.read is None:
        raise ValueError(
            f"{spec.name} is the published corrupted test set of {spec.corrupted_from}: "
            f"it is acquired and imported, not prepared; train on {spec.corrupted_from}"
        )
    default_train, default_test = spec.default_samples or (None, None)
    train_samples = default_train if train_samples is None else train_samples
    test_samples = default_test if test_samples is None else test_samples
    raw = spec.read(spec, acquired(raw_folder))
    rows = _choose(raw, seed, validation_fraction, train_samples, test_samples)
    for name in SPLITS:
        split = raw.train if name == "validation" and raw.validation is None else getattr(raw, name)
        _check_labels(f"{spec.name} {name}", split.labels[rows[name]], raw.classes)
        attributes = _attributes(spec, name, raw.classes, seed)
        _convert(spec, split, rows[name], Path(outputs[name]), attributes, is_train=name == "train", threads=threads)


def _choose(
    raw: RawSet, seed: int, validation_fraction: float, train_samples: int | None, test_samples: int | None
) -> dict[str, np.ndarray]:
    """Return the rows of each split in its source: subsets first, then validation out of train."""
    train = _subset("train_samples", raw.train.labels, train_samples, seed)
    test = _subset("test_samples", raw.test.labels, test_samples, seed)
    if raw.validation is not None:
        return {"train": train, "validation": np.arange(len(raw.validation.labels)), "test": test}
    stay, apart = carve(raw.train.labels[train], validation_fraction, seed=seed)
    return {"train": train[stay], "validation": train[apart], "test": test}


def _subset(option: str, labels: np.ndarray, count: int | None, seed: int) -> np.ndarray:
    if count is None:
        return np.arange(len(labels))
    if not 1 <= count <= len(labels):
        raise ValueError(f"{option} is {count}; allowed: 1 to {len(labels)}, all there are")
    return stratified(labels, count, seed=seed)


def _check_labels(what: str, labels: np.ndarray, classes: tuple[str, ...]) -> None:
    if len(labels) == 0:
        raise ValueError(f"{what} is empty")
    if labels.min() < 0 or labels.max() >= len(classes):
        raise ValueError(f"{what} has label {labels.min()} or {labels.max()}; allowed: 0 to {len(classes) - 1}")
    counts = np.bincount(labels, minlength=len(classes))
    if counts.min() == 0:
        # A small subset of many classes is a fair wish, so this is no error.
        absent = [classes[i] for i in np.flatnonzero(counts == 0)]
        log.warning("%s has no sample of %d classes, first %s", what, len(absent), absent[0])
    log.info("%s: %d samples, %d to %d per class", what, len(labels), counts.min(), counts.max())


def _attributes(spec: DatasetSpec, split: str, classes: tuple[str, ...], seed: int) -> dict[str, object]:
    return {
        "dataset": spec.name,
        "split": split,
        "classes": json.dumps(list(classes)),
        "mean": spec.mean,
        "std": spec.std,
        "family": spec.family,
        "image_size": spec.image_size,
        "flip_ok": spec.flip_ok,
        "seed": seed,
        "package_version": __version__,
    }


def _convert(
    spec: DatasetSpec,
    split: Split,
    rows: np.ndarray,
    output: Path,
    attributes: dict[str, object],
    *,
    is_train: bool,
    threads: int,
) -> None:
    """Write one split."""
    quality = None if not spec.jpeg else TRAIN_QUALITY if is_train else EVALUATION_QUALITY
    side = None if is_train else spec.image_size
    if spec.convert is not None:
        spec.convert(spec, split, rows, output, attributes, side=side or spec.resize, quality=quality, threads=threads)
        return
    shape = _load(split, rows[0], side)[0].shape

    def stored(row: int) -> np.ndarray:
        pixels, kept = _load(split, row, side)
        if pixels.shape != shape:
            raise ValueError(f"{split.describe(row)} has shape {list(pixels.shape)}, the first one {list(shape)}")
        return pixels if quality is None else _encoded(pixels, quality) if kept is None else kept

    labels = split.labels[rows]
    batches = _batches(stored, rows, max(1, BATCH_BYTES // int(np.prod(shape))), threads)
    with create_hdf5(output, **attributes) as file:
        file["index"] = np.asarray(rows, dtype=np.int64)
        if quality is None:
            write_samples(file, (np.stack(batch) for batch in batches), labels)
        else:
            _write_encoded(file, batches, labels, shape)


def _load(split: Split, row: int, side: int | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Return a sample's pixels, cropped to the centre, and its JPEG bytes where they are stored as they came."""
    try:
        sample = split.load(row)
        kept = np.frombuffer(sample, dtype=np.uint8) if isinstance(sample, bytes) else None
        pixels = sample if kept is None else decode_jpeg(kept)
    except Exception as error:  # whatever a library makes of a damaged file, the user needs its name
        raise ValueError(f"{split.describe(row)}: {error}") from error
    if pixels.dtype != np.uint8 or pixels.ndim not in (3, 4) or pixels.shape[-1] != 3:
        raise ValueError(f"{split.describe(row)} has {pixels.dtype} {list(pixels.shape)}, expected uint8 [.., H, W, 3]")
    cropped = pixels if side is None else centre_crop(pixels, side)
    return cropped, kept if cropped.shape == pixels.shape else None


def centre_crop(pixels: np.ndarray, side: int) -> np.ndarray:
    """Cut the central square out of pictures [..., H, W, 3] that are larger, at the place torchvision cuts it."""
    height, width = pixels.shape[-3:-1]
    top, left = round((height - side) / 2), round((width - side) / 2)
    if top <= 0 and left <= 0:
        return pixels
    return pixels[..., max(0, top) : max(0, top) + side, max(0, left) : max(0, left) + side, :]


def _encoded(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Encode an image [H, W, 3] to bytes [n], or a clip [T, H, W, 3] to an object array [T] of bytes."""
    if pixels.ndim == 3:
        return encode_jpeg(pixels, quality)
    frames = np.empty(len(pixels), dtype=object)
    frames[:] = [encode_jpeg(frame, quality) for frame in pixels]
    return frames


def _batches(
    read: Callable[[int], np.ndarray], rows: np.ndarray, size: int, threads: int
) -> Iterator[list[np.ndarray]]:
    """Yield batches of samples in order; the next batch is read while this one is used."""
    pool = ThreadPoolExecutor(threads)
    waiting: list[Future[np.ndarray]] = []
    try:
        for start in range(0, len(rows), size):
            following = [pool.submit(read, row) for row in rows[start : start + size]]
            if waiting:
                yield [future.result() for future in waiting]
            waiting = following
        yield [future.result() for future in waiting]
    finally:
        pool.shutdown(cancel_futures=True)


def _write_encoded(
    group: h5py.Group, batches: Iterator[list[np.ndarray]], labels: np.ndarray, shape: tuple[int, ...]
) -> None:
    """Write samples that are JPEG already, in the layout of ``storage``."""
    group["labels"] = np.asarray(labels, dtype=np.int64)
    name = "images" if len(shape) == 3 else "clips"
    stored = group.create_dataset(name, (len(labels), *shape[:-3]), dtype=h5py.vlen_dtype(np.uint8))
    stored.attrs["picture_shape"] = shape[-3:]
    done = 0
    for batch in batches:
        rows = np.empty((len(batch), *shape[:-3]), dtype=object)
        for i, encoded in enumerate(batch):
            rows[i] = encoded
        stored[done : done + len(batch)] = rows
        done += len(batch)
