"""From raw files to one HDF5 file per split: in parallel, in bounded memory, checked."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dst_robustness.datasets.acquire import acquired
from dst_robustness.datasets.chosen import listed_rows
from dst_robustness.datasets.spec import DatasetSpec, RawSet, Split
from dst_robustness.jobs.locks import alone
from dst_robustness.sets.attributes import SetAttributes
from dst_robustness.sets.conversion import Conversion
from dst_robustness.sets.processes import ReadingProcesses
from dst_robustness.sets.splits import carve, stratified

log = logging.getLogger(__name__)

SPLITS = ("train", "validation", "test")
TRAIN_QUALITY = 90
DARK = 31  # if no sample of a set is brighter, its values probably mean something else
EVALUATION_QUALITY = 95  # high, since corrupted copies are encoded as JPEG once more, as in the benchmark


def prepare(
    spec: DatasetSpec,
    raw_folder: str | Path,
    outputs: Mapping[str, str | Path],
    *,
    seed: int = 0,
    validation_fraction: float = 0.1,
    train_samples: int | None = None,
    test_samples: int | str | Path | None = None,
    threads: int = 1,
) -> None:
    """Convert what ``acquire`` has put into ``raw_folder`` into the three splits.

    The validation split is a stratified part of train, unless the set has its own. Only ``test_samples`` changes the
    test split. Each file holds ``images`` or ``clips``, ``labels``, and ``index`` int64 [N]: the row of each sample in
    the order of its source split. It aligns the split with published corrupted sets. Several clips of a video share it.

    Args:
        spec: the data set.
        raw_folder: the folder into which it was acquired.
        outputs: path of each split by its name: train, validation, test.
        seed: seed of every choice.
        validation_fraction: share of train that becomes validation.
        train_samples: keep this many of train and validation together, stratified.
        test_samples: keep this many of test, stratified, or those that a list names, see ``chosen``.
        threads: number of samples that are read at the same time.

    Raises:
        ValueError: if options or labels are out of range, or if more files of a split are damaged than
            ``spec.damaged_limit`` allows. Then it names all of them, with the reasons.
    """
    if spec.shifted_from is not None:
        raise ValueError(
            f"{spec.name} is a test set for networks that are trained on {spec.shifted_from}: it is not prepared"
        )
    if spec.read is None:
        raise ValueError(
            f"{spec.name} is the published corrupted test set of {spec.corrupted_from}: "
            f"it is acquired and imported, not prepared; train on {spec.corrupted_from}"
        )
    default_train, default_test = spec.default_samples or (None, None)
    train_samples = default_train if train_samples is None else train_samples
    test_samples = default_test if test_samples is None else test_samples
    source = acquired(raw_folder)
    raw = spec.read(spec, source)
    rows = _choose(raw, seed, validation_fraction, train_samples, test_samples)
    conversions = []
    for name in SPLITS:
        split = raw.train if name == "validation" and raw.validation is None else getattr(raw, name)
        is_whole = name == "train" and train_samples is None
        _check_labels(f"{spec.name} {name}", split, rows[name], raw.classes, is_whole=is_whole)
        attributes = _attributes(spec, name, raw.classes, seed, source.sha256)
        conversions.append(_conversion(spec, split, rows[name], Path(outputs[name]), attributes))
    with alone(outputs["train"]) as waited:
        if waited and all(conversion.is_made() for conversion in conversions):
            log.info("%s was prepared by another call meanwhile", spec.name)
        else:
            _convert(conversions, threads, spec.damaged_limit)


def _conversion(
    spec: DatasetSpec, split: Split, rows: np.ndarray, output: Path, attributes: SetAttributes
) -> Conversion:
    *frames, height, width, channels = spec.sample_shape
    is_train = attributes.split == "train"
    if is_train:
        height = width = spec.resize
    quality = (TRAIN_QUALITY if is_train else EVALUATION_QUALITY) if spec.jpeg else None
    return Conversion(split, rows, output, attributes, (*frames, height, width, channels), quality)


def _convert(conversions: list[Conversion], threads: int, damaged_limit: int) -> None:
    """Read all splits before refusing any, so that one call names all damaged files."""
    with ReadingProcesses(threads) as processes:
        for conversion in conversions:
            conversion.read(threads, processes, damaged_limit=damaged_limit)
    beyond = [conversion for conversion in conversions if len(conversion.damaged) > damaged_limit]
    if beyond:
        files = [damaged for conversion in beyond for damaged in conversion.damaged]
        counts = ", ".join(f"{len(conversion.damaged)} of {conversion.output.stem}" for conversion in beyond)
        raise ValueError(
            f"{counts} cannot be read, more than damaged_limit = {damaged_limit} allows. Repair or remove them, "
            "or allow for more:\n" + "\n".join(files)
        )
    train = conversions[0]
    if 0 < (brightest := train.brightest()) <= DARK:
        log.warning(
            "%s: the training samples are nearly black, with values up to %d of 255, as of 12 bits in 16; corruptions "
            "are made for the full range: store it, or 8 bits",
            train.attributes.dataset, brightest,
        )  # fmt: skip
    for conversion in conversions:
        conversion.join()


def _choose(
    raw: RawSet, seed: int, validation_fraction: float, train_samples: int | None, test_samples: int | str | Path | None
) -> dict[str, np.ndarray]:
    """Return the rows of each split in its source: subsets first, then validation out of train."""
    train = _subset("train_samples", raw.train.labels, train_samples, seed)
    if isinstance(test_samples, (str, Path)):
        test = listed_rows(test_samples, raw.test, raw.classes)
    else:
        test = _subset("test_samples", raw.test.labels, test_samples, seed)
    if raw.validation is not None:
        return {"train": train, "validation": np.arange(len(raw.validation.labels)), "test": test}
    stay, apart = carve(raw.train.labels[train], validation_fraction, seed=seed)
    return {"train": train[stay], "validation": train[apart], "test": test}


def _subset(option: str, labels: np.ndarray, count: int | None, seed: int) -> np.ndarray:
    if count is None:
        return np.arange(len(labels))
    if not 1 <= count <= len(labels):
        raise ValueError(f"{option} is {count}; allowed: 1 to {len(labels)}, all there are")
    return stratified(labels, count, seed=seed)


def _check_labels(what: str, split: Split, rows: np.ndarray, classes: tuple[str, ...], *, is_whole: bool) -> None:
    """Check range and number of a split's labels. Only a whole training set must have every class."""
    labels = split.labels[rows]
    if len(labels) == 0:
        raise ValueError(f"{what} is empty")
    bad = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if len(bad):
        where = split.describe(rows[bad[0]])
        raise ValueError(f"{where} has label {labels[bad[0]]}; allowed: 0 to {len(classes) - 1}")
    counts = np.bincount(labels, minlength=len(classes))
    if counts.min() == 0:
        text = (
            f"{what} has no sample of {np.sum(counts == 0)} of {len(classes)} classes, as of {classes[counts.argmin()]}"
        )
        if is_whole:
            raise ValueError(text)
        log.warning(text)
    log.info("%s: %d samples, %d to %d per class", what, len(labels), counts.min(), counts.max())


def _attributes(spec: DatasetSpec, split: str, classes: tuple[str, ...], seed: int, source: str) -> SetAttributes:
    return SetAttributes(
        dataset=spec.name,
        split=split,
        classes=classes,
        mean=spec.mean,
        std=spec.std,
        family=spec.family,
        image_size=spec.image_size,
        flip_ok=spec.flip_ok,
        reader=spec.reader,
        seed=seed,
        source_sha256=source,
    )
