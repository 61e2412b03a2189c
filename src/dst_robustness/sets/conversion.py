"""From raw images or videos to one HDF5 file per split: parallel, resumable, in bounded memory, each one checked."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from dst_robustness.datasets.spec import Split
from dst_robustness.sets.ahead import ahead
from dst_robustness.sets.attributes import SetAttributes
from dst_robustness.sets.jpeg import decode_jpeg, encode_samples
from dst_robustness.sets.processes import ReadingProcesses
from dst_robustness.sets.storage import Samples, Writer, create_hdf5, open_hdf5

log = logging.getLogger(__name__)

SHARD_BYTES = 64 << 20  # of pixels: what an interrupted preparation has to do again at most
TASK_BYTES = 1 << 20  # of pixels that a thread reads at a time
TASK_ROWS = 64
HOPELESS = 1000  # so many damaged files beyond the limit, and the rest is not read any more


@dataclass(frozen=True)
class Conversion:
    """The conversion of one split, in two steps: ``read`` all samples into shards, then ``join`` them to the output.

    The shards are in ``{output}.parts/`` until the output exists, so a second call continues where the first one was
    stopped.

    Attributes:
        split: the raw samples and labels.
        rows: which samples of the split, in order.
        output: the file to write: ``images`` [n, H, W, 3] or ``clips`` [n, T, H, W, 3], uint8 or JPEG bytes, ``labels``
            and ``index`` int64 [n], the rows kept. Several clips of a video follow each other. The test split has
            ``names`` [n] too, those of its files.
        attributes: of the output; ``damaged`` and ``clips_per_video`` are added.
        sample_shape: (H, W, 3) or (T, H, W, 3); a larger sample is cropped to the centre.
        quality: of the JPEG, None to store pixels. Images that come as JPEG of the right size are stored as they are.
    """

    split: Split
    rows: np.ndarray
    output: Path
    attributes: SetAttributes
    sample_shape: tuple[int, ...]
    quality: int | None
    damaged: list[str] = field(default_factory=list)

    @cached_property
    def made_by(self) -> str:
        """Checksum of everything that decides the content of the output."""
        return _sum(self.attributes.stored(), self.sample_shape, self.quality, self.split.clips, self.rows.tolist())

    def is_made(self) -> bool:
        """Return whether the output exists, made from the same input in the same way."""
        return _says(self.output, self.made_by)

    def read(self, threads: int, processes: ReadingProcesses, *, damaged_limit: int) -> None:
        """Read the samples that no shard holds yet. Add what cannot be read to ``damaged``, with the reason.

        Reading ends early if far more than ``damaged_limit`` files are damaged.
        """
        done = 0
        for path, shard in self._shards():
            made_by = _sum(self.made_by, [self.split.describe(row) for row in shard])
            if not (_says(path, made_by) and not _damaged(path)):  # a damaged file may be repaired by now
                self._write_shard(path, made_by, shard, threads, processes)
            self.damaged.extend(_damaged(path))
            done += len(shard)
            log.info("%s: %d of %d read", self.output.stem, done, len(self.rows))
            if len(self.damaged) > damaged_limit + HOPELESS:
                break

    def brightest(self) -> int:
        """Return the highest value in the first of the shards, 0 if no sample of it could be read."""
        path, _ = next(self._shards())
        with open_hdf5(path) as file:
            samples = Samples(file)
            return int(samples[:].max()) if len(samples) else 0

    def join(self) -> None:
        """Put the shards together, one at a time, and remove them."""
        shards = [path for path, _ in self._shards()]
        index = np.concatenate([_index(path) for path in shards])
        if len(index) == 0:
            raise ValueError(f"{self.output.stem}: nothing can be read; the first: {self.damaged[0]}")
        attributes = replace(
            self.attributes,
            made_by=self.made_by,
            damaged=tuple(self.damaged) or None,
            clips_per_video=self.split.clips if self.split.clips > 1 else None,
        )
        with create_hdf5(self.output, **attributes.stored()) as file:
            file["index"] = index
            if self.attributes.split == "test":  # the names lead from here to published copies
                names = [self.split.stem(row).encode("utf-8", "surrogateescape") for row in index.tolist()]
                if len(set(names)) > 1:  # rows of a single file have no names
                    file["names"] = np.array(names)
            writer = Writer(file, self.split.labels[index], self.sample_shape, jpeg=self.quality is not None)
            for path in shards:
                with open_hdf5(path) as shard:
                    writer.add(Samples(shard).stored[:])
            writer.finish()
        if self.damaged:
            log.warning("%s: %d of %d left out: damaged", self.output.stem, len(self.damaged), len(self.rows))
        shutil.rmtree(self._parts, ignore_errors=True)

    @property
    def _parts(self) -> Path:
        return self.output.with_name(f"{self.output.name}.parts")

    def _shards(self) -> Iterator[tuple[Path, np.ndarray]]:
        size = self.split.clips * int(np.prod(self.sample_shape))
        rows = np.array_split(self.rows, max(1, -(-len(self.rows) * size // SHARD_BYTES)))
        for number, shard in enumerate(rows):
            yield self._parts / f"{number:05d}.h5", shard

    def _write_shard(
        self, path: Path, made_by: str, shard: np.ndarray, threads: int, processes: ReadingProcesses
    ) -> None:
        def read(rows: np.ndarray) -> list[np.ndarray | str]:
            return [self._stored(row, processes) for row in rows.tolist()]

        size = self.split.clips * int(np.prod(self.sample_shape))
        share = max(1, min(TASK_ROWS, TASK_BYTES // size))
        tasks = [shard[start : start + share] for start in range(0, len(shard), share)]
        kept: list[int] = []
        damaged: list[str] = []
        stored: list[np.ndarray] = []
        found = (one for some in ahead(read, tasks, threads=threads, waiting=2 * threads) for one in some)
        for row, samples in zip(shard.tolist(), found, strict=True):
            if isinstance(samples, str):
                log.warning("damaged: %s", samples)
                damaged.append(samples)
            else:
                kept += [row] * len(samples)
                stored.append(samples)
        attributes = SetAttributes(made_by=made_by, damaged=tuple(damaged))
        with create_hdf5(path, **attributes.stored()) as file:
            file["index"] = np.array(kept, dtype=np.int64)
            writer = Writer(file, self.split.labels[kept], self.sample_shape, jpeg=self.quality is not None)
            for samples in stored:
                writer.add(samples)

    def _stored(self, row: int, processes: ReadingProcesses) -> np.ndarray | str:
        """Return the samples of a row as they will be stored, or a text that says what is wrong with its file."""
        try:
            loaded = self.split.load(row)
            if callable(loaded):
                loaded = processes.run(loaded, self.split.time_limit)
            encoded = np.frombuffer(loaded, dtype=np.uint8) if isinstance(loaded, bytes) else None
            pixels = decode_jpeg(encoded) if encoded is not None else np.asarray(loaded)
            samples = self._cropped(pixels)
        except Exception as error:  # whatever a library makes of a damaged file, the user needs its name
            name, reason = self.split.describe(row), str(error) or type(error).__name__
            return reason if reason.startswith(name) else f"{name}: {reason}"
        if self.quality is None:
            return samples
        if encoded is not None and samples.shape[1:] == pixels.shape:
            result = np.empty(1, dtype=object)
            result[0] = encoded
            return result
        return encode_samples(samples, self.quality)

    def _cropped(self, pixels: np.ndarray) -> np.ndarray:
        """Return the samples of a row, uint8 [clips, ...sample_shape], cropped to the centre.

        Square images of a set of fixed size are enlarged if the study asks for more pixels.
        """
        expected = list(self.sample_shape)
        if self.split.clips > 1:
            expected[0] *= self.split.clips
        if pixels.ndim == 3 and pixels.shape[0] == pixels.shape[1] < expected[0]:
            pixels = np.asarray(Image.fromarray(pixels).resize(tuple(expected[:2]), Image.Resampling.BILINEAR))
        cropped = pixels
        if pixels.ndim == len(expected):
            cropped = centre_crop(pixels, *expected[-3:-1])
        if pixels.dtype != np.uint8 or list(cropped.shape) != expected:
            raise ValueError(f"is {pixels.dtype} {list(pixels.shape)}, expected uint8 {expected}")
        return cropped.reshape(self.split.clips, *self.sample_shape)


def centre_crop(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Crop larger images [..., H, W, 3] to the centre, at the same place as torchvision."""
    top, left = (max(0, round((pixels.shape[axis] - side) / 2)) for axis, side in ((-3, height), (-2, width)))
    return pixels[..., top : top + height, left : left + width, :]


def _sum(*values: object) -> str:
    return hashlib.sha256(json.dumps(values, default=str).encode()).hexdigest()


def _says(path: Path, made_by: str) -> bool:
    if not path.exists():
        return False
    try:
        with open_hdf5(path) as file:
            return SetAttributes.read(file).made_by == made_by
    except ValueError:
        return False


def _damaged(path: Path) -> tuple[str, ...]:
    with open_hdf5(path) as file:
        return SetAttributes.read(file).damaged or ()


def _index(path: Path) -> np.ndarray:
    with open_hdf5(path) as file:
        return file["index"][:]
