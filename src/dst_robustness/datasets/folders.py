"""The user's own images: one folder per class, or a table of labels."""

from __future__ import annotations

from functools import partial

import numpy as np

from dst_robustness.datasets.layout import Part, find_layout, holds_samples
from dst_robustness.datasets.pictures import ENDINGS, square
from dst_robustness.datasets.spec import IMAGENET_MEAN, IMAGENET_STD, MAX_PIXELS, Acquired, DatasetSpec, RawSet, Split
from dst_robustness.datasets.walk import shown


def read_image_folder(spec: DatasetSpec, acquired: Acquired) -> RawSet:
    """Read a folder in one of the layouts of ``layout``."""
    assert acquired.folder is not None  # needs_folder
    found = find_layout(acquired.folder, ENDINGS)
    parts = (found.train, found.test, found.validation)
    split = partial(file_split, side=spec.resize, upright=True, max_pixels=spec.max_pixels)
    return RawSet(found.classes, *(part and split(part) for part in parts))


def file_split(part: Part, side: int, *, upright: bool = False, max_pixels: int = MAX_PIXELS) -> Split:
    """Make a split of image files; see ``pictures.square`` for the options."""
    files = part.files

    def load(row: int) -> np.ndarray:
        return square(files[row].read_bytes(), side, upright=upright, max_pixels=max_pixels)

    return Split(part.labels, load, lambda row: shown(files[row]))


IMAGE_FOLDER = DatasetSpec(
    name="image_folder",
    kind="images",
    classes=None,
    image_size=224,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    read=read_image_folder,
    is_unpacked=lambda folder: holds_samples(folder, ENDINGS),
    needs_folder=True,
    licence="the user's own",
    instructions=(
        "give path: FOLDER, where FOLDER holds train/CLASS/*.jpg and test/CLASS/*.jpg (or val/), "
        "or just CLASS/*.jpg, which is then divided, or images and a table of labels (.csv)."
    ),
)
