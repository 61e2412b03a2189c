"""HDF5 files: complete or absent when they are written, even on a full disk, and checked when they are read."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from dst_robustness.jobs.files import DamagedFileError, atomic_path

LARGEST_CHUNK = 256 << 20  # bytes; HDF5 loads a whole chunk to read a single value
LEAST_SHARE = 100  # how many bytes a byte in the file may stand for; LZF, used for predictions, reaches 88
NO_CLAIM = 64 << 20  # bytes; any dataset may claim to hold this much


@contextmanager
def create_hdf5(path: str | Path, **attributes: object) -> Iterator[h5py.File]:
    """Yield a new HDF5 file with these attributes. It appears at ``path`` only if the block succeeds.

    If the disk is full, it raises an OSError that names the file, and leaves nothing behind.
    """
    with atomic_path(path) as partial, _Target(partial, Path(path)) as target:
        _TARGETS[repr(target)] = target
        try:
            with h5py.File(target, "w") as file:
                file.attrs.update(attributes)
                yield file
        finally:
            del _TARGETS[repr(target)]
            target.check()


def check_disk(group: h5py.Group) -> None:
    """Raise the OSError of the disk, if writing to a file of ``create_hdf5`` has failed so far."""
    if target := _TARGETS.get(group.file.filename):
        target.check()


class _Target(FileIO):
    """A file for HDF5 that keeps errors of the disk for later.

    HDF5 cannot close a file that it cannot write to, and the process would then crash (SIGSEGV).
    """

    def __init__(self, partial: Path, path: Path) -> None:
        super().__init__(partial, "w+")
        self._path = path
        self._error: OSError | None = None

    def __repr__(self) -> str:  # what h5py takes for the name
        return f"{self._path} {id(self):x}"

    def write(self, data: Any) -> int:
        view = memoryview(data)
        done = 0
        while done < len(view) and self._error is None:
            with self._kept_error():
                done += super().write(view[done:]) or 0
        return len(view)

    def readinto(self, data: Any) -> int:
        """Read; places that were never written are zeros."""
        view = memoryview(data)
        done = super().readinto(view) or 0
        view[done:] = bytes(len(view) - done)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        with self._kept_error():
            return super().truncate(size)
        return self.tell()

    def check(self) -> None:
        if self._error is not None:
            raise OSError(self._error.errno, os.strerror(self._error.errno or errno.EIO), str(self._path))

    @contextmanager
    def _kept_error(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._error = error


_TARGETS: dict[str, _Target] = {}


@contextmanager
def open_hdf5(path: str | Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading. Raises OSError if that is not possible.

    Raises DamagedFileError if the file is truncated or not HDF5, if it has a link to another place or data in another
    file, if a chunk is larger than 256 MiB, or if a dataset claims far more than is stored of it.
    """
    try:
        # Locking fails on many network file systems, and files are complete once they have their name.
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        if error.errno is not None:  # missing or not permitted: the content is not at fault
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from None
        raise DamagedFileError(path, "HDF5") from error
    with file:
        try:
            _check_members(file, Path(path), set())
        except (KeyError, OSError, RuntimeError) as error:
            raise DamagedFileError(path, "HDF5") from error
        yield file


def _check_members(group: h5py.Group, path: Path, seen: set[object]) -> None:
    for name in group:
        what = f"{group.name.rstrip('/')}/{name}"
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise DamagedFileError(path, reason=f"{what} is a link to another place, which is not followed")
        member = group[name]
        if isinstance(member, h5py.Group):
            place = h5py.h5o.get_info(member.id).addr
            if place not in seen:
                seen.add(place)
                _check_members(member, path, seen)
        elif isinstance(member, h5py.Dataset) and (fault := _fault(member)):
            raise DamagedFileError(path, reason=f"{what} {fault}")


def _fault(dataset: h5py.Dataset) -> str | None:
    if dataset.is_virtual or dataset.external:
        return "keeps its values in other files, which are not read"
    if dataset.chunks and np.prod(dataset.chunks, dtype=float) * dataset.dtype.itemsize > LARGEST_CHUNK:
        return f"has chunks {list(dataset.chunks)}; allowed: {LARGEST_CHUNK >> 20} MiB each"
    claimed = np.prod(dataset.shape or (0,), dtype=float) * dataset.dtype.itemsize
    if claimed > NO_CLAIM + LEAST_SHARE * dataset.id.get_storage_size():
        return f"has the shape {list(dataset.shape)}, and next to nothing of it is stored"
    return None
