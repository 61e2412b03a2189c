"""Convert a published test set of natural shift to one file on which networks are tested."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from dst_robustness.datasets.spec import Acquired, DatasetSpec
from dst_robustness.sets.attributes import PUBLISHED_FILES, SetAttributes
from dst_robustness.sets.conversion import centre_crop
from dst_robustness.sets.jpeg import encode_samples
from dst_robustness.sets.storage import Samples, Writer, create_hdf5, open_hdf5

QUALITY = 95  # as test splits are stored
BATCH = 64


def import_shifted(spec: DatasetSpec, acquired: Acquired, clean: str | Path, target: str | Path) -> None:
    """Convert a set of natural shift to the shape, storage and labels of a test split.

    The file's attribute ``shift`` is the set's name. If not all labels occur, its attribute ``answers`` lists those
    that do. Networks choose among these classes only, as is done for ImageNet-A and ImageNet-R.

    Args:
        spec: the set, one of ``datasets.shifted``.
        acquired: the files that ``acquire`` has fetched.
        clean: the prepared test split of the data set that networks are trained on.
        target: the HDF5 file to write.

    Raises:
        ValueError: if the set cannot be read (the message names the file), or if it has none of the classes.
    """
    from dst_robustness.datasets.shifted import read_shifted

    with open_hdf5(clean) as file:
        samples, about = Samples(file), SetAttributes.read(file)
    if about.classes is None:
        raise ValueError(f"{clean} does not say its classes")
    height, width, _ = shape = samples.sample_shape
    split = read_shifted(replace(spec, image_size=height), acquired, about.classes)

    def batches() -> Iterator[np.ndarray]:
        for start in range(0, len(split.labels), BATCH):
            rows = range(start, min(start + BATCH, len(split.labels)))
            yield np.stack([centre_crop(_load(split, row), height, width) for row in rows])

    labels = np.unique(split.labels)
    attributes = replace(
        about,
        dataset=spec.name,
        shift=spec.name,
        answers=tuple(labels.tolist()) if len(labels) < len(about.classes) else None,
        source=PUBLISHED_FILES,
        source_sha256=acquired.sha256,
        made_by=None,
        damaged=None,
    )
    with create_hdf5(target, **attributes.stored()) as file:
        writer = Writer(file, split.labels, shape, jpeg=samples.is_jpeg)
        for batch in batches():
            writer.add(encode_samples(batch, QUALITY) if samples.is_jpeg else batch)
        writer.finish()


def _load(split, row: int) -> np.ndarray:
    try:
        return np.asarray(split.load(row))
    except Exception as error:  # whatever a library makes of a damaged file, the user needs its name
        raise ValueError(f"{split.describe(row)}: {error}") from error
