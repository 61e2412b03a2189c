"""The HDF5 layout of images and clips.

A set is a group with ``images`` uint8 [N, H, W, 3] (or ``clips`` uint8 [N, T, H, W, 3]) and ``labels`` int64 [N].
Where pictures are kept as JPEG, ``images`` [N] (or ``clips`` [N, T]) holds their bytes at variable length.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import cv2
import h5py
import numpy as np

from dst_robustness.jobs.files import DamagedFileError, atomic_path

JPEG_QUALITY = 85
CHUNK_BYTES = 1 << 20


@contextmanager
def create_hdf5(path: str | Path, **attributes: object) -> Iterator[h5py.File]:
    """Yield a new HDF5 file with these attributes; it appears under ``path`` only when the block ends well."""
    with atomic_path(path) as partial, h5py.File(partial, "w") as file:
        file.attrs.update(attributes)
        yield file


@contextmanager
def open_hdf5(path: str | Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading; raises DamagedFileError where it is truncated or foreign, else OSError."""
    try:
        # Locking fails on many network file systems, and files are complete once they have their name.
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        if error.errno is not None:  # missing, not permitted: no fault of its content
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from None
        raise DamagedFileError(path, "HDF5") from error
    with file:
        yield file


def write_samples(
    group: h5py.Group, batches: Iterable[np.ndarray], labels: np.ndarray, *, jpeg_quality: int | None = None
) -> None:
    """Write batches of images uint8 [n, H, W, 3] or clips uint8 [n, T, H, W, 3], one label each, into a group.

    With ``jpeg_quality`` the pictures are stored as JPEG (4:2:0). Memory is bounded by one batch. Raises ValueError
    where the batches do not add up to the number of labels.
    """
    group["labels"] = np.asarray(labels, dtype=np.int64)
    stored: h5py.Dataset | None = None
    done = 0
    for batch in batches:
        if stored is None:
            stored = _create_stored(group, batch, len(labels), jpeg=jpeg_quality is not None)
        if done + len(batch) > len(labels):
            raise ValueError(f"more samples than the {len(labels)} labels")
        if jpeg_quality is None:
            stored[done : done + len(batch)] = batch
        else:
            # One by one: h5py takes an array of equally long pictures for a table.
            for place in np.ndindex(batch.shape[:-3]):
                stored[(done + place[0], *place[1:])] = encode_jpeg(batch[place], jpeg_quality)
        done += len(batch)
    if done != len(labels):
        raise ValueError(f"{done} samples for {len(labels)} labels")


def _create_stored(group: h5py.Group, batch: np.ndarray, count: int, *, jpeg: bool) -> h5py.Dataset:
    name = {4: "images", 5: "clips"}.get(batch.ndim)
    if name is None or batch.dtype != np.uint8 or batch.shape[-1] != 3:
        raise ValueError(f"expected uint8 [N, H, W, 3] or [N, T, H, W, 3], got {batch.dtype} {list(batch.shape)}")
    if jpeg:
        dtype = h5py.vlen_dtype(np.uint8)
        stored = group.create_dataset(name, (count, *batch.shape[1:-3]), dtype=dtype)
        stored.attrs["picture_shape"] = batch.shape[-3:]
        return stored
    sample = batch.shape[1:]
    rows = min(count, max(1, CHUNK_BYTES // int(np.prod(sample))))
    return group.create_dataset(name, (count, *sample), dtype=np.uint8, chunks=(rows, *sample))


def encode_jpeg(image: np.ndarray, quality: int = JPEG_QUALITY) -> np.ndarray:
    """Encode one RGB image uint8 [H, W, 3] as JPEG bytes uint8 [n]."""
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].ravel()


def decode_jpeg(encoded: np.ndarray) -> np.ndarray:
    """Decode JPEG bytes uint8 [n] to an RGB image uint8 [H, W, 3]."""
    image = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise ValueError("a stored picture is not a readable JPEG")
    return image


class Samples:
    """The images or clips of one HDF5 group: slices come out as uint8 pixels, however they are stored.

    Attributes:
        stored: the underlying dataset, for readers that want the JPEG bytes.
        labels: int64 [N].
        sample_shape: (H, W, 3) or (T, H, W, 3).
        threads: how many of them read and decode the batch that comes next.
    """

    def __init__(self, group: h5py.Group, threads: int = 1) -> None:
        self.threads = threads
        self.stored: h5py.Dataset = group["clips" if "clips" in group else "images"]
        self.labels: np.ndarray = group["labels"][:]
        self.is_jpeg = "picture_shape" in self.stored.attrs
        picture = tuple(int(n) for n in self.stored.attrs["picture_shape"]) if self.is_jpeg else ()
        self.sample_shape: tuple[int, ...] = (*self.stored.shape[1:], *picture)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Return the samples of a slice, uint8 [n, ...sample_shape]."""
        taken = self.stored[rows]
        return self._decoded(taken.ravel()).reshape(len(taken), *self.sample_shape) if self.is_jpeg else taken

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """Yield all samples in order, ``size`` at a time, as ``ahead`` reads them."""
        yield from self.ahead([range(start, min(start + size, len(self))) for start in range(0, len(self), size)])

    def ahead(self, batches: Sequence[Sequence[int]]) -> Iterator[np.ndarray]:
        """Yield the samples of each batch of rows, while the next batch is read, and decoded by the threads.

        The threads share a batch, so that memory is bounded by two batches, however many threads there are. Nothing
        lies in shared memory, of which containers have little.
        """
        with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(self.threads) as decoders:
            coming = reader.submit(self._read, batches[0], decoders) if batches else None
            for number in range(len(batches)):
                batch = coming.result()
                if number + 1 < len(batches):
                    coming = reader.submit(self._read, batches[number + 1], decoders)
                yield batch

    def _read(self, rows: Sequence[int], decoders: Executor) -> np.ndarray:
        # One thread reads: HDF5 lets no two threads in at once, and to wait for it costs more than it takes.
        in_order = isinstance(rows, range)
        taken = (
            self.stored[rows.start : rows.stop] if in_order else np.concatenate([self.stored[r : r + 1] for r in rows])
        )
        if not self.is_jpeg:
            return taken
        parts = np.array_split(taken.ravel(), self.threads)
        return np.concatenate(list(decoders.map(self._decoded, parts))).reshape(len(taken), *self.sample_shape)

    def _decoded(self, encoded: np.ndarray) -> np.ndarray:
        pixels = np.empty((len(encoded), *self.sample_shape[-3:]), np.uint8)
        for target, one in zip(pixels, encoded, strict=True):
            target[:] = decode_jpeg(one)
        return pixels
