"""Any folder of images as one sliceable set, read in the way in which the workflow prepares its test split."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from dst_robustness.datasets.folders import IMAGE_FOLDER
from dst_robustness.datasets.label_tables import part_of
from dst_robustness.datasets.layout import class_pairs, labelled
from dst_robustness.datasets.pictures import ENDINGS, rgb, square
from dst_robustness.datasets.prepare import EVALUATION_QUALITY
from dst_robustness.datasets.walk import files_in, folders_in
from dst_robustness.sets.conversion import centre_crop
from dst_robustness.sets.image_files import ImageFiles


@dataclass(frozen=True)
class FolderOfImages:
    """The images of a folder.

    Attributes:
        images: the images, in the order of classes and names.
        names: path of each image in the folder, without its ending.
        labels: label of each image, int64 [N]; None if there are no class folders.
        classes: names of the class folders, in the order of the labels.
    """

    images: ImageFiles
    names: list[Path]
    labels: np.ndarray | None
    classes: tuple[str, ...]


def read_folder(folder: str | Path, size: int | None = None, *, threads: int = 1) -> FolderOfImages:
    """Return the images in class folders, or all images of a folder without class folders.

    Args:
        folder: the folder.
        size: side in pixels. The short side is resized to it and the centre cropped. None: images stay as they are, and
            must all have the same size.
        threads: number of threads that read and decode.

    Raises:
        ValueError: if there are no images, if class folders lie in folders of parts, or if the names of two images
            differ only in their endings.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    labels, classes = None, ()
    if folders_in(folder):
        for path in folders_in(folder):
            if part_of(path.name) and not files_in(path, ENDINGS):
                raise ValueError(f"{path} is a part of a data set, not a class; give the part as the folder")
        pairs = class_pairs(folder, ENDINGS)
        classes = tuple(sorted({name for _, name in pairs}))
        part = labelled(pairs, classes)
        files, labels = list(part.files), part.labels
    else:
        files = files_in(folder, ENDINGS)
    if not files:
        raise ValueError(f"{folder} holds no image that ends in {', '.join(ENDINGS)}")
    names = [path.relative_to(folder).with_suffix("") for path in files]
    seen: dict[Path, Path] = {}
    for name, path in zip(names, files, strict=True):
        if name in seen:
            raise ValueError(f"{path} and {seen[name]} would both be corrupted to {name}.JPEG; rename one")
        seen[name] = path
    return FolderOfImages(_images(files, size, threads), names, labels, classes)


def _images(files: list[Path], size: int | None, threads: int) -> ImageFiles:
    if size is None:
        return ImageFiles(files, partial(rgb, upright=True), threads=threads)
    spec = replace(IMAGE_FOLDER, image_size=size)

    def read(encoded: bytes) -> np.ndarray:
        return centre_crop(square(encoded, spec.resize, upright=True), size, size)

    return ImageFiles(files, read, jpeg_quality=EVALUATION_QUALITY if spec.jpeg else None, threads=threads)
