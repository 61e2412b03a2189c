"""The layout of images and clips in HDF5: one writer, one reader.

A set is a group with ``images`` uint8 [N, H, W, 3] (or ``clips`` uint8 [N, T, H, W, 3]) and ``labels`` int64 [N].
If images are stored as JPEG, ``images`` [N] (or ``clips`` [N, T]) holds their bytes at variable length, and its
attribute ``picture_shape`` is (H, W, 3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from dst_robustness.jobs.files import DamagedFileError
from dst_robustness.sets.ahead import ahead
from dst_robustness.sets.attributes import SetAttributes
from dst_robustness.sets.hdf5 import check_disk, create_hdf5, open_hdf5
from dst_robustness.sets.jpeg import QUALITY as JPEG_QUALITY
from dst_robustness.sets.jpeg import decode_jpeg, encode_jpeg, encode_samples

CHUNK_BYTES = 1 << 20
SUM = "samples_sha256"  # attribute of a group: it is the same for the same samples
NAMES = {3: "images", 4: "clips"}  # by the number of a sample's dimensions
_BYTES = h5py.vlen_dtype(np.uint8)

__all__ = ["JPEG_QUALITY", "Samples", "Writer", "create_hdf5", "encode_jpeg", "is_made", "open_hdf5", "write_samples"]


class Writer:
    """Writes the samples of a group in order, as pixels or as JPEG bytes.

    Args:
        group: an empty group of a new file.
        labels: class of each sample that follows, int64 [N].
        sample_shape: (H, W, 3) or (T, H, W, 3).
        jpeg: whether samples come as JPEG bytes.
    """

    def __init__(self, group: h5py.Group, labels: np.ndarray, sample_shape: tuple[int, ...], *, jpeg: bool) -> None:
        self._done = 0
        self._sum = hashlib.sha256()
        self._group = group
        self._jpeg = jpeg
        self._shape = sample_shape[:-3] if jpeg else sample_shape
        group["labels"] = np.asarray(labels, dtype=np.int64)
        count, name = len(labels), NAMES[len(sample_shape)]
        if jpeg:
            self._stored = group.create_dataset(name, (count, *self._shape), dtype=_BYTES)
            self._stored.attrs["picture_shape"] = sample_shape[-3:]
        else:
            rows = min(count, max(1, CHUNK_BYTES // int(np.prod(sample_shape))))
            chunks = (rows, *sample_shape) if count else None
            self._stored = group.create_dataset(name, (count, *sample_shape), dtype=np.uint8, chunks=chunks)

    def add(self, samples: np.ndarray) -> None:
        """Write the next samples: pixels uint8 [n, ...sample_shape], or JPEG bytes, objects [n] or [n, T]."""
        stop = self._done + len(samples)
        if samples.shape[1:] != self._shape:
            raise ValueError(f"samples are {list(samples.shape)}, expected {['n', *self._shape]}")
        if stop > len(self._stored):
            raise ValueError(f"more samples than the {len(self._stored)} labels")
        if self._jpeg and len(samples):
            self._add_bytes(samples)
        elif not self._jpeg:
            self._stored[self._done : stop] = samples
        for sample in samples.ravel() if self._jpeg else samples:
            self._sum.update(np.ascontiguousarray(sample))
        self._done = stop
        check_disk(self._stored.parent)

    def _add_bytes(self, samples: np.ndarray) -> None:
        # Not by h5py's assignment, which mistakes an array of equally long images for a table.
        place = self._stored.id.get_space()
        place.select_hyperslab((self._done, *(0 for _ in self._shape)), samples.shape)
        memory = h5py.h5s.create_simple(samples.shape)
        self._stored.id.write(memory, place, np.ascontiguousarray(samples.astype(_BYTES)), h5py.h5t.py_create(_BYTES))

    def finish(self) -> None:
        """Write the checksum of all samples as stored. Raises ValueError if there are fewer samples than labels."""
        if self._done != len(self._stored):
            raise ValueError(f"{self._done} samples for {len(self._stored)} labels")
        self._group.attrs[SUM] = self._sum.hexdigest()


def write_samples(
    group: h5py.Group, batches: Iterable[np.ndarray], labels: np.ndarray, *, jpeg_quality: int | None = None
) -> None:
    """Write batches of images uint8 [n, H, W, 3] or clips uint8 [n, T, H, W, 3] into a group, with one label each.

    With ``jpeg_quality`` they are stored as JPEG (4:2:0). Only one batch is in memory. Raises ValueError if there are
    not as many samples as labels.
    """
    writer: Writer | None = None
    for batch in batches:
        if batch.ndim - 1 not in NAMES or batch.dtype != np.uint8 or batch.shape[-1] != 3:
            raise ValueError(f"expected uint8 [N, H, W, 3] or [N, T, H, W, 3], got {batch.dtype} {list(batch.shape)}")
        writer = writer or Writer(group, labels, batch.shape[1:], jpeg=jpeg_quality is not None)
        writer.add(batch if jpeg_quality is None else encode_samples(batch, jpeg_quality))
    if writer is None:
        raise ValueError(f"no samples for {len(labels)} labels")
    writer.finish()


def is_made(path: str | Path, attributes: SetAttributes) -> bool:
    """Return whether a set with exactly these attributes exists; another call may have made it meanwhile."""
    if not Path(path).exists():
        return False
    try:
        with open_hdf5(path) as file:
            return SetAttributes.read(file) == attributes
    except DamagedFileError:
        return False


class Samples:
    """The images or clips of one HDF5 group. A slice is uint8 pixels, however they are stored.

    Attributes:
        stored: the underlying dataset, for readers that need the JPEG bytes.
        labels: int64 [N].
        sample_shape: (H, W, 3) or (T, H, W, 3).
        threads: number of threads that read and decode the next batch.
        sha256: checksum of the samples as stored; empty if the file does not have it.

    Raises:
        DamagedFileError: if the group is not such a set, or if a label is out of range; it names the file.
    """

    def __init__(self, group: h5py.Group, threads: int = 1) -> None:
        self.threads = threads
        self.sha256 = str(group.attrs.get(SUM, ""))
        self._path = str(group.file.filename)
        name = next((name for name in NAMES.values() if isinstance(group.get(name), h5py.Dataset)), None)
        if name is None:
            raise self._damaged("holds neither images nor clips")
        self.stored: h5py.Dataset = group[name]
        self.is_jpeg = "picture_shape" in self.stored.attrs
        picture = tuple(int(n) for n in np.ravel(self.stored.attrs["picture_shape"])) if self.is_jpeg else ()
        self.sample_shape: tuple[int, ...] = (*self.stored.shape[1:], *picture)
        kind = h5py.check_vlen_dtype(self.stored.dtype) if self.is_jpeg else self.stored.dtype
        if NAMES.get(len(self.sample_shape)) != name or kind != np.uint8 or self.sample_shape[-1] != 3:
            raise self._damaged(f"{name} are {self.stored.dtype} {['N', *self.sample_shape]}")
        self.labels: np.ndarray = self._labels(group)

    @classmethod
    def by_severity(cls, file: h5py.File, threads: int = 1) -> dict[int, Samples]:
        """Return the samples of each severity of a corrupted set. A split that is not corrupted has severity 0."""
        if "labels" in file:
            return {0: cls(file, threads)}
        return {severity: cls(file[str(severity)], threads) for severity in sorted(map(int, file))}

    def _labels(self, group: h5py.Group) -> np.ndarray:
        stored = group.get("labels")
        if not isinstance(stored, h5py.Dataset) or stored.dtype.kind not in "iu" or stored.shape != (len(self.stored),):
            what = f"{stored.dtype} {list(stored.shape)}" if isinstance(stored, h5py.Dataset) else "missing"
            raise self._damaged(f"labels are {what}, expected integers [{len(self.stored)}]")
        labels = stored[:].astype(np.int64)
        classes = SetAttributes.read(group.file).classes
        bad = (labels < 0) | ((labels >= len(classes)) if classes else False)
        if bad.any():
            place = int(np.argmax(bad))
            raise self._damaged(f"label {labels[place]} of sample {place} is none of {len(classes or ())} classes")
        return labels

    def _damaged(self, reason: str) -> DamagedFileError:
        return DamagedFileError(self._path, reason=reason)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Return the samples of a slice, uint8 [n, ...sample_shape]."""
        taken = self.stored[rows]
        return self._decoded(taken.ravel()).reshape(len(taken), *self.sample_shape) if self.is_jpeg else taken

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """Yield all samples in order, ``size`` at a time, read by ``ahead``."""
        yield from self.ahead([range(start, min(start + size, len(self))) for start in range(0, len(self), size)])

    def ahead(self, batches: Sequence[Sequence[int]]) -> Iterator[np.ndarray]:
        """Yield the samples of each batch of rows, while threads read and decode the next batch.

        The threads share a batch, so that at most two batches are in memory, however many threads there are. No shared
        memory is used, since containers have little of it.
        """
        with ThreadPoolExecutor(self.threads) as decoders:
            # One thread reads: HDF5 admits one thread at a time, and waiting for it costs more than reading.
            yield from ahead(partial(self._read, decoders), batches, threads=1, waiting=1)

    def _read(self, decoders: Executor, rows: Sequence[int]) -> np.ndarray:
        if isinstance(rows, range) and rows.step == 1:
            taken = self.stored[rows.start : rows.stop]
        else:
            taken = np.concatenate([self.stored[row : row + 1] for row in rows])
        if not self.is_jpeg:
            return taken
        parts = np.array_split(taken.ravel(), self.threads)
        return np.concatenate(list(decoders.map(self._decoded, parts))).reshape(len(taken), *self.sample_shape)

    def _decoded(self, encoded: np.ndarray) -> np.ndarray:
        pixels = np.empty((len(encoded), *self.sample_shape[-3:]), np.uint8)
        for target, one in zip(pixels, encoded, strict=True):
            try:
                target[:] = decode_jpeg(one, self.sample_shape[-3:])
            except ValueError as error:
                raise self._damaged(f"a sample is no JPEG of {list(self.sample_shape[-3:])}") from error
        return pixels
