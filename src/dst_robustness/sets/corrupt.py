"""From a test split to its corrupted copy: five severities of one corruption in one file."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from dst_robustness import __version__
from dst_robustness.corruptions import SEVERITIES, VIDEO_CORRUPTIONS, check_corruption, corrupt_clips, corrupt_images
from dst_robustness.corruptions.frost import load_frost
from dst_robustness.registry import unknown_name
from dst_robustness.sets.storage import CHUNK_BYTES, JPEG_QUALITY, Samples, create_hdf5, open_hdf5, write_samples

CHUNKS_PER_BATCH = 8


def generate_corrupted(
    source: str | Path,
    target: str | Path,
    name: str,
    *,
    family: str | None = None,
    seed: int = 0,
    frost_folder: str | Path | None = None,
    jpeg_quality: int | None = None,
    threads: int = 1,
) -> None:
    """Write the five severities of a corruption of a test split, as groups ``1``..``5``, in bounded memory.

    Args:
        source: the clean test split in HDF5, images or clips.
        target: the corrupted set; it appears when it is complete.
        name: name of the corruption.
        family: whose constants to use; by default the split's attribute ``family``. Clips have none.
        seed: of the whole set.
        frost_folder: folder with the benchmark's frost pictures.
        jpeg_quality: of the stored pictures; by default 85, as in the published sets, where the split holds JPEG, and
            pixels where it holds pixels.
        threads: how many threads corrupt, besides the one that reads and writes; the result does not depend on it.

    Raises:
        ValueError: for an unreadable split, an unknown name or family, or frost pictures that are not the benchmark's.
    """
    with open_hdf5(source) as file:
        clean = Samples(file)
        attributes = {key: file.attrs[key] for key in ("dataset", "split") if key in file.attrs}
        attributes |= {"corruption": name, "severities": SEVERITIES, "seed": seed, "package_version": __version__}
        if len(clean.sample_shape) == 4:
            if name not in VIDEO_CORRUPTIONS:
                raise unknown_name("video corruption", name, VIDEO_CORRUPTIONS)
            if VIDEO_CORRUPTIONS[name].category == "stream":
                from dst_robustness.corruptions.video.codec import video_library_versions

                attributes["library_versions"] = json.dumps(video_library_versions())
            corrupt: Callable[..., np.ndarray] = partial(corrupt_clips, name=name, seed=seed)
        else:
            family = str(family or file.attrs["family"])
            check_corruption(name, family)
            frost = load_frost(frost_folder) if name == "frost" else None
            attributes |= {"family": family} | ({"frost_source": frost.source} if frost else {})
            corrupt = partial(corrupt_images, name=name, family=family, seed=seed, frost_pictures=frost)
        if jpeg_quality is None and clean.is_jpeg:
            jpeg_quality = JPEG_QUALITY
        with create_hdf5(target, **attributes) as corrupted:
            for severity in SEVERITIES:
                group = corrupted.create_group(str(severity))
                group.attrs["severity"] = severity
                batches = _corrupted_batches(clean, partial(corrupt, severity=severity), threads)
                write_samples(group, batches, clean.labels, jpeg_quality=jpeg_quality)


def _corrupted_batches(clean: Samples, corrupt: Callable[..., np.ndarray], threads: int) -> Iterator[np.ndarray]:
    """Yield corrupted batches in order while the next ones are in the making, at most ``threads`` of them."""
    # Whole chunks: a chunk that two batches share would be read back in between.
    size = CHUNKS_PER_BATCH * max(1, CHUNK_BYTES // int(np.prod(clean.sample_shape)))
    with ThreadPoolExecutor(threads) as pool:
        pending: deque = deque()
        for start in range(0, len(clean), size):
            pending.append(pool.submit(corrupt, clean[start : start + size], first_index=start))
            if len(pending) > threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
