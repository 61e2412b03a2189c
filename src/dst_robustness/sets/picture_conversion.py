"""From pictures to one HDF5 file: in parallel threads, resumable, in bounded memory, each one checked."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np

from dst_robustness.datasets.spec import DatasetSpec, Split
from dst_robustness.sets.storage import create_hdf5, decode_jpeg, encode_jpeg, open_hdf5, write_samples

log = logging.getLogger(__name__)

SHARD = 8192  # pictures: what an interrupted preparation has to do again at most
BATCH_BYTES = 64 << 20  # of pixels that are held at once, twice


def convert_pictures(
    spec: DatasetSpec,
    split: Split,
    rows: np.ndarray,
    output: Path,
    attributes: dict[str, object],
    *,
    side: int,
    quality: int | None,
    threads: int,
) -> None:
    """Write the pictures of one split.

    Large sets are kept in shards in ``{output}.parts/`` until all are there, so a second call goes on where the first
    was stopped.

    Args:
        spec: the data set.
        split: its pictures and labels.
        rows: which samples of the split, in order.
        output: the file to write: ``images`` uint8 [n, side, side, 3] or JPEG bytes [n], ``labels`` and ``index`` int64
            [n], the rows.
        attributes: of the output.
        side: of the stored pictures in pixels; larger ones are cropped to the centre.
        quality: of the JPEG, None to store pixels. Pictures that come as JPEG of the right size are stored as they are.
        threads: how many pictures are read at once.

    Raises:
        ValueError: names the first file that cannot be read or has another shape than the first one.
    """
    shape = _load(split, rows[0], side)[0].shape

    def stored(row: int) -> np.ndarray:
        pixels, kept = _load(split, row, side)
        if pixels.shape != shape:
            raise ValueError(f"{split.describe(row)} has shape {list(pixels.shape)}, the first one {list(shape)}")
        return pixels if quality is None else encode_jpeg(pixels, quality) if kept is None else kept

    def read(some: np.ndarray) -> Iterator[list[np.ndarray]]:
        return _batches(stored, some, max(1, BATCH_BYTES // int(np.prod(shape))), threads)

    parts = output.with_name(f"{output.name}.parts")
    if quality is None or len(rows) <= SHARD:
        batches = read(rows)
    else:
        shards = np.array_split(rows, -(-len(rows) // SHARD))
        paths = [parts / f"{number:05d}.h5" for number in range(len(shards))]
        for path, shard in zip(paths, shards, strict=True):
            key = _key(split, shard, [*attributes.values(), side, quality])
            if not _is_done(path, key):
                with create_hdf5(path, key=key) as file:
                    _write(file, read(shard), split.labels[shard], shape, quality)
            log.info("%s: %s of %d done", output.name, path.stem, len(shards))
        batches = (_images(path) for path in paths)
    with create_hdf5(output, **attributes) as file:
        file["index"] = np.asarray(rows, dtype=np.int64)
        _write(file, batches, split.labels[rows], shape, quality)
    shutil.rmtree(parts, ignore_errors=True)


def _load(split: Split, row: int, side: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Return a picture's pixels, cropped to the centre, and its JPEG bytes where they can be stored as they came."""
    try:
        pixels, kept = split.load(row), None
        if isinstance(pixels, bytes):
            kept = np.frombuffer(pixels, dtype=np.uint8)
            pixels = decode_jpeg(kept)
    except Exception as error:  # whatever a library makes of a damaged file, the user needs its name
        raise ValueError(f"{split.describe(row)}: {error}") from error
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[-1] != 3:
        raise ValueError(f"{split.describe(row)} has {pixels.dtype} {list(pixels.shape)}, expected uint8 [H, W, 3]")
    cropped = centre_crop(pixels, side)
    return cropped, kept if cropped.shape == pixels.shape else None


def centre_crop(pixels: np.ndarray, side: int) -> np.ndarray:
    """Cut the central square out of a picture [H, W, 3] that is larger, at the place torchvision cuts it."""
    top, left = (max(0, round((length - side) / 2)) for length in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def _batches(
    read: Callable[[int], np.ndarray], rows: np.ndarray, size: int, threads: int
) -> Iterator[list[np.ndarray]]:
    """Yield batches of samples in order; the next batch is read while this one is used."""

    def read_all(some: np.ndarray) -> list[np.ndarray]:
        return [read(row) for row in some]

    pool = ThreadPoolExecutor(threads)
    waiting: list[Future[list[np.ndarray]]] = []
    try:
        for start in range(0, len(rows), size):
            batch = rows[start : start + size]
            following = [pool.submit(read_all, part) for part in np.array_split(batch, min(8 * threads, len(batch)))]
            if waiting:
                yield [sample for future in waiting for sample in future.result()]
            waiting = following
        yield [sample for future in waiting for sample in future.result()]
    finally:
        pool.shutdown(cancel_futures=True)


def _write(
    group: h5py.Group,
    batches: Iterator[list[np.ndarray]],
    labels: np.ndarray,
    shape: tuple[int, ...],
    quality: int | None,
) -> None:
    """Write batches of pixels, or of JPEG bytes, in the layout of ``storage``."""
    if quality is None:
        return write_samples(group, (np.stack(batch) for batch in batches), labels)
    group["labels"] = np.asarray(labels, dtype=np.int64)
    stored = group.create_dataset("images", len(labels), dtype=h5py.vlen_dtype(np.uint8))
    stored.attrs["picture_shape"] = shape
    done = 0
    for batch in batches:
        for encoded in batch:  # one by one: h5py takes an array of equally long pictures for a table
            stored[done] = encoded
            done += 1


def _key(split: Split, rows: np.ndarray, options: list[object]) -> str:
    """Return a sum over all that a shard depends on: an old one is used only where it is what would be made now."""
    samples = [(split.describe(row), int(split.labels[row])) for row in rows]
    return hashlib.sha256(json.dumps([options, samples], default=str).encode()).hexdigest()


def _is_done(path: Path, key: str) -> bool:
    if not path.exists():
        return False
    try:
        with open_hdf5(path) as file:
            return file.attrs.get("key") == key
    except ValueError:
        return False


def _images(path: Path) -> list[np.ndarray]:
    with open_hdf5(path) as file:
        return list(file["images"][:])
