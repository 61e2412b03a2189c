"""Test one network on all its test sets, and keep its predictions by corruption, so that nothing is tested twice."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from dst_robustness.jobs.files import DamagedFileError
from dst_robustness.sets.attributes import SetAttributes
from dst_robustness.sets.predictions import CLEAN, Predictions
from dst_robustness.sets.storage import Samples, open_hdf5

log = logging.getLogger(__name__)
FOLDER = "answers"  # beside the predictions. Snakemake does not know it, and so does not delete it with them
Test = Callable[[Samples, int], tuple[np.ndarray, np.ndarray, np.ndarray]]


def evaluate_run(
    model: Path,
    run: Path,
    test: Path,
    corrupted: Sequence[Path],
    target: Path,
    *,
    precision: str,
    code: Any = None,
    threads: int = 1,
    take_device: Callable[[], object] = lambda: None,
) -> None:
    """Write the predictions of one run (see ``Predictions``) to ``target``.

    The predictions under each corruption are kept in a folder beside it, with a checksum of everything that decides
    them. So if a study adds a corruption, its networks are tested on that one only, and a killed evaluation continues.

    If the test split holds several clips of each video, a video is one sample. Its class probabilities are the mean
    over its clips.

    Args:
        model: the network's state_dict.
        run: run.json, which says how to build the network.
        test: the clean test split.
        corrupted: the corrupted test sets with five severities each, in files named after the corruptions.
        target: the file to write.
        precision: arithmetic of the forward pass, as in training.
        code: fingerprints of the code that tests a network, as plain values.
        threads: number of threads that read and decode samples while the network computes.
        take_device: called before torch is imported, if the network has to be tested on anything.
    """

    @cache
    def network() -> Test:
        take_device()
        from dst_robustness.evaluation.evaluate import tester  # not earlier: torch would see GPUs before one is taken

        return tester(model, run, test, precision)

    about = [_sum(model), _sum(run), precision, code]
    with open_hdf5(test) as file:
        clips, labels = SetAttributes.read(file).clips_per_video or 1, Samples(file).labels
    parts = []
    for path in tqdm((test, *corrupted), unit="set", disable=not sys.stderr.isatty()):
        name = CLEAN if path == test else path.stem
        with open_hdf5(path) as file:
            cells = Samples.by_severity(file, threads)
            if any(not np.array_equal(labels, samples.labels) for samples in cells.values()):
                raise ValueError(f"{path} has other labels than {test}; delete it and run again")
            kept, made_by = target.with_name(FOLDER) / f"{name}.h5", _made_by([*about, clips], cells, labels)
            part = _read(kept, made_by)
            if part is None:
                log.info("testing on %s", name)
                part = _ask(network(), name, cells, labels[::clips], clips)
                part.save(kept, made_by=made_by)
        parts.append(part)
    Predictions.joined(parts).save(target)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _made_by(about: list[Any], cells: Mapping[int, Samples], labels: np.ndarray) -> str:
    """Return a checksum of everything that decides the predictions on these cells; empty if a file has no checksum."""
    seen = {severity: samples.sha256 for severity, samples in cells.items()}
    if not all(seen.values()):
        return ""
    text = json.dumps([about, seen, hashlib.sha256(labels.tobytes()).hexdigest()])
    return hashlib.sha256(text.encode()).hexdigest()


def _read(kept: Path, made_by: str) -> Predictions | None:
    """Return the kept predictions if they are complete, and of this network on these samples, else None."""
    try:
        with open_hdf5(kept) as file:
            if not made_by or file.attrs.get("made_by") != made_by:
                return None
        return Predictions.load(kept)
    except (DamagedFileError, FileNotFoundError):
        return None


def _ask(network: Test, name: str, cells: Mapping[int, Samples], labels: np.ndarray, clips: int) -> Predictions:
    answers = zip(*(network(samples, clips) for samples in cells.values()), strict=True)
    predicted, confidence, nll = (np.stack(arrays) for arrays in answers)
    sums = tuple(samples.sha256 for samples in cells.values())
    return Predictions(labels, [name] * len(cells), np.array(list(cells)), predicted, confidence, nll, sums)
