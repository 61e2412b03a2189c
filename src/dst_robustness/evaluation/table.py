"""From any predict function to a table of accuracies under corruption: in memory, without files or torch."""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from dst_robustness.corruptions import FAMILIES, SEVERITIES, choose_corruptions, corrupt_images, image_suites
from dst_robustness.corruptions.frost import load_frost
from dst_robustness.evaluation.answers import is_whole, read_answers, to_numpy
from dst_robustness.evaluation.metrics import METRICS, category, expected_calibration_error
from dst_robustness.registry import unknown_name
from dst_robustness.sets.jpeg import decode_jpeg, encode_jpeg
from dst_robustness.sets.predictions import CLEAN

BATCH_SIZE = 256
BATCH_BYTES = 32 << 20  # bytes of images in a batch: large images come in smaller batches

Predict = Callable[[np.ndarray], Any]


@dataclass(frozen=True, eq=False)
class ImageScores:
    """How a network did on each image. A table keeps this in its ``attrs`` under ``KEY``.

    Attributes:
        scores: share of the corrupted cells in which each image was recognised, float32 [N].
        cells: (corruption, severity) of each corrupted cell.
        test_set: checksum of images and labels. Tables that share it are of the same images in the same order.
        recipe: how they were corrupted: family, seed and the like.
    """

    KEY = "image_scores"

    scores: np.ndarray
    cells: tuple[tuple[str, int], ...]
    test_set: int
    recipe: Mapping[str, Any]

    def __deepcopy__(self, memo: dict) -> ImageScores:
        return self  # pandas would copy it with every table that is derived from one


