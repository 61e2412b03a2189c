"""From a test split to its corrupted copy: five severities of one corruption in one file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dst_robustness import __version__
from dst_robustness.corruptions import SEVERITIES, corrupt_images
from dst_robustness.corruptions.frost import FrostPictures, load_frost
from dst_robustness.storage import JPEG_QUALITY, Samples, create_hdf5, open_hdf5, write_samples

BATCH_BYTES = 8 << 20


def generate_corrupted(
    source: str | Path,
    target: str | Path,
    name: str,
    *,
    seed: int = 0,
    frost_folder: str | Path | None = None,
    threads: int = 1,
) -> None:
    """Write the five severities of a corruption of a test split, as groups ``1``..``5``, in bounded memory.

    The split's attribute ``family`` chooses the constants. Where the split holds JPEG, so does the copy, at quality 85
    as in the published sets.

    Args:
        source: the clean test split in HDF5.
        target: the corrupted set; it appears when it is complete.
        name: name of the corruption.
        seed: of the whole set.
        frost_folder: folder with the benchmark's frost pictures.
        threads: how many threads share a batch; the result is the same for any number.
    """
    frost = load_frost(frost_folder) if name == "frost" else None
    with open_hdf5(source) as file:
        clean = Samples(file)
        kept = {key: file.attrs[key] for key in ("dataset", "split", "family")}
        attributes = kept | {"corruption": name, "seed": seed, "package_version": __version__}
        if frost is not None:
            attributes["frost_source"] = frost.source
        with create_hdf5(target, **attributes) as corrupted:
            for severity in SEVERITIES:
                group = corrupted.create_group(str(severity))
                group.attrs["severity"] = severity
                batches = _corrupted_batches(clean, name, severity, kept["family"], seed, frost, threads)
                write_samples(group, batches, clean.labels, jpeg_quality=JPEG_QUALITY if clean.is_jpeg else None)


def _corrupted_batches(
    clean: Samples, name: str, severity: int, family: str, seed: int, frost: FrostPictures | None, threads: int
) -> Iterator[np.ndarray]:
    size = max(1, BATCH_BYTES // int(np.prod(clean.sample_shape)))
    for start in range(0, len(clean), size):
        yield corrupt_images(
            clean[start : start + size],
            name,
            severity,
            family=family,
            seed=seed,
            first_index=start,
            frost_pictures=frost,
            threads=threads,
        )
