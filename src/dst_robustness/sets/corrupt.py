"""From a test split to its corrupted copy: five severities of one corruption in one file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dst_robustness.corruptions import (
    CONSTANTS,
    SEVERITIES,
    VIDEO_CORRUPTIONS,
    check_corruption,
    corrupt_clips,
    corrupt_images,
)
from dst_robustness.corruptions.frost import load_frost
from dst_robustness.jobs.locks import alone
from dst_robustness.registry import unknown_name
from dst_robustness.sets.ahead import ahead
from dst_robustness.sets.attributes import SetAttributes
from dst_robustness.sets.storage import (
    CHUNK_BYTES,
    JPEG_QUALITY,
    Samples,
    create_hdf5,
    is_made,
    open_hdf5,
    write_samples,
)

log = logging.getLogger(__name__)

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
        target: the corrupted set. The file appears when it is complete.
        name: name of the corruption.
        family: whose constants to use; by default the split's attribute ``family``. Clips have none.
        seed: seed of the whole set.
        frost_folder: folder with the benchmark's frost images.
        jpeg_quality: of the stored images; by default 85, as in the published sets, where the split holds JPEG, and
            pixels where it holds pixels.
        threads: number of threads that corrupt, besides the one for reading and writing. It does not change the result.

    Raises:
        ValueError: for an unreadable split, an unknown name or family, or frost images that are not the benchmark's.
    """
    with open_hdf5(source) as file:
        clean, about = Samples(file), SetAttributes.read(file)
        corrupt, own = _corruption(clean, name, family or about.family, seed, frost_folder)
        attributes = SetAttributes(
            dataset=about.dataset, split=about.split, corruption=name, severities=SEVERITIES, seed=seed, **own
        )
        if jpeg_quality is None and clean.is_jpeg:
            jpeg_quality = JPEG_QUALITY
        with alone(target) as waited:
            if waited and is_made(target, attributes):
                return log.info("%s was made by another call meanwhile", target)
            with create_hdf5(target, **attributes.stored()) as corrupted:
                for severity in SEVERITIES:
                    group = corrupted.create_group(str(severity))
                    group.attrs["severity"] = severity
                    batches = _corrupted_batches(clean, partial(corrupt, severity=severity), threads)
                    write_samples(group, batches, clean.labels, jpeg_quality=jpeg_quality)


def _corruption(
    clean: Samples, name: str, family: str | None, seed: int, frost_folder: str | Path | None
) -> tuple[Callable[..., np.ndarray], dict[str, Any]]:
    """Return the function (samples, severity, first_index) -> samples, and the attributes that it adds to the set."""
    if len(clean.sample_shape) == 4:
        if name not in VIDEO_CORRUPTIONS:
            raise unknown_name("video corruption", name, VIDEO_CORRUPTIONS)
        own: dict[str, Any] = {}
        if VIDEO_CORRUPTIONS[name].category == "stream":
            from dst_robustness.corruptions.video.codec import video_library_versions

            own["library_versions"] = video_library_versions()
        return partial(corrupt_clips, name=name, seed=seed), own
    if family is None:
        raise ValueError(f"the split does not say its family; allowed: {', '.join(CONSTANTS)}")
    check_corruption(name, family)
    frost = load_frost(frost_folder) if name == "frost" else None
    own = {"family": family} | ({"frost_source": frost.source} if frost else {})
    return partial(corrupt_images, name=name, family=family, seed=seed, frost_pictures=frost), own


def _corrupted_batches(clean: Samples, corrupt: Callable[..., np.ndarray], threads: int) -> Iterator[np.ndarray]:
    """Yield corrupted batches in order, and make at most ``threads`` of the next ones meanwhile."""
    # A batch is a whole number of chunks. A chunk that two batches share would have to be read back in between.
    size = CHUNKS_PER_BATCH * max(1, CHUNK_BYTES // int(np.prod(clean.sample_shape)))
    starts = range(0, len(clean), size)

    def corrupted(start: int) -> np.ndarray:
        return corrupt(clean[start : start + size], first_index=start)

    return ahead(corrupted, starts, threads=threads, waiting=threads)
