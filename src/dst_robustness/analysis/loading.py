"""Read the runs of one scenario once, and keep a few numbers per image of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from dst_robustness.analysis.contrasts import frequency_slope, mean_shares, noise_minus_blur
from dst_robustness.analysis.robustness import benchmark_or_all, corruption_error_by_image
from dst_robustness.analysis.run_files import check_numbers
from dst_robustness.analysis.runs import ImageScores, StoredRun, image_scores
from dst_robustness.jobs.files import DamagedFileError

# What run.json says about the cost of a run.
COSTS = (
    "parameters", "nonzero_parameters", "inference_flops", "inference_flops_ratio", "training_flops_ratio",
    "train_seconds", "images_per_second", "peak_memory_mb", "itop_rate", "width",
)  # fmt: skip
# A row of a scenario: method and sparsity.
RowKey = tuple[str, float]
# What else is computed for each image: contrasts of corruptions, and corruption errors against the baseline.
CONTRASTS = ("noise_minus_blur", "frequency_slope")
ERRORS = ("mce", "relative_mce")


@dataclass(frozen=True)
class LoadedRun:
    """One run.

    Attributes:
        scores: share of the corrupted cells in which each image was recognised, float32 [N].
        clean: whether each image was recognised without corruption, float32 [N], or None.
        parts: further numbers per image, by name: ``CONTRASTS`` and ``ERRORS``, as far as they can be computed.
        by_corruption: for a run of the baseline the scores by corruption, float32 [corruptions, N]; else None.
        at_chance: whether it recognised no more images than one answer to all of them would.
    """

    run: StoredRun
    cells: pd.DataFrame
    description: dict[str, Any]
    scores: np.ndarray
    clean: np.ndarray | None
    parts: Mapping[str, np.ndarray]
    by_corruption: np.ndarray | None
    at_chance: bool

    @property
    def row(self) -> RowKey:
        return self.run.method, self.run.sparsity


def reference_row(row: RowKey, rows: Iterable[RowKey], baseline: str) -> RowKey | None:
    """Return the baseline's row that a row is measured against: that of its sparsity, or else the only one.

    None for a row of the baseline itself, and where there is none.
    """
    method, sparsity = row
    own = [level for name, level in rows if name == baseline]
    if method == baseline or not own:
        return None
    if sparsity in own:
        return baseline, sparsity
    return (baseline, own[0]) if len(own) == 1 else None


@dataclass
class ScenarioRuns:
    """The complete runs of one scenario.

    Attributes:
        baseline: name of the method that gains are measured against.
        runs: the runs, by row and seed.
        misfits: runs that were left out, with the reason.
        corruptions: the corruptions under which all of them were tested.
    """

    baseline: str
    runs: dict[RowKey, dict[int, LoadedRun]] = field(default_factory=dict)
    misfits: list[tuple[StoredRun, str]] = field(default_factory=list)
    corruptions: tuple[str, ...] = ()
    test_set: int = 0

    @property
    def loaded(self) -> list[LoadedRun]:
        return [run for runs in self.runs.values() for run in runs.values()]

    def reference(self, row: RowKey) -> RowKey | None:
        """Return the baseline's row that a row is measured against."""
        return reference_row(row, self.runs, self.baseline)

    def pairs(self, row: RowKey, reference: RowKey | None) -> list[tuple[LoadedRun, LoadedRun]]:
        """Return the runs of two rows with the same seed, in the order of the seeds."""
        runs, others = self.runs.get(row, {}), self.runs.get(reference, {}) if reference else {}
        return [(runs[seed], others[seed]) for seed in sorted(runs) if seed in others]


def load_scenario(runs: Sequence[StoredRun], baseline: str, frequency: pd.DataFrame | None = None) -> ScenarioRuns:
    """Read the runs of one scenario, the baseline first.

    Runs that were tested on other images or corruptions than the first one are left out.

    Args:
        runs: the complete runs of one scenario.
        baseline: name of the method that gains are measured against.
        frequency: frequency.csv, for the slope over the share of high frequencies.
    """
    found = ScenarioRuns(baseline)
    first: tuple[StoredRun, ImageScores] | None = None
    weights: dict[str, np.ndarray] = {}
    for run in sorted(runs, key=lambda run: run.method != baseline):
        try:
            scores, cells, description = _read(run)
        except DamagedFileError as error:
            aside = error.set_aside()
            found.misfits.append((run, f"{error}; it is now {aside.name}" if aside else str(error)))
            continue
        except ValueError as error:
            found.misfits.append((run, str(error)))
            continue
        if first is None:
            first = run, scores
            found.corruptions, found.test_set = scores.corruptions, scores.test_set
            weights = _contrast_weights(scores.corruptions, cells, mean_shares(frequency, run.dataset))
        if (scores.cells, scores.test_set) != (first[1].cells, first[1].test_set):
            found.misfits.append((run, f"evaluated on other test sets than {first[0]}"))
            continue
        parts = {name: weight @ scores.by_corruption for name, weight in weights.items()}
        reference = found.runs.get(found.reference((run.method, run.sparsity)), {}).get(run.seed)
        if reference is not None:
            parts |= _errors(scores, reference)
        kept = scores.by_corruption if run.method == baseline else None
        loaded = LoadedRun(run, cells, description, scores.scores, scores.clean, parts, kept, scores.at_chance)
        found.runs.setdefault(loaded.row, {})[run.seed] = loaded
    return found


def _read(run: StoredRun) -> tuple[ImageScores, pd.DataFrame, dict[str, Any]]:
    """Read all files of a run that the tables need. Raises DamagedFileError for one that is not as it must be."""
    scores, cells, described = image_scores(run.folder / "predictions.h5"), run.metrics(), run.description()
    check_numbers(run.folder / "run.json", described, COSTS)
    if not isinstance(described.get("dst"), bool):
        raise DamagedFileError(run.folder / "run.json", reason="it does not say whether it is DST")
    measured = {(row.corruption, row.severity) for row in cells.itertuples()}
    if not measured >= set(scores.cells):
        raise DamagedFileError(run.folder / "metrics.csv", reason="it lacks some of the cells of predictions.h5")
    _ = run.history, run.topology  # read here, so that a damaged one leaves the run out
    return scores, cells, described


def _contrast_weights(
    corruptions: Sequence[str], cells: pd.DataFrame, shares: Mapping[str, float]
) -> dict[str, np.ndarray]:
    categories = dict(zip(cells["corruption"], cells["category"], strict=True))
    weights = noise_minus_blur(corruptions, categories), frequency_slope(corruptions, shares)
    return {
        name: weight.astype(np.float32) for name, weight in zip(CONTRASTS, weights, strict=True) if weight is not None
    }


def _errors(scores: ImageScores, reference: LoadedRun) -> dict[str, np.ndarray]:
    """Return mCE and relative mCE of each image against the reference's run of the same seed."""
    counted = benchmark_or_all(scores.corruptions)
    own, other = scores.by_corruption[counted], reference.by_corruption[counted]  # type: ignore[index]
    values = {"mce": corruption_error_by_image(1 - own, 1 - other)}
    if scores.clean is not None and reference.clean is not None:
        values["relative_mce"] = corruption_error_by_image(scores.clean - own, reference.clean - other)
    return {name: value for name, value in values.items() if value is not None}
