"""Accuracy and gain on sets of natural shift. Each set stands alone; none is part of robust accuracy."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from dst_robustness.analysis.bootstrap import RESAMPLES, hierarchical_bootstrap, possible_gains
from dst_robustness.analysis.loading import RowKey, reference_row
from dst_robustness.analysis.runs import BASELINE, ROW, StoredRun
from dst_robustness.sets.storage import open_hdf5

log = logging.getLogger(__name__)

FILE = "shifts.h5"
NUMBERS = ["accuracy", "accuracy_low", "accuracy_high", "gain", "gain_low", "gain_high"]
COLUMNS = [*ROW, "shift", "seeds", *NUMBERS]

Answers = dict[RowKey, dict[int, np.ndarray]]  # by row and seed: right or not, float32 [N]


def shift_table(folders: Iterable[str | Path], *, baseline: str = BASELINE, resamples: int = RESAMPLES) -> pd.DataFrame:
    """Return one row for each method, sparsity and set of natural shift; the columns are ``COLUMNS``.

    Accuracies are shares. A gain is the accuracy minus that of the baseline's run of the same seed. Intervals are made
    as for robust accuracy: 95%, over seeds and images. Runs that lack the file are left out. Runs that saw other images
    than the first run of their scenario are left out with a warning.

    Args:
        baseline: the method or variant that gains are measured against: at the same sparsity, or at its only one.
    """
    runs = sorted(run for run in map(StoredRun.at, folders) if (run.folder / FILE).is_file())
    rows: list[dict[str, object]] = []
    for _, members in groupby(runs, key=lambda run: run.scenario):
        own = list(members)
        names = {(run.method, run.sparsity): run.names for run in own}
        for shift, (answers, images) in _answers(own).items():
            seed = zlib.crc32(f"{own[0].scenario} {shift}".encode())
            for key, numbers in _numbers(answers, baseline, images, seed, resamples).items():
                row = {name: names[key][name] for name in ROW}
                rows.append(row | {"shift": shift, "seeds": len(answers[key])} | numbers)
    return pd.DataFrame(rows, columns=COLUMNS)


def beside(rows: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a summary with columns for each set: ``SHIFT_accuracy``, ``SHIFT_gain`` and intervals."""
    for shift, own in table.groupby("shift", sort=False):
        columns = own[[*ROW, *NUMBERS]].rename(columns={name: f"{shift}_{name}" for name in NUMBERS})
        rows = rows.merge(columns, on=ROW, how="left")
    return rows


def _answers(runs: list[StoredRun]) -> dict[str, tuple[Answers, int]]:
    """Return, for each set, what each run recognised, and a checksum of its images."""
    found: dict[str, tuple[Answers, int]] = {}
    seen: dict[str, bytes] = {}
    for run in runs:
        with open_hdf5(run.folder / FILE) as file:
            for shift, group in file.items():
                labels = group["labels"][:]
                images = str(group.attrs["samples_sha256"]).encode() + labels.tobytes()
                if seen.setdefault(shift, images) != images:
                    log.warning("%s was tested on other images of %s than the rest and is left out", run, shift)
                    continue
                answers, _ = found.setdefault(shift, ({}, zlib.crc32(images)))
                right = (group["predicted"][:] == labels).astype(np.float32)
                answers.setdefault((run.method, run.sparsity), {})[run.seed] = right
    return found


def _numbers(answers: Answers, baseline: str, images: int, seed: int, resamples: int) -> dict[RowKey, dict[str, float]]:
    """Return the numbers of each row of one scenario and set."""
    references = {key: reference_row(key, answers, baseline) for key in answers}
    gains = {}
    for key, reference in references.items():
        others = answers[reference] if reference else {}
        if differences := [right - others[seed] for seed, right in answers[key].items() if seed in others]:
            gains[key] = np.stack(differences)
    samples = [*(np.stack(list(own.values())) for own in answers.values()), *gains.values()]
    estimates = hierarchical_bootstrap(samples, resamples=resamples, images_seed=images, seeds_seed=seed)
    accuracies = dict(zip(answers, (one.within(0, 1) for one in estimates), strict=False))
    differences = dict(zip(gains, estimates[len(answers) :], strict=True))
    numbers = {}
    for key, accuracy in accuracies.items():
        own = (0.0 if key[0] == baseline else np.nan, np.nan, np.nan)
        if key in differences:
            gain = differences[key].within(*possible_gains(accuracies[references[key]]))
            own = (gain.value, *gain.interval())
        numbers[key] = dict(zip(NUMBERS, (accuracy.value, *accuracy.interval(), *own), strict=True))
    return numbers
