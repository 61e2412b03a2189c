"""From video files to clips in HDF5: in parallel, resumable, in bounded memory; damaged files are counted."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from dst_robustness.sets.decoding_pool import DecodingPool
from dst_robustness.sets.storage import create_hdf5, encode_jpeg, open_hdf5

if TYPE_CHECKING:
    from dst_robustness.datasets.video_folder import VideoSpec, VideoSplit

log = logging.getLogger(__name__)

SHARD_BYTES = 64 << 20  # of decoded clips: what an interrupted preparation has to do again at most


def convert_videos(
    spec: VideoSpec,
    split: VideoSplit,
    rows: np.ndarray,
    output: Path,
    attributes: dict[str, object],
    *,
    side: int,
    quality: int | None,
    threads: int,
) -> None:
    """Write the clips of one split, decoded by ``threads`` processes.

    The work is kept in ``{output}.parts/`` until all is there, so a second call goes on where the first was stopped.
    A file that cannot be read is reported and left out, and named in the attribute ``damaged``.

    Args:
        spec: says which frames, the time limit of a file, and how many may be damaged.
        split: the video files, their labels, and how many clips are taken of each.
        rows: which samples of the split, in order.
        output: the file to write: ``clips`` [n, T, side, side, 3], ``labels`` and ``index`` int64 [n], the rows kept.
            Several clips of a video follow each other; the attribute ``clips_per_video`` then says how many.
        attributes: of the output.
        side: of the stored frames in pixels, at most ``spec.resize``: the central part is kept.
        quality: of the JPEG, None to store pixels.
        threads: number of processes.

    Raises:
        ValueError: where more than ``spec.damaged_limit`` files, or all, cannot be read; each is in the log.
    """
    parts = output.with_name(f"{output.name}.parts")
    video_bytes = split.clips * spec.frames * spec.resize**2 * 3
    shards = np.array_split(rows, max(1, -(-len(rows) * video_bytes // SHARD_BYTES)))
    damaged: list[str] = []
    pool = _shared_pool(threads, spec.time_limit)
    with ThreadPoolExecutor(threads) as executor:
        for number, shard in enumerate(shards):
            path = parts / f"{number:05d}.h5"
            key = _key(spec, split, shard, side, quality)
            if not _is_done(path, key):
                _write_shard(path, key, _decoded(spec, split, shard, side, pool, executor), quality)
            damaged += _damaged(path)
            if len(damaged) > spec.damaged_limit:
                raise ValueError(
                    f"{output.stem}: {len(damaged)} videos cannot be read, more than damaged_limit = "
                    f"{spec.damaged_limit} allows; the first: {damaged[0]}"
                )
            log.info("%s: %d of %d videos read", output.stem, sum(map(len, shards[: number + 1])), len(rows))
    if split.clips > 1:
        attributes = {**attributes, "clips_per_video": split.clips}
    with create_hdf5(output, **attributes, damaged=json.dumps(damaged)) as file:
        _join(file, split, sorted(parts.glob("[0-9]*.h5"))[: len(shards)], damaged)
    if damaged:
        log.warning("%s: %d of %d videos left out: damaged", output.stem, len(damaged), len(rows))
    shutil.rmtree(parts)


@lru_cache(maxsize=1)
def _shared_pool(workers: int, time_limit: float) -> DecodingPool:
    """Keep the workers from one split to the next: starting one costs a second. They end with this process."""
    return DecodingPool(workers, time_limit=time_limit)


def _key(spec: VideoSpec, split: VideoSplit, shard: np.ndarray, side: int, quality: int | None) -> str:
    """Return a sum over all that a shard depends on: an old one is used only where it is what would be made now."""
    options = [spec.frames, spec.sampling, spec.stride, split.clips, spec.resize, side, quality]
    files = [(str(path), path.stat().st_size if path.exists() else -1) for path in (split.paths[i] for i in shard)]
    return hashlib.sha256(json.dumps([options, files]).encode()).hexdigest()


def _is_done(path: Path, key: str) -> bool:
    if not path.exists():
        return False
    try:
        with open_hdf5(path) as file:
            return file.attrs.get("key") == key
    except ValueError:
        return False


def _damaged(path: Path) -> list[str]:
    with open_hdf5(path) as file:
        return json.loads(file.attrs["damaged"])


def _decoded(
    spec: VideoSpec, split: VideoSplit, shard: np.ndarray, side: int, pool: DecodingPool, executor: ThreadPoolExecutor
) -> Iterator[tuple[int, np.ndarray | str]]:
    """Yield each row with its clips uint8 [n, T, side, side, 3], or with what is wrong with its file."""
    margin = (spec.resize - side) // 2
    options = {"frames": spec.frames, "size": spec.resize, "sampling": spec.sampling, "stride": spec.stride}

    def read(row: int) -> np.ndarray | str:
        try:
            frames = pool.read_clip(split.paths[row], clips=split.clips, **options)
        except ValueError as error:
            return str(error)
        frames = frames[:, margin : margin + side, margin : margin + side]
        return frames.reshape(split.clips, spec.frames, side, side, 3)

    yield from zip(shard.tolist(), executor.map(read, shard.tolist()), strict=True)


def _write_shard(path: Path, key: str, videos: Iterator[tuple[int, np.ndarray | str]], quality: int | None) -> None:
    kept: list[int] = []
    damaged: list[str] = []
    stored: list[np.ndarray] = []
    shape: tuple[int, ...] = ()
    for row, clips in videos:
        if isinstance(clips, str):
            log.warning("damaged video: %s", clips)
            damaged.append(clips)
            continue
        kept += [row] * len(clips)
        shape = clips.shape
        stored.extend(clips if quality is None else (_as_jpeg(clip, quality) for clip in clips))
    with create_hdf5(path, key=key, damaged=json.dumps(damaged)) as file:
        file["index"] = np.array(kept, dtype=np.int64)
        if stored and quality is None:
            file["clips"] = np.stack(stored)
        elif stored:
            file.create_dataset("clips", data=np.stack(stored), dtype=h5py.vlen_dtype(np.uint8))
            file["clips"].attrs["picture_shape"] = shape[-3:]


def _as_jpeg(clip: np.ndarray, quality: int) -> np.ndarray:
    frames = np.empty(len(clip), dtype=object)
    frames[:] = [encode_jpeg(frame, quality) for frame in clip]
    return frames


def _join(file: h5py.File, split: VideoSplit, shards: list[Path], damaged: list[str]) -> None:
    """Copy the shards into one file, one at a time, in the layout of ``storage``."""
    counts = []
    for path in shards:
        with open_hdf5(path) as shard:
            counts.append(len(shard["index"]))
    if sum(counts) == 0:
        raise ValueError(f"none of the {len(damaged)} videos can be read; the first: {damaged[0]}")
    file["index"] = np.empty(sum(counts), dtype=np.int64)
    done = 0
    for path, count in zip(shards, counts, strict=True):
        if count == 0:
            continue
        with open_hdf5(path) as shard:
            source = shard["clips"]
            if "clips" not in file:
                shape = (sum(counts), *source.shape[1:])
                chunks = None if "picture_shape" in source.attrs else (1, *source.shape[1:])
                file.create_dataset("clips", shape, dtype=source.dtype, chunks=chunks)
                file["clips"].attrs.update(source.attrs)
            file["clips"][done : done + count] = source[:]
            file["index"][done : done + count] = shard["index"][:]
        done += count
    file["labels"] = split.labels[file["index"][:]]