def corruption_table(
    predict: Predict,
    images: Any,
    labels: Any,
    *,
    family: str,
    corruptions: str | Iterable[str] = "benchmark",
    severities: Iterable[int] = SEVERITIES,
    seed: int = 0,
    batch_size: int | None = None,
    threads: int | None = None,
    jpeg_quality: int | None = None,
    frost_folder: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> pd.DataFrame:
    """Test a network on clean images and on corrupted ones, which are made while it runs.

    Args:
        predict: maps images uint8 [n, H, W, 3] to classes [n], or to probabilities or logits [n, classes], as arrays of
            any library. It is called in this thread.
        images: uint8 [N, H, W, 3], RGB: an array, or an object that returns one when sliced, like an HDF5 data set.
        labels: class of each image, whole numbers [N] from 0.
        family: whose constants to use: ``cifar``, ``tiny_imagenet`` or ``imagenet``; see ``corrupt_images``.
        corruptions: ``benchmark`` (the fifteen of mCE), ``all``, ``c_bar``, ``3dcc``, or a list of names.
        seed: seed of the corrupted copies. Tables of the same seed use the same pixels, whatever the batches.
        batch_size: number of images in a call of ``predict``; by default 256, or fewer if they are large.
        threads: number of threads that corrupt the next batch while ``predict`` works; by default one per core.
        jpeg_quality: store corrupted images as JPEG of this quality, as published sets from 64 pixels do (85).
        frost_folder: folder of the benchmark's frost images; see ``load_frost``.
        progress: whether to show a bar; by default only on a terminal.

    Returns:
        One row for the clean images (corruption ``clean``, severity 0) and one for each corruption and severity. The
        columns are corruption, category, severity, accuracy, ece and nll (nats). The last two are NaN if ``predict``
        returns classes.

    Raises:
        ValueError: for images or labels of another form, an unknown name, or answers that cannot be read.
        RuntimeError: if ``predict`` fails; the message names the batch.
    """
    images, labels = _checked_images(images), _checked_labels(labels, len(images))
    if family not in FAMILIES:
        raise unknown_name("family", family, FAMILIES)
    if not isinstance(corruptions, Iterable):
        raise ValueError(
            f"corruptions is {corruptions}; expected the name of a suite, as benchmark, or a list of names"
        )
    names = choose_corruptions(corruptions, image_suites(family))
    severities = _checked_severities(severities)
    seed = _checked_whole("seed", seed, least=0)
    fitting = max(1, min(BATCH_SIZE, BATCH_BYTES // int(np.prod(images.shape[1:]))))
    size = _checked_whole("batch_size", fitting if batch_size is None else batch_size)
    threads = _checked_whole("threads", os.cpu_count() or 1 if threads is None else threads)
    if jpeg_quality is not None:
        _checked_whole("jpeg_quality", jpeg_quality, most=100)
    frost = load_frost(frost_folder) if "frost" in names else None
    options = {"family": family, "seed": seed, "frost_pictures": frost, "threads": threads}

    def make(cell: tuple[str, int], start: int) -> np.ndarray:
        batch = np.array(images[start : start + size], order="C")  # a copy: predict may write into it
        if cell[0] == CLEAN:
            return batch
        batch = corrupt_images(batch, *cell, first_index=start, **options)
        return batch if jpeg_quality is None else np.stack([_through_jpeg(image, jpeg_quality) for image in batch])

    cells = [(CLEAN, 0), *((name, severity) for name in names for severity in severities)]
    rows, scores, test_set = [], np.zeros(len(labels), dtype=np.float32), zlib.crc32(labels.tobytes())
    shown = sys.stderr.isatty() if progress is None else progress
    with tqdm(total=len(cells) * len(labels), unit="image", disable=not shown) as bar:
        batches = _made_ahead(make, [(cell, start) for cell in cells for start in range(0, len(labels), size)])
        for cell in cells:
            bar.set_description(f"{cell[0]} {cell[1]}" if cell[1] else CLEAN)
            correct, confidence, nll = np.zeros(len(labels), bool), np.zeros(len(labels)), np.zeros(len(labels))
            for start in range(0, len(labels), size):
                part, batch = slice(start, start + size), next(batches)
                test_set = test_set if cell[1] else zlib.crc32(batch, test_set)
                answers = _ask(predict, batch, labels[part], cell, start)
                correct[part] = answers.predicted == labels[part]
                confidence[part], nll[part] = answers.confidence, answers.nll
                bar.update(len(labels[part]))
            scores += correct if cell[1] else 0
            ece = expected_calibration_error(confidence, correct) if np.isfinite(confidence).all() else np.nan
            rows.append((cell[0], category(cell[0]), cell[1], correct.mean(), ece, nll.mean()))
    table = pd.DataFrame(rows, columns=METRICS)
    scores /= max(1, len(cells) - 1)
    recipe = {"family": family, "seed": seed, "jpeg_quality": jpeg_quality, "frost": frost and frost.source}
    table.attrs[ImageScores.KEY] = ImageScores(scores, tuple(cells[1:]), test_set, recipe)
    return table


def _made_ahead(make: Callable[[tuple[str, int], int], np.ndarray], places: list) -> Iterator[np.ndarray]:
    """Yield the batches in order, and make the next one meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(make, *places[0])
        for place in [*places[1:], None]:
            batch = coming.result()
            if place is not None:
                coming = pool.submit(make, *place)
            yield batch


def _ask(predict: Predict, batch: np.ndarray, labels: np.ndarray, cell: tuple[str, int], start: int) -> Any:
    where = f"{cell[0]}, severity {cell[1]}" if cell[1] else "the clean images"
    place = f"on {where}, images {start} to {start + len(labels) - 1}"
    try:
        returned = predict(batch)
    except Exception as error:
        raise RuntimeError(f"predict failed {place}: {type(error).__name__}: {error}") from error
    try:
        return read_answers(returned, labels)
    except ValueError as error:
        raise ValueError(f"{error} ({place})") from error


def _through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    return decode_jpeg(encode_jpeg(image, quality))


def _checked_images(images: Any) -> Any:
    wanted = "expected uint8 [N, H, W, 3], RGB, 0 to 255"
    if hasattr(images, "detach") or not (hasattr(images, "shape") and hasattr(images, "dtype")):
        images = to_numpy(images, "images")
    shape = tuple(images.shape)
    if len(shape) == 4 and shape[1] == 3 and shape[3] != 3:
        raise ValueError(f"images are {list(shape)}, channels first; {wanted}: images.transpose(0, 2, 3, 1)")
    if np.dtype(images.dtype) != np.uint8:
        hint = ""
        if np.dtype(images.dtype).kind == "f":
            first = np.asarray(images[:16])
            if first.size and first.min() >= 0 and first.max() <= 1:
                hint = ": (images * 255).round().astype('uint8')"
        raise ValueError(f"images are {images.dtype}; {wanted}{hint}")
    if len(shape) != 4 or shape[3] != 3 or 0 in shape:
        raise ValueError(f"images are {list(shape)}; {wanted}, at least one")
    return images


def _checked_labels(labels: Any, count: int) -> np.ndarray:
    array = to_numpy(labels, "labels")
    if array.shape != (count,):
        raise ValueError(f"labels are {list(array.shape)} for {count} images; expected one class an image, [{count}]")
    if not is_whole(array):
        raise ValueError(f"labels are {array.dtype}; expected whole numbers")
    if array.min() < 0:
        raise ValueError(f"label {array.min()} of image {array.argmin()} is below 0")
    if array.max() > np.iinfo(np.int64).max // 2:
        raise ValueError(f"label {array.max()} of image {array.argmax()} is no class")
    return array.astype(np.int64)


def _checked_whole(name: str, value: Any, most: float = np.inf, least: int = 1) -> int:
    if isinstance(value, bool) or not (isinstance(value, int | np.integer) and least <= value <= most):
        end = f" to {most}" if most < np.inf else " on"
        raise ValueError(f"{name} is {value}; allowed: whole numbers from {least}{end}")
    return int(value)


def _checked_severities(severities: Iterable[int]) -> tuple[int, ...]:
    chosen = tuple(severities) if isinstance(severities, Iterable) and not isinstance(severities, str) else ()
    if not chosen:
        raise ValueError(f"severities is {severities}; expected at least one, as [1, 2, 3, 4, 5]")
    for severity in chosen:
        if severity not in SEVERITIES:
            raise ValueError(f"severity {severity} is not one of 1, 2, 3, 4, 5")
    return tuple(severity for severity in SEVERITIES if severity in chosen)
