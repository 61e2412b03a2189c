"""Robust accuracy, mean corruption error and related metrics, from the cells of many runs at once.

A table of cells has one row per run, corruption and severity. Its columns name the run, then follow corruption,
category, severity, accuracy, ece, nll. The clean test set is the corruption ``clean`` at severity 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dst_robustness.sets.predictions import CLEAN

# Mean error of AlexNet over the five severities of ImageNet-C (Hendrycks & Dietterich 2019), and on clean ImageNet.
ALEXNET_ERROR = {
    "gaussian_noise": 0.886428, "shot_noise": 0.894468, "impulse_noise": 0.922640, "defocus_blur": 0.819880,
    "glass_blur": 0.826268, "motion_blur": 0.785948, "zoom_blur": 0.798360, "snow": 0.866816, "frost": 0.826572,
    "fog": 0.819324, "brightness": 0.564592, "contrast": 0.853204, "elastic_transform": 0.646056,
    "pixelate": 0.717840, "jpeg_compression": 0.606500,
}  # fmt: skip
ALEXNET_CLEAN_ERROR = 0.435
# The corruptions that count in mCE. The other four of the nineteen are for validation.
BENCHMARK = tuple(ALEXNET_ERROR)


def corrupted(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of corrupted test sets."""
    return cells[cells["corruption"] != CLEAN]


def has_benchmark(corruptions: pd.Index | pd.Series) -> bool:
    """Return whether all fifteen corruptions of the benchmark are among these."""
    return set(BENCHMARK) <= set(corruptions)


def corruption_errors(cells: pd.DataFrame, run: list[str]) -> pd.DataFrame:
    """Return the mean error over severities, runs x corruptions: of the benchmark's fifteen if all exist, else of all.

    Args:
        cells: a table of cells.
        run: the columns that name a run; they become the index.
    """
    errors = 1 - corrupted(cells).groupby([*run, "corruption"], sort=False)["accuracy"].mean().unstack()
    return errors[list(BENCHMARK)] if has_benchmark(errors.columns) else errors


def clean_errors(cells: pd.DataFrame, run: list[str]) -> pd.Series:
    """Return the error of each run on the clean test set."""
    return 1 - cells[cells["corruption"] == CLEAN].set_index(run)["accuracy"]


def mean_corruption_error(errors: pd.DataFrame, reference: pd.DataFrame | pd.Series) -> pd.Series:
    """Return mCE of each run in percent: the mean over corruptions of error / reference (Hendrycks & Dietterich 2019).

    NaN if the reference is unknown or makes no error under a corruption.

    Args:
        errors: errors, runs x corruptions.
        reference: the errors of each run's reference (same index), or of one for all runs (a series by corruption).
    """
    ratios = errors / reference
    bad = ~(reference > 0)
    ratios = ratios.mask(bad if isinstance(bad, pd.DataFrame) else np.broadcast_to(bad[errors.columns], errors.shape))
    return 100 * ratios.mean(axis=1, skipna=False)


def relative_corruption_error(
    errors: pd.DataFrame, clean: pd.Series, reference: pd.DataFrame | pd.Series, reference_clean: pd.Series | float
) -> pd.Series:
    """Return relative mCE of each run in percent: like mCE, but of the error that corruption adds to the clean error.

    NaN if the reference loses nothing under some corruption, since the ratio then means nothing.
    """
    if isinstance(reference, pd.DataFrame):
        return mean_corruption_error(errors.sub(clean, axis=0), reference.sub(reference_clean, axis=0))
    return mean_corruption_error(errors.sub(clean, axis=0), reference - reference_clean)


def benchmark_or_all(corruptions: Sequence[str]) -> list[int]:
    """Return the places of the corruptions that count in mCE: the benchmark's fifteen if all exist, else all."""
    counted = BENCHMARK if has_benchmark(pd.Index(corruptions)) else corruptions
    return [place for place, name in enumerate(corruptions) if name in counted]


def corruption_error_by_image(errors: np.ndarray, reference: np.ndarray) -> np.ndarray | None:
    """Return what each image contributes to mCE in percent, float [N]. The mean over images is mCE.

    The delta method (derivatives of the ratio of two means) splits the ratio among images, so that it gets an interval
    like a mean. From the errors that corruption adds to the clean error, the same function computes relative mCE. None
    if a mean of the reference is not above 0.

    Args:
        errors, reference: errors of a run and of its reference by corruption and image, float [corruptions, N].
    """
    means, references = errors.mean(axis=1), reference.mean(axis=1)
    if not (references > 0).all():
        return None
    ratios = means / references
    return 100 * (((1 / references) @ errors - (ratios / references) @ reference) / len(errors) + ratios.mean())


def run_metrics(cells: pd.DataFrame, run: list[str]) -> pd.DataFrame:
    """Return accuracies (clean, robust, by category, by severity) and calibration, one row per run."""
    measures = ["accuracy", "ece", "nll"]
    bad = corrupted(cells)
    fifteen = bad[bad["corruption"].isin(BENCHMARK)] if has_benchmark(bad["corruption"]) else bad.iloc[:0]
    clean = cells[cells["corruption"] == CLEAN].set_index(run)[measures].add_prefix("clean_")
    robust = bad.groupby(run, sort=False)[measures].mean().add_prefix("robust_")
    parts = [
        clean,
        robust,
        fifteen.groupby(run)["accuracy"].mean().rename("robust_accuracy_15"),
        bad.groupby([*run, "category"])["accuracy"].mean().unstack().add_prefix("accuracy_"),
        bad.groupby([*run, "severity"])["accuracy"].mean().unstack().add_prefix("accuracy_severity_"),
    ]
    return pd.concat([part.reindex(robust.index) for part in parts], axis=1)


def error_metrics(cells: pd.DataFrame, run: list[str], dense: pd.Index, *, alexnet: bool) -> pd.DataFrame:
    """Return mCE and relative mCE of each run against its dense run and, if asked, against AlexNet on ImageNet-C.

    Args:
        cells: a table of cells.
        run: the columns that name a run.
        dense: for each run, in the order of ``run_metrics``, the index of its dense run, which may be missing.
        alexnet: whether to compare with AlexNet too.
    """
    errors, clean = corruption_errors(cells, run), clean_errors(cells, run)
    clean = clean.reindex(errors.index)
    dense_errors = errors.reindex(dense).set_axis(errors.index)
    dense_clean = clean.reindex(dense).set_axis(errors.index)
    values = {
        "mce": mean_corruption_error(errors, dense_errors),
        "relative_mce": relative_corruption_error(errors, clean, dense_errors, dense_clean),
    }
    if alexnet and has_benchmark(errors.columns):
        reference = pd.Series(ALEXNET_ERROR)
        values["mce_alexnet"] = mean_corruption_error(errors, reference)
        values["relative_mce_alexnet"] = relative_corruption_error(errors, clean, reference, ALEXNET_CLEAN_ERROR)
    return pd.DataFrame(values)
